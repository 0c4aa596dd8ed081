//! The edit list of streams whose client and provider share the dialect.

use super::super::error;
use super::super::response::{edit_finish, edit_reasoning, edit_usage};
use super::super::wire::usage;
use crate::attempt::{Relaying, StreamState};
use crate::dialect::AnswerContext;
use crate::edit::{Decision, Patch};
use crate::error::{FailureKind, UpstreamError};
use crate::frame::sse::{Frame, write_patched};
use crate::json::{Limits, Node, Tokens, Writer};

/// Passes chunks on: `model` becomes the requested name, usage that only we asked for is left out.
pub(crate) struct Relay {
    context: AnswerContext,
    hide_usage: bool,
    tokens: Tokens,
    choices: Vec<Seen>,
    done: bool,
}

/// What was seen of one choice.
struct Seen {
    index: u32,
    finished: bool,
    calls: bool,
    /// How many tool calls have begun.
    begun: usize,
}

impl Relay {
    pub(crate) fn new(context: AnswerContext, hide_usage: bool) -> Self {
        Self { context, hide_usage, tokens: Tokens::default(), choices: Vec::new(), done: false }
    }

    fn chunk(
        &mut self,
        root: Node<'_>,
        frame: Frame<'_>,
        data: &[u8],
        state: &mut StreamState,
        out: &mut Vec<u8>,
    ) {
        if let Err(failure) = error::in_band(root) {
            return self.fail(failure, state, out);
        }
        self.observe(root, state);
        let usage_node = root.some("usage").filter(|node| node.is_object());
        if let Some(node) = usage_node {
            state.usage = Some(usage(node));
        }
        let choices = root.some("choices").filter(|choices| !choices.is_empty());
        if self.hide_usage && usage_node.is_some() && choices.is_none() {
            return;
        }
        let mut patch = Patch::default();
        let mut insert = Vec::new();
        if root.get("model").is_none() {
            insert.push(("model", json_string(&self.context.requested_model)));
        }
        patch.object(root, &insert, |patch, key, value| match &*key.name() {
            b"model" => Decision::string(&self.context.requested_model),
            b"usage" if self.hide_usage => Decision::Remove,
            b"usage" => {
                edit_usage(value, patch);
                Decision::Keep
            }
            b"choices" => {
                patch.array(value, |patch, _, choice| {
                    self.choice(choice, patch);
                    Decision::Keep
                });
                Decision::Keep
            }
            _ => Decision::Keep,
        });
        write_patched(frame, data, patch, out);
    }

    fn choice(&self, choice: Node<'_>, patch: &mut Patch) {
        let index = choice.some("index").and_then(Node::u64).unwrap_or(0) as u32;
        let calls = self.choices.iter().any(|known| known.index == index && known.calls);
        patch.object(choice, &[], |patch, key, value| match &*key.name() {
            b"finish_reason" if !value.is_text("") => edit_finish(value, calls),
            b"delta" => {
                edit_reasoning(value, patch);
                self.number_calls(index, value, patch);
                Decision::Keep
            }
            _ => Decision::Keep,
        });
    }

    /// Numbers the pieces of tool calls that a host sends without numbers: clients put calls together by them.
    fn number_calls(&self, choice: u32, delta: Node<'_>, patch: &mut Patch) {
        let Some(list) = delta.some("tool_calls") else { return };
        let known = self.choices.iter().find(|seen| seen.index == choice).map_or(0, |seen| seen.begun);
        let mut number = known.saturating_sub(list.items().filter(begins).count());
        for call in list.items().filter(|call| call.is_object()) {
            let begun = begins(&call);
            if call.some("index").is_none() {
                let index = if begun { number } else { number.saturating_sub(1) };
                patch.object(call, &[("index", index.to_string().into_bytes())], |_, key, _| {
                    if key.is("index") { Decision::Remove } else { Decision::Keep }
                });
            }
            number += usize::from(begun);
        }
    }

    fn observe(&mut self, root: Node<'_>, state: &mut StreamState) {
        let Some(list) = root.some("choices") else { return };
        for choice in list.items() {
            let index = choice.some("index").and_then(Node::u64).unwrap_or(0) as u32;
            let finished = choice.some("finish_reason").is_some_and(|reason| !reason.is_text(""));
            let list = choice.some("delta").and_then(|delta| delta.some("tool_calls"));
            let calls = list.is_some();
            let begun = list.map_or(0, |list| list.items().filter(begins).count());
            match self.choices.iter_mut().find(|known| known.index == index) {
                Some(known) => {
                    known.finished |= finished;
                    known.calls |= calls;
                    known.begun += begun;
                }
                None => self.choices.push(Seen { index, finished, calls, begun }),
            }
            state.committed |= finished || choice.some("delta").is_some_and(has_content);
        }
    }

    fn fail(&mut self, failure: UpstreamError, state: &mut StreamState, out: &mut Vec<u8>) {
        if state.committed {
            error::encode_event(&error::fault(&failure, self.context.upstream), out);
        }
        state.fail(failure);
    }

    fn finish(&mut self, state: &mut StreamState, out: &mut Vec<u8>) -> bool {
        if !self.choices.is_empty() && self.choices.iter().all(|seen| seen.finished) {
            state.complete();
            return true;
        }
        let message = "the provider's stream ended before a finish_reason";
        self.fail(UpstreamError::new(FailureKind::Truncated, 500, message), state, out);
        false
    }
}

fn json_string(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + 2);
    Writer::new(&mut json).str(text);
    json
}

/// Whether this piece is the first of its call.
fn begins(call: &Node<'_>) -> bool {
    call.get_text("id").is_some_and(|id| !id.is_empty())
}

/// Whether a delta has something in it that a client can see, so that no other attempt may start over.
fn has_content(delta: Node<'_>) -> bool {
    delta.entries().any(|(key, value)| {
        let empty = value.is_null() || value.is_text("") || (value.is_array() && value.is_empty());
        !empty && !key.is("role")
    })
}

impl Relaying for Relay {
    fn frame(&mut self, frame: Frame<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        let Some(data) = frame.data.filter(|data| !data.is_empty()) else {
            // The official SDKs skip comments, and take a block with other fields but no data for an event.
            if frame.is_comment() {
                out.extend_from_slice(frame.raw);
            }
            return;
        };
        if data == b"[DONE]" {
            self.done = true;
            if self.finish(state, out) {
                out.extend_from_slice(frame.raw);
            }
            return;
        }
        let mut tokens = std::mem::take(&mut self.tokens);
        match tokens.parse(data, &Limits::lenient()) {
            Ok(root) => self.chunk(root, frame, data, state, out),
            Err(error) => {
                let message = format!("the provider sent a chunk that is not JSON: {error}");
                self.fail(UpstreamError::new(FailureKind::Malformed, 500, message), state, out);
            }
        }
        self.tokens = tokens;
    }

    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>) {
        // A missing `[DONE]` is fine, but clients wait for it.
        if !self.done && self.finish(state, out) {
            out.extend_from_slice(b"data: [DONE]\n\n");
        }
    }
}
