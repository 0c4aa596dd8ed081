//! Events → `openai_chat` stream, in the shape that LiteLLM's clients know.

use super::super::wire::{STREAMED_USAGE_EXTRA, finish_reason, write_counts};
use super::super::{error, items};
use crate::dialect::{AnswerContext, StreamEncoder};
use crate::ids;
use crate::ir::chat::{BlockStart, Delta, Event, Finish, Start};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::usage::Usage;

/// Writes chunks.
pub(crate) struct Encoder {
    pub(super) context: AnswerContext,
    /// `data: {"id":…,"choices":[`, the same in every chunk.
    head: Vec<u8>,
    blocks: Vec<BlockState>,
    tools: u64,
    role_sent: bool,
    pub(super) thought: bool,
    /// What closes a chunk behind its choice.
    pub(super) tail: Vec<u8>,
    /// Characters of the texts so far, where annotations count them.
    characters: u64,
    usage: Option<Usage>,
    /// What clients get of the provider's usage objects beyond the counts, as JSON.
    usage_extra: Vec<(&'static str, Vec<u8>)>,
    pub(super) report: Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text behind so many characters of other texts.
    Text(u64),
    Refusal,
    Thinking,
    Tool(u64),
    /// A call of a tool that takes free text.
    Custom(u64),
    /// The call that carries an answer asked for as JSON: its arguments are the text.
    JsonTool,
    Silent,
}

struct BlockState {
    choice: u32,
    index: u32,
    kind: Kind,
    /// The tool call got arguments.
    filled: bool,
}

impl Encoder {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            head: Vec::new(),
            blocks: Vec::new(),
            tools: 0,
            role_sent: false,
            thought: false,
            tail: b"]}\n\n".to_vec(),
            characters: 0,
            usage: None,
            usage_extra: Vec::new(),
            report: Report::default(),
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        let created = start.created.unwrap_or(self.context.now_unix);
        let mut head = b"data: ".to_vec();
        let mut w = Writer::new(&mut head);
        w.begin_object();
        match start.id.as_ref().filter(|_| items::is_upstream(&self.context)) {
            // The client may go on from an answer that the provider keeps.
            Some(id) => w.key("id").text(id),
            None => w.key("id").str(&ids::chat_completion(self.context.id_seed)),
        };
        w.key("created").number(created);
        w.key("model").str(&self.context.requested_model);
        w.key("object").word("chat.completion.chunk");
        w.key("choices").begin_array();
        self.head = head;
        self.usage = start.usage;
        if let Some(response) = start.extra.filter(|_| items::is_upstream(&self.context)) {
            self.service_tier(response);
        }
        self.note_usage_extra(start.extra.and_then(|message| message.some("usage")));
    }

    fn note_usage_extra(&mut self, node: Option<Node<'_>>) {
        for name in STREAMED_USAGE_EXTRA {
            let Some(value) = node.and_then(|node| node.some(name)) else { continue };
            self.usage_extra.retain(|(known, _)| *known != name);
            self.usage_extra.push((name, value.raw().to_vec()));
        }
    }

    /// Writes one chunk with one choice.
    pub(super) fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, delta: impl FnOnce(&mut Writer<'_>)) {
        self.chunk_with(choice, None, out, delta);
    }

    fn chunk_with(
        &mut self,
        choice: u32,
        finish: Option<&str>,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Writer<'_>),
    ) {
        self.choice(choice, out, delta, |w| {
            if let Some(reason) = finish {
                w.key("finish_reason").str(reason);
            }
        });
    }

