//! What the items of a response hold, where a chat host or Anthropic answers a client of `openai_responses`.

use serde_json::{Value, json};

use super::responses_answers::responses;
use super::{Context, Evidence, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "response_is_one_answer",
        why: "A response is one answer, the first: its API knows no `n`, and its items follow each other; LiteLLM puts the texts and calls of all choices one after the other.",
        evidence: Evidence::ProviderTypes,
        apply: one_answer,
    },
    Rule {
        code: "response_reasoning_restored",
        why: "What a host calls `reasoning` is the reasoning before its answer; LiteLLM knows only `reasoning_content` there.",
        evidence: Evidence::RecordedBytes,
        apply: reasoning,
    },
    Rule {
        code: "response_calls_whole",
        why: "A call has an id by which its output is told, and arguments that are JSON, also where the host leaves them empty or calls in the old form; LiteLLM drops such calls or leaves them empty.",
        evidence: Evidence::ProviderTypes,
        apply: calls,
    },
    Rule {
        code: "response_logprobs_restored",
        why: "The log probabilities that the host gives belong to the text; LiteLLM drops them.",
        evidence: Evidence::RecordedBytes,
        apply: logprobs,
    },
    Rule {
        code: "response_items_as_made",
        why: "What the provider searched, said with its citations, and called stands in the order in which it was made; LiteLLM joins all texts, drops citations, and hands on calls that the provider ran itself as the client's.",
        evidence: Evidence::RecordedBytes,
        apply: as_made,
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

/// What the first of several choices says, and the ids of the other choices' calls.
fn first_of_several(context: &Context<'_>) -> Option<(String, Vec<Value>)> {
    let provider = context.provider.filter(|_| context.upstream() == Route::OpenAiChat)?;
    if let Some(choices) = provider.pointer("/body/choices").and_then(Value::as_array) {
        let others = choices.get(1..).filter(|others| !others.is_empty())?;
        let calls = others.iter().filter_map(|choice| choice["message"]["tool_calls"].as_array()).flatten();
        let said = choices[0]["message"]["content"].as_str().unwrap_or_default();
        return Some((said.to_owned(), calls.map(|call| call["id"].clone()).collect()));
    }
    let events = provider.pointer("/stream/events")?.as_array()?;
    let others = || events.iter().filter(|event| event["choice"].as_u64().is_some_and(|choice| choice > 0));
    others().next()?;
    let calls = others().filter_map(|event| event.get("id")).cloned();
    Some((chat_deltas(context, "content"), calls.collect()))
}

fn one_answer(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some((said, others)) = first_of_several(context) else { return 0 };
    let mut changed = 0;
    for response in responses(context, oracle) {
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        let mut told = said.is_empty();
        output.retain(|item| {
            let kept = match item["type"].as_str() {
                Some("message") => !told && item["content"][0]["text"] == said,
                _ => !others.contains(&item["call_id"]),
            };
            told |= kept && item["type"] == "message";
            changed += if kept { 0 } else { leaves(item) };
            kept
        });
    }
    changed
}

fn reasoning(context: &Context<'_>, oracle: &mut Value) -> usize {
    let whole = chat_choice(context).and_then(|choice| choice["message"]["reasoning"].as_str());
    let said = whole.map_or_else(|| chat_deltas(context, "reasoning"), str::to_owned);
    if said.is_empty() {
        return 0;
    }
    let mut changed = 0;
    for response in responses(context, oracle) {
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        if !output.is_empty() && output.iter().all(|item| item["type"] != "reasoning") {
            let summary = json!([{"type": "summary_text", "text": said}]);
            let item =
                json!({"type": "reasoning", "id": "<made up>", "summary": summary, "status": "completed"});
            output.insert(0, item);
            changed += 5;
        }
    }
    changed
}

/// What the events of a chat host's stream say in one field.
fn chat_deltas(context: &Context<'_>, field: &str) -> String {
    let provider = context.provider.filter(|_| context.upstream() == Route::OpenAiChat);
    let events = provider.and_then(|provider| provider.pointer("/stream/events")?.as_array());
    let first = events.into_iter().flatten().filter(|event| event["choice"] == 0);
    first.filter_map(|event| event[field].as_str()).collect()
}

fn calls(context: &Context<'_>, oracle: &mut Value) -> usize {
    let legacy = chat_choice(context).map(|choice| &choice["message"]["function_call"]);
    let legacy = legacy.filter(|call| call["name"].as_str().is_some_and(|name| !name.is_empty()));
    let mut changed = 0;
    for response in responses(context, oracle) {
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        for call in output.iter_mut().filter(|item| item["type"] == "function_call") {
            let made_up = || json!("<made up>");
            for (key, right) in
                [("id", made_up()), ("call_id", made_up()), ("arguments", json!({"$json": {}}))]
            {
                if call[key] == "" {
                    call[key] = right;
                    changed += 1;
                }
            }
        }
        let told = output.iter().any(|item| item["type"] == "function_call");
        if let Some(call) = legacy.filter(|_| !told) {
            output.push(json!({
                "type": "function_call", "id": "<made up>", "call_id": "<made up>", "name": call["name"],
                "arguments": call["arguments"], "status": "completed",
            }));
            changed += 6;
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
            if block["type"] == "text" {
                block["citations"] = json!([]);
            }
            blocks.push(block);
        }
        let delta = &event["delta"];
        let Some(block) = blocks.last_mut() else { continue };
        match delta["type"].as_str() {
            Some("text_delta") => {
                let said = block["text"].as_str().unwrap_or_default().to_owned();
                block["text"] = json!(said + delta["text"].as_str().unwrap_or_default());
            }
            Some("thinking_delta") => block["thinking"] = delta["thinking"].clone(),
            Some("signature_delta") => block["signature"] = delta["signature"].clone(),
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

fn refusal(context: &Context<'_>, oracle: &mut Value) -> usize {
    let whole = chat_choice(context).and_then(|choice| choice["message"]["refusal"].as_str());
    let events = context.provider.and_then(|provider| provider.pointer("/stream/events")?.as_array());
    let streamed = events.into_iter().flatten().find_map(|event| event["refusal"].as_str());
    let Some(said) = whole.or(streamed).filter(|said| !said.is_empty()) else { return 0 };
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

/// What an Anthropic answer is made of, as far as a response has an item for it.
enum Made<'b> {
    Reasoning(Vec<&'b Value>),
    Message(Vec<&'b Value>),
    Search,
    Call(&'b Value),
}

fn made(blocks: &[Value]) -> Vec<Made<'_>> {
    let mut made: Vec<Made<'_>> = Vec::new();
    for block in blocks {
        match (block["type"].as_str().unwrap_or_default(), made.last_mut()) {
            ("thinking" | "redacted_thinking", Some(Made::Reasoning(blocks))) => blocks.push(block),
            ("thinking" | "redacted_thinking", _) => made.push(Made::Reasoning(vec![block])),
            ("text", Some(Made::Message(blocks))) => blocks.push(block),
            ("text", _) => made.push(Made::Message(vec![block])),
            ("tool_use", _) => made.push(Made::Call(&block["id"])),
            ("server_tool_use", _) if block["name"] == "web_search" => made.push(Made::Search),
            _ => {}
        }
    }
    made
}

fn as_made(context: &Context<'_>, oracle: &mut Value) -> usize {
    let blocks = blocks(context);
    let cited = |block: &Value| block["citations"].as_array().is_some_and(|cited| !cited.is_empty());
    let made = made(&blocks);
    let split = made.iter().filter(|one| !matches!(one, Made::Call(_))).count() > 2
        || matches!(made.as_slice(), [Made::Message(_), Made::Reasoning(_), ..]);
    if !split && !blocks.iter().any(|block| block["type"] == "server_tool_use" || cited(block)) {
        return 0;
    }
    let mut changed = 0;
    for response in responses(context, oracle) {
        let status = response.get("status").filter(|status| *status == "incomplete").cloned();
        let Some(output) = response.get_mut("output").and_then(Value::as_array_mut) else { continue };
        if output.is_empty() {
            continue;
        }
        let known = std::mem::take(output);
        let mut searches = known.iter().filter(|item| item["type"] == "web_search_call");
        let mut thoughts = known.iter().filter(|item| item["type"] == "reasoning");
        let several = made.iter().filter(|one| matches!(one, Made::Reasoning(_))).count() > 1;
        output.extend(made.iter().filter_map(|one| match one {
            Made::Search => searches.next().cloned(),
            Made::Call(id) => known.iter().find(|item| item["call_id"] == **id).cloned(),
            Made::Message(blocks) => Some(message(blocks)),
            Made::Reasoning(blocks) if several => Some(thought(blocks)),
            Made::Reasoning(_) => thoughts.next().cloned(),
        }));
        if let (Some(status), Some(last)) = (status, output.last_mut()) {
            last["status"] = status;
        }
        changed += known.iter().zip(&*output).filter(|(one, other)| one != other).count();
        changed += known.len().abs_diff(output.len());
    }
    changed
}

fn message(blocks: &[&Value]) -> Value {
    let mut text = String::new();
    let mut said = 0;
    let mut annotations = Vec::new();
    for block in blocks {
        let start = said;
        let more = block["text"].as_str().unwrap_or_default();
        said += more.chars().count();
        text.push_str(more);
        let cited = block["citations"].as_array().into_iter().flatten();
        annotations.extend(cited.filter(|cited| cited["url"].is_string()).map(|cited| {
            json!({
                "type": "url_citation", "start_index": start, "end_index": said,
                "title": cited["title"], "url": cited["url"],
            })
        }));
    }
    let part = json!({"type": "output_text", "annotations": annotations, "logprobs": [], "text": text});
    json!({"type": "message", "id": "<made up>", "role": "assistant", "content": [part], "status": "completed"})
}

fn thought(blocks: &[&Value]) -> Value {
    let thoughts = blocks.iter().filter_map(|block| block["thinking"].as_str());
    let summary: Vec<_> = thoughts.map(|text| json!({"type": "summary_text", "text": text})).collect();
    json!({
        "type": "reasoning", "id": "<made up>", "summary": summary, "status": "completed",
        "encrypted_content": {"$json": blocks},
    })
}
