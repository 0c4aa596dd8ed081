//! The edit list of streams whose client and provider share the dialect.

use super::super::response::{edit_finish, edit_usage};
use super::super::{error, wire};
use crate::attempt::{Relaying, StreamState};
use crate::dialect::AnswerContext;
use crate::edit::{Decision, Patch};
use crate::error::{FailureKind, UpstreamError};
use crate::frame::sse::{Frame, write_patched};
use crate::json::{Node, Text, Writer};

/// Passes chunks on: `model` becomes the requested name, usage that only we asked for is left out.
pub(crate) struct Relay {
    context: AnswerContext,
    /// The requested name as JSON.
    model: Vec<u8>,
    hide_usage: bool,
    choices: Vec<Seen>,
    /// The edits of the chunk that was passed on last.
    patch: Patch,
    done: bool,
}

/// What was seen of one choice.
#[derive(Debug, Default)]
struct Seen {
    index: u32,
    finished: bool,
    calls: bool,
    /// How many tool calls have begun.
    begun: usize,
}

impl Relay {
    pub(crate) fn new(context: AnswerContext, hide_usage: bool) -> Self {
        let mut model = Vec::new();
        Writer::new(&mut model).str(&context.requested_model);
        Self { context, model, hide_usage, choices: Vec::new(), patch: Patch::default(), done: false }
    }

    /// The edits of a chunk.
    fn edit(&mut self, root: Node<'_>, patch: &mut Patch, state: &mut StreamState) {
        let mut named = false;
        let kept = patch.object(root, &[], |patch, key, value| match &*key.name() {
            b"model" => {
                named = true;
                patch.replace(value, &self.model);
                Decision::Keep
            }
            b"usage" if self.hide_usage => Decision::Remove,
            b"usage" => {
                edit_usage(value, patch);
                Decision::Keep
            }
            b"choices" => {
                value.items().for_each(|choice| self.choice(choice, patch, state));
                Decision::Keep
            }
            _ => Decision::Keep,
        });
        if !named {
            patch.append(root, kept, "model", &self.model);
        }
    }

    fn choice(&mut self, choice: Node<'_>, patch: &mut Patch, state: &mut StreamState) {
        let [index, delta, reason] = choice.fields(["index", "delta", "finish_reason"]);
        let reason = reason.filter(|reason| !reason.is_text(""));
        let seen = Seen::of(index.and_then(Node::u64).unwrap_or(0) as u32, &mut self.choices);
        if let Some(delta) = delta {
            seen.delta(delta, patch);
        }
        if let Some(reason) = reason {
            seen.finished = true;
            if let Decision::Replace(word) = edit_finish(reason, seen.calls) {
                patch.replace(reason, word);
            }
        }
        state.committed = state.committed || reason.is_some() || delta.is_some_and(has_content);
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

impl Seen {
    /// The choice of that number.
    fn of(index: u32, choices: &mut Vec<Self>) -> &mut Self {
        let at = choices.iter().position(|known| known.index == index).unwrap_or(choices.len());
        if at == choices.len() {
            choices.push(Self { index, ..Self::default() });
        }
        &mut choices[at]
    }

    fn delta(&mut self, delta: Node<'_>, patch: &mut Patch) {
        let [calls, reasoning, told] = delta.fields(["tool_calls", "reasoning", "reasoning_content"]);
        if let (Some(reasoning), None) = (reasoning.filter(|reasoning| reasoning.is_string()), told) {
            // Hosts that call it `reasoning`: clients look for it in `reasoning_content`.
            add(delta, "reasoning_content", reasoning.raw(), patch);
        }
        if let Some(calls) = calls {
            self.calls = true;
            calls.items().for_each(|call| self.call(call, patch));
        }
    }

    /// Numbers a piece of a tool call that a host sends without a number: clients put calls together by it.
    fn call(&mut self, call: Node<'_>, patch: &mut Patch) {
        let [number, id] = call.fields(["index", "id"]);
        if id.and_then(Node::text).is_some_and(|id| !id.is_empty()) {
            self.begun += 1;
        }
        if number.is_none() && call.is_object() {
            let number = self.begun.saturating_sub(1);
            add(call, "index", number.to_string().as_bytes(), patch);
        }
    }
}

/// Adds a member to `object`, in which it is absent or `null`.
fn add(object: Node<'_>, name: &str, json: &[u8], patch: &mut Patch) {
    let kept = patch.object(
        object,
        &[],
        |_, key: &Text<'_>, _| {
            if key.is(name) { Decision::Remove } else { Decision::Keep }
        },
    );
    patch.append(object, kept, name, json);
}

/// Whether a delta has something in it that a client can see, so that no other attempt may start over.
fn has_content(delta: Node<'_>) -> bool {
    delta.entries().any(|(key, value)| {
        let empty = value.is_null() || value.is_text("") || (value.is_array() && value.is_empty());
        !empty && !key.is("role")
    })
}

impl Relaying for Relay {
    fn frame(&mut self, frame: Frame<'_>, root: Node<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        let [told, choices, usage] = root.fields(["error", "choices", "usage"]);
        if let Err(failure) = error::in_band(root, told) {
            return self.fail(failure, state, out);
        }
        let usage = usage.filter(|node| node.is_object());
        if let Some(node) = usage {
            state.usage = Some(wire::usage(node));
        }
        if self.hide_usage && usage.is_some() && choices.is_none_or(Node::is_empty) {
            return;
        }
        // Out of `self`, which it changes with.
        let mut patch = std::mem::take(&mut self.patch);
        patch.clear();
        self.edit(root, &mut patch, state);
        write_patched(frame, &mut patch, out);
        self.patch = patch;
    }

    fn done(&mut self, frame: Frame<'_>, state: &mut StreamState, out: &mut Vec<u8>) {
        self.done = true;
        if self.finish(state, out) {
            out.extend_from_slice(frame.raw);
        }
    }

    fn fail(&mut self, failure: UpstreamError, state: &mut StreamState, out: &mut Vec<u8>) {
        if state.committed {
            error::encode_event(&error::fault(&failure, self.context.upstream), out);
        }
        state.fail(failure);
    }

    fn end(&mut self, state: &mut StreamState, out: &mut Vec<u8>) {
        // A missing `[DONE]` is fine, but clients wait for it.
        if !self.done && self.finish(state, out) {
            out.extend_from_slice(b"data: [DONE]\n\n");
        }
    }
}
