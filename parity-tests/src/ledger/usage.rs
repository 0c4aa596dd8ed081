//! Token counts and prices: what the provider did not say is unknown.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::{leaves, same};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cost_not_added",
        why: "A price is the provider's to tell or nobody's: LiteLLM computes one from its own table, which is the host's to do.",
        evidence: Evidence::ProviderTypes,
        apply: cost,
    },
    Rule {
        code: "reasoning_is_completion",
        why: "`completion_tokens` includes reasoning: where a host counts it beside, which its total shows, it is added; LiteLLM does so for xAI only.",
        evidence: Evidence::ProviderDocs,
        apply: reasoning_beside,
    },
    Rule {
        code: "usage_not_guessed",
        why: "Token counts that the provider did not send are unknown; LiteLLM counts them with a tokenizer of its own.",
        evidence: Evidence::ProviderTypes,
        apply: guessed,
    },
];

/// The usage objects of a client's answer.
fn usages(oracle: &mut Value) -> Vec<&mut Value> {
    let mut found = Vec::new();
    if let Value::Object(members) = oracle {
        for (key, value) in members {
            match key.as_str() {
                "body" => found.extend(value.get_mut("usage")),
                "stream" => {
                    let events = value.get_mut("events").and_then(Value::as_array_mut);
                    found.extend(events.into_iter().flatten().filter_map(
                        |event| match event.get("response") {
                            Some(_) => event.get_mut("response")?.get_mut("usage"),
                            None => event.get_mut("usage"),
                        },
                    ));
                }
                _ => {}
            }
        }
    }
    found
}

/// The provider's usage: its body's, or the last of its events.
fn given<'v>(context: &Context<'v>) -> Option<&'v Value> {
    let provider = context.provider?;
    let events = provider.pointer("/stream/events").and_then(Value::as_array);
    let mut events = events.into_iter().flatten().rev();
    let last = events.find_map(|event| event.get("usage").or_else(|| event.get("response")?.get("usage")));
    last.or_else(|| provider["body"].get("usage")).filter(|usage| usage.is_object())
}

fn cost(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer {
        return 0;
    }
    let told = given(context).and_then(|usage| usage.get("cost"));
    let mut changed = 0;
    for usage in usages(oracle).into_iter().filter_map(Value::as_object_mut) {
        match (usage.get_mut("cost"), told) {
            (Some(cost), Some(told)) if !same(cost, told) => *cost = told.clone(),
            (Some(_), None) => drop(usage.shift_remove("cost")),
            _ => continue,
        }
        changed += 1;
    }
    changed
}

fn guessed(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer {
        return 0;
    }
    match (context.case.question.route, context.upstream()) {
        (Route::OpenAiChat, Route::OpenAiChat) => not_the_providers(context, oracle),
        (Route::OpenAiChat, Route::AnthropicMessages) => reasoning(context, oracle),
        (Route::AnthropicMessages, Route::OpenAiChat) if given(context).is_none() => zero(oracle),
        _ => 0,
    }
}

/// Same dialect: whatever is not in the provider's usage.
fn not_the_providers(context: &Context<'_>, oracle: &mut Value) -> usize {
    let provider =
        context.provider.filter(|provider| provider["status"].as_u64().is_some_and(|status| status < 400));
    if provider.is_none() {
        return 0;
    }
    let Some(given) = given(context) else { return without_usage(oracle) };
    usages(oracle).into_iter().map(|usage| keep_only(usage, given)).sum()
}

fn without_usage(oracle: &mut Value) -> usize {
    let mut changed = 0;
    if let Some(Value::Object(body)) = oracle.get_mut("body") {
        changed += body.shift_remove("usage").map_or(0, |usage| leaves(&usage));
    }
    if let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") {
        let before = events.len();
        events.retain(|event| event.get("usage").is_none());
        changed += before - events.len();
    }
    changed
}

fn keep_only(place: &mut Value, given: &Value) -> usize {
    let (Value::Object(members), Value::Object(given)) = (place, given) else { return 0 };
    let mut changed = 0;
    members.retain(|key, value| {
        let kept = given.contains_key(key);
        changed += if kept { 0 } else { leaves(value) };
        kept
    });
    for (key, value) in members.iter_mut() {
        if given[key].is_null() && !value.is_null() {
            changed += leaves(value);
            *value = Value::Null;
        }
        changed += keep_only(value, &given[key]);
    }
    changed
}

fn reasoning_beside(context: &Context<'_>, oracle: &mut Value) -> usize {
    let chat = context.layer == Layer::Answer && context.upstream() == Route::OpenAiChat;
    let Some(given) = given(context).filter(|_| chat) else { return 0 };
    let count = |name: &str| given[name].as_u64();
    let reasoning =
        given["completion_tokens_details"]["reasoning_tokens"].as_u64().filter(|count| *count > 0);
    let (Some(input), Some(output), Some(total), Some(reasoning)) =
        (count("prompt_tokens"), count("completion_tokens"), count("total_tokens"), reasoning)
    else {
        return 0;
    };
    if total != input + output + reasoning {
        return 0;
    }
    let right = [
        ("completion_tokens", output + reasoning),
        ("output_tokens", output + reasoning),
        ("total_tokens", total),
    ];
    let mut changed = 0;
    for usage in usages(oracle) {
        for (name, right) in right {
            if let Some(count) = usage.get_mut(name).filter(|count| **count != json!(right)) {
                *count = json!(right);
                changed += 1;
            }
        }
    }
    changed
}

/// Messages must say a number: none are known.
fn zero(oracle: &mut Value) -> usize {
    let mut changed = 0;
    for usage in usages(oracle).into_iter().filter_map(Value::as_object_mut) {
        for key in ["input_tokens", "output_tokens"] {
            if usage.get(key).is_some_and(|count| *count != json!(0)) {
                usage.insert(key.to_owned(), json!(0));
                changed += 1;
            }
        }
    }
    changed
}

/// Reasoning tokens beside an Anthropic answer: without the provider's own count they are LiteLLM's.
fn reasoning(context: &Context<'_>, oracle: &mut Value) -> usize {
    let told = given(context).is_some_and(|usage| usage.get("output_tokens_details").is_some());
    let mut changed = 0;
    for usage in usages(oracle).into_iter().filter_map(Value::as_object_mut) {
        let Some(details) = usage.get("completion_tokens_details") else { continue };
        let counted = details["reasoning_tokens"].as_u64().is_some_and(|counted| counted > 0);
        if (counted && !told) || *details == json!({}) {
            changed += usage.shift_remove("completion_tokens_details").map_or(0, |details| leaves(&details));
        }
    }
    changed
}
