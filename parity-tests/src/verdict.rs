//! The verdict on one exchange as JSON, for hosts.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::compare::Difference;
use crate::engine::{OurRequest, Ours, RefusalKind};
use crate::judge::{Class, Judged};
use crate::ledger::{self, Layer};
use crate::value::dotted;
use crate::{engine, judge};

/// Judges `case`. A panic of the core, or of a rule that met something strange, is a finding and must not reach the host.
pub(crate) fn of(case: &Case) -> Value {
    let Ok(ours) = catch_unwind(AssertUnwindSafe(|| engine::run(case))) else {
        return panicked(case, "the core panicked", "panicked");
    };
    let judged = catch_unwind(AssertUnwindSafe(|| told(case, &ours, &judge::judge(case, &ours))));
    judged.unwrap_or_else(|_| panicked(case, "the comparison panicked", request_check(&ours)))
}

fn panicked(case: &Case, note: &str, request: &str) -> Value {
    json!({
        "class": class_name(Class::Unexplained),
        "note": note,
        "rules": [], "features": case.features, "differences": [], "layers": {},
        "checks": {"request": request, "answer": null, "losses": [], "unreadable": null},
    })
}

fn told(case: &Case, ours: &Ours, judged: &Judged) -> Value {
    let verdict = &judged.verdict;
    // Without LiteLLM's half there is nothing to compare with, and `identical` would be a lie.
    let judgeable = case.oracle_request.is_some() || (case.answer.is_some() && case.oracle_answer.is_some());
    let features: BTreeSet<_> =
        case.features.iter().map(String::as_str).chain(engine::features(case)).collect();
    json!({
        "class": if judgeable { class_name(verdict.class) } else { "unjudged" },
        "note": verdict.note,
        "rules": verdict.rules.iter().map(|(code, leaves)| rule(code, *leaves)).collect::<Vec<_>>(),
        "features": features,
        "differences": verdict.differences.iter().map(|(layer, found)| difference(*layer, found)).collect::<Vec<_>>(),
        "layers": layers(case, judged),
        "checks": checks(ours),
    })
}

/// The name of a class in verdicts and reports.
pub(crate) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Identical => "identical",
        Class::Explained => "explained",
        Class::Unexplained => "unexplained",
        Class::Declined => "declined",
        Class::OracleFailed => "oracle_failed",
    }
}

fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Request => "request",
        Layer::Answer => "answer",
    }
}

fn rule(code: &str, leaves: usize) -> Value {
    let evidence = ledger::rules().find(|rule| rule.code == code).map(|rule| rule.evidence.name());
    json!({"code": code, "leaves": leaves, "evidence": evidence})
}

/// A side that lacks the leaf has no member.
fn difference(layer: Layer, found: &Difference) -> Value {
    let mut told = json!({"layer": layer_name(layer), "path": dotted(&found.path)});
    for (side, value) in [("ours", &found.ours), ("theirs", &found.oracle)] {
        if let Some(value) = value {
            told[side] = value.clone();
        }
    }
    told
}

/// Both sides as they were compared. Of layers that are identical nothing need be shown.
fn layers(case: &Case, judged: &Judged) -> Map<String, Value> {
    if judged.verdict.class == Class::Identical {
        return Map::new();
    }
    let side_by_side = |observed: &judge::Observed| {
        let sides = judge::sides(case, observed, &observed.ours);
        (layer_name(observed.layer).to_owned(), json!({"ours": sides.ours, "theirs": sides.theirs}))
    };
    judged.observed.iter().map(side_by_side).collect()
}

/// What the core's half shows by itself, with or without LiteLLM's.
fn checks(ours: &Ours) -> Value {
    let request = request_check(ours);
    let answer = ours.answer.as_ref().map(|answer| match (&ours.unreadable, answer.status) {
        (Some(_), _) => "unreadable",
        (None, 400..) => "error",
        (None, _) => "read",
    });
    let losses: Vec<_> = ours.losses.iter().map(|(path, code)| json!([path, code])).collect();
    json!({"request": request, "answer": answer, "losses": losses, "unreadable": ours.unreadable})
}

fn request_check(ours: &Ours) -> &'static str {
    match &ours.request {
        OurRequest::Sent(_) => "accepted",
        OurRequest::Refused { kind: RefusalKind::Invalid, .. } => "invalid",
        OurRequest::Refused { kind: RefusalKind::Unsupported, .. } => "unsupported",
        OurRequest::Refused { kind: RefusalKind::Decline, .. } => "declined",
    }
}
