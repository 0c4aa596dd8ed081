//! Events → a client's stream.

use crate::dialect::{AnswerContext, StreamEncoder};
use crate::ir::chat::Event;
use crate::loss::Report;

/// Writes a stream.
pub(crate) struct Encoder {
    _context: AnswerContext,
    report: Report,
}

impl Encoder {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self { _context: context, report: Report::default() }
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, _event: Event<'_>, _out: &mut Vec<u8>) {}
    fn report(&mut self) -> &mut Report {
        &mut self.report
    }
}
