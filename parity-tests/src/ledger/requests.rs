//! Requests to the provider.

use serde_json::Value;

use super::{Context, Evidence, Layer, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    code: "stream_false_not_added",
    why: "An Anthropic request that does not ask for a stream is not streamed; LiteLLM says so again.",
    evidence: Evidence::ProviderDocs,
    apply: stream_false,
}];

fn stream_false(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Request || context.case.question.body.get("stream").is_some() {
        return 0;
    }
    match oracle["body"].as_object_mut() {
        Some(body) if body.get("stream") == Some(&Value::Bool(false)) => body.shift_remove("stream").map_or(0, |_| 1),
        _ => 0,
    }
}
