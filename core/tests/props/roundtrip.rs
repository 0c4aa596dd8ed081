//! Nothing is dropped without a loss: every text of a request stands in what is sent, or a loss names its place.

use base64::Engine;
use serde_json::Value;

use crate::common::cases;

/// The string leaves of `value` with their paths.
fn texts(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, item)| texts(item, &format!("{path}[{index}]"), out));
        }
        Value::Object(map) => {
            for (key, item) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                texts(item, &path, out);
            }
        }
        _ => {}
    }
}

/// Whether the text is data of the client rather than a word of the dialect.
fn is_data(path: &str, text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "type",
        "truncation",
        // Becomes a number of searches.
        "search_context_size",
        "role",
        "tool_choice",
        "reasoning_effort",
        "format",
        "detail",
        "service_tier",
        "effort",
        "model",
    ];
    let last = path.rsplit('.').next().unwrap_or(path);
    let host = ["metadata", "tags", "user", "fallbacks"].iter().any(|field| path.starts_with(field));
    // Names that a provider gave to what it made, and how far it had come with it.
    let of_item = path.starts_with("input[") && matches!(last, "id" | "status");
    if of_item || path.starts_with("include[") {
        return false;
    }
    !text.trim().is_empty() && !WORDS.contains(&last) && !host
}

/// Every text of the body, also those inside JSON strings.
fn haystack(body: &Value) -> String {
    let mut leaves = Vec::new();
    texts(body, "", &mut leaves);
    let mut keys = Vec::new();
    collect_keys(body, &mut keys);
    let nested: Vec<String> = leaves
        .iter()
        .filter_map(|(_, text)| serde_json::from_str::<Value>(text).ok().filter(Value::is_object))
        .map(|value| haystack(&value))
        .collect();
    let texts = leaves.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\u{1}");
    format!("{texts}\u{1}{}\u{1}{}", keys.join("\u{1}"), nested.join("\u{1}"))
}

fn collect_keys(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| collect_keys(item, out)),
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            out.push(key.clone());
            collect_keys(item, out);
        }),
        _ => {}
    }
}

fn stands(hay: &str, text: &str) -> bool {
    if hay.contains(text) || hay.contains(text.trim_end()) {
        return true;
    }
    // Reasoning that the provider has sealed travels in a signature.
    if text.strip_prefix("litellm_encrypted_reasoning:").is_some_and(|sealed| hay.contains(sealed)) {
        return true;
    }
    // Plain text documents travel as base64 files.
    if hay.contains(&base64::engine::general_purpose::STANDARD.encode(text)) {
        return true;
    }
    // Data URLs are taken apart, JSON in strings is taken out.
    let data = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    if let Some((media_type, data)) = data {
        return hay.contains(media_type) && hay.contains(data);
    }
    serde_json::from_str::<Value>(text).is_ok_and(|value| {
        let mut leaves = Vec::new();
        texts(&value, "", &mut leaves);
        leaves.iter().all(|(_, leaf)| hay.contains(leaf.as_str()))
    })
}

/// What a field of an `openai_responses` request is called in the IR.
fn in_the_ir(path: &str) -> String {
    match path.split_once('.') {
        Some(("text", "verbosity")) => "verbosity".to_owned(),
        Some(("text", format)) => format.replacen("format", "response_format.json_schema", 1),
        Some(("reasoning", rest)) => format!("reasoning_effort.{rest}"),
        _ => path.to_owned(),
    }
}

#[test]
fn every_text_is_sent_or_reported_lost() {
    let (mut checked, mut gone) = (0, Vec::new());
    for case in cases() {
        let Ok((http, attempt)) = case.attempt() else { continue };
        let Ok(request) = serde_json::from_slice::<Value>(&case.request) else { continue };
        let sent: Value = serde_json::from_slice(&http.body_bytes()).expect("JSON is sent");
        let headers: String = http.headers.iter().map(|(_, value)| value.as_ref()).collect();
        let hay = haystack(&sent) + &headers;
        let mut leaves = Vec::new();
        texts(&request, "", &mut leaves);
        let renamed = attempt.rewrites().iter().any(|rewrite| rewrite.code.contains("tool_name"));
        for (path, text) in leaves.iter().filter(|(path, text)| is_data(path, text)) {
            checked += 1;
            // Losses name places in the IR, which has no wrappers around a part's fields.
            let path = &["file", "image_url", "input_audio", "function", "source"]
                .iter()
                .fold(path.clone(), |path, wrapper| path.replace(&format!(".{wrapper}."), "."));
            let (path, given) = (&in_the_ir(path), path);
            let thinking =
                ["signature", "thinking", "encrypted_content", "text"].iter().any(|end| path.ends_with(end));
            let message = path.split('.').next().unwrap_or_default();
            let replay = attempt.losses().iter().any(|loss| {
                (loss.code == "thinking_replay" && loss.path.starts_with(message))
                    || (loss.code.ends_with("_thinking") && path.contains("].summary["))
                    || (loss.code == "foreign_reasoning" && path.contains("].content["))
            });
            let last = path.rsplit('.').next().unwrap_or_default();
            let items = path.starts_with("input[")
                && attempt
                    .losses()
                    .iter()
                    .any(|loss| loss.path.starts_with("messages[") && loss.path.ends_with(last));
            let sorted_out = path.starts_with("tools[")
                && attempt.rewrites().iter().any(|rewrite| rewrite.code == "allowed_tools");
            let reported = (thinking && replay)
                || items
                || sorted_out
                || attempt.losses().iter().any(|loss| {
                    path.starts_with(&loss.path)
                        || loss.path.starts_with(path.as_str())
                        || *given == loss.path
                })
                || (renamed && path.ends_with("name"));
            if !reported && !stands(&hay, text) {
                gone.push(format!("{}: {path} = {text:?}", case.name));
            }
        }
    }
    assert!(gone.is_empty(), "{} texts are gone without a loss:\n{}", gone.len(), gone.join("\n"));
    assert!(checked > 1000, "only {checked} texts");
}
