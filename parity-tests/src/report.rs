//! What a run says: a table per (route, provider), the rules that spoke, the differences left, and the closing line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::case::Case;
use crate::compare::Difference;
use crate::judge::{Class, Verdict};
use crate::ledger::{self, Layer};
use crate::value::brief;
use crate::verdict::class_name;

const CLASSES: [Class; 5] =
    [Class::Identical, Class::Explained, Class::Unexplained, Class::Declined, Class::OracleFailed];

struct Group {
    count: usize,
    providers: BTreeMap<String, usize>,
    example: String,
}

/// Collects verdicts.
#[derive(Default)]
pub(crate) struct Report {
    counts: BTreeMap<(String, String), BTreeMap<Class, usize>>,
    rules: BTreeMap<&'static str, (usize, usize)>,
    groups: BTreeMap<String, Group>,
    verdicts: Vec<Value>,
    out_of_scope: usize,
}

impl Report {
    /// Cases that cannot be asked at all.
    pub(crate) fn out_of_scope(&mut self, cases: usize) {
        self.out_of_scope += cases;
    }

    pub(crate) fn add(&mut self, case: &Case, verdict: &Verdict) {
        let key = (case.question.route.name().to_owned(), case.question.provider.clone());
        *self.counts.entry(key).or_default().entry(verdict.class).or_default() += 1;
        for (code, leaves) in &verdict.rules {
            let counted = self.rules.entry(code).or_default();
            *counted = (counted.0 + 1, counted.1 + leaves);
        }
        if verdict.class == Class::Unexplained {
            let mut seen = Vec::new();
            for (layer, difference) in &verdict.differences {
                let title = title(case, *layer, difference);
                if !seen.contains(&title) {
                    self.group(&title, case, || example(case, difference));
                    seen.push(title);
                }
            }
            if verdict.differences.is_empty() {
                let title = format!("{}: {}", case.question.route.name(), verdict.note);
                self.group(&title, case, || case.name.clone());
            }
        } else if verdict.class >= Class::OracleFailed {
            let short: String = verdict.note.chars().take(150).collect();
            let title = format!("[{}] {}", class_name(verdict.class), short.replace('\n', " "));
            self.group(&title, case, || case.name.clone());
        }
        self.verdicts.push(json!({
            "case": case.name,
            "class": class_name(verdict.class),
            "note": verdict.note,
            "rules": verdict.rules.iter().map(|(code, leaves)| json!([code, leaves])).collect::<Vec<_>>(),
            "differences": verdict.differences.iter().map(|(_, found)| found.pattern()).collect::<Vec<_>>(),
        }));
    }

    fn group(&mut self, title: &str, case: &Case, example: impl FnOnce() -> String) {
        let group = self.groups.entry(title.to_owned()).or_insert_with(|| Group {
            count: 0,
            providers: BTreeMap::new(),
            example: example(),
        });
        group.count += 1;
        *group.providers.entry(case.question.provider.clone()).or_default() += 1;
    }

    fn total(&self, class: Class) -> usize {
        self.counts.values().filter_map(|counts| counts.get(&class)).sum()
    }

    pub(crate) fn unexplained(&self) -> usize {
        self.total(Class::Unexplained)
    }

    /// How the cases of each pair came out.
    pub(crate) fn pairs(&self) -> Value {
        let named = |counts: &BTreeMap<Class, usize>| -> BTreeMap<&str, usize> {
            counts.iter().map(|(class, count)| (class_name(*class), *count)).collect()
        };
        let pairs = self
            .counts
            .iter()
            .map(|((route, provider), counts)| (format!("{route}/{provider}"), json!(named(counts))));
        Value::Object(pairs.collect())
    }

    /// Every verdict, without bodies.
    pub(crate) fn json(&self) -> Value {
        Value::Array(self.verdicts.clone())
    }

    /// The groups of differences, most frequent first, at most `limit`.
    pub(crate) fn differences(&self, limit: usize) -> String {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(title, group)| (title.starts_with('['), std::cmp::Reverse(group.count)));
        let mut out = String::new();
        for (title, group) in groups.iter().take(limit) {
            let who: Vec<_> = group.providers.iter().map(|(name, count)| format!("{name} {count}")).collect();
            let _ = writeln!(
                out,
                "{:>5} × {title}  ({})\n          {}",
                group.count,
                who.join(", "),
                group.example
            );
        }
        if groups.len() > limit {
            let _ = writeln!(out, "      … {} more groups (--show N)", groups.len() - limit);
        }
        out
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        let _ = write!(out, "{:<20} {:<16} {:>6}", "route", "provider", "cases");
        for class in CLASSES {
            let _ = write!(out, " {:>13}", class_name(class));
        }
        out.push('\n');
        for ((route, provider), counts) in &self.counts {
            let _ = write!(out, "{route:<20} {provider:<16} {:>6}", counts.values().sum::<usize>());
            for class in CLASSES {
                let _ = write!(out, " {:>13}", counts.get(&class).copied().unwrap_or(0));
            }
            out.push('\n');
        }
        if !self.rules.is_empty() {
            let _ = writeln!(out, "\n{:<40} {:>6} {:>8}  evidence", "ledger rule", "cases", "leaves");
        }
        for rule in ledger::rules() {
            if let Some((cases, leaves)) = self.rules.get(rule.code) {
                let _ = writeln!(out, "{:<40} {cases:>6} {leaves:>8}  {}", rule.code, rule.evidence.name());
            }
        }
        out
    }

    pub(crate) fn closing_line(&self) -> String {
        let cases: usize = CLASSES.iter().map(|class| self.total(*class)).sum::<usize>() + self.out_of_scope;
        format!(
            "parity: {cases} cases, {} identical, {} explained, {} unexplained, {} declined, {} oracle_failed, {} out_of_scope",
            self.total(Class::Identical),
            self.total(Class::Explained),
            self.total(Class::Unexplained),
            self.total(Class::Declined),
            self.total(Class::OracleFailed),
            self.out_of_scope,
        )
    }
}

fn title(case: &Case, layer: Layer, difference: &Difference) -> String {
    let layer = match layer {
        Layer::Request => "request",
        Layer::Answer => "answer",
    };
    format!("{} {layer} {} {}", case.question.route.name(), difference.pattern(), difference.kind.name())
}

fn example(case: &Case, difference: &Difference) -> String {
    let ours = brief(difference.ours.as_ref(), 300);
    let oracle = brief(difference.oracle.as_ref(), 300);
    format!("{}\n          ours   {ours}\n          oracle {oracle}", case.name)
}
