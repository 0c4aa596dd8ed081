//! Answers of chat hosts and of Anthropic for clients of `openai_responses`.

use serde_json::{Map, Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "response_id_as_given",
        why: "The id that leads back holds the provider's name and its own id of the answer; LiteLLM makes one up for some.",
        evidence: Evidence::RecordedBytes,
        apply: id,
    },
    Rule {
        code: "response_repeats_the_request",
        why: "A response repeats the parameters of its request, or the API's defaults; LiteLLM says `parallel_tool_calls: false` of calls that were allowed, and leaves out most.",
        evidence: Evidence::ProviderDocs,
        apply: repeats,
    },
    Rule {
        code: "response_usage_is_whole",
        why: "The details of usage and their counts are required, and count what the provider counted; LiteLLM leaves them out, guesses reasoning, and adds counts of its own.",
        evidence: Evidence::ProviderTypes,
        apply: usage,
    },
    Rule {
        code: "response_items_as_typed",
        why: "Reasoning is told as a summary, and text has log probabilities, if none then an empty list; LiteLLM puts reasoning where its type has no place for it.",
        evidence: Evidence::ProviderTypes,
        apply: items,
    },
    Rule {
        code: "response_service_tier_as_given",
        why: "The tier that served the request is what the provider says, where the API has its name; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: service_tier,
    },
    Rule {
        code: "response_time_as_given",
        why: "A response is as old as the host says, streamed or not; LiteLLM stamps streams with its own clock.",
        evidence: Evidence::RecordedBytes,
        apply: created,
    },
    Rule {
        code: "response_usage_not_guessed",
        why: "Token counts that the host did not send are unknown; LiteLLM counts them with a tokenizer of its own.",
        evidence: Evidence::ProviderTypes,
        apply: guessed,
    },
    Rule {
        code: "response_without_own_fields",
        why: "`provider_specific_fields` is LiteLLM's own and has no place in a response.",
        evidence: Evidence::ProviderTypes,
        apply: own_fields,
    },
];

/// The responses that an answer holds: its body, and those of its events.
pub(super) fn responses<'o>(context: &Context<'_>, oracle: &'o mut Value) -> Vec<&'o mut Map<String, Value>> {
    if !translated(context) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (key, value) in oracle.as_object_mut().into_iter().flatten() {
        match key.as_str() {
            "body" => found.push(value),
            "stream" => {
                let events = value.get_mut("events").and_then(Value::as_array_mut);
                found.extend(events.into_iter().flatten().filter_map(|event| event.get_mut("response")));
            }
            _ => {}
        }
    }
    let objects = found.into_iter().filter_map(Value::as_object_mut);
    objects.filter(|response| response.get("object").is_some_and(|object| object == "response")).collect()
}

pub(super) fn translated(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == Route::OpenAiResponses
        && context.upstream() != Route::OpenAiResponses
}

/// Sets a member; returns how many leaves that changed.
fn set(response: &mut Map<String, Value>, key: &str, value: Value) -> usize {
    if response.get(key) == Some(&value) {
        return 0;
    }
    let changed = leaves(&value);
    response.insert(key.to_owned(), value);
    changed
}

fn id(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(provider) = context.provider else { return 0 };
    let events = provider.pointer("/stream/events").and_then(Value::as_array);
    let mut starts = events.into_iter().flatten().map(|event| &event["message"]["id"]);
    let whole = [provider.pointer("/body/id"), provider.pointer("/stream/chunk/id/0")];
    let given = whole.into_iter().flatten().chain(starts.by_ref()).find(|id| id.is_string());
    // Where the provider gave none, an answer still needs one, and a response's.
    let made_up = json!("<made up> resp_");
    let given = given.filter(|given| !given.as_str().unwrap_or_default().is_empty()).unwrap_or(&made_up);
    let right = json!({"provider": context.case.question.provider, "id": given});
    responses(context, oracle).into_iter().map(|response| set(response, "id", right.clone())).sum()
}

