//! Reasoning, ids of calls and log probabilities of providers of the responses API, for clients of other dialects.

use serde_json::{Value, json};

use super::responses_provider::{applies, items};
use super::{Context, Evidence, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "call_id_answers_the_call",
        why: "The output of a call is told by its `call_id`; LiteLLM gives chat clients the id of the item for some calls, by which no output is found.",
        evidence: Evidence::ProviderDocs,
        apply: call_ids,
    },
    Rule {
        code: "reasoning_items_as_finished",
        why: "A streamed reasoning item is told as it is when it is done; LiteLLM takes it from the response that repeats it at the end, with another id or in another encryption.",
        evidence: Evidence::RecordedBytes,
        apply: finished,
    },
    Rule {
        code: "reasoning_items_restored",
        why: "A reasoning item goes back by its id, also where nothing of it can be read; LiteLLM leaves out items without a word.",
        evidence: Evidence::RecordedBytes,
        apply: restored,
    },
    Rule {
        code: "reasoning_text_kept",
        why: "Some hosts tell their reasoning itself and not its summary; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: reasoning_text,
    },
    Rule {
        code: "chat_logprobs_restored",
        why: "The log probabilities of a response's text are the choice's; LiteLLM drops them.",
        evidence: Evidence::RecordedBytes,
        apply: logprobs,
    },
];

fn call_ids(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let mut changed = 0;
    for item in items(context, "function_call").filter(|item| item["id"] != item["call_id"]) {
        let place = match oracle.get("stream") {
            Some(_) => "/stream/events",
            None => "/body/choices/0/message/tool_calls",
        };
        let calls = oracle.pointer_mut(place).and_then(Value::as_array_mut).into_iter().flatten();
        for call in calls.filter(|call| call["id"].is_string() && call["id"] == item["id"]) {
            call["id"] = item["call_id"].clone();
            changed += 1;
        }
    }
    changed
}

fn finished(context: &Context<'_>, oracle: &mut Value) -> usize {
    let provider = context.provider.filter(|_| applies(context, Route::OpenAiChat));
    let events = provider.and_then(|provider| provider.pointer("/stream/events")?.as_array());
    let done = events.into_iter().flatten().filter(|event| event["type"] == "response.output_item.done");
    let given = done.map(|event| &event["item"]).filter(|item| item["type"] == "reasoning");
    let kept = oracle.pointer_mut("/stream/beside/0~1reasoning_items").and_then(Value::as_array_mut);
    let mut changed = 0;
    for (place, given) in kept.into_iter().flatten().zip(given) {
        for key in ["id", "encrypted_content"] {
            if given[key].is_string() && place[key] != given[key] {
                place[key] = given[key].clone();
                changed += 1;
            }
        }
    }
    changed
}

fn restored(context: &Context<'_>, oracle: &mut Value) -> usize {
    let message = oracle.pointer_mut("/body/choices/0/message").and_then(Value::as_object_mut);
    let given: Vec<_> = items(context, "reasoning").map(as_sent_back).collect();
    match message.filter(|message| !given.is_empty() && !message.contains_key("reasoning_items")) {
        Some(message) if applies(context, Route::OpenAiChat) => {
            let changed = given.iter().map(leaves).sum();
            message.insert("reasoning_items".to_owned(), Value::Array(given));
            changed
        }
        _ => 0,
    }
}

/// What of a reasoning item the API takes back.
fn as_sent_back(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(members) = item.as_object_mut() {
        members.retain(|key, _| matches!(key.as_str(), "type" | "id" | "summary" | "encrypted_content"));
    }
    item
}

/// The reasoning that stands in an item itself.
fn told(item: &Value) -> Option<String> {
    let parts = item["content"].as_array()?.iter();
    let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
    let summary = item["summary"].as_array().is_some_and(|summary| !summary.is_empty());
    Some(text).filter(|text| !text.is_empty() && !summary)
}

fn reasoning_text(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut told = items(context, "reasoning").filter_map(|item| Some((item, told(item)?)));
    let Some((item, text)) = told.next() else { return 0 };
    if applies(context, Route::OpenAiChat) {
        if let Some(message) = oracle.pointer_mut("/body/choices/0/message") {
            message["reasoning_content"] = json!(text);
        } else if let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") {
            let after_role = usize::from(events.first().is_some_and(|event| event.get("role").is_some()));
            events.insert(after_role, json!({"choice": 0, "reasoning_content": text}));
        }
        return 1;
    }
    let messages = applies(context, Route::AnthropicMessages);
    if let Some(events) = oracle.pointer_mut("/stream/events").filter(|_| messages) {
        return events.as_array_mut().map_or(0, |events| thought(&text, events));
    }
    let content = oracle.pointer_mut("/body/content").and_then(Value::as_array_mut);
    let Some(blocks) = content.filter(|_| messages) else { return 0 };
    let sealed = item["encrypted_content"].as_str();
    let signature = sealed.map(|sealed| format!("litellm_encrypted_reasoning:{sealed}")).unwrap_or_default();
    blocks.retain(|block| block["type"] != "redacted_thinking");
    blocks.insert(0, json!({"type": "thinking", "thinking": text, "signature": signature}));
    3
}

/// Puts a block of reasoning before the others of a messages stream.
fn thought(text: &str, events: &mut Vec<Value>) -> usize {
    let index = |event: &Value| event.get("index").and_then(Value::as_u64);
    let start = events.iter().position(|event| index(event).is_some() || event["type"] == "message_delta");
    for event in events.iter_mut() {
        if let Some(index) = index(event) {
            event["index"] = json!(index + 1);
        }
    }
    let start = start.unwrap_or(events.len());
    let block = json!({"type": "thinking", "thinking": "", "signature": ""});
    let delta = json!({"type": "thinking_delta", "thinking": text});
    let told = [
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    events.splice(start..start, told);
    3
}

fn logprobs(context: &Context<'_>, oracle: &mut Value) -> usize {
    let parts = items(context, "message").filter_map(|item| item["content"].as_array()).flatten();
    let given: Vec<_> = parts.filter_map(|part| part["logprobs"].as_array()).flatten().cloned().collect();
    let told = !given.is_empty() && applies(context, Route::OpenAiChat);
    let (place, key) = match oracle.get("stream") {
        Some(_) => ("/stream/beside", "0/logprobs"),
        None => ("/body/choices/0", "logprobs"),
    };
    let Some(place) = oracle.pointer_mut(place).filter(|_| told) else { return 0 };
    let changed = given.iter().map(leaves).sum();
    place[key] = json!({"content": given});
    changed
}
