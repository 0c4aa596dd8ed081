//! What outside corpora said, kept for people to see: they cannot be replayed from this repository alone, so they open no
//! gate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::gate;
use crate::report::Report;

const FILE: &str = "corpora.json";

/// Keeps how a corpus came out, under its name, in the `parity-tests` folder.
pub(crate) fn keep(home: &Path, name: &str, report: &Report) -> Result<(), String> {
    let mut known = read(home)?;
    known[name] = json!({"date": gate::today(), "pairs": report.pairs()});
    let file = home.join(FILE);
    fs::write(&file, gate::text(&known)?).map_err(|error| format!("{}: {error}", file.display()))
}

/// For each pair a sentence about each corpus that has cases of it.
pub(crate) fn sentences(home: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, run) in read(home)?.as_object().into_iter().flatten() {
        let date = run["date"].as_str().unwrap_or_default();
        for (pair, counts) in run["pairs"].as_object().into_iter().flatten() {
            let count = |class: &str| counts[class].as_u64().unwrap_or_default();
            let agreed = count("identical") + count("explained");
            let sentence = format!(
                "{name}: {agreed} of {} cases agree, {} unexplained ({date})",
                agreed + count("unexplained") + count("declined") + count("oracle_failed"),
                count("unexplained"),
            );
            told.entry(pair.clone()).or_default().push(sentence);
        }
    }
    Ok(told)
}

fn read(home: &Path) -> Result<Value, String> {
    let file = home.join(FILE);
    match fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", file.display())),
        Err(_) => Ok(json!({})),
    }
}