/// Members that are repeated as they are, with what is said where the request says nothing.
fn defaults() -> [(&'static str, Value); 14] {
    [
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("max_tool_calls", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("previous_response_id", Value::Null),
        ("prompt_cache_key", Value::Null),
        ("safety_identifier", Value::Null),
        ("store", json!(false)),
        ("temperature", Value::Null),
        ("top_logprobs", Value::Null),
        ("top_p", Value::Null),
        ("truncation", json!("disabled")),
        ("user", Value::Null),
    ]
}

fn repeats(context: &Context<'_>, oracle: &mut Value) -> usize {
    let request = &context.case.question.body;
    let mut wanted = vec![("background", json!(false))];
    for (key, default) in defaults() {
        wanted.push((key, request.get(key).filter(|given| !given.is_null()).cloned().unwrap_or(default)));
    }
    wanted.push((
        "reasoning",
        request.get("reasoning").filter(|given| given.is_object()).map_or(json!({}), without_nulls),
    ));
    let mut text = request.get("text").filter(|given| given.is_object()).map_or(json!({}), without_nulls);
    text["format"] = text.get("format").map_or(json!({"type": "text"}), without_nulls);
    wanted.push(("text", text));
    wanted.push(("tool_choice", choice(&request["tool_choice"])));
    let tools = request["tools"].as_array().into_iter().flatten().map(without_nulls).collect();
    wanted.push(("tools", Value::Array(tools)));
    let mut changed = 0;
    for response in responses(context, oracle) {
        for (key, value) in &wanted {
            if value.is_null() {
                changed += response.shift_remove(*key).map_or(0, |value| leaves(&value));
            } else {
                changed += set(response, key, value.clone());
            }
        }
    }
    changed
}

fn choice(given: &Value) -> Value {
    match (given["type"].as_str(), given["name"].as_str()) {
        (Some(kind @ ("function" | "custom")), Some(name)) => json!({"type": kind, "name": name}),
        _ if given.is_null() => json!("auto"),
        _ => given.clone(),
    }
}

fn without_nulls(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}

fn usage(context: &Context<'_>, oracle: &mut Value) -> usize {
    let reasoning = context.provider.and_then(|provider| {
        let events = provider.pointer("/stream/events").and_then(Value::as_array);
        let streamed = events.into_iter().flatten().rev().find_map(|event| event.get("usage"));
        let usage = provider["body"].get("usage").or(streamed)?;
        let chat = usage["completion_tokens_details"].get("reasoning_tokens");
        let anthropic = usage["output_tokens_details"].get("thinking_tokens");
        chat.or(anthropic).filter(|count| count.is_u64()).cloned()
    });
    let mut changed = 0;
    for response in responses(context, oracle) {
        let Some(usage) = response.get_mut("usage").and_then(Value::as_object_mut) else { continue };
        let input = usage.get("input_tokens_details").cloned().unwrap_or_default();
        let count = |key: &str| input.get(key).filter(|count| count.is_u64()).cloned().unwrap_or(json!(0));
        let details = json!({"cached_tokens": count("cached_tokens"), "cache_write_tokens": count("cache_write_tokens")});
        changed += set(usage, "input_tokens_details", details);
        let details = json!({"reasoning_tokens": reasoning.clone().unwrap_or(json!(0))});
        changed += set(usage, "output_tokens_details", details);
        // No host's price has a place there either.
        changed += usage.shift_remove("cost").map_or(0, |_| 1);
    }
    changed
}

fn items(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mut changed = 0;
    for response in responses(context, oracle) {
        let output = response.get_mut("output").and_then(Value::as_array_mut);
        changed += output.into_iter().flatten().map(item).sum::<usize>();
    }
    let events = oracle.pointer_mut("/stream/events").and_then(Value::as_array_mut);
    for event in events.into_iter().flatten().filter(|_| translated(context)) {
        changed += event.get_mut("item").map_or(0, item) + event.get_mut("part").map_or(0, part);
    }
    changed
}

fn item(item: &mut Value) -> usize {
    let Some(members) = item.as_object_mut() else { return 0 };
    if members.get("type").is_some_and(|kind| kind == "reasoning") {
        let mut changed = members.shift_remove("role").map_or(0, |_| 1);
        let content = members.shift_remove("content");
        let texts = content.iter().filter_map(Value::as_array).flatten();
        let said: Vec<_> = texts.map(|part| json!({"type": "summary_text", "text": part["text"]})).collect();
        changed += content.as_ref().map_or(0, leaves);
        if !members.contains_key("summary") {
            changed += set(members, "summary", Value::Array(said));
        }
        return changed;
    }
    members.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten().map(part).sum()
}

fn part(part: &mut Value) -> usize {
    match part.as_object_mut() {
        Some(part)
            if part.get("type").is_some_and(|kind| kind == "output_text")
                && !part.contains_key("logprobs") =>
        {
            set(part, "logprobs", json!([]))
        }
        _ => 0,
    }
}

fn service_tier(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = context.provider.and_then(|provider| {
        let usage = provider.pointer("/body/usage/service_tier");
        let streamed = provider.pointer("/stream/chunk/service_tier/0");
        provider.pointer("/body/service_tier").or(usage).or(streamed)
    });
    let known = ["auto", "default", "flex", "scale", "priority"];
    let Some(given) = given.filter(|given| known.contains(&given.as_str().unwrap_or_default())) else {
        return 0;
    };
    let chat = context.upstream() == Route::OpenAiChat;
    // What begins is told before a later chunk names the tier.
    let early =
        !is_streamed(context) || first_chunk(context).get("service_tier").is_some_and(Value::is_string);
    let mut changed = 0;
    for response in responses(context, oracle).into_iter().filter(|_| chat) {
        if early || response.get("status").is_none_or(|status| status != "in_progress") {
            changed += set(response, "service_tier", given.clone());
        } else {
            changed += response.shift_remove("service_tier").map_or(0, |_| 1);
        }
    }
    changed
}

fn is_streamed(context: &Context<'_>) -> bool {
    context.provider.is_some_and(|provider| provider.get("stream").is_some())
}

/// The chunk with which the provider's stream begins.
fn first_chunk(context: &Context<'_>) -> Value {
    let bytes = context.case.answer.as_ref().map(|answer| answer.body.as_ref()).unwrap_or_default();
    let frames = crate::sse::frames(bytes);
    frames.into_iter().next().map(|mut frame| frame["data"].take()).unwrap_or_default()
}

fn own_fields(context: &Context<'_>, oracle: &mut Value) -> usize {
    let responses = responses(context, oracle).into_iter();
    responses
        .filter_map(|response| response.shift_remove("provider_specific_fields"))
        .map(|own| leaves(&own))
        .sum()
}

fn created(context: &Context<'_>, oracle: &mut Value) -> usize {
    let answer = context.case.answer.as_ref().filter(|_| context.upstream() == Route::OpenAiChat);
    let text = answer.map(|answer| String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    let told = text.split("\"created\":").nth(1).unwrap_or_default().trim_start();
    let digits: String = told.chars().take_while(char::is_ascii_digit).collect();
    let Ok(told) = digits.parse::<u64>() else { return 0 };
    let responses = responses(context, oracle).into_iter();
    responses.map(|response| set(response, "created_at", json!(told))).sum()
}

fn guessed(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(provider) = context.provider.filter(|_| context.upstream() == Route::OpenAiChat) else {
        return 0;
    };
    let events = provider.pointer("/stream/events").and_then(Value::as_array);
    let counted = provider["body"].get("usage").is_some_and(Value::is_object)
        || events.into_iter().flatten().any(|event| event.get("usage").is_some());
    let responses = responses(context, oracle).into_iter().filter(|_| !counted);
    responses.filter_map(|response| response.shift_remove("usage")).map(|usage| leaves(&usage)).sum()
}
