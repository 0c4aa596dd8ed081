//! The edit list of streams whose client and provider share the dialect.

use super::super::{edit, error, wire};
use crate::attempt::{Relaying, StreamState};
use crate::dialect::AnswerContext;
use crate::edit::Patch;
use crate::error::{FailureKind, UpstreamError};
use crate::frame::sse::{Frame, write_patched};
use crate::json::Node;
use crate::usage::Usage;

/// Passes events on; `model` of the first one becomes the requested name.
pub(crate) struct Relay {
    context: AnswerContext,
    usage: Usage,
    /// A `message_delta` said why the answer ended.
    stopped: bool,
    over: bool,
}

impl Relay {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self { context, usage: Usage::default(), stopped: false, over: false }
    }

    fn start(&mut self, root: Node<'_>, frame: Frame<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        let message = root.some("message");
        self.note_usage(message.and_then(|message| message.some("usage")), state);
        let mut patch = Patch::default();
        if let Some(message) = message.filter(|message| message.is_object()) {
            edit::answer(message, &self.context, &mut patch);
        }
        write_patched(frame, &mut patch, out);
    }

    fn note_usage(&mut self, node: Option<Node<'_>>, state: &mut StreamState) {
        if let Some(node) = node {
            wire::update_usage(&mut self.usage, node);
            state.usage = Some(self.usage);
        }
    }
}

impl Relaying for Relay {
    fn frame(&mut self, frame: Frame<'_>, root: Node<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        let kind = root.get_text("type");
        match kind.as_ref().map(|kind| kind.name()).as_deref() {
            Some(b"message_start") => return self.start(root, frame, state, out),
            Some(b"content_block_delta") => state.committed = true,
            Some(b"message_delta") => {
                self.stopped |= root.some("delta").is_some_and(|delta| delta.some("stop_reason").is_some());
                state.committed |= self.stopped;
                self.note_usage(root.some("usage"), state);
            }
            Some(b"message_stop") => {
                self.over = true;
                state.complete();
            }
            Some(b"error") => {
                self.over = true;
                if state.committed {
                    out.extend_from_slice(frame.raw);
                }
                return state.fail(error::in_band(root));
            }
            _ => {}
        }
        out.extend_from_slice(frame.raw);
    }

    fn fail(&mut self, failure: UpstreamError, state: &mut StreamState, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if state.committed {
            error::encode_event(&failure, out);
        }
        state.fail(failure);
    }

    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if self.stopped {
            // Everything was said but the last word.
            self.over = true;
            out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
            return state.complete();
        }
        let message = "the provider's stream ended before message_stop";
        self.fail(UpstreamError::new(FailureKind::Truncated, 500, message), state, out);
    }
}
