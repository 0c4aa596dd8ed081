//! `openai_responses` answer → IR.

use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::Response;
use crate::json::Node;

/// Reads an answer.
pub(crate) fn decode(_root: Node<'_>) -> Result<Response<'_>, UpstreamError> {
    Err(UpstreamError::new(FailureKind::Malformed, 500, "openai_responses is not built yet"))
}
