//! `openai_chat` stream → events.

use super::super::wire::finish;
use super::super::{error, wire};
use crate::dialect::StreamDecoder;
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{BlockStart, Delta, Event, Finish, Start};
use crate::json::{Document, Limits, Node, Text};

/// Reads chunks.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    choices: Vec<ChoiceState>,
    started: bool,
    /// The tier that serves was told: some hosts name it only in a later chunk.
    tier_told: bool,
    over: bool,
}

#[derive(Debug, Default)]
struct ChoiceState {
    index: u32,
    blocks: u32,
    text: Option<u32>,
    thinking: Option<u32>,
    refusal: Option<u32>,
    tools: Vec<ToolState>,
    /// Sources that came before the text that they belong to, a JSON text each.
    early_citations: Vec<String>,
    finished: bool,
}

#[derive(Debug)]
struct ToolState {
    /// The provider's number of the call, where it gives one.
    number: Option<u64>,
    block: u32,
    id: String,
    open: bool,
    /// The name is not known yet; arguments wait here.
    waiting: Option<String>,
}

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

impl StreamDecoder for Decoder {
    fn frame(&mut self, _name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        if self.over {
            return;
        }
        let [told, choices, usage, tier] = root.fields(["error", "choices", "usage", "service_tier"]);
        if let Err(error) = error::in_band(root, told) {
            return self.fail(&error, sink);
        }
        let first = !self.started;
        if first {
            self.start(root, sink);
        }
        if !self.tier_told && tier.is_some_and(|tier| !tier.is_null()) {
            self.tier_told = true;
            if !first {
                sink(Event::Other { name: None, node: root });
            }
        }
        for node in choices.into_iter().flat_map(Node::items) {
            self.choice(node, sink);
        }
        if let Some(node) = usage.filter(|usage| usage.is_object()) {
            sink(Event::Usage { usage: wire::usage(node), node: Some(node) });
        }
    }

    fn done(&mut self, sink: Sink<'_>) {
        self.end(sink);
    }

    fn fail(&mut self, error: &UpstreamError, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::Failed(error));
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        if self.over {
            return;
        }
        if self.choices.is_empty() || self.choices.iter().any(|choice| !choice.finished) {
            let message = "the provider's stream ended before a finish_reason";
            return self.fail(&UpstreamError::new(FailureKind::Truncated, 500, message), sink);
        }
        self.over = true;
        sink(Event::End);
    }
}

impl Decoder {
    fn start(&mut self, root: Node<'_>, sink: Sink<'_>) {
        self.started = true;
        sink(Event::Start(Start {
            id: root.get_text("id"),
            model: root.get_text("model"),
            created: root.some("created").and_then(Node::u64),
            usage: None,
            extra: Some(root),
        }));
    }

    fn choice(&mut self, node: Node<'_>, sink: Sink<'_>) {
        let [index, delta, message, logprobs, reason] =
            node.fields(["index", "delta", "message", "logprobs", "finish_reason"]);
        let index = index.and_then(Node::u64).unwrap_or(0) as u32;
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(ChoiceState { index, ..ChoiceState::default() });
            self.choices.len() - 1
        });
        let Some(state) = self.choices.get_mut(at).filter(|state| !state.finished) else { return };
        if let Some(delta) = delta.or(message) {
            state.delta(delta, sink);
        }
        if let Some(logprobs) = logprobs {
            sink(Event::Logprobs { choice: index, node: logprobs });
        }
        if let Some(reason) = reason.and_then(Node::text).filter(|reason| !reason.is_empty()) {
            state.finish(reason, sink);
        }
    }
}

impl ChoiceState {
    fn start(&mut self, block: BlockStart<'_>, sink: Sink<'_>) -> u32 {
        let index = self.blocks;
        self.blocks += 1;
        sink(Event::BlockStart { choice: self.index, index, block });
        index
    }

    fn stop(&mut self, block: Option<u32>, sink: Sink<'_>) {
        if let Some(index) = block {
            sink(Event::BlockStop { choice: self.index, index });
        }
    }

