//! Constants and small readers of the dialect's JSON.

use crate::json::Node;
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
