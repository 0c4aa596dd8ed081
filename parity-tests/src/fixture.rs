//! The fixtures on disk: `fixtures/<route>/<provider>/<case>/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::case::{Answer, Case, OracleAnswer, OracleRequest, Question, Route};
use crate::value;

/// All recorded fixture cases at or below `root`, in a fixed order, and the directories of those not recorded yet.
pub(crate) fn load_fixtures(root: &Path) -> Result<(Vec<Case>, Vec<PathBuf>), String> {
    let mut directories = Vec::new();
    find(root, &mut directories)?;
    directories.sort();
    let (recorded, unrecorded): (Vec<_>, Vec<_>) =
        directories.into_iter().partition(|directory| directory.join("oracle.toml").is_file());
    let read = |directory: &PathBuf| load(directory).map_err(|why| format!("{}: {why}", directory.display()));
    Ok((recorded.iter().map(read).collect::<Result<_, _>>()?, unrecorded))
}

fn find(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    if directory.join("case.toml").is_file() {
        found.push(directory.to_owned());
        return Ok(());
    }
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
        find(&entry.path(), found)?;
    }
    Ok(())
}

fn load(directory: &Path) -> Result<Case, String> {
    let names: Vec<&str> = directory.iter().rev().take(3).filter_map(|name| name.to_str()).collect();
    let [case, provider, route] = names[..] else {
        return Err("not below fixtures/<route>/<provider>/".to_owned());
    };
    let facts: toml::Table = read_toml(&directory.join("case.toml"))?;
    let text = |key: &str| facts.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let mut body = read_json(&directory.join("client_request.json"))?;
    if let Some(body) = body.as_object_mut() {
        body.shift_remove("model");
    }
    let question = Question {
        route: Route::named(route).ok_or_else(|| format!("unknown route {route}"))?,
        provider: provider.to_owned(),
        model: text("model").ok_or("case.toml has no model")?,
        api_base: text("api_base"),
        drop_params: facts.get("drop_params").and_then(toml::Value::as_bool).unwrap_or(false),
        headers: header_table(facts.get("request")),
        body,
        live: None,
    };
    let oracle = read_toml(&directory.join("oracle.toml"))?;
    Ok(Case {
        name: format!("{route}/{provider}/{case}"),
        features: facts
            .get("features")
            .and_then(toml::Value::as_array)
            .map(|list| list.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
            .unwrap_or_default(),
        answer: provider_answer(directory, facts.get("answer"))?,
        answer_dialect: None,
        oracle_request: Some(recorded_request(directory, &oracle)?),
        oracle_answer: recorded_answer(directory, &oracle)?,
        question,
    })
}

fn provider_answer(directory: &Path, facts: Option<&toml::Value>) -> Result<Option<Answer>, String> {
    for ending in ["json", "sse", "txt", "bin"] {
        let file = directory.join(format!("provider_response.{ending}"));
        if !file.is_file() {
            continue;
        }
        let mut headers = header_table(facts);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            let kind = if ending == "sse" { "text/event-stream" } else { "application/json" };
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        let status = facts.and_then(|facts| facts.get("status")?.as_integer()).unwrap_or(200);
        let status = u16::try_from(status).map_err(|error| error.to_string())?;
        return Ok(Some(Answer { status, headers, body: read(&file)? }));
    }
    Ok(None)
}

fn recorded_request(directory: &Path, oracle: &toml::Table) -> Result<OracleRequest, String> {
    let facts = oracle.get("request").ok_or("oracle.toml has no [request]")?;
    if sent_by_the_sdk_only(facts) {
        // Clients talk to the proxy, and the proxy refuses.
        let status = oracle.get("client_response").and_then(|facts| facts.get("status")?.as_integer());
        let status = status.and_then(|status| u16::try_from(status).ok());
        return Ok(OracleRequest::Refused { status, message: "the proxy refuses".to_owned() });
    }
    if facts.get("outcome").and_then(toml::Value::as_str) == Some("sent") {
        let mut sent = read_json(&directory.join("provider_request.json"))?;
        let part = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut url = part("origin") + &part("path");
        if !part("query").is_empty() {
            url = url + "?" + &part("query");
        }
        sent["url"] = Value::String(url);
        return Ok(OracleRequest::Sent(sent));
    }
    let status = facts.get("status").and_then(toml::Value::as_integer);
    let message = facts.get("message").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    Ok(OracleRequest::Refused { status: status.and_then(|status| u16::try_from(status).ok()), message })
}

fn sent_by_the_sdk_only(facts: &toml::Value) -> bool {
    let differs = facts.get("proxy_differs_in").and_then(toml::Value::as_array);
    differs.into_iter().flatten().any(|what| what.as_str() == Some("whether anything is sent"))
}

fn recorded_answer(directory: &Path, oracle: &toml::Table) -> Result<Option<OracleAnswer>, String> {
    let Some(facts) = oracle.get("client_response") else { return Ok(None) };
    let status = facts.get("status").and_then(toml::Value::as_integer).unwrap_or(0);
    let json = directory.join("client_response.json");
    let file = if json.is_file() { json } else { directory.join("client_response.sse") };
    Ok(Some(OracleAnswer::Received(Answer {
        status: u16::try_from(status).map_err(|error| error.to_string())?,
        headers: header_table(Some(facts)),
        body: read(&file)?,
    })))
}

fn header_table(facts: Option<&toml::Value>) -> Vec<(String, String)> {
    let table = facts.and_then(|facts| facts.get("headers")?.as_table());
    let pairs = table.into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn read_json(file: &Path) -> Result<Value, String> {
    value::parse(&read(file)?).ok_or_else(|| format!("{}: not JSON", file.display()))
}

/// Reads a TOML file.
pub(crate) fn read_toml(file: &Path) -> Result<toml::Table, String> {
    let text = String::from_utf8(read(file)?).map_err(|error| error.to_string())?;
    text.parse().map_err(|error| format!("{}: {error}", file.display()))
}