    fn send(&self, index: u32, delta: Delta<'_>, sink: Sink<'_>) {
        sink(Event::Delta { choice: self.index, index, delta });
    }

    fn delta(&mut self, delta: Node<'_>, sink: Sink<'_>) {
        for (key, value) in delta.entries() {
            if value.is_null() {
                continue;
            }
            match &*key.name() {
                b"content" => match value.text() {
                    Some(text) => self.text(text, sink),
                    None => self.parts(value, sink),
                },
                b"reasoning_content" => self.thinking(value.text(), sink),
                b"reasoning" if delta.some("reasoning_content").is_none() => {
                    self.thinking(value.text(), sink)
                }
                b"thinking_blocks" => self.signatures(value, sink),
                b"refusal" => self.refusal(value.text(), sink),
                b"annotations" => value.items().for_each(|citation| self.cite(citation, sink)),
                b"tool_calls" => value.items().for_each(|call| self.tool(call, sink)),
                b"function_call" => self.tool(delta, sink),
                _ => {}
            }
        }
    }

    fn parts(&mut self, list: Node<'_>, sink: Sink<'_>) {
        for part in list.items() {
            if let Some(text) = part.get_text("text") {
                self.text(text, sink);
            } else if let Some(inner) = part.some("thinking") {
                let text = inner.text().or_else(|| inner.items().find_map(|piece| piece.get_text("text")));
                self.thinking(text, sink);
            }
        }
    }

    fn text(&mut self, text: Text<'_>, sink: Sink<'_>) {
        if text.is_empty() {
            return;
        }
        let thinking = self.thinking.take();
        self.stop(thinking, sink);
        let block = self.text_block(sink);
        self.send(block, Delta::Text(text), sink);
    }

    fn text_block(&mut self, sink: Sink<'_>) -> u32 {
        if let Some(block) = self.text {
            return block;
        }
        let block = self.start(BlockStart::Text, sink);
        self.text = Some(block);
        for citation in std::mem::take(&mut self.early_citations) {
            if let Ok(document) = Document::parse(citation.as_bytes(), &Limits::lenient()) {
                self.send(block, Delta::Citation(document.root()), sink);
            }
        }
        block
    }

    fn cite(&mut self, citation: Node<'_>, sink: Sink<'_>) {
        match self.text {
            Some(block) => self.send(block, Delta::Citation(citation), sink),
            None => self.early_citations.push(citation.raw_str().to_owned()),
        }
    }

    fn thinking(&mut self, text: Option<Text<'_>>, sink: Sink<'_>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let block = self.thinking_block(sink);
        self.send(block, Delta::Thinking(text), sink);
    }

    fn thinking_block(&mut self, sink: Sink<'_>) -> u32 {
        if let Some(block) = self.thinking {
            return block;
        }
        let text = self.text.take();
        self.stop(text, sink);
        let block = self.start(BlockStart::Thinking, sink);
        self.thinking = Some(block);
        block
    }

    /// `thinking_blocks` of hosts that speak LiteLLM's dialect: their text is in `reasoning_content` as well, so only what
    /// is not there is taken from here.
    fn signatures(&mut self, list: Node<'_>, sink: Sink<'_>) {
        for node in list.items() {
            if let Some(signature) = node.get_text("signature").filter(|signature| !signature.is_empty()) {
                let block = self.thinking_block(sink);
                self.send(block, Delta::Signature(signature), sink);
                self.thinking = None;
                self.stop(Some(block), sink);
            } else if let Some(data) = node.get_text("data") {
                let thinking = self.thinking.take();
                self.stop(thinking, sink);
                let block = self.start(BlockStart::RedactedThinking { data }, sink);
                self.stop(Some(block), sink);
            }
        }
    }

    fn refusal(&mut self, text: Option<Text<'_>>, sink: Sink<'_>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let block = match self.refusal {
            Some(block) => block,
            None => self.start(BlockStart::Refusal, sink),
        };
        self.refusal = Some(block);
        self.send(block, Delta::Text(text), sink);
    }

