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
    let count = |node: Option<Node<'_>>| node.and_then(Node::u64);
    let [input, output, total, of_input, of_output] = node.fields([
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "input_tokens_details",
        "output_tokens_details",
    ]);
    let [read, written] =
        of_input.map_or([None; 2], |details| details.fields(["cached_tokens", "cache_write_tokens"]));
    Usage {
        input: count(input).unwrap_or(0),
        output: count(output).unwrap_or(0),
        total: count(total),
        cache_read: count(read),
        cache_write: count(written),
        reasoning: count(of_output.and_then(|details| details.some("reasoning_tokens"))),
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
