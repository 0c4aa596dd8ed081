//! The edit lists of requests and answers whose client and provider share the dialect.

use crate::dialect::AnswerContext;
use crate::edit::Patch;
use crate::error::Refusal;
use crate::json::Node;
use crate::loss::Report;
use crate::target::Target;

/// Collects the edits that `root` needs for `target`.
pub(crate) fn edit(
    _root: Node<'_>,
    _target: &Target,
    _patch: &mut Patch,
    _report: &mut Report,
) -> Result<(), Refusal> {
    Err(Refusal::decline("responses_dialect", "openai_responses is not built yet"))
}

/// Collects the edits of an answer.
pub(crate) fn answer(_root: Node<'_>, _context: &AnswerContext, _patch: &mut Patch) {}
