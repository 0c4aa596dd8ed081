//! Constants and small readers of the dialect's JSON.

use crate::ir::chat::Finish;
use crate::json::{Node, Writer};
use crate::target::Target;
use crate::usage::Usage;

/// Before the names of models that their deployment asks for by this dialect, as LiteLLM's configs spell it.
const BY_RESPONSES: &str = "responses/";

/// The provider's name of the model.
pub(crate) fn sent_model(target: &Target) -> &str {
    target.model.strip_prefix(BY_RESPONSES).unwrap_or(&target.model)
}

/// `usage` → [`Usage`]. `input_tokens` includes cached tokens, `output_tokens` includes reasoning.
pub(crate) fn usage(node: Node<'_>) -> Usage {
    let count = |node: Option<Node<'_>>, name: &str| node.and_then(|node| node.some(name)?.u64());
    let (input, output) = (node.some("input_tokens_details"), node.some("output_tokens_details"));
    Usage {
        input: count(Some(node), "input_tokens").unwrap_or(0),
        output: count(Some(node), "output_tokens").unwrap_or(0),
        total: count(Some(node), "total_tokens"),
        cache_read: count(input, "cached_tokens"),
        cache_write: count(input, "cache_write_tokens"),
        reasoning: count(output, "reasoning_tokens"),
        ..Usage::default()
    }
}

/// Writes a `usage` object. Its type knows no unknown counts.
pub(crate) fn write_usage(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object().key("input_tokens").number(usage.input);
    w.key("input_tokens_details").begin_object();
    w.key("cached_tokens").number(usage.cache_read.unwrap_or(0));
    w.key("cache_write_tokens").number(usage.cache_write.unwrap_or(0)).end_object();
    w.key("output_tokens").number(usage.output);
    w.key("output_tokens_details").begin_object();
    w.key("reasoning_tokens").number(usage.reasoning.unwrap_or(0)).end_object();
    w.key("total_tokens").number(usage.total()).end_object();
}

/// Why an answer is incomplete, if its end says so.
pub(crate) fn incomplete_reason(finish: &Finish<'_>) -> Option<&'static str> {
    match finish {
        Finish::Length | Finish::ContextWindow => Some("max_output_tokens"),
        Finish::ContentFilter | Finish::Refusal => Some("content_filter"),
        Finish::Other(reason) => match &*reason.name() {
            b"compaction" => Some("max_output_tokens"),
            b"sensitive" | b"guardrail_intervened" => Some("content_filter"),
            _ => None,
        },
        Finish::Stop | Finish::StopSequence | Finish::ToolUse | Finish::Pause | Finish::Unknown => None,
    }
}

/// Whether a parameter is the API's own: other hosts have nothing for it.
pub(crate) fn is_own_parameter(name: &str) -> bool {
    matches!(name, "max_tool_calls" | "moderation" | "partial_images" | "prompt_cache_options")
}
