//! What a provider demands and a client left out.

use crate::capabilities::Capabilities;
use crate::ir::chat::{Block, Request, Tool};
use crate::json::Text;
use crate::loss::Report;

/// The limit for a model of which nothing is known.
const MAX_TOKENS: u64 = 128_000;
/// What is left for the answer beside a thinking budget.
const BESIDE_THINKING: u64 = 4096;

/// The token limit for a request without one: enough for the thinking budget and an answer, or all that the model can.
pub(crate) fn max_tokens(capabilities: &Capabilities, budget: Option<u64>, report: &mut Report) -> u64 {
    report.rewrite("max_tokens", "default_max_tokens");
    match budget {
        Some(budget) => budget.saturating_add(BESIDE_THINKING),
        None => capabilities.max_output_tokens.unwrap_or(MAX_TOKENS),
    }
}

/// Gives a conversation with tool calls but without tools one that does nothing: the provider refuses calls of a
/// conversation that has no tools.
pub(crate) fn dummy_tool(request: &mut Request<'_>, calls: bool, report: &mut Report) {
    if !calls || !request.tools.is_empty() {
        return;
    }
    request.tools.push(Tool::Function {
        name: Text::new("dummy_tool"),
        description: Some(Text::new("This is a dummy tool call")),
        parameters: None,
        strict: None,
        cache: None,
        extra: Vec::new(),
    });
    report.rewrite("tools", "dummy_tool");
}

/// Whether these blocks hold a tool call.
pub(crate) fn calls_tools(blocks: &[Block<'_>]) -> bool {
    blocks.iter().any(|block| matches!(block, Block::ToolUse(_)))
}
