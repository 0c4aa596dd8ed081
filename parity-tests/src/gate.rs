//! The gate file: which features the committed fixtures prove for each (route, provider).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::case::{Case, Route};
use crate::engine;
use crate::judge::Class;

#[derive(Default)]
struct Entry {
    cases: usize,
    proven: BTreeSet<String>,
    failed: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// Derives the gate from how the fixture cases came out. `present` is the gate as it is: a pair whose cases are the same
/// keeps its date.
/// `corpora` says of a pair what outside corpora said.
pub(crate) fn derive(
    outcomes: &[(Case, Class)],
    fixtures: &Path,
    present: &Value,
    corpora: &BTreeMap<String, Vec<String>>,
) -> Result<Value, String> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (case, class) in outcomes {
        let key = format!("{}/{}", case.question.route.name(), case.question.provider);
        let entry = entries.entry(key).or_default();
        entry.cases += 1;
        entry.names.insert(case.name.clone());
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
    let mut routes = BTreeMap::new();
    for (pair, entry) in entries {
        let features: Vec<_> = entry.proven.difference(&entry.failed).collect();
        let digest = digest(fixtures, &entry.names)?;
        let known = &present["routes"][&pair];
        let date = known["date"].as_str().filter(|_| known["digest"] == digest.as_str());
        let corpora = corpora.get(&pair).cloned().unwrap_or_default();
        routes.insert(
            pair,
            json!({
                "features": features,
                "cases": entry.cases,
                "digest": digest,
                "date": date.map_or_else(today, str::to_owned),
                "corpora": corpora,
            }),
        );
    }
    Ok(json!({
        "oracle": Route::OpenAiChat.oracle_version(),
        "ocr_oracle": Route::MistralOcr.oracle_version(),
        "routes": routes,
    }))
}

/// What the files of these cases are.
fn digest(fixtures: &Path, names: &BTreeSet<String>) -> Result<String, String> {
    let mut hash = Sha256::new();
    for name in names {
        let directory = fixtures.join(name);
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        let entries = fs::read_dir(&directory).map_err(failed)?;
        let files: BTreeSet<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        for file in files.iter().filter(|file| file.is_file()) {
            let content = fs::read(file).map_err(failed)?;
            let title = file.file_name().unwrap_or_default().to_string_lossy();
            hash.update(format!("{name}/{title} {}\n", content.len()));
            hash.update(&content);
        }
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// The date in UTC, as `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(seconds / 86_400)
}

/// The date so many days after 1970-01-01 (Howard Hinnant's days-from-civil, backwards).
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A refused request or an error answer proves how errors look, and nothing about the features of the request.
fn proves(case: &Case, feature: &str) -> bool {
    feature == "errors" || !case.features.iter().any(|name| name == "errors")
}

/// The file's text.
pub(crate) fn text(gate: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(gate).map(|text| text + "\n").map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, expected) in
            [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_088, "2024-12-31"), (20_089, "2025-01-01")]
        {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn a_pair_keeps_its_date_until_a_case_changes() {
        let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures"));
        let (cases, _) = crate::fixture::load_fixtures(&fixtures.join("mistral_ocr")).unwrap();
        let outcomes: Vec<_> = cases.into_iter().map(|case| (case, Class::Identical)).collect();
        let (pair, none) = ("mistral_ocr/mistral", BTreeMap::new());
        let mut gate = derive(&outcomes, fixtures, &Value::Null, &none).unwrap();
        gate["routes"][pair]["date"] = json!("2001-02-03");
        assert_eq!(derive(&outcomes, fixtures, &gate, &none).unwrap(), gate);
        let fewer = derive(&outcomes[1..], fixtures, &gate, &none).unwrap();
        assert_ne!(fewer["routes"][pair]["date"], "2001-02-03");
    }
}
