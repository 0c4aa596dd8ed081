//! Events → a client's stream. Items are numbered in the order in which they begin; several may be open at once. An item
//! is closed when the next one begins, or with the answer: only then is it known whether it is complete.

use super::super::error;
use super::super::response::envelope::{Envelope, served_tier};
use super::super::response::native;
use super::super::wire::incomplete_reason;
use super::encode_call::Call;
use super::encode_item::{Compaction, Events, Item, Kind, Place};
use super::encode_message::{Message, PartKind, REFUSAL, TEXT};
use super::encode_search::Search;
use super::encode_thought::Reasoning;
use crate::dialect::{AnswerContext, Dialect, StreamEncoder};
use crate::ids;
use crate::ir::chat::{BlockStart, Delta, Event, Start};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::response_id;
use crate::usage::Usage;

/// Writes a stream.
pub(crate) struct Encoder {
    told: Told,
    report: Report,
    started: bool,
    done: bool,
    events: Events,
    blocks: Vec<Block>,
    items: Vec<Item>,
    /// The item that goes on: a message or reasoning, until something else begins.
    current: Option<usize>,
    /// The call that is complete, but not closed.
    closing: Option<usize>,
    usage: Option<Usage>,
    incomplete: Option<&'static str>,
}

/// What every response of the stream says.
struct Told {
    context: AnswerContext,
    id: String,
    created: u64,
    service_tier: Option<Vec<u8>>,
}

impl Told {
    fn envelope<'e>(
        &'e self,
        status: &'e str,
        incomplete: Option<&'e str>,
        usage: Option<Usage>,
    ) -> Envelope<'e> {
        Envelope {
            context: &self.context,
            id: &self.id,
            created: self.created,
            status,
            incomplete,
            usage,
            service_tier: self.service_tier.as_deref(),
        }
    }
}

/// A block of the provider's.
struct Block {
    index: u32,
    target: Target,
}

/// What the deltas of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// What the model says.
    Text,
    /// An answer that was asked for as the arguments of a tool.
    Answer,
    Refusal,
    Thinking,
    /// The arguments of this item.
    Call(usize),
    /// The query of this item.
    Search(usize),
    /// The text of this item.
    Compaction(usize),
    Nothing,
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.done {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start, out),
            Event::BlockStart { choice: 0, index, block } => self.block_start(index, block, out),
            Event::Delta { choice: 0, index, delta } => self.delta(index, &delta, out),
            Event::BlockStop { choice: 0, index } => self.block_stop(index, out),
            Event::Finish { choice: 0, finish, .. } => self.incomplete = incomplete_reason(&finish),
            Event::Usage { usage, .. } => self.usage = Some(usage),
            Event::End => self.end(out),
            Event::Failed(failure) => {
                self.done = true;
                let so_far = self.so_far();
                error::encode_failed(failure, &so_far, self.events.next, out);
            }
            Event::Ping => {}
            Event::Logprobs { node, .. } => self.logprobs(node),
            Event::Other { name: None, node } if self.told.context.upstream == Dialect::OpenAiChat => {
                self.told.service_tier = served_tier(node);
            }
            Event::Other { .. } => self.report.lose_once("stream", "unknown_event"),
            Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Finish { .. } => self.report.lose_once("choices", "single_answer"),
        }
    }

    fn report(&mut self) -> &mut Report {
        &mut self.report
    }
}

impl Encoder {
    pub(crate) fn new(context: AnswerContext) -> Self {
        Self {
            told: Told { context, id: String::new(), created: 0, service_tier: None },
            report: Report::default(),
            started: false,
            done: false,
            events: Events::default(),
            blocks: Vec::new(),
            items: Vec::new(),
            current: None,
            closing: None,
            usage: None,
            incomplete: None,
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let told = &mut self.told;
        let context = &told.context;
        let made = || Text::new(ids::item("resp_", context.id_seed, 0));
        let given = start.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(made);
        let deployment = context.deployment.as_deref();
        told.id = response_id::for_client(context.provider, deployment, &given.unescape());
        told.created = start.created.unwrap_or(context.now_unix);
        told.service_tier = start.extra.and_then(served_tier);
        self.usage = start.usage;
        for name in ["response.created", "response.in_progress"] {
            self.events.write(name, out, |w| {
                w.key("response");
                self.told.envelope("in_progress", None, None).write(w, |_| {});
            });
        }
    }

    fn block_start(&mut self, index: u32, block: BlockStart<'_>, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        let target = match block {
            BlockStart::Text => self.speak(Target::Text, TEXT, out),
            BlockStart::Refusal => self.speak(Target::Refusal, REFUSAL, out),
            BlockStart::Thinking | BlockStart::ThinkingItem(_) => {
                self.thoughts(out, |_, _, _, _| {});
                Target::Thinking
            }
            BlockStart::RedactedThinking { data } => {
                self.thoughts(out, |reasoning, _, _, _| reasoning.redact(&data));
                Target::Nothing
            }
            BlockStart::ToolUse { name, .. }
                if self.told.context.hints.json_tool.is_some_and(|json_tool| name.is(json_tool)) =>
            {
                self.speak(Target::Answer, TEXT, out)
            }
            BlockStart::ToolUse { id, name, custom, caller, .. } => {
                if caller.is_some_and(|caller| !caller.get_text("type").is_some_and(|kind| kind.is("direct")))
                {
                    self.report.lose_once("output.caller", "tool_caller");
                }
                Target::Call(self.call(index, &id, &name, custom, out))
            }
            BlockStart::Native(node) => self.native(node, out),
        };
        self.blocks.push(Block { index, target });
    }

