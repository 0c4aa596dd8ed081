//! Events → a client's stream.

use super::super::error;
use super::super::response::write_refusal_details;
use super::super::wire::{stop_reason, tool_id, write_usage};
use super::frames::{Kind, frame, unspelled, write_delta, write_first_usage};
use super::pending::Pending;
use crate::dialect::{AnswerContext, Dialect, StreamEncoder};
use crate::error::{FailureKind, UpstreamError};
use crate::ids;
use crate::ir::chat::{BlockStart, Delta, Event, Start};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::custom_tools::FreeText;
use crate::policy::reasoning_items::{self, BETWEEN_PARTS};
use crate::usage::Usage;

/// How much may wait for the open block to close, in bytes.
const MOST_WAITING: usize = 16 << 20;

/// Writes a client's stream. Clients of this dialect have one block open at a time, so what belongs to a later block
/// waits until the open one is complete.
#[derive(Debug)]
pub(crate) struct Encoder {
    context: AnswerContext,
    report: Report,
    started: bool,
    done: bool,
    /// Every block of the answer so far, in order.
    blocks: Vec<BlockState>,
    /// The first block that is not complete on the client's side.
    current: usize,
    /// Number that the client's next block gets.
    next: u32,
    waiting: usize,
    /// Why the stream was ended from this side.
    failure: Option<UpstreamError>,
    /// The answer has a tool call.
    calls: bool,
    stop_reason: &'static str,
    stop_sequence: Option<String>,
    /// JSON spelling of a refusal's words so far.
    refusal: Vec<u8>,
    usage: Option<Usage>,
}

#[derive(Debug)]
struct BlockState {
    index: u32,
    /// The `content_block` that begins it; empty for a block that this dialect cannot carry.
    begin: Vec<u8>,
    /// A tool call cannot begin before its name is known.
    ready: bool,
    refusal: bool,
    /// The call's input is free text, which clients get as an argument.
    free: Option<FreeText>,
    opened: bool,
    stopped: bool,
    pending: Pending,
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.done {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start, out),
            Event::BlockStart { choice: 0, index, block } => self.block_start(index, &block, out),
            Event::Delta { choice: 0, index, delta } => self.delta(index, delta, out),
            Event::BlockStop { choice: 0, index } => {
                if let Some(at) = self.blocks.iter().rposition(|block| block.index == index) {
                    self.stop(at, out);
                }
                self.advance(out);
            }
            Event::Finish { choice: 0, finish, stop_sequence } => {
                self.stop_reason = stop_reason(&finish);
                self.stop_sequence = stop_sequence.map(|sequence| sequence.unescape().into_owned());
            }
            Event::Usage { usage, .. } => self.usage = Some(usage),
            Event::End => self.end(out),
            Event::Failed(error) => {
                self.done = true;
                error::encode_event(error, out);
            }
            Event::Ping if self.started => frame("ping", out, |_| {}),
            Event::Ping => {}
            Event::Logprobs { .. } => self.report.lose_once("logprobs", "logprobs"),
            Event::Other { node, .. } => self.other(node),
            Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Finish { .. } => {
                self.report.lose_once("choices", "single_answer");
            }
        }
    }

    fn take_failure(&mut self) -> Option<UpstreamError> {
        self.failure.take()
    }

    fn report(&mut self) -> &mut Report {
        &mut self.report
    }
}

