//! Answers of providers of the responses API for clients of `openai_chat` and `anthropic_messages`.

use serde_json::{Map, Value, json};

use super::same_dialect::remove;
use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "response_fields_not_in_chat",
        why: "A chat completion has no place for the other fields of a response, of which LiteLLM copies some into it and into every chunk.",
        evidence: Evidence::ProviderTypes,
        apply: fields,
    },
    Rule {
        code: "response_usage_in_chat_form",
        why: "The usage of a chat completion is counts of tokens; LiteLLM copies a host's prices out of a response into it.",
        evidence: Evidence::ProviderTypes,
        apply: usage,
    },
    Rule {
        code: "replay_record_not_added",
        why: "`openai_responses_replay` is LiteLLM's record of how it took a response apart; what goes back stands in the message and its `reasoning_items`.",
        evidence: Evidence::ProviderTypes,
        apply: replay_record,
    },
    Rule {
        code: "searched_tools_as_given",
        why: "The items of a search for tools go back to the provider as they came; in streams LiteLLM adds fields to them that are `null`.",
        evidence: Evidence::RecordedBytes,
        apply: searched,
    },
    Rule {
        code: "response_refusal_kept",
        why: "What a model says instead of an answer is its refusal, and chat messages have a field for it; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: refusal,
    },
    Rule {
        code: "custom_calls_stay_custom",
        why: "A call of a freeform tool is one in the chat API too: its input is text and no JSON, which LiteLLM puts where clients parse JSON.",
        evidence: Evidence::ProviderTypes,
        apply: custom_calls,
    },
    Rule {
        code: "annotations_in_chat_form",
        why: "A chat annotation holds its citation in `url_citation`; LiteLLM hands on the form of the responses API, and nothing in streams.",
        evidence: Evidence::ProviderTypes,
        apply: annotations,
    },
    Rule {
        code: "message_id_is_the_providers",
        why: "A messages client has no use for an id that leads back to a deployment: it gets the provider's, as it does of streams.",
        evidence: Evidence::RecordedBytes,
        apply: message_id,
    },
    Rule {
        code: "failed_response_is_an_error",
        why: "A response that failed is an error with the provider's reason; LiteLLM makes an empty message of it.",
        evidence: Evidence::RecordedBytes,
        apply: failed,
    },
    Rule {
        code: "message_calls_restored",
        why: "Every call of the model reaches a messages client with all its input; LiteLLM drops freeform calls, and arguments that are no JSON.",
        evidence: Evidence::RecordedBytes,
        apply: calls,
    },
    Rule {
        code: "message_blocks_in_turn",
        why: "A messages stream has one block open at a time; LiteLLM opens those of calls that come interleaved side by side.",
        evidence: Evidence::ProviderDocs,
        apply: in_turn,
    },
    Rule {
        code: "filtered_is_refused",
        why: "An answer that the provider's filter stopped did not reach a limit: for messages clients that is a refusal.",
        evidence: Evidence::RecordedBytes,
        apply: filtered,
    },
];

pub(super) fn applies(context: &Context<'_>, client: Route) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == client
        && context.upstream() == Route::OpenAiResponses
}

/// The provider's response: its body, or the one with which its stream ends.
fn given<'v>(context: &Context<'v>) -> Option<&'v Map<String, Value>> {
    let provider = context.provider?;
    let events = provider.pointer("/stream/events").and_then(Value::as_array);
    let last = events.into_iter().flatten().rev().find_map(|event| event.get("response"));
    last.or_else(|| provider.get("body"))?.as_object()
}

/// The items of a type in the provider's output.
pub(super) fn items<'v>(context: &Context<'v>, kind: &'static str) -> impl Iterator<Item = &'v Value> {
    let output = given(context).and_then(|response| response.get("output")?.as_array());
    output.into_iter().flatten().filter(move |item| item["type"] == kind)
}

