//! `openai_responses` request → IR.

use crate::error::Refusal;
use crate::ir::chat::Request;
use crate::json::Node;
use crate::loss::Report;

/// Reads a request.
pub(crate) fn decode<'a>(_root: Node<'a>, _report: &mut Report) -> Result<Request<'a>, Refusal> {
    Err(Refusal::decline("responses_dialect", "openai_responses is not built yet"))
}
