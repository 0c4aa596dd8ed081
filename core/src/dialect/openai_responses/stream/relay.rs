//! The edit list of streams whose client and provider share the dialect.

use crate::attempt::{Relaying, StreamState};
use crate::dialect::AnswerContext;
use crate::error::UpstreamError;
use crate::frame::sse::Frame;
use crate::json::Node;

/// Passes events on.
pub(crate) struct Relay {
    _context: AnswerContext,
}

impl Relay {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self { _context: context }
    }
}

impl Relaying for Relay {
    fn frame(&mut self, frame: Frame<'_>, _root: Node<'_>, _state: &mut StreamState, out: &mut Vec<u8>) {
        out.extend_from_slice(frame.raw);
    }
    fn fail(&mut self, error: UpstreamError, state: &mut StreamState, _out: &mut Vec<u8>) {
        state.fail(error);
    }
    fn end(&mut self, state: &mut StreamState, _out: &mut Vec<u8>) {
        state.complete();
    }
}