    /// The model says something: in the message that is open, or in a new one.
    fn speak(&mut self, target: Target, kind: &'static PartKind, out: &mut Vec<u8>) -> Target {
        self.words(out, |message, place, events, out| message.begin_part(kind, place, events, out));
        target
    }

    /// Does something to the message that is open, or to a new one.
    fn words(
        &mut self,
        out: &mut Vec<u8>,
        act: impl FnOnce(&mut Message, &Place, &mut Events, &mut Vec<u8>),
    ) {
        let open = self.current.filter(|at| matches!(self.items[*at].kind, Kind::Message(_)));
        let at = open.unwrap_or_else(|| self.continue_with("msg_", Kind::Message(Message::default()), out));
        if let (Kind::Message(message), place) = self.items[at].parts() {
            act(message, place, &mut self.events, out);
        }
    }

    /// Does something to the reasoning that is open, or to a new one.
    fn thoughts(
        &mut self,
        out: &mut Vec<u8>,
        act: impl FnOnce(&mut Reasoning, &Place, &mut Events, &mut Vec<u8>),
    ) {
        let open = self.current.filter(|at| matches!(self.items[*at].kind, Kind::Reasoning(_)));
        let at =
            open.unwrap_or_else(|| self.continue_with("rs_", Kind::Reasoning(Reasoning::default()), out));
        if let (Kind::Reasoning(reasoning), place) = self.items[at].parts() {
            act(reasoning, place, &mut self.events, out);
        }
    }

    fn continue_with(&mut self, prefix: &str, kind: Kind, out: &mut Vec<u8>) -> usize {
        let id = ids::item(prefix, self.told.context.id_seed, self.items.len() as u32 + 1);
        let at = self.open(id, kind, out);
        self.current = Some(at);
        at
    }

    /// Begins an item; the one before it is complete.
    fn open(&mut self, id: String, kind: Kind, out: &mut Vec<u8>) -> usize {
        self.settle("completed", out);
        let item = Item::new(id, self.items.len(), kind);
        item.begin(&mut self.events, out);
        self.items.push(item);
        self.items.len() - 1
    }

    /// Closes what nothing more belongs to.
    fn settle(&mut self, status: &str, out: &mut Vec<u8>) {
        for at in self.closing.take().into_iter().chain(self.current.take()) {
            self.items[at].close(status, &mut self.events, out);
        }
    }

    fn call(&mut self, index: u32, id: &Text<'_>, name: &Text<'_>, free: bool, out: &mut Vec<u8>) -> usize {
        let hints = &self.told.context.hints;
        let sent = name.unescape();
        let name = hints.client_tool_name(&sent).unwrap_or(&sent);
        let custom = free || hints.custom_tools.iter().any(|tool| tool == name);
        let (namespace, name) =
            hints.namespaced(name).map_or((None, name), |(space, name)| (Some(space.to_owned()), name));
        let call_id = if id.is_empty() {
            ids::tool_call(self.told.context.id_seed, index)
        } else {
            id.unescape().into_owned()
        };
        let call = Call::new(call_id, (name.to_owned(), namespace), custom, free);
        self.open(call.item_id(), Kind::Call(call), out)
    }

    fn native(&mut self, node: Node<'_>, out: &mut Vec<u8>) -> Target {
        let upstream = self.told.context.upstream;
        if let Some((id, _)) = native::search(upstream, node) {
            let id = id.unescape().into_owned();
            return Target::Search(self.open(["ws_", &id].concat(), Kind::Search(Search::new(id)), out));
        }
        if native::is_compaction(upstream, node) {
            let mut compaction = Compaction::default();
            compaction.grow(node);
            return Target::Compaction(self.continue_with("cmp_", Kind::Compaction(compaction), out));
        }
        let of = native::search_result(upstream, node);
        let is_found = |item: &Item| match (&item.kind, &of) {
            (Kind::Search(search), Some(of)) => search.is(of),
            _ => false,
        };
        let Some(at) = self.items.iter().rposition(is_found) else {
            self.report.lose_once("output", "block_without_counterpart");
            return Target::Nothing;
        };
        if let (Kind::Search(search), place) = self.items[at].parts() {
            search.found(node, place, &mut self.events, out);
        }
        self.items[at].close("completed", &mut self.events, out);
        Target::Nothing
    }

