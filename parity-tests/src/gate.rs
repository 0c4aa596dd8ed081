//! The gate file: which features the committed fixtures prove for each (route, provider).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::case::{Case, Route};
use crate::engine;
use crate::judge::Class;

#[derive(Default)]
struct Entry {
    cases: usize,
    proven: BTreeSet<String>,
    failed: BTreeSet<String>,
}

/// Derives the gate from how the fixture cases came out.
pub(crate) fn derive(outcomes: &[(Case, Class)]) -> Value {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (case, class) in outcomes {
        let key = format!("{}/{}", case.question.route.name(), case.question.provider);
        let entry = entries.entry(key).or_default();
        entry.cases += 1;
        // What a person wrote down, and what the host will see in such a request.
        let seen = engine::features(case).into_iter().map(str::to_owned);
        let features = case.features.iter().cloned().chain(seen);
        match class {
            Class::Identical | Class::Explained => {
                entry.proven.extend(features.filter(|name| proves(case, name)))
            }
            Class::Unexplained => entry.failed.extend(features),
            Class::Declined | Class::OracleFailed => {}
        }
    }
    let routes: BTreeMap<_, _> = entries
        .into_iter()
        .map(|(key, entry)| {
            let features: Vec<_> = entry.proven.difference(&entry.failed).collect();
            (key, json!({"features": features, "cases": entry.cases}))
        })
        .collect();
    json!({
        "oracle": Route::OpenAiChat.oracle_version(),
        "ocr_oracle": Route::MistralOcr.oracle_version(),
        "routes": routes,
    })
}

/// A refused request or an error answer proves how errors look, and nothing about the features of the request.
fn proves(case: &Case, feature: &str) -> bool {
    feature == "errors" || !case.features.iter().any(|name| name == "errors")
}

/// The file's text.
pub(crate) fn text(gate: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(gate).map(|text| text + "\n").map_err(|error| error.to_string())
}
