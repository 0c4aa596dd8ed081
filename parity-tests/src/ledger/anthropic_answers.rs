//! Answers of an Anthropic provider for clients of `openai_chat`.

use serde_json::{Map, Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::leaves;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "provider_field_nulls_not_added",
        why: "`provider_specific_fields` holds what the provider sent; LiteLLM adds `null` for what it did not.",
        evidence: Evidence::ProviderTypes,
        apply: nulls,
    },
    Rule {
        code: "server_tools_are_not_calls",
        why: "A server tool was run by the provider; told as a tool call, a client would run it again and Anthropic rejects the result.",
        evidence: Evidence::ProviderDocs,
        apply: server_calls,
    },
    Rule {
        code: "server_blocks_verbatim",
        why: "Blocks that have no place in a chat message are handed on whole and in order as `content_blocks`; LiteLLM loses some and derives objects of other APIs from the rest.",
        evidence: Evidence::RecordedBytes,
        apply: server_blocks,
    },
    Rule {
        code: "tool_call_index",
        why: "Tool calls are numbered from 0, as in streams; LiteLLM numbers them by content block.",
        evidence: Evidence::ProviderDocs,
        apply: call_index,
    },
    Rule {
        code: "role_announced",
        why: "A stream begins by saying who speaks, even if nothing is said.",
        evidence: Evidence::ProviderDocs,
        apply: role_announced,
    },
];

/// LiteLLM's derivations of server tool blocks, for its own responses API.
const DERIVED: [&str; 2] = ["web_search_calls", "code_interpreter_results"];
/// Where LiteLLM files some of the blocks.
const FILED: [&str; 3] = ["web_search_results", "tool_results", "compaction_blocks"];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == Route::OpenAiChat
        && context.upstream() == Route::AnthropicMessages
}

/// The provider's content blocks, of a whole answer or a stream.
fn blocks<'v>(context: &Context<'v>) -> Vec<&'v Value> {
    let Some(provider) = context.provider.filter(|_| applies(context)) else { return Vec::new() };
    let whole = provider["body"]["content"].as_array().into_iter().flatten();
    let events = provider["stream"]["events"].as_array().into_iter().flatten();
    whole.chain(events.filter_map(|event| event.get("content_block"))).collect()
}

fn is_native(block: &Value) -> bool {
    !matches!(block["type"].as_str(), Some("text" | "thinking" | "redacted_thinking" | "tool_use"))
}

fn message(oracle: &mut Value) -> Option<&mut Map<String, Value>> {
    oracle.pointer_mut("/body/choices/0/message")?.as_object_mut()
}

/// `provider_specific_fields` of the message, or of all of a stream's deltas together.
fn fields(oracle: &mut Value) -> Option<&mut Map<String, Value>> {
    let place = if oracle.get("stream").is_some() {
        oracle.pointer_mut("/stream/beside/0~1provider_specific_fields")
    } else {
        oracle.pointer_mut("/body/choices/0/message/provider_specific_fields")
    };
    place?.as_object_mut()
}

fn nulls(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(fields) = fields(oracle).filter(|_| applies(context)) else { return 0 };
    let before = fields.len();
    fields.retain(|_, value| !value.is_null());
    before - fields.len()
}

fn server_calls(context: &Context<'_>, oracle: &mut Value) -> usize {
    let blocks = blocks(context);
    let ran: Vec<&Value> = blocks
        .iter()
        .filter(|block| is_native(block) && block.get("input").is_some())
        .filter_map(|block| block.get("id"))
        .collect();
    let Some(message) = message(oracle).filter(|_| !ran.is_empty()) else { return 0 };
    let Some(Value::Array(calls)) = message.get_mut("tool_calls") else { return 0 };
    let before = calls.len();
    calls.retain(|call| !ran.contains(&&call["id"]));
    let changed = before - calls.len();
    if calls.is_empty() {
        message.shift_remove("tool_calls");
    }
    changed
}

fn server_blocks(context: &Context<'_>, oracle: &mut Value) -> usize {
    let native: Vec<Value> = blocks(context).into_iter().filter(|block| is_native(block)).cloned().collect();
    let Some(fields) = fields(oracle).filter(|_| !native.is_empty()) else { return 0 };
    let mut changed = 0;
    for key in DERIVED.into_iter().chain(FILED) {
        changed += fields.shift_remove(key).map_or(0, |value| leaves(&value));
    }
    let native = Value::Array(native);
    changed += leaves(&native);
    fields.insert("content_blocks".to_owned(), native);
    changed
}

fn call_index(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(message) = message(oracle).filter(|_| applies(context)) else { return 0 };
    let Some(Value::Array(calls)) = message.get_mut("tool_calls") else { return 0 };
    let mut changed = 0;
    for (number, call) in calls.iter_mut().enumerate() {
        if call.get("index").is_some_and(|index| *index != json!(number)) {
            call["index"] = json!(number);
            changed += 1;
        }
    }
    changed
}

fn role_announced(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| applies(context)) else { return 0 };
    if events.iter().any(|event| event.get("role").is_some() || event.get("error").is_some()) {
        return 0;
    }
    events.insert(0, json!({"choice": 0, "role": "assistant"}));
    1
}
