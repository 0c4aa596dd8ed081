//! IR → `openai_responses` request.

use crate::dialect::{Encoded, RequestContext};
use crate::error::Refusal;
use crate::ir::chat::Request;
use crate::json::Writer;
use crate::loss::Report;

/// Writes a request as its host takes it.
pub(crate) fn encode(
    _request: Request<'_>,
    _context: RequestContext<'_>,
    _w: &mut Writer<'_>,
    _report: &mut Report,
) -> Result<Encoded, Refusal> {
    Err(Refusal::decline("responses_dialect", "openai_responses is not built yet"))
}
