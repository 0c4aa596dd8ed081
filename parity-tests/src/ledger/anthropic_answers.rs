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
