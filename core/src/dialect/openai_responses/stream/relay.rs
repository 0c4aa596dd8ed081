//! The edit list of streams whose client and provider share the dialect.

use super::super::{edit, error, wire};
use crate::attempt::{Relaying, StreamState};
use crate::dialect::AnswerContext;
use crate::edit::Patch;
use crate::error::{FailureKind, UpstreamError};
use crate::frame::sse::{Frame, write_patched};
use crate::json::{Node, Writer};

/// Passes events on; in those that hold the response, `model` becomes the requested name and ids lead back to the
/// deployment.
pub(crate) struct Relay {
    context: AnswerContext,
    /// The response as the client was told of it last.
    so_far: Vec<u8>,
    /// The number of the next event.
    next: u64,
    over: bool,
}

/// What an event means for the stream.
enum Kind {
    /// Nothing that a client can see yet.
    Opening,
    /// Content.
    Content,
    /// It holds the response, with nothing in it yet.
    Beginning,
    /// The response is complete, or as complete as it gets.
    Complete,
    /// The response failed.
    Failed,
    /// The stream failed.
    Error,
}

impl Kind {
    fn of(root: Node<'_>) -> Self {
        let Some(kind) = root.get_text("type") else { return Self::Content };
        match &*kind.name() {
            b"response.created" | b"response.in_progress" | b"response.queued" => Self::Beginning,
            b"response.output_item.added"
            | b"response.content_part.added"
            | b"response.reasoning_summary_part.added" => Self::Opening,
            b"response.completed" | b"response.incomplete" => Self::Complete,
            b"response.failed" => Self::Failed,
            b"error" => Self::Error,
            _ => Self::Content,
        }
    }
}

impl Relay {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self { context, so_far: Vec::new(), next: 0, over: false }
    }

    /// Passes on an event that holds the response.
    fn response(&mut self, frame: Frame<'_>, root: Node<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        let Some(response) = root.some("response").filter(|response| response.is_object()) else {
            return out.extend_from_slice(frame.raw);
        };
        if let Some(usage) = response.some("usage") {
            state.usage = Some(wire::usage(usage));
        }
        let mut patch = Patch::default();
        edit::answer(response, &self.context, &mut patch);
        if !state.committed {
            self.so_far.clear();
            let mut own = Patch::default();
            edit::answer(response, &self.context, &mut own);
            own.write_node(response, &mut Writer::new(&mut self.so_far));
        }
        write_patched(frame, &mut patch, out);
    }
}

impl Relaying for Relay {
    fn frame(&mut self, frame: Frame<'_>, root: Node<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        let [number] = root.fields(["sequence_number"]);
        self.next = number.and_then(Node::u64).unwrap_or(self.next) + 1;
        match Kind::of(root) {
            Kind::Opening => out.extend_from_slice(frame.raw),
            Kind::Content => {
                state.committed = true;
                out.extend_from_slice(frame.raw);
            }
            Kind::Beginning => self.response(frame, root, state, out),
            Kind::Complete => {
                self.over = true;
                self.response(frame, root, state, out);
                state.complete();
            }
            Kind::Failed => {
                self.over = true;
                if state.committed {
                    self.response(frame, root, state, out);
                }
                state.fail(error::of_response(root.some("response")));
            }
            Kind::Error => {
                self.over = true;
                if state.committed {
                    out.extend_from_slice(frame.raw);
                }
                state.fail(error::of_event(root));
            }
        }
    }

    fn fail(&mut self, failure: UpstreamError, state: &mut StreamState, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if state.committed {
            error::encode_failed(&failure, &self.so_far, self.next, out);
        }
        state.fail(failure);
    }

    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>) {
        let message = "the provider's stream ended before response.completed";
        self.fail(UpstreamError::new(FailureKind::Truncated, 500, message), state, out);
    }
}