    /// A piece of a tool call. Hosts leave out the index, the id, or repeat the name; all of it is understood.
    fn tool(&mut self, call: Node<'_>, sink: Sink<'_>) {
        let [number, id, function, older] = call.fields(["index", "id", "function", "function_call"]);
        let [name, arguments] = function.or(older).unwrap_or(call).fields(["name", "arguments"]);
        let number = number.and_then(Node::u64);
        let id = id.and_then(Node::text).filter(|id| !id.is_empty());
        let name = name.and_then(Node::text).filter(|name| !name.is_empty());
        let at = match self.known_tool(number, id.as_ref(), name.as_ref()) {
            Some(at) => at,
            None => self.new_tool(number, id.as_ref(), sink),
        };
        if let Some(name) = name {
            self.name_tool(at, name, sink);
        }
        let Some(arguments) = arguments else { return };
        let piece = match arguments.text() {
            Some(text) => text,
            // Some hosts send the arguments as an object, whole.
            None => Text::new(arguments.raw_str()),
        };
        let (block, choice) = (self.tools[at].block, self.index);
        match &mut self.tools[at].waiting {
            Some(held) => held.push_str(&piece.unescape()),
            None => sink(Event::Delta { choice, index: block, delta: Delta::Input(piece) }),
        }
    }

    fn known_tool(
        &self,
        number: Option<u64>,
        id: Option<&Text<'_>>,
        name: Option<&Text<'_>>,
    ) -> Option<usize> {
        let by_number = |number| self.tools.iter().rposition(|tool| tool.number == Some(number));
        let same_id = |tool: &ToolState, id: &Text<'_>| tool.id.is_empty() || id.is(&tool.id);
        match (number.and_then(by_number), id) {
            // Another id under a number that is taken is another call: some hosts number every call 0.
            (Some(at), Some(id)) if !same_id(&self.tools[at], id) => {
                self.tools.iter().rposition(|tool| id.is(&tool.id))
            }
            (Some(at), _) => Some(at),
            (None, Some(id)) => self.tools.iter().rposition(|tool| id.is(&tool.id)),
            (None, None) if number.is_none() && name.is_none() => self.tools.len().checked_sub(1),
            (None, None) => None,
        }
    }

    fn new_tool(&mut self, number: Option<u64>, id: Option<&Text<'_>>, sink: Sink<'_>) -> usize {
        for block in [self.text.take(), self.thinking.take()] {
            self.stop(block, sink);
        }
        self.tools.push(ToolState {
            number,
            block: 0,
            id: id.map(|id| id.unescape().into_owned()).unwrap_or_default(),
            open: false,
            waiting: Some(String::new()),
        });
        self.tools.len() - 1
    }

    fn name_tool(&mut self, at: usize, name: Text<'_>, sink: Sink<'_>) {
        let Some(held) = self.tools[at].waiting.take() else { return };
        let id = self.tools[at].id.clone();
        let block = self.start(
            BlockStart::ToolUse {
                id: Text::new(id.as_str()),
                name,
                custom: false,
                caller: None,
                namespace: None,
            },
            sink,
        );
        self.tools[at].block = block;
        self.tools[at].open = true;
        if !held.is_empty() {
            self.send(block, Delta::Input(Text::new(held)), sink);
        }
    }

    fn finish(&mut self, reason: Text<'_>, sink: Sink<'_>) {
        for at in 0..self.tools.len() {
            // A call that was never named is still told: the client can see that it is broken.
            self.name_tool(at, Text::new(""), sink);
        }
        if !self.early_citations.is_empty() {
            self.text_block(sink);
        }
        for block in [self.thinking.take(), self.text.take(), self.refusal.take()] {
            self.stop(block, sink);
        }
        for at in 0..self.tools.len() {
            if std::mem::take(&mut self.tools[at].open) {
                self.stop(Some(self.tools[at].block), sink);
            }
        }
        self.finished = true;
        let finish = match finish(Some(reason)) {
            // Agents go by the reason: an answer that calls tools must say so.
            Finish::Stop if !self.tools.is_empty() => Finish::ToolUse,
            finish => finish,
        };
        sink(Event::Finish { choice: self.index, finish, stop_sequence: None });
    }
}
