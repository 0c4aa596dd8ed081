//! Answers of an Anthropic provider for clients of `openai_chat`.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "role_announced",
        why: "A stream begins by saying who speaks, even if nothing is said.",
        evidence: Evidence::ProviderDocs,
        apply: role_announced,
    },
    Rule {
        code: "server_tools_do_not_stop",
        why: "The provider ran its own tools and ended its turn: nobody waits for the client, though LiteLLM ends such streams (and no whole answers) with `tool_calls`.",
        evidence: Evidence::RecordedBytes,
        apply: server_tools,
    },
    Rule {
        code: "thinking_block_index_as_given",
        why: "A streamed thinking block has the index of the provider's content block; LiteLLM counts again from 0.",
        evidence: Evidence::RecordedBytes,
        apply: thinking_index,
    },
    Rule {
        code: "server_tool_usage_as_given",
        why: "How often server tools were used is what the provider says; LiteLLM drops some counts and counts others itself.",
        evidence: Evidence::RecordedBytes,
        apply: server_tool_usage,
    },
    Rule {
        code: "unknown_stop_reason_told",
        why: "A stop reason that `finish_reason` has no word for is told beside it, also a new one; LiteLLM makes `stop` of it.",
        evidence: Evidence::RecordedBytes,
        apply: unknown_stop_reason,
    },
    Rule {
        code: "derivations_not_added",
        why: "LiteLLM derives objects of its responses API from server tool blocks; the blocks themselves are handed on.",
        evidence: Evidence::ProviderTypes,
        apply: derivations,
    },
];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == Route::OpenAiChat
        && context.upstream() == Route::AnthropicMessages
}

fn role_announced(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| applies(context)) else {
        return 0;
    };
    if events.iter().any(|event| event.get("role").is_some() || event.get("error").is_some()) {
        return 0;
    }
    events.insert(0, json!({"choice": 0, "role": "assistant"}));
    1
}

/// In `provider_specific_fields`, of the message or of all of a stream's deltas together.
const DERIVED: [&str; 2] = ["web_search_calls", "code_interpreter_results"];

fn derivations(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !applies(context) {
        return 0;
    }
    let mut changed = 0;
    for place in
        ["/body/choices/0/message/provider_specific_fields", "/stream/beside/0~1provider_specific_fields"]
    {
        let Some(fields) = oracle.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        for key in DERIVED {
            changed += fields.shift_remove(key).map_or(0, |value| leaves(&value));
        }
    }
    changed
}

fn server_tools(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = context
        .provider
        .filter(|_| applies(context))
        .and_then(|provider| provider["stream"]["events"].as_array());
    let reason = given.into_iter().flatten().find_map(|event| event["delta"]["stop_reason"].as_str());
    if !matches!(reason, Some("end_turn" | "stop_sequence")) {
        return 0;
    }
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") else { return 0 };
    let mut changed = 0;
    for event in events.iter_mut().filter(|event| event["finish_reason"] == "tool_calls") {
        event["finish_reason"] = json!("stop");
        changed += 1;
    }
    changed
}

fn server_tool_usage(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(provider) = context.provider.filter(|_| applies(context)) else { return 0 };
    let whole = provider["body"]["usage"].get("server_tool_use");
    let events = provider["stream"]["events"].as_array().into_iter().flatten().rev();
    let mut streamed =
        events.filter_map(|event| event.get("usage").or_else(|| event["message"].get("usage")));
    let given = whole.or_else(|| streamed.find_map(|usage| usage.get("server_tool_use"))).cloned();
    let mut changed = 0;
    let mut right = |usage: &mut Value| {
        let Some(usage) = usage.as_object_mut() else { return };
        if usage.get("server_tool_use") == given.as_ref().filter(|given| !given.is_null()) {
            return;
        }
        changed += 1;
        match &given {
            Some(given) if !given.is_null() => {
                drop(usage.insert("server_tool_use".to_owned(), given.clone()))
            }
            _ => drop(usage.shift_remove("server_tool_use")),
        }
    };
    if let Some(usage) = oracle.pointer_mut("/body/usage") {
        right(usage);
    }
    if let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") {
        events.iter_mut().filter_map(|event| event.get_mut("usage")).for_each(right);
    }
    changed
}

/// The reasons that both sides know.
const STOP_REASONS: [&str; 8] = [
    "end_turn",
    "stop_sequence",
    "max_tokens",
    "tool_use",
    "refusal",
    "pause_turn",
    "model_context_window_exceeded",
    "compaction",
];

fn unknown_stop_reason(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(provider) = context.provider.filter(|_| applies(context)) else { return 0 };
    let whole = provider["body"]["stop_reason"].as_str();
    let events = provider["stream"]["events"].as_array().into_iter().flatten();
    let mut streamed = events.filter_map(|event| event["delta"]["stop_reason"].as_str());
    let reason = whole.or_else(|| streamed.next()).filter(|reason| !STOP_REASONS.contains(reason));
    let Some(reason) = reason else { return 0 };
    for place in ["/body/choices/0/message", "/stream/beside/0"] {
        let Some(place) = oracle.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        let fields = place.entry("provider_specific_fields").or_insert_with(|| json!({}));
        if fields.get("stop_reason").is_none() {
            fields["stop_reason"] = json!(reason);
            return 1;
        }
    }
    0
}

fn thinking_index(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = context
        .provider
        .filter(|_| applies(context))
        .and_then(|provider| provider["stream"]["events"].as_array());
    let thinks = |event: &&Value| {
        matches!(event["content_block"]["type"].as_str(), Some("thinking" | "redacted_thinking"))
    };
    let indices: Vec<&Value> =
        given.into_iter().flatten().filter(thinks).map(|event| &event["index"]).collect();
    let mut changed = 0;
    for place in
        ["/stream/beside/0~1thinking_blocks", "/stream/beside/0~1provider_specific_fields/thinking_blocks"]
    {
        let Some(blocks) = oracle.pointer_mut(place).and_then(Value::as_array_mut) else { continue };
        if blocks.len() != indices.len() {
            continue;
        }
        for (block, index) in blocks.iter_mut().zip(&indices) {
            if let Some(known) = block.get_mut("index").filter(|known| known != index) {
                *known = (*index).clone();
                changed += 1;
            }
        }
    }
    changed
}