    /// Writes one chunk with one choice: its delta, and what stands beside it.
    pub(super) fn choice(
        &mut self,
        choice: u32,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Writer<'_>),
        beside: impl FnOnce(&mut Writer<'_>),
    ) {
        out.extend_from_slice(&self.head);
        let mut w = Writer::new(out);
        w.begin_object().key("index").number(u64::from(choice)).key("delta").begin_object();
        if !std::mem::replace(&mut self.role_sent, true) {
            w.key("role").word("assistant");
        }
        delta(&mut w);
        w.end_object();
        beside(&mut w);
        w.end_object();
        out.extend_from_slice(&self.tail);
    }

    fn block_start(&mut self, choice: u32, index: u32, block: BlockStart<'_>, out: &mut Vec<u8>) {
        let kind = match block {
            BlockStart::Text => Kind::Text(self.characters),
            BlockStart::Refusal => Kind::Refusal,
            BlockStart::Thinking => {
                self.thought = true;
                Kind::Thinking
            }
            BlockStart::RedactedThinking { data } => {
                self.redacted(choice, index, &data, out);
                Kind::Silent
            }
            BlockStart::ThinkingItem(item) => {
                self.thought = true;
                self.reasoning_item(choice, item, out);
                Kind::Silent
            }
            BlockStart::ToolUse { id, name, custom: true, namespace, .. } => {
                self.custom_start(choice, (&id, &name), namespace, out)
            }
            BlockStart::ToolUse { id, name, caller, namespace, .. } => {
                self.tool_start(choice, (id, name), (caller, namespace), out)
            }
            BlockStart::Native(node) => self.native(choice, node, out),
        };
        self.blocks.push(BlockState { choice, index, kind, filled: false });
    }

    fn redacted(&mut self, choice: u32, index: u32, data: &Text<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            thinking_blocks(w, |w| {
                w.key("type")
                    .word("redacted_thinking")
                    .key("data")
                    .text(data)
                    .key("index")
                    .number(u64::from(index));
            });
        });
    }

    pub(super) fn tool_start(
        &mut self,
        choice: u32,
        (id, name): (Text<'_>, Text<'_>),
        (caller, namespace): (Option<Node<'_>>, Option<Node<'_>>),
        out: &mut Vec<u8>,
    ) -> Kind {
        if self.context.hints.json_tool.is_some_and(|json_tool| name.is(json_tool)) {
            return Kind::JsonTool;
        }
        let number = self.next_tool();
        let renamed =
            self.context.hints.client_tool_name(&name.unescape()).map(|name| Text::new(name.to_owned()));
        let made = id.is_empty().then(|| Text::new(ids::tool_call(self.context.id_seed, number as u32)));
        self.chunk(choice, out, |w| {
            w.key("tool_calls").begin_array().begin_object();
            w.key("id").text(made.as_ref().unwrap_or(&id));
            w.key("function").begin_object().key("arguments").str("");
            w.key("name").text(renamed.as_ref().unwrap_or(&name)).end_object();
            w.key("type").word("function").key("index").number(number);
            if let Some(caller) = caller {
                w.key("caller").node(caller);
            }
            if let Some(namespace) = namespace {
                items::namespace(namespace, w);
            }
            w.end_object().end_array();
        });
        Kind::Tool(number)
    }

    pub(super) fn next_tool(&mut self) -> u64 {
        self.tools += 1;
        self.tools - 1
    }

    fn delta(&mut self, choice: u32, index: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let found = self.blocks.iter_mut().rev().find(|block| block.choice == choice && block.index == index);
        let Some(block) = found else { return };
        let kind = block.kind;
        match (delta, kind) {
            (Delta::Text(text), Kind::Refusal) => self.chunk(choice, out, |w| {
                w.key("refusal").text(text);
            }),
            (Delta::Text(text), _) => {
                if items::is_upstream(&self.context) {
                    self.characters += text.characters();
                }
                self.chunk(choice, out, |w| {
                    w.key("content").text(text);
                });
            }
            (Delta::Thinking(text), _) if items::is_upstream(&self.context) => {
                self.reasoning(choice, text, out);
            }
            (Delta::ThinkingPart, _) => self.reasoning(choice, &Text::new(items::BETWEEN_PARTS), out),
            (Delta::ThinkingItem(item), _) => self.reasoning_item(choice, *item, out),
            (Delta::Thinking(text), _) => self.thinking(choice, index, Some(text), None, out),
            (Delta::Signature(text), _) => self.thinking(choice, index, None, Some(text), out),
            (Delta::Input(text), Kind::Tool(number)) if !text.is_empty() => {
                block.filled = true;
                self.arguments(choice, number, text, out);
            }
            (Delta::Input(text), Kind::JsonTool) if !text.is_empty() => {
                self.chunk(choice, out, |w| {
                    w.key("content").text(text);
                });
            }
            (Delta::Input(text), Kind::Custom(number)) => self.custom_input(choice, number, text, out),
            (Delta::Citation(node), Kind::Text(offset)) if items::is_upstream(&self.context) => {
                self.annotation(choice, offset, *node, out);
            }
            (Delta::Citation(node), _) => self.chunk(choice, out, |w| {
                w.key("provider_specific_fields").begin_object().key("citation").node(*node).end_object();
            }),
            (Delta::Native(_), _) => {
                self.report.lose_once("content_block_delta", "delta_without_counterpart")
            }
            (Delta::Input(_), _) => {}
        }
    }

    fn thinking(
        &mut self,
        choice: u32,
        index: u32,
        text: Option<&Text<'_>>,
        signature: Option<&Text<'_>>,
        out: &mut Vec<u8>,
    ) {
        let empty = Text::new("");
        let text = text.unwrap_or(&empty);
        self.chunk(choice, out, |w| {
            w.key("reasoning_content").text(text);
            thinking_blocks(w, |w| {
                w.key("type").word("thinking").key("thinking").text(text);
                if let Some(signature) = signature {
                    w.key("signature").text(signature);
                }
                w.key("index").number(u64::from(index));
            });
        });
    }

    fn arguments(&mut self, choice: u32, number: u64, text: &Text<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            w.key("tool_calls").begin_array().begin_object();
            w.key("function").begin_object().key("arguments").text(text).end_object();
            w.key("type").word("function").key("index").number(number).end_object().end_array();
        });
    }

    fn block_stop(&mut self, choice: u32, index: u32, out: &mut Vec<u8>) {
        let at = self.blocks.iter().rposition(|block| block.choice == choice && block.index == index);
        let Some(at) = at else { return };
        let block = self.blocks.swap_remove(at);
        if let (Kind::Tool(number), false) = (block.kind, block.filled) {
            // A call without arguments: an empty object, so that what clients collect is JSON.
            self.arguments(choice, number, &Text::new("{}"), out);
        }
    }

    fn finish(&mut self, choice: u32, finish: &Finish<'_>, out: &mut Vec<u8>) {
        let unwrapped = self.context.hints.json_tool.is_some() && self.tools == 0;
        let reason = match finish {
            Finish::ToolUse if unwrapped => "stop",
            finish => finish_reason(finish),
        };
        if let Some(name) = unusual(finish) {
            self.chunk(choice, out, |w| {
                w.key("provider_specific_fields").begin_object().key("stop_reason").text(&name).end_object();
            });
        }
        self.chunk_with(choice, Some(reason), out, |_| {});
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.context.include_usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            let mut w = Writer::new(out);
            if items::is_upstream(&self.context) {
                items::usage(&usage, &mut w);
            } else {
                write_counts(&usage, self.thought, &mut w);
            }
            for (name, value) in &self.usage_extra {
                w.key(name).raw(value);
            }
            w.end_object();
            out.extend_from_slice(&self.tail[1..]);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Stop reasons that say more than `finish_reason` can.
pub(in crate::dialect::openai_chat) fn unusual<'a>(finish: &Finish<'a>) -> Option<Text<'a>> {
    match finish {
        Finish::Refusal => Some(Text::new("refusal")),
        Finish::Pause => Some(Text::new("pause_turn")),
        Finish::Other(reason) => Some(reason.clone()),
        _ => None,
    }
}