impl Encoder {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            report: Report::default(),
            started: false,
            done: false,
            blocks: Vec::new(),
            current: 0,
            next: 0,
            waiting: 0,
            failure: None,
            calls: false,
            stop_reason: "end_turn",
            stop_sequence: None,
            refusal: Vec::new(),
            usage: None,
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        frame("message_start", out, |w| {
            w.key("message").begin_object();
            w.key("id").str(&ids::message(self.context.id_seed));
            w.key("type").word("message").key("role").word("assistant");
            w.key("content").begin_array().end_array();
            w.key("model").str(&self.context.requested_model);
            w.key("stop_reason").null().key("stop_sequence").null().key("usage");
            write_first_usage(&start.usage.unwrap_or_default(), w);
            w.end_object();
        });
    }

    fn block_start(&mut self, index: u32, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        let ready = !matches!(block, BlockStart::ToolUse { name, .. } if name.is_empty());
        self.calls |= matches!(block, BlockStart::ToolUse { .. });
        let begin = self.begin(index, block);
        if let Some(known) = self.blocks.iter_mut().rev().find(|known| known.index == index) {
            // The same call again, now with its name.
            if !known.opened && ready {
                known.begin = begin;
                known.ready = true;
            }
        } else {
            self.blocks.push(BlockState {
                index,
                begin,
                ready,
                refusal: matches!(block, BlockStart::Refusal),
                free: matches!(block, BlockStart::ToolUse { custom: true, .. }).then(FreeText::default),
                opened: false,
                stopped: false,
                pending: Pending::default(),
            });
        }
        self.advance(out);
    }

    fn begin(&mut self, index: u32, block: &BlockStart<'_>) -> Vec<u8> {
        let mut json = Vec::new();
        let mut w = Writer::new(&mut json);
        match block {
            BlockStart::Text | BlockStart::Refusal => {
                w.begin_object().key("type").word("text").key("text").str("").end_object();
            }
            BlockStart::Thinking => {
                w.begin_object().key("type").word("thinking").key("thinking").str("");
                w.key("signature").str("").end_object();
            }
            BlockStart::RedactedThinking { data } => {
                w.begin_object().key("type").word("redacted_thinking").key("data").text(data).end_object();
            }
            BlockStart::ToolUse { id, name, namespace, .. } => {
                if namespace.is_some() {
                    self.report.lose_once("content_block.namespace", "answer_field");
                }
                w.begin_object().key("type").word("tool_use").key("id");
                if id.is_empty() {
                    w.str(&ids::tool_call(self.context.id_seed, index));
                } else {
                    w.text(&tool_id(id));
                }
                w.key("name");
                match self.context.hints.client_tool_name(&name.unescape()) {
                    Some(original) => w.str(original),
                    None => w.text(name),
                };
                w.key("input").begin_object().end_object().end_object();
            }
            BlockStart::ThinkingItem(item) => {
                if let Some(data) = reasoning_items::signature(*item) {
                    w.begin_object()
                        .key("type")
                        .word("redacted_thinking")
                        .key("data")
                        .concat(&data)
                        .end_object();
                }
            }
            BlockStart::Native(_) => self.report.lose_once("content", "block_kind"),
        }
        json
    }

    /// What only the provider's dialect knows.
    fn other(&mut self, node: Node<'_>) {
        let told = ["service_tier", "phase"].into_iter().find(|name| node.some(name).is_some());
        match told.filter(|_| self.context.upstream != Dialect::AnthropicMessages) {
            Some(name) => self.report.lose_once(name, "answer_field"),
            None => self.report.lose_once("stream", "unknown_event"),
        }
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, out: &mut Vec<u8>) {
        let (kind, text) = match delta {
            Delta::Text(text) => (Kind::Text, text),
            Delta::Thinking(text) => (Kind::Thinking, text),
            Delta::Signature(text) => (Kind::Signature, text),
            Delta::Input(text) => (Kind::Input, text),
            Delta::ThinkingPart => (Kind::Thinking, Text::new(BETWEEN_PARTS)),
            Delta::ThinkingItem(item) => match reasoning_items::signature(item) {
                Some(parts) => (Kind::Signature, Text::new(parts.map(|part| part.unescape()).concat())),
                None => return,
            },
            Delta::Citation(_) => return self.report.lose_once("content.citations", "citations"),
            Delta::Native(_) => return self.report.lose_once("content", "delta_kind"),
        };
        let Some(at) = self.blocks.iter().rposition(|block| block.index == index) else { return };
        let block = &mut self.blocks[at];
        if text.is_empty() || block.begin.is_empty() {
            return;
        }
        if block.refusal {
            text.write_inner(&mut self.refusal);
        }
        let text = match &mut block.free {
            Some(free) => Text::new(free.piece(&text)),
            None => text,
        };
        self.send(at, kind, &text, out);
    }

    /// Writes a delta, or keeps it until its block is open.
    fn send(&mut self, at: usize, kind: Kind, text: &Text<'_>, out: &mut Vec<u8>) {
        let block = &mut self.blocks[at];
        if block.opened && !block.stopped {
            write_delta(self.next - 1, kind, out, |out| text.write_inner(out));
            return;
        }
        self.waiting += block.pending.push(kind, text);
        if self.waiting > MOST_WAITING {
            self.done = true;
            self.report.lose_once("content", "too_much_waiting");
            let message = "the provider interleaves blocks in a way that this dialect cannot carry";
            let failure = UpstreamError::new(FailureKind::TooLarge, 502, message);
            error::encode_event(&failure, out);
            self.failure = Some(failure);
        }
    }

    /// The block is complete.
    fn stop(&mut self, at: usize, out: &mut Vec<u8>) {
        let block = &mut self.blocks[at];
        if let Some(end) = block.free.as_mut().filter(|_| !block.stopped).map(FreeText::end) {
            self.send(at, Kind::Input, &Text::new(end), out);
        }
        let block = &mut self.blocks[at];
        block.stopped = true;
        block.ready = true;
    }

    /// Opens and closes blocks as far as their order allows.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while let Some(block) = self.blocks.get_mut(self.current) {
            if block.begin.is_empty() {
                if !block.stopped {
                    return;
                }
                self.current += 1;
                continue;
            }
            if !block.opened {
                if !block.ready {
                    return;
                }
                block.opened = true;
                let number = self.next;
                self.next += 1;
                let begin = std::mem::take(&mut block.begin);
                frame("content_block_start", out, |w| {
                    w.key("index").number(u64::from(number)).key("content_block").raw(&begin);
                });
                // Not empty: an empty one marks a block that cannot be carried.
                block.begin.push(b' ');
                self.waiting -= block.pending.len();
                for (kind, spelled) in block.pending.drain() {
                    write_delta(number, kind, out, |out| out.extend_from_slice(&spelled));
                }
            }
            if !block.stopped {
                return;
            }
            let number = self.next - 1;
            frame("content_block_stop", out, |w| {
                w.key("index").number(u64::from(number));
            });
            self.current += 1;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        for at in 0..self.blocks.len() {
            self.stop(at, out);
        }
        self.advance(out);
        if self.next == 0 && self.context.upstream != Dialect::OpenAiResponses {
            // LiteLLM's clients get an empty text where a chat host said nothing.
            self.block_start(u32::MAX, &BlockStart::Text, out);
            self.event(Event::BlockStop { choice: 0, index: u32::MAX }, out);
        }
        self.done = true;
        self.message_delta(out);
        frame("message_stop", out, |_| {});
    }

    fn message_delta(&mut self, out: &mut Vec<u8>) {
        let refused = !self.refusal.is_empty() && self.stop_reason != "max_tokens";
        frame("message_delta", out, |w| {
            w.key("delta").begin_object();
            w.key("stop_reason").str(match self.stop_reason {
                _ if refused => "refusal",
                // Some hosts say `stop` after a call; clients would not run it.
                "end_turn" if self.calls => "tool_use",
                reason => reason,
            });
            match &self.stop_sequence {
                Some(sequence) => w.key("stop_sequence").str(sequence),
                None => w.key("stop_sequence").null(),
            };
            if refused {
                w.key("stop_details");
                let explanation = String::from_utf8_lossy(&self.refusal);
                write_refusal_details(Some(&unspelled(&explanation)), w);
            }
            w.end_object();
            w.key("usage");
            write_usage(&self.usage.unwrap_or_default(), w);
        });
    }
}
