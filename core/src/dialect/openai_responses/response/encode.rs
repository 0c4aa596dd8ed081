//! IR → `openai_responses` answer.

use crate::dialect::AnswerContext;
use crate::ir::chat::Response;
use crate::loss::Report;

/// Writes an answer.
pub(crate) fn encode(
    _response: &Response<'_>,
    _context: &AnswerContext,
    _out: &mut Vec<u8>,
    _report: &mut Report,
) {
}