/// One entry of `thinking_blocks`, where LiteLLM's clients look for it: in the delta and in `provider_specific_fields`.
fn thinking_blocks(w: &mut Writer<'_>, entry: impl Fn(&mut Writer<'_>)) {
    w.key("thinking_blocks").begin_array().begin_object();
    entry(w);
    w.end_object().end_array();
    w.key("provider_specific_fields").begin_object();
    w.key("thinking_blocks").begin_array().begin_object();
    entry(w);
    w.end_object().end_array().end_object();
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start(start) => self.start(&start),
            Event::BlockStart { choice, index, block } => self.block_start(choice, index, block, out),
            Event::Delta { choice, index, delta } => self.delta(choice, index, &delta, out),
            Event::BlockStop { choice, index } => self.block_stop(choice, index, out),
            Event::Finish { choice, finish, .. } => self.finish(choice, &finish, out),
            Event::Usage { usage, node } => {
                self.usage = Some(usage);
                self.note_usage_extra(node);
            }
            Event::End => self.end(out),
            Event::Failed(error) => {
                let fault = error::fault(error, self.context.upstream);
                error::encode_event(&fault, out);
            }
            Event::Other { name, node } => self.other(name, node, out),
            Event::Logprobs { choice, node } if node.is_array() => self.logprobs(choice, node, out),
            Event::Ping | Event::Logprobs { .. } => {}
        }
    }

    fn report(&mut self) -> &mut Report {
        &mut self.report
    }
}
