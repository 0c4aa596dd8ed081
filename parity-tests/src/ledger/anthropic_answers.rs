//! Answers of an Anthropic provider for clients of `openai_chat`.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[Rule {
    code: "role_announced",
    why: "A stream begins by saying who speaks, even if nothing is said.",
    evidence: Evidence::ProviderDocs,
    apply: role_announced,
}];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == Route::OpenAiChat
        && context.upstream() == Route::AnthropicMessages
}

fn role_announced(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| applies(context)) else { return 0 };
    if events.iter().any(|event| event.get("role").is_some() || event.get("error").is_some()) {
        return 0;
    }
    events.insert(0, json!({"choice": 0, "role": "assistant"}));
    1
}
