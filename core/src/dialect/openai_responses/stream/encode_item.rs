//! The items of a client's stream: what it is told while they grow, and what they are in the end.

use super::encode_call::Call;
use super::encode_message::Message;
use super::encode_search::Search;
use super::encode_thought::Reasoning;
use crate::json::{Node, Writer};

use super::super::response::item::Words;
use super::super::response::native::write_compaction;

/// Numbers and frames events.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) next: u64,
}

impl Events {
    /// Appends an event; `members` writes what it has beside its type and its number.
    pub(super) fn write(&mut self, name: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Writer<'_>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let mut w = Writer::new(out);
        w.begin_object().key("type").word(name);
        members(&mut w);
        w.key("sequence_number").number(self.number()).end_object();
        out.extend_from_slice(b"\n\n");
    }

    /// The number of the event that is being written.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

/// An item, and where it stands in the answer.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    place: Place,
    /// The item as JSON, once it is closed.
    written: Vec<u8>,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Kind {
    Message(Message),
    Reasoning(Reasoning),
    Call(Call),
    Search(Search),
    Compaction(Compaction),
}

/// A compacted conversation: the provider's block, and what came of its text, in JSON spelling.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    text: Vec<u8>,
}

impl Compaction {
    pub(super) fn grow(&mut self, delta: Node<'_>) {
        if let Some(text) = delta.get_text("content") {
            text.write_inner(&mut self.text);
        }
    }

    fn write(&self, id: &str, w: &mut Writer<'_>) {
        let mut block = Vec::new();
        let mut inner = Writer::new(&mut block);
        inner.begin_object().key("type").word("compaction").key("content");
        Words::Spelled(&self.text).write(&mut inner);
        inner.end_object();
        write_compaction(id, &block, w);
    }
}

/// Where an item stands, as its events say it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: String,
    output_index: u64,
}

impl Place {
    /// Writes it as members of an event.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.key("item_id").str(&self.id).key("output_index").number(self.output_index);
    }

    /// The beginning of an event named `name` with a delta, up to the delta: `inner` is the index inside the item.
    pub(super) fn delta_head(&self, name: &str, inner: Option<(&str, u64)>, head: &mut Vec<u8>) {
        head.clear();
        head.extend_from_slice(b"event: ");
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b"\ndata: ");
        let mut w = Writer::new(head);
        w.begin_object().key("type").word(name);
        self.write(&mut w);
        if let Some((name, index)) = inner {
            w.key(name).number(index);
        }
        w.key("delta");
        head.push(b'"');
    }
}

/// The rest of an event with a delta; `members` stands between the delta and the number.
pub(super) fn end_delta(members: &[u8], events: &mut Events, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(members);
    out.extend_from_slice(b",\"sequence_number\":");
    Writer::new(out).number(events.number());
    out.extend_from_slice(b"}\n\n");
}

impl Item {
    pub(super) fn new(id: String, output_index: usize, kind: Kind) -> Self {
        let place = Place { id, output_index: output_index as u64 };
        Self { kind, place, written: Vec::new() }
    }

    /// The item and its place, for what its kind does.
    pub(super) fn parts(&mut self) -> (&mut Kind, &Place) {
        (&mut self.kind, &self.place)
    }

    /// Tells that the item begins.
    pub(super) fn begin(&self, events: &mut Events, out: &mut Vec<u8>) {
        events.write("response.output_item.added", out, |w| {
            w.key("output_index").number(self.place.output_index).key("item");
            self.compose("in_progress", w);
        });
        if let Kind::Search(_) = self.kind {
            Search::tell("in_progress", &self.place, events, out);
        }
    }

    /// Tells that the item is complete, or as complete as it gets.
    pub(super) fn close(&mut self, status: &str, events: &mut Events, out: &mut Vec<u8>) {
        if !self.written.is_empty() {
            return;
        }
        match &mut self.kind {
            Kind::Message(message) => message.end_part(&self.place, events, out),
            Kind::Reasoning(reasoning) => reasoning.end_thought(&self.place, events, out),
            Kind::Call(call) => call.complete(&self.place, events, out),
            Kind::Search(_) | Kind::Compaction(_) => {}
        }
        let mut written = Vec::new();
        self.compose(status, &mut Writer::new(&mut written));
        self.written = written;
        events.write("response.output_item.done", out, |w| {
            w.key("output_index").number(self.place.output_index).key("item").raw(&self.written);
        });
    }

    /// Writes the item, which has this status unless it is closed.
    pub(super) fn write(&self, status: &str, w: &mut Writer<'_>) {
        if self.written.is_empty() {
            self.compose(status, w);
        } else {
            w.raw(&self.written);
        }
    }

    fn compose(&self, status: &str, w: &mut Writer<'_>) {
        match &self.kind {
            Kind::Message(message) => message.write(&self.place.id, status, w),
            Kind::Reasoning(reasoning) => reasoning.write(&self.place.id, status, w),
            Kind::Call(call) => call.write(&self.place.id, status, w),
            Kind::Search(search) => search.write(w),
            Kind::Compaction(compaction) => compaction.write(&self.place.id, w),
        }
    }
}