    fn delta(&mut self, index: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let Some(block) = self.blocks.iter().rev().find(|block| block.index == index) else { return };
        match (delta, block.target) {
            (Delta::Text(text), Target::Text) | (Delta::Input(text), Target::Answer) => {
                self.say(TEXT, text, out);
            }
            (Delta::Text(text), Target::Refusal) => self.say(REFUSAL, text, out),
            (Delta::Thinking(text), Target::Thinking) if !text.is_empty() => {
                self.thoughts(out, |reasoning, place, events, out| reasoning.think(text, place, events, out));
            }
            (Delta::Signature(text), Target::Thinking) => {
                self.thoughts(out, |reasoning, _, _, _| reasoning.sign(text));
            }
            (Delta::Input(text), Target::Call(at)) if !text.is_empty() => {
                if let (Kind::Call(call), place) = self.items[at].parts() {
                    call.grow(text, place, &mut self.events, out);
                }
            }
            (Delta::Input(text), Target::Search(at)) => {
                if let (Kind::Search(search), _) = self.items[at].parts() {
                    search.grow(text);
                }
            }
            (Delta::Citation(node), Target::Text) => {
                self.words(out, |message, _, _, _| message.cite(*node));
            }
            (Delta::Citation(_), _) => self.report.lose_once("output.content.citations", "citations"),
            (Delta::Native(delta), Target::Compaction(at)) => {
                if let (Kind::Compaction(compaction), _) = self.items[at].parts() {
                    compaction.grow(*delta);
                }
            }
            (Delta::Native(_), _) => self.report.lose_once("output", "delta_without_counterpart"),
            _ => {}
        }
    }

    fn say(&mut self, kind: &'static PartKind, text: &Text<'_>, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.words(out, |message, place, events, out| message.say(kind, text, place, events, out));
        }
    }

    fn logprobs(&mut self, node: Node<'_>) {
        let list = node.some("content").filter(|list| list.is_array() && !list.is_empty());
        if let (Some(at), Some(list)) = (self.current, list)
            && let Kind::Message(message) = &mut self.items[at].kind
        {
            message.logprobs(list);
        }
    }

    fn block_stop(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().rposition(|block| block.index == index) else { return };
        let target = self.blocks.swap_remove(at).target;
        let item = match target {
            Target::Call(item) | Target::Search(item) => Some(item),
            _ => self.current,
        };
        let Some(item) = item else { return };
        let dialect = self.told.context.upstream;
        match (self.items[item].parts(), target) {
            ((Kind::Call(call), place), Target::Call(_)) => call.complete(place, &mut self.events, out),
            ((Kind::Search(search), place), Target::Search(_)) => search.asked(place, &mut self.events, out),
            ((Kind::Reasoning(reasoning), place), Target::Thinking) => {
                reasoning.end_thought(place, &mut self.events, out);
            }
            ((Kind::Message(message), place), Target::Text) => {
                message.end_block(dialect, place, &mut self.events, &mut self.report, out);
            }
            _ => {}
        }
        if let Some(before) = matches!(target, Target::Call(_)).then(|| self.closing.replace(item)).flatten()
        {
            self.items[before].close("completed", &mut self.events, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        self.done = true;
        let (status, last) = match self.incomplete {
            Some(_) => ("incomplete", self.items.len().checked_sub(1)),
            None => ("completed", None),
        };
        (self.current, self.closing) = (None, None);
        for (at, item) in self.items.iter_mut().enumerate() {
            item.close(if Some(at) == last { status } else { "completed" }, &mut self.events, out);
        }
        let envelope = self.told.envelope(status, self.incomplete, self.usage);
        self.events.write(["response.", status].concat().as_str(), out, |w| {
            w.key("response");
            envelope.write(w, |w| self.items.iter().for_each(|item| item.write(status, w)));
        });
    }

    /// The response as far as the client knows it.
    fn so_far(&self) -> Vec<u8> {
        let mut response = Vec::new();
        self.told.envelope("in_progress", None, None).write(&mut Writer::new(&mut response), |w| {
            self.items.iter().for_each(|item| item.write("incomplete", w));
        });
        response
    }
}
