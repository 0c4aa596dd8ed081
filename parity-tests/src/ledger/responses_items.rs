//! What the items of a response hold, where a chat host or Anthropic answers a client of `openai_responses`.

use serde_json::{Value, json};

use super::responses_answers::responses;
use super::{Context, Evidence, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "response_reasoning_restored",
        why: "What a host calls `reasoning` is the reasoning before its answer; LiteLLM knows only `reasoning_content` there.",
        evidence: Evidence::RecordedBytes,
        apply: reasoning,
    },
    Rule {
        code: "response_logprobs_restored",
        why: "The log probabilities that the host gives belong to the text; LiteLLM drops them.",
        evidence: Evidence::RecordedBytes,
        apply: logprobs,
    },
    Rule {
        code: "response_items_in_order",
        why: "Searches stand before the text that they led to, as the provider made them; LiteLLM puts them behind it.",
        evidence: Evidence::RecordedBytes,
        apply: order,
    },
    Rule {
        code: "response_citations_restored",
        why: "What the provider cites is an annotation of the text that it supports; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: citations,
    },
    Rule {
        code: "response_refusal_restored",
        why: "A refusal is a part of its own in a message; LiteLLM tells it as text in a stream's end, or not at all.",
        evidence: Evidence::RecordedBytes,
        apply: refusal,
    },
];

/// The message of a chat host's answer.
fn chat_choice<'v>(context: &Context<'v>) -> Option<&'v Value> {
    context.provider.filter(|_| context.upstream() == Route::OpenAiChat)?.pointer("/body/choices/0")
}

fn reasoning(context: &Context<'_>, oracle: &mut Value) -> usize {
    let said = chat_choice(context).and_then(|choice| choice["message"]["reasoning"].as_str());
    let Some(said) = said.filter(|said| !said.is_empty()) else { return 0 };
    let mut changed = 0;
    for response in responses(context, oracle) {
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        if output.iter().all(|item| item["type"] != "reasoning") {
            let summary = json!([{"type": "summary_text", "text": said}]);
            let item =
                json!({"type": "reasoning", "id": "<made up>", "summary": summary, "status": "completed"});
            output.insert(0, item);
            changed += 5;
        }
    }
    changed
}

fn logprobs(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = chat_choice(context).and_then(|choice| choice["logprobs"]["content"].as_array());
    let Some(given) = given.filter(|given| !given.is_empty()) else { return 0 };
    let mut changed = 0;
    for response in responses(context, oracle) {
        let output = response.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten();
        let mut parts = output.filter_map(|item| item.get_mut("content")?.as_array_mut()).flatten();
        if let Some(part) = parts.find(|part| part["logprobs"] == json!([])) {
            part["logprobs"] = json!(given);
            changed += given.iter().map(leaves).sum::<usize>();
        }
    }
    changed
}

/// The content blocks of an Anthropic answer, whole or streamed.
fn blocks(context: &Context<'_>) -> Vec<Value> {
    let provider = context.provider.filter(|_| context.upstream() == Route::AnthropicMessages);
    let Some(provider) = provider else { return Vec::new() };
    if let Some(blocks) = provider.pointer("/body/content").and_then(Value::as_array) {
        return blocks.clone();
    }
    let mut blocks: Vec<Value> = Vec::new();
    for event in provider.pointer("/stream/events").and_then(Value::as_array).into_iter().flatten() {
        if event["type"] == "content_block_start" {
            let mut block = event["content_block"].clone();
            block["citations"] = json!([]);
            blocks.push(block);
        }
        let delta = &event["delta"];
        let Some(block) = blocks.last_mut() else { continue };
        match delta["type"].as_str() {
            Some("text_delta") => block["text"] = delta["text"].clone(),
            Some("citations_delta") => {
                block["citations"]
                    .as_array_mut()
                    .into_iter()
                    .for_each(|all| all.push(delta["citation"].clone()));
            }
            _ => {}
        }
    }
    blocks
}

fn order(context: &Context<'_>, oracle: &mut Value) -> usize {
    let blocks = blocks(context);
    let first = |kind: &str| blocks.iter().position(|block| block["type"] == kind);
    let (Some(search), Some(text)) = (first("server_tool_use"), first("text")) else { return 0 };
    let mut changed = 0;
    for response in responses(context, oracle).into_iter().filter(|_| search < text) {
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        let searched = |item: &Value| item["type"] != "web_search_call";
        if !output.is_sorted_by_key(searched) {
            output.sort_by_key(searched);
            changed += output.len();
        }
    }
    changed
}

fn citations(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut said = 0;
    let mut annotations = Vec::new();
    for block in blocks(context).iter().filter(|block| block["type"] == "text") {
        let start = said;
        said += block["text"].as_str().unwrap_or_default().chars().count();
        for cited in block["citations"].as_array().into_iter().flatten() {
            if cited["url"].is_string() {
                annotations.push(json!({
                    "type": "url_citation", "start_index": start, "end_index": said,
                    "title": cited["title"], "url": cited["url"],
                }));
            }
        }
    }
    if annotations.is_empty() {
        return 0;
    }
    let mut changed = 0;
    for response in responses(context, oracle) {
        let output = response.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten();
        let mut parts = output.filter_map(|item| item.get_mut("content")?.as_array_mut()).flatten();
        if let Some(part) = parts.find(|part| part["annotations"] == json!([])) {
            part["annotations"] = json!(annotations);
            changed += annotations.iter().map(leaves).sum::<usize>();
        }
    }
    changed
}

fn refusal(context: &Context<'_>, oracle: &mut Value) -> usize {
    let whole = chat_choice(context).and_then(|choice| choice["message"]["refusal"].as_str());
    let events = context.provider.and_then(|provider| provider.pointer("/stream/events")?.as_array());
    let streamed = events.into_iter().flatten().find_map(|event| event["refusal"].as_str());
    let Some(said) = whole.or(streamed) else { return 0 };
    let right = json!([{"type": "refusal", "refusal": said}]);
    let mut changed = 0;
    for response in responses(context, oracle) {
        let output = response.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten();
        for item in output.filter(|item| item["type"] == "message" && item["content"] != right) {
            item["content"] = right.clone();
            changed += 2;
        }
    }
    changed
}
