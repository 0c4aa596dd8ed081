//! The output items of a stream as blocks: which are open, and what they have told.

use super::super::response::call;
use crate::ir::chat::{BlockStart, Delta, Event, Input};
use crate::json::{Node, Text};
use crate::policy::reasoning_items;

pub(super) type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// The items so far.
#[derive(Debug, Default)]
pub(super) struct Items {
    parts: Vec<Part>,
    next: u32,
    calls: bool,
    searched: bool,
}

/// What a part of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
}

/// A block, and the part of an item that it is. A call and a reasoning item have one.
#[derive(Debug)]
struct Part {
    output: u64,
    number: u64,
    block: u32,
    open: bool,
    /// It has told something.
    filled: bool,
    /// How many of its annotations were told.
    cited: usize,
    /// Which part of the reasoning was told last, and whether it is of the summary.
    thought: (u64, bool),
}

impl Items {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn has_calls(&self) -> bool {
        self.calls
    }

    pub(super) fn has(&self, output: u64, number: u64) -> bool {
        self.find(output, number).is_some()
    }

    fn find(&self, output: u64, number: u64) -> Option<usize> {
        self.parts.iter().rposition(|part| part.output == output && part.number == number)
    }

    fn open(&mut self, output: u64, number: u64, start: BlockStart<'_>, sink: Sink<'_>) -> usize {
        let block = self.next;
        self.next += 1;
        sink(Event::BlockStart { choice: 0, index: block, block: start });
        let part = Part { output, number, block, open: true, filled: false, cited: 0, thought: (0, true) };
        self.parts.push(part);
        self.parts.len() - 1
    }

    /// The block of a part that says something now; it starts where it has not yet.
    pub(super) fn part(&mut self, output: u64, number: u64, kind: PartKind, sink: Sink<'_>) -> u32 {
        let at = match self.find(output, number) {
            Some(at) => at,
            None => {
                let start = match kind {
                    PartKind::Refusal => BlockStart::Refusal,
                    PartKind::Text => BlockStart::Text,
                };
                self.open(output, number, start, sink)
            }
        };
        self.parts[at].filled = true;
        self.parts[at].block
    }

    fn stop(&mut self, at: usize, sink: Sink<'_>) {
        let part = &mut self.parts[at];
        if std::mem::take(&mut part.open) {
            sink(Event::BlockStop { choice: 0, index: part.block });
        }
    }

    fn send(&mut self, at: usize, delta: Delta<'_>, sink: Sink<'_>) {
        self.parts[at].filled = true;
        sink(Event::Delta { choice: 0, index: self.parts[at].block, delta });
    }

    /// An item begins. What it says itself comes with its deltas, or at its end.
    pub(super) fn added(&mut self, output: u64, item: Node<'_>, sink: Sink<'_>) {
        match &*kind(item) {
            b"function_call" | b"custom_tool_call" => {
                self.call(output, item, sink);
            }
            b"message" if item.some("phase").is_some() => sink(Event::Other { name: None, node: item }),
            _ => {}
        }
    }

    fn call(&mut self, output: u64, item: Node<'_>, sink: Sink<'_>) -> usize {
        if let Some(at) = self.find(output, 0) {
            return at;
        }
        self.calls = true;
        let call = call(item);
        let custom = matches!(call.input, Input::Free(_));
        let namespace = item.some("namespace");
        self.open(
            output,
            0,
            BlockStart::ToolUse { id: call.id, name: call.name, custom, caller: None, namespace },
            sink,
        )
    }

    /// More of a call's input. A call that nobody announced is told whole at its end.
    pub(super) fn input(&mut self, output: u64, text: Text<'_>, sink: Sink<'_>) {
        if let Some(at) = self.find(output, 0) {
            self.send(at, Delta::Input(text), sink);
        }
    }

    /// More of a reasoning. Of the summary and the reasoning itself only the first to come is told.
    pub(super) fn thought(&mut self, output: u64, part: (u64, bool), text: Option<Text<'_>>, sink: Sink<'_>) {
        let Some(text) = text else { return };
        let at = match self.find(output, 0) {
            Some(at) if self.parts[at].thought.1 != part.1 => return,
            Some(at) => at,
            None => {
                let at = self.open(output, 0, BlockStart::Thinking, sink);
                self.parts[at].thought = part;
                at
            }
        };
        if self.parts[at].thought != part {
            self.parts[at].thought = part;
            self.send(at, Delta::ThinkingPart, sink);
        }
        self.send(at, Delta::Thinking(text), sink);
    }

