//! The folded client stream equals the translation of the folded provider stream.

use std::sync::Arc;

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Request, Step};
use serde_json::{Value, json};

use crate::common::{Case, streams};
use crate::sse::{chunks, fold};

/// The same request without streaming, answered with the folded stream.
fn translated_whole(case: &Case, upstream: Dialect) -> Option<Value> {
    let folded = fold(upstream, &case.answer);
    let mut request: Value = serde_json::from_slice(&case.request).ok()?;
    request.as_object_mut()?.remove("stream");
    request.as_object_mut()?.remove("stream_options");
    let body = Bytes::from(request.to_string());
    let request = Request::read(case.dialect, &ClientHead::default(), body, &Limits::default()).ok()?;
    let options = AttemptOptions { now_unix: 1_700_000_000, id_seed: 7, ..AttemptOptions::default() };
    let mut attempt = request.attempt(&Arc::clone(&case.target().ok()?), options).ok()?;
    assert!(matches!(attempt.step(), Step::Send(_)));
    let mut out = Vec::new();
    attempt.head(200, &[("content-type", "application/json")]);
    attempt.body(folded.to_string().as_bytes(), &mut out);
    attempt.end(&mut out);
    serde_json::from_slice(&out).ok()
}

/// What both forms must agree in. Streams number tool calls among each other, whole answers by content block.
fn essence(dialect: Dialect, answer: &Value) -> Value {
    if dialect == Dialect::OpenAiResponses {
        return responses_essence(answer);
    }
    if dialect == Dialect::AnthropicMessages {
        let blocks: Vec<Value> = answer["content"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|block| {
                let mut block = block.clone();
                if let Some(block) = block.as_object_mut() {
                    block.retain(|_, value| !value.is_null() && *value != json!(""));
                }
                block
            })
            .filter(|block| *block != json!({"type": "text"}))
            .collect();
        return json!({"content": blocks, "stop_reason": answer["stop_reason"], "model": answer["model"]});
    }
    let choices: Vec<Value> = answer["choices"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|choice| {
            let message = &choice["message"];
            let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            let calls: Vec<Value> = message["tool_calls"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| {
                    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
                    let arguments: Value =
                        serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
                    json!([call["id"], call["function"]["name"], arguments])
                })
                .collect();
            let thoughts: Vec<Value> = message["thinking_blocks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|block| json!([block["type"], block["thinking"], block["signature"], block["data"]]))
                .collect();
            json!([
                text("content"),
                text("reasoning_content"),
                text("refusal"),
                calls,
                thoughts,
                choice["finish_reason"]
            ])
        })
        .collect();
    json!({"choices": choices, "model": answer["model"]})
}

/// Items without the ids that we give them.
fn responses_essence(answer: &Value) -> Value {
    let items: Vec<Value> = answer["output"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let mut item = item.clone();
            if let Some(item) = item.as_object_mut() {
                item.remove("id");
                if let Some(arguments) = item.get("arguments").and_then(Value::as_str) {
                    let parsed = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
                    item.insert("arguments".to_owned(), parsed);
                }
            }
            item
        })
        .collect();
    let kept = ["status", "incomplete_details", "model", "usage"].map(|name| answer[name].clone());
    json!({"output": items, "kept": kept})
}

#[test]
fn streams_and_whole_answers_say_the_same() {
    let mut seen = 0;
    for case in streams() {
        let (_, attempt) = case.attempt().unwrap();
        let upstream = attempt.upstream_dialect();
        let answered = case.whole().unwrap();
        if answered.error().is_some() || upstream == case.dialect {
            continue;
        }
        let Some(whole) = translated_whole(case, upstream) else {
            panic!("{}: the folded answer fails", case.name)
        };
        if case.dialect == Dialect::OpenAiResponses {
            for (number, event) in chunks(&answered.out).iter().enumerate() {
                assert_eq!(event["sequence_number"], json!(number), "{}: {event}", case.name);
            }
        }
        let folded = fold(case.dialect, &answered.out);
        assert_eq!(essence(case.dialect, &folded), essence(case.dialect, &whole), "{}", case.name);
        seen += 1;
    }
    assert!(seen > 25, "only {seen} streams");
}
