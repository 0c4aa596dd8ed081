//! Answers whose client and provider share a dialect: the provider's answer reaches the client as it is, edits aside,
//! where LiteLLM parses it into its own types and writes those.

use serde_json::{Map, Value};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "own_fields_not_added",
        why: "`provider_specific_fields` is LiteLLM's own: what it holds stands where the provider put it.",
        evidence: Evidence::ProviderTypes,
        apply: own_fields,
    },
    Rule {
        code: "cost_not_added",
        why: "A price is not the provider's to tell and is computed from LiteLLM's own table; the host accounts for it.",
        evidence: Evidence::ProviderTypes,
        apply: cost,
    },
    Rule {
        code: "nulls_not_added",
        why: "Fields that the provider did not send are not made up as `null`.",
        evidence: Evidence::ProviderTypes,
        apply: nulls,
    },
    Rule {
        code: "lost_fields_restored",
        why: "What the provider answered reaches the client; LiteLLM keeps only what its own types know.",
        evidence: Evidence::RecordedBytes,
        apply: lost,
    },
    Rule {
        code: "values_as_given",
        why: "The provider's id, finish reason and service tier are not replaced by LiteLLM's own.",
        evidence: Evidence::RecordedBytes,
        apply: as_given,
    },
];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer && context.upstream() == context.case.question.route
}

/// The provider's JSON answer, where it is a success.
fn body<'v>(context: &Context<'v>) -> Option<&'v Value> {
    let provider = context.provider.filter(|_| applies(context))?;
    provider["status"].as_u64().filter(|status| *status < 400)?;
    provider.get("body")
}

/// The provider's stream in canonical form.
fn stream<'v>(context: &Context<'v>) -> Option<&'v Value> {
    context.provider.filter(|_| applies(context))?.get("stream")
}

const OWN: &str = "provider_specific_fields";

fn own_fields(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(given), Some(place)) = (body(context), oracle.get_mut("body")) {
        changed += remove(place, Some(given), &|key, _| key == OWN);
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.get_mut("stream")) {
        let own = |key: &str, _: &Value| key == OWN || key.ends_with("/provider_specific_fields");
        changed += remove(place, Some(given), &own);
    }
    changed
}

fn cost(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(given), Some(place)) = (body(context), oracle.get_mut("body")) {
        changed += remove(place, Some(given), &|key, _| key == "cost");
    }
    if let Some(given) = stream(context) {
        let given = usage_event(given);
        for event in events(oracle).into_iter().filter(|event| event.get("usage").is_some()) {
            changed += remove(event, given, &|key, _| key == "cost");
        }
    }
    changed
}

fn nulls(context: &Context<'_>, oracle: &mut Value) -> usize {
    match (body(context), oracle.get_mut("body")) {
        (Some(given), Some(place)) => remove(place, Some(given), &|_, value| value.is_null()),
        _ => 0,
    }
}

/// Removes members that `matches` and that are not in `given`; returns how many leaves went.
fn remove(place: &mut Value, given: Option<&Value>, matches: &impl Fn(&str, &Value) -> bool) -> usize {
    let mut changed = 0;
    match place {
        Value::Object(members) => {
            members.retain(|key, value| {
                let kept = given.is_some_and(|given| given.get(key).is_some()) || !matches(key, value);
                changed += if kept { 0 } else { leaves(value) };
                kept
            });
            for (key, value) in members.iter_mut() {
                changed += remove(value, given.and_then(|given| given.get(key)), matches);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                changed += remove(item, given.and_then(|given| given.get(index)), matches);
            }
        }
        _ => {}
    }
    changed
}

fn lost(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(given), Some(place)) = (body(context), oracle.get_mut("body")) {
        changed += restore(place, given);
    }
    if context.case.question.route != Route::OpenAiChat {
        return changed;
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.get_mut("stream")) {
        for part in ["chunk", "beside"] {
            changed += restore(&mut place[part], &given[part]);
        }
        if let Some(given) = usage_event(given) {
            for event in place["events"].as_array_mut().into_iter().flatten() {
                if event.get("usage").is_some() {
                    changed += restore(event, given);
                }
            }
        }
    }
    changed
}

/// Puts what stands in `given` and not in `place` into `place`; returns how many leaves came.
fn restore(place: &mut Value, given: &Value) -> usize {
    match (place, given) {
        (Value::Object(members), Value::Object(given)) => {
            let mut changed = 0;
            for (key, value) in given {
                match members.get_mut(key) {
                    Some(place) => changed += restore(place, value),
                    None => {
                        changed += leaves(value);
                        members.insert(key.clone(), value.clone());
                    }
                }
            }
            changed
        }
        (Value::Array(items), Value::Array(given)) => {
            items.iter_mut().zip(given).map(|(place, value)| restore(place, value)).sum()
        }
        _ => 0,
    }
}

fn as_given(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let (Some(Value::Object(given)), Some(Value::Object(place))) = (body(context), oracle.get_mut("body")) {
        changed += take(place, given, &["id", "service_tier", "object"]);
        let choices = place.get_mut("choices").and_then(Value::as_array_mut);
        let given = given.get("choices").and_then(Value::as_array);
        for (place, given) in choices.into_iter().flatten().zip(given.into_iter().flatten()) {
            if let (Value::Object(place), Value::Object(given)) = (place, given) {
                changed += take(place, given, &["finish_reason"]);
            }
        }
    }
    if let (Some(given), Some(place)) = (stream(context), oracle.pointer_mut("/stream/chunk")) {
        if let (Value::Object(place), Some(Value::Object(given))) = (place, given.get("chunk")) {
            changed += take(place, given, &["id", "service_tier", "object"]);
        }
    }
    changed
}

/// Takes the values of `keys` from `given`, where both have one.
fn take(place: &mut Map<String, Value>, given: &Map<String, Value>, keys: &[&str]) -> usize {
    let mut changed = 0;
    for key in keys {
        if let (Some(place), Some(given)) = (place.get_mut(*key), given.get(*key)) {
            if place != given && !given.is_null() {
                *place = given.clone();
                changed += 1;
            }
        }
    }
    changed
}

fn usage_event(stream: &Value) -> Option<&Value> {
    stream["events"].as_array()?.iter().rev().find(|event| event.get("usage").is_some())
}

fn events(oracle: &mut Value) -> Vec<&mut Value> {
    match oracle.pointer_mut("/stream/events") {
        Some(Value::Array(events)) => events.iter_mut().collect(),
        _ => Vec::new(),
    }
}