    /// A source of a part.
    pub(super) fn cite(&mut self, output: u64, number: u64, annotation: Node<'_>, sink: Sink<'_>) {
        self.part(output, number, PartKind::Text, sink);
        if let Some(at) = self.find(output, number) {
            self.parts[at].cited += 1;
            self.send(at, Delta::Citation(annotation), sink);
        }
    }

    /// A part is complete: what it has and has not told yet follows.
    pub(super) fn part_done(&mut self, output: u64, number: u64, part: Node<'_>, sink: Sink<'_>) {
        let [kind, text, refusal, annotations, logprobs] =
            part.fields(["type", "text", "refusal", "annotations", "logprobs"]);
        let (kind, text) = match kind.and_then(Node::text) {
            Some(kind) if kind.is("output_text") => (PartKind::Text, text),
            Some(kind) if kind.is("refusal") => (PartKind::Refusal, refusal),
            Some(kind) if kind.is("reasoning_text") || kind.is("summary_text") => return,
            _ => {
                let at = self.open(output, number, BlockStart::Native(part), sink);
                return self.stop(at, sink);
            }
        };
        if !self.has(output, number) {
            let Some(text) = text.and_then(Node::text).filter(|text| !text.is_empty()) else { return };
            let block = self.part(output, number, kind, sink);
            sink(Event::Delta { choice: 0, index: block, delta: Delta::Text(text) });
            if let Some(node) = logprobs.filter(|list| !list.is_empty()) {
                sink(Event::Logprobs { choice: 0, node });
            }
        }
        let Some(at) = self.find(output, number).filter(|at| self.parts[*at].open) else { return };
        for annotation in annotations.into_iter().flat_map(Node::items).skip(self.parts[at].cited) {
            self.parts[at].cited += 1;
            self.send(at, Delta::Citation(annotation), sink);
        }
        self.stop(at, sink);
    }

    /// An item is complete: what it has and has not told yet follows.
    pub(super) fn done(&mut self, output: u64, item: Node<'_>, sink: Sink<'_>) {
        match &*kind(item) {
            b"message" => {
                for (number, part) in item.some("content").into_iter().flat_map(Node::items).enumerate() {
                    if !self.is_closed(output, number as u64) {
                        self.part_done(output, number as u64, part, sink);
                    }
                }
                for at in 0..self.parts.len() {
                    if self.parts[at].output == output {
                        self.stop(at, sink);
                    }
                }
            }
            b"reasoning" => self.reasoning_done(output, item, sink),
            b"function_call" | b"custom_tool_call" => {
                let at = self.call(output, item, sink);
                if !self.parts[at].filled {
                    match call(item).input {
                        Input::Encoded(text) | Input::Free(text) if !text.is_empty() => {
                            self.send(at, Delta::Input(text), sink);
                        }
                        Input::Json(node) => self.send(at, Delta::Input(Text::new(node.raw_str())), sink),
                        Input::Encoded(_) | Input::Free(_) => {}
                    }
                }
                self.stop(at, sink);
            }
            kind => {
                self.searched |= kind == b"tool_search_call" || kind == b"tool_search_output";
                let at = self.open(output, 0, BlockStart::Native(item), sink);
                self.stop(at, sink);
            }
        }
    }

    /// Whether the provider looked for tools.
    pub(super) fn searched(&self) -> bool {
        self.searched
    }

    fn is_closed(&self, output: u64, number: u64) -> bool {
        self.find(output, number).is_some_and(|at| !self.parts[at].open)
    }

    fn reasoning_done(&mut self, output: u64, item: Node<'_>, sink: Sink<'_>) {
        if !self.has(output, 0) {
            for (number, text) in reasoning_items::parts(item).enumerate() {
                self.thought(output, (number as u64, true), Some(text), sink);
            }
        }
        match self.find(output, 0) {
            Some(at) => {
                self.send(at, Delta::ThinkingItem(item), sink);
                self.stop(at, sink);
            }
            None => {
                let at = self.open(output, 0, BlockStart::ThinkingItem(item), sink);
                self.stop(at, sink);
            }
        }
    }

    /// Blocks that the provider forgot to end.
    pub(super) fn close(&mut self, sink: Sink<'_>) {
        for at in 0..self.parts.len() {
            self.stop(at, sink);
        }
    }
}

fn kind(item: Node<'_>) -> Vec<u8> {
    item.get_text("type").map(|kind| kind.name().into_owned()).unwrap_or_default()
}