/// The members of a chat completion and of its chunks.
const CHAT: [&str; 9] =
    ["id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "error"];

fn fields(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let mut changed = 0;
    for place in ["/body", "/stream/chunk"] {
        let Some(members) = oracle.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        members.retain(|key, value| {
            let kept = CHAT.contains(&key.as_str());
            changed += if kept { 0 } else { leaves(value) };
            kept
        });
    }
    changed
}

/// What a response's usage tells beside its counts.
const PRICES: [&str; 3] = ["cost", "cost_details", "is_byok"];

fn usage(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let streamed = oracle.pointer_mut("/stream/events").and_then(Value::as_array_mut);
    let streamed = streamed.into_iter().flatten().filter_map(|event| event.get_mut("usage"));
    let mut changed = 0;
    for usage in streamed.filter_map(Value::as_object_mut) {
        changed += without_prices(usage);
    }
    if let Some(usage) = oracle.pointer_mut("/body/usage").and_then(Value::as_object_mut) {
        changed += without_prices(usage);
    }
    changed
}

fn without_prices(usage: &mut Map<String, Value>) -> usize {
    PRICES.iter().filter_map(|price| usage.shift_remove(*price)).map(|price| leaves(&price)).sum()
}

/// LiteLLM's own fields: of the message of an answer, and beside the deltas of a stream.
const OWN: [(&str, &str); 2] = [
    ("/body/choices/0/message", "provider_specific_fields"),
    ("/stream/beside", "0/provider_specific_fields"),
];

fn replay_record(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let mut changed = 0;
    for (place, key) in OWN {
        let Some(members) = oracle.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        let Some(own) = members.get_mut(key).and_then(Value::as_object_mut) else { continue };
        changed += own.shift_remove("openai_responses_replay").map_or(0, |record| leaves(&record));
        if own.is_empty() {
            members.shift_remove(key);
        }
    }
    changed
}

fn searched(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let streamed = oracle.pointer_mut("/stream/beside/0~1provider_specific_fields/tool_search_items");
    let mut changed = 0;
    for item in streamed.and_then(Value::as_array_mut).into_iter().flatten() {
        let id = item["id"].clone();
        if let Some(given) = items(context, "tool_search_output").find(|given| given["id"] == id) {
            changed += remove(item, Some(given), &|_, value| value.is_null());
        }
    }
    changed
}

fn refusal(context: &Context<'_>, oracle: &mut Value) -> usize {
    let parts = items(context, "message").filter_map(|item| item["content"].as_array()).flatten();
    let said: String = parts.filter_map(|part| part["refusal"].as_str()).collect();
    if said.is_empty() || !applies(context, Route::OpenAiChat) {
        return 0;
    }
    if let Some(message) = oracle.pointer_mut("/body/choices/0/message").and_then(Value::as_object_mut) {
        if message.get("content").is_some_and(|content| content == "") {
            message.shift_remove("content");
        }
        message.insert("refusal".to_owned(), json!(said));
        return 2;
    }
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") else { return 0 };
    let end = events.iter().position(|event| event.get("finish_reason").is_some()).unwrap_or(events.len());
    events.insert(end, json!({"choice": 0, "refusal": said}));
    if !events.iter().any(|event| event.get("role").is_some()) {
        events.insert(0, json!({"choice": 0, "role": "assistant"}));
    }
    // The chunks that tell it name the tier that was asked for, as the first chunks of every stream do.
    let asked = context.provider.and_then(|provider| {
        provider.pointer("/stream/events/0/response/service_tier").filter(|tier| tier.is_string())
    });
    if let (Some(asked), Some(Value::Array(tiers))) =
        (asked, oracle.pointer_mut("/stream/chunk/service_tier"))
        && !tiers.contains(asked)
    {
        tiers.insert(0, asked.clone());
    }
    2
}

fn custom_calls(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let custom: Vec<_> = items(context, "custom_tool_call").map(|item| &item["call_id"]).collect();
    let mut changed = 0;
    let whole = oracle.pointer_mut("/body/choices/0/message/tool_calls").and_then(Value::as_array_mut);
    for call in whole.into_iter().flatten().filter_map(Value::as_object_mut) {
        if !call.get("id").is_some_and(|id| custom.contains(&id)) {
            continue;
        }
        if let Some(function) = call.shift_remove("function") {
            call.insert("type".to_owned(), json!("custom"));
            call.insert(
                "custom".to_owned(),
                json!({"name": function["name"], "input": function["arguments"]}),
            );
            changed += 2;
        }
    }
    let events = oracle.pointer_mut("/stream/events").and_then(Value::as_array_mut);
    for call in events.into_iter().flatten().filter(|event| custom.contains(&&event["id"])) {
        call["type"] = json!("custom");
        changed += 1;
    }
    changed
}

fn annotations(context: &Context<'_>, oracle: &mut Value) -> usize {
    let parts = items(context, "message").filter_map(|item| item["content"].as_array()).flatten();
    let flat = parts.filter_map(|part| part["annotations"].as_array()).flatten();
    let nested: Vec<_> = flat
        .filter(|one| one["type"] == "url_citation")
        .map(|one| {
            let mut citation = one.clone();
            citation.as_object_mut().and_then(|members| members.shift_remove("type"));
            json!({"type": "url_citation", "url_citation": citation})
        })
        .collect();
    if nested.is_empty() || !applies(context, Route::OpenAiChat) {
        return 0;
    }
    let (place, key) = match oracle.get("stream") {
        Some(_) => ("/stream/beside", "0/annotations"),
        None => ("/body/choices/0/message", "annotations"),
    };
    let Some(members) = oracle.pointer_mut(place).and_then(Value::as_object_mut) else { return 0 };
    let changed = nested.len();
    members.insert(key.to_owned(), Value::Array(nested));
    changed
}

fn message_id(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = applies(context, Route::AnthropicMessages);
    match oracle.pointer_mut("/body/id").filter(|id| messages && id.is_object()) {
        Some(id) => {
            *id = id["id"].take();
            1
        }
        None => 0,
    }
}

fn failed(context: &Context<'_>, oracle: &mut Value) -> usize {
    let over = |response: &&Map<String, Value>| {
        let status = response.get("status").and_then(Value::as_str);
        status.is_none_or(|status| status == "completed" || status == "incomplete")
    };
    let Some(response) = given(context).filter(|response| !over(response)) else { return 0 };
    if !applies(context, Route::AnthropicMessages) || oracle["status"] != 200 || oracle.get("body").is_none()
    {
        return 0;
    }
    // One that is still waiting is no answer either.
    let message = response.get("error").and_then(|error| error.get("message")).cloned();
    let message = message.unwrap_or_else(|| json!("<own words>"));
    oracle["status"] = json!(500);
    oracle["body"] = json!({"type": "error", "error": {"type": "api_error", "message": message}});
    3
}

/// The blocks of a whole answer to a messages client.
fn blocks<'o>(context: &Context<'_>, oracle: &'o mut Value) -> Option<&'o mut Vec<Value>> {
    oracle.pointer_mut("/body/content").filter(|_| applies(context, Route::AnthropicMessages))?.as_array_mut()
}

fn calls(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    let Some(blocks) = blocks(context, oracle) else { return 0 };
    for item in items(context, "function_call") {
        let text = item["arguments"].as_str().unwrap_or_default();
        let object = crate::value::parse(text.as_bytes()).is_some_and(|parsed| parsed.is_object());
        // In normal form, arguments that are JSON are no text.
        if object || text.is_empty() || item["arguments"].get("$json").is_some() {
            continue;
        }
        for block in blocks.iter_mut().filter(|block| block["id"] == item["call_id"]) {
            block["input"] = json!({"arguments": text});
            changed += 1;
        }
    }
    for item in items(context, "custom_tool_call") {
        if blocks.iter().all(|block| block["id"] != item["call_id"]) {
            let input = json!({"content": item["input"]});
            blocks.push(
                json!({"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": input}),
            );
            changed += 4;
        }
    }
    if changed > 0
        && let Some(reason) = oracle.pointer_mut("/body/stop_reason").filter(|reason| *reason == "end_turn")
    {
        *reason = json!("tool_use");
        changed += 1;
    }
    changed
}

fn filtered(context: &Context<'_>, oracle: &mut Value) -> usize {
    let reason = given(context).and_then(|response| response.get("incomplete_details")?.get("reason"));
    if !applies(context, Route::AnthropicMessages) || reason.is_none_or(|reason| reason != "content_filter") {
        return 0;
    }
    let Some(body) = oracle.get_mut("body").and_then(Value::as_object_mut) else { return 0 };
    body.insert("stop_reason".to_owned(), json!("refusal"));
    let details = json!({"type": "refusal", "category": null, "explanation": null});
    body.insert("stop_details".to_owned(), details);
    2
}

fn in_turn(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = applies(context, Route::AnthropicMessages);
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| messages) else {
        return 0;
    };
    let of_block =
        |event: &Value| event["type"].as_str().is_some_and(|kind| kind.starts_with("content_block_"));
    let Some(start) = events.iter().position(of_block) else { return 0 };
    let end = events.iter().rposition(of_block).unwrap_or(start) + 1;
    let index = |event: &Value| event["index"].as_u64();
    if events[start..end].is_sorted_by_key(index) {
        return 0;
    }
    events[start..end].sort_by_key(index);
    let mut joined: Vec<Value> = Vec::new();
    for event in events.drain(start..end) {
        let text = |event: &Value| event["delta"]["partial_json"].as_str().map(str::to_owned);
        match (joined.last_mut(), text(&event)) {
            (Some(last), Some(more)) if text(last).is_some() => {
                let whole = text(last).unwrap_or_default() + &more;
                last["delta"]["partial_json"] = json!(whole);
            }
            _ => joined.push(event),
        }
    }
    for event in &mut joined {
        let whole = event["delta"]["partial_json"].as_str();
        if let Some(parsed) = whole.and_then(|text| crate::value::parse(text.as_bytes())) {
            event["delta"]["partial_json"] = json!({"$json": parsed});
        }
    }
    let changed = joined.len();
    events.splice(start..start, joined);
    changed
}
