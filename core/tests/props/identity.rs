//! Same dialect on both sides: byte-identical outside the edit list.

use interlingua::Dialect;
use serde_json::Value;

use crate::common::{Case, cases};
use crate::sse::events;

fn same_dialect(case: &Case) -> bool {
    case.attempt().is_ok_and(|(_, attempt)| attempt.upstream_dialect() == case.dialect)
}

/// Every kept piece of `edited` stands in `original`, in order: what an edit list may do is cut and insert.
fn untouched_values(original: &Value, edited: &Value, path: &str, different: &mut Vec<String>) {
    match (original, edited) {
        (Value::Object(before), Value::Object(after)) => {
            let order: Vec<&String> = before.keys().filter(|key| after.contains_key(*key)).collect();
            let kept: Vec<&String> = after.keys().filter(|key| before.contains_key(*key)).collect();
            assert_eq!(order, kept, "key order at {path}");
            for (key, value) in after {
                match before.get(key) {
                    Some(known) => untouched_values(known, value, &format!("{path}.{key}"), different),
                    None => different.push(format!("+{path}.{key}")),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                untouched_values(before, after, &format!("{path}[{index}]"), different);
            }
        }
        // `arbitrary_precision`: numbers are equal only if spelled alike.
        (before, after) if before == after => {}
        _ => different.push(path.to_owned()),
    }
}

#[test]
fn answers_change_in_model_and_usage_only() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| same_dialect(case) && case.status < 300) {
        let Some(answered) = case.whole().filter(|answered| answered.error().is_none()) else { continue };
        seen += 1;
        let allowed = |path: &String| {
            // What every SDK reads and some hosts leave out is completed.
            let completed = ["+.id", "+.created", "+.object", "+.model", "+.choices[0].message"];
            let named = [".model", ".message.model", ".object", ".response.model"];
            // Ids that lead back to the deployment.
            let ids = [".id", ".response.id", ".previous_response_id", ".response.previous_response_id"];
            named.contains(&path.as_str())
                || (case.dialect == Dialect::OpenAiResponses && ids.contains(&path.as_str()))
                || completed.contains(&path.as_str())
                || path.ends_with(".message.role")
                || path.ends_with(".finish_reason")
                || path.ends_with("message.content")
                || path.ends_with(".reasoning_content")
                || path.ends_with(".completion_tokens")
                || (path.starts_with("+.choices") && (path.ends_with(".index") || path.ends_with(".type")))
        };
        if case.stream {
            let (before, after) = (events(&case.answer), events(&answered.out));
            let mut rest = before.iter();
            for (name, data) in &after {
                let parsed: Option<Value> = serde_json::from_str(data).ok();
                let matching = rest.find(|(known_name, known)| {
                    let known_value: Option<Value> = serde_json::from_str(known).ok();
                    let (Some(known_value), Some(parsed)) = (known_value, &parsed) else {
                        return known == data;
                    };
                    let mut different = Vec::new();
                    untouched_values(&known_value, parsed, "", &mut different);
                    known_name == name && different.iter().all(allowed)
                });
                let added = data == "[DONE]" || data.contains("message_stop");
                assert!(matching.is_some() || added, "{}: {data} was not sent like this", case.name);
            }
        } else {
            let (before, after) = (
                serde_json::from_slice(&case.answer).unwrap(),
                serde_json::from_slice(&answered.out).unwrap(),
            );
            let mut different = Vec::new();
            untouched_values(&before, &after, "", &mut different);
            assert!(different.iter().all(allowed), "{}: {different:?}", case.name);
        }
    }
    assert!(seen > 50, "only {seen} answers");
}

#[test]
fn requests_keep_order_and_spelling() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| same_dialect(case)) {
        let (http, _) = case.attempt().unwrap();
        let Ok(before) = serde_json::from_slice::<Value>(&case.request) else { continue };
        let after: Value = serde_json::from_slice(&http.body_bytes()).expect("JSON is sent");
        let mut different = Vec::new();
        untouched_values(&before, &after, "", &mut different);
        seen += 1;
        for path in &different {
            let listed = [
                ".model",
                "+.stream_options",
                "+.usage",
                "+.max_completion_tokens",
                "+.max_tokens",
                "+.random_seed",
                "+.thinking",
                "+.reasoning_effort",
                ".reasoning_effort",
                ".thinking",
                ".tool_choice",
                "+.tool_choice",
                "+.tools",
            ]
            .contains(&path.as_str())
                || path.starts_with(".messages[")
                || path.starts_with("+.messages[")
                || (case.dialect == Dialect::OpenAiResponses
                    && (path.starts_with(".input")
                        || path == ".max_output_tokens"
                        || path == ".previous_response_id"))
                || path.starts_with(".tools[");
            assert!(listed, "{}: {path} is on no edit list", case.name);
        }
    }
    assert!(seen > 100, "only {seen} requests");
}
