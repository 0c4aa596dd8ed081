//! A message of a client's stream.

use super::encode_item::{Events, Place, end_delta};
use crate::dialect::Dialect;
use crate::json::{Document, Limits, Node, Text, Writer};
use crate::loss::Report;

use super::super::response::annotation;
use super::super::response::item::{Part as Whole, Words, after_members, write_message};

/// The parts so far.
#[derive(Debug, Default)]
pub(super) struct Message {
    parts: Vec<Part>,
}

/// What a part is: the names of its events and of its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartKind {
    delta: &'static str,
    done: &'static str,
    field: &'static str,
    /// What its events have beside that.
    more: &'static [u8],
}

/// Text.
pub(super) const TEXT: &PartKind = &PartKind {
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    field: "text",
    more: b",\"logprobs\":[]",
};
/// A refusal.
pub(super) const REFUSAL: &PartKind =
    &PartKind { delta: "response.refusal.delta", done: "response.refusal.done", field: "refusal", more: b"" };

#[derive(Debug)]
struct Part {
    kind: &'static PartKind,
    open: bool,
    /// What every delta's event begins with.
    head: Vec<u8>,
    /// The text so far, in JSON spelling.
    text: Vec<u8>,
    /// Where the provider's block begins in it.
    block: usize,
    /// The block's citations, a JSON text each: their range is known once the block is complete.
    citations: Vec<Vec<u8>>,
    /// Members of JSON lists.
    annotations: Vec<u8>,
    annotated: u64,
    logprobs: Vec<u8>,
}

impl Part {
    fn whole(&self) -> Whole<'_, '_> {
        match self.kind.field {
            "text" => Whole::Text {
                text: Words::Spelled(&self.text),
                annotations: &self.annotations,
                logprobs: &self.logprobs,
            },
            _ => Whole::Refusal(Words::Spelled(&self.text)),
        }
    }
}

impl Message {
    /// A block of the provider's begins: in the part that is open, if that is of its kind.
    pub(super) fn begin_part(
        &mut self,
        kind: &'static PartKind,
        place: &Place,
        events: &mut Events,
        out: &mut Vec<u8>,
    ) {
        if let Some(part) = self.parts.last_mut().filter(|part| part.open && part.kind == kind) {
            part.block = part.text.len();
            return;
        }
        self.end_part(place, events, out);
        let index = self.parts.len() as u64;
        let mut part = Part {
            kind,
            open: true,
            head: Vec::with_capacity(256),
            text: Vec::new(),
            block: 0,
            citations: Vec::new(),
            annotations: Vec::new(),
            annotated: 0,
            logprobs: Vec::new(),
        };
        place.delta_head(kind.delta, Some(("content_index", index)), &mut part.head);
        events.write("response.content_part.added", out, |w| {
            place.write(w);
            w.key("content_index").number(index).key("part");
            part.whole().write(w);
        });
        self.parts.push(part);
    }

    /// The model says more.
    pub(super) fn say(
        &mut self,
        kind: &'static PartKind,
        text: &Text<'_>,
        place: &Place,
        events: &mut Events,
        out: &mut Vec<u8>,
    ) {
        if !self.parts.last().is_some_and(|part| part.open && part.kind == kind) {
            self.begin_part(kind, place, events, out);
        }
        let Some(part) = self.parts.last_mut() else { return };
        out.extend_from_slice(&part.head);
        let start = out.len();
        text.write_inner(out);
        part.text.extend_from_slice(&out[start..]);
        end_delta(kind.more, events, out);
    }

    /// The block that is being written has a source.
    pub(super) fn cite(&mut self, citation: Node<'_>) {
        if let Some(part) = self.parts.last_mut() {
            part.citations.push(citation.raw().to_vec());
        }
    }

    /// Token probabilities of what was said last.
    pub(super) fn logprobs(&mut self, list: Node<'_>) {
        let Some(part) = self.parts.last_mut() else { return };
        for entry in list.items() {
            after_members(&mut part.logprobs).line(entry);
        }
    }

    /// The provider's block is complete: its citations get their range.
    pub(super) fn end_block(
        &mut self,
        dialect: Dialect,
        place: &Place,
        events: &mut Events,
        report: &mut Report,
        out: &mut Vec<u8>,
    ) {
        let index = self.parts.len().saturating_sub(1) as u64;
        let Some(part) = self.parts.last_mut().filter(|part| !part.citations.is_empty()) else { return };
        let range = (annotation::characters(&part.text[..part.block]), annotation::characters(&part.text));
        for citation in std::mem::take(&mut part.citations) {
            let Ok(document) = Document::parse(citation.as_slice(), &Limits::lenient()) else { continue };
            let mut one = Vec::new();
            annotation::append(dialect, document.root(), range, &mut one, report);
            if one.is_empty() {
                continue;
            }
            events.write("response.output_text.annotation.added", out, |w| {
                place.write(w);
                w.key("content_index").number(index).key("annotation_index").number(part.annotated);
                w.key("annotation").raw(&one);
            });
            part.annotated += 1;
            after_members(&mut part.annotations).raw(&one);
        }
    }

    /// Nothing more belongs to the part that is open.
    pub(super) fn end_part(&mut self, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        let index = self.parts.len().saturating_sub(1) as u64;
        let Some(part) = self.parts.last_mut().filter(|part| part.open) else { return };
        part.open = false;
        part.head = Vec::new();
        events.write(part.kind.done, out, |w| {
            place.write(w);
            w.key("content_index").number(index).key(part.kind.field);
            Words::Spelled(&part.text).write(w);
            if part.kind == TEXT {
                w.key("logprobs").begin_array();
                if !part.logprobs.is_empty() {
                    w.raw(&part.logprobs);
                }
                w.end_array();
            }
        });
        events.write("response.content_part.done", out, |w| {
            place.write(w);
            w.key("content_index").number(index).key("part");
            part.whole().write(w);
        });
    }

    pub(super) fn write(&self, id: &str, status: &str, w: &mut Writer<'_>) {
        let parts: Vec<Whole<'_, '_>> = self.parts.iter().map(Part::whole).collect();
        write_message(id, &parts, status, w);
    }
}
