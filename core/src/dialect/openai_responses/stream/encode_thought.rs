//! Reasoning of a client's stream.

use super::encode_item::{Events, Place, end_delta};
use crate::json::{Text, Writer};

use super::super::response::item::{
    Words, append_redacted, append_thinking, write_reasoning, write_summary_part,
};

/// The thoughts so far.
#[derive(Debug, Default)]
pub(super) struct Reasoning {
    /// Their texts, in JSON spelling.
    summary: Vec<Vec<u8>>,
    /// The last one goes on.
    open: bool,
    /// What every delta's event begins with.
    head: Vec<u8>,
    /// The signature of the thought that goes on, in JSON spelling.
    signature: Vec<u8>,
    /// What the provider takes back, as members of a JSON list.
    blocks: Vec<u8>,
}

impl Reasoning {
    pub(super) fn think(&mut self, text: &Text<'_>, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.open, true) {
            let index = self.summary.len() as u64;
            let name = "response.reasoning_summary_text.delta";
            place.delta_head(name, Some(("summary_index", index)), &mut self.head);
            self.summary.push(Vec::new());
            events.write("response.reasoning_summary_part.added", out, |w| {
                place.write(w);
                w.key("summary_index").number(index).key("part");
                write_summary_part(Words::Spelled(b""), w);
            });
        }
        let Some(so_far) = self.summary.last_mut() else { return };
        out.extend_from_slice(&self.head);
        let start = out.len();
        text.write_inner(out);
        so_far.extend_from_slice(&out[start..]);
        end_delta(b"", events, out);
    }

    pub(super) fn sign(&mut self, signature: &Text<'_>) {
        signature.write_inner(&mut self.signature);
    }

    pub(super) fn redact(&mut self, data: &Text<'_>) {
        append_redacted(data, &mut self.blocks);
    }

    /// The thought that goes on is complete.
    pub(super) fn end_thought(&mut self, place: &Place, events: &mut Events, out: &mut Vec<u8>) {
        let index = self.summary.len().saturating_sub(1) as u64;
        let open = std::mem::take(&mut self.open);
        let text = self.summary.last().filter(|_| open).map_or(&b""[..], Vec::as_slice);
        if !self.signature.is_empty() {
            append_thinking(Words::Spelled(text), Words::Spelled(&self.signature), &mut self.blocks);
            self.signature.clear();
        }
        if !open {
            return;
        }
        events.write("response.reasoning_summary_text.done", out, |w| {
            place.write(w);
            w.key("summary_index").number(index).key("text");
            Words::Spelled(text).write(w);
        });
        events.write("response.reasoning_summary_part.done", out, |w| {
            place.write(w);
            w.key("summary_index").number(index).key("part");
            write_summary_part(Words::Spelled(text), w);
        });
    }

    pub(super) fn write(&self, id: &str, status: &str, w: &mut Writer<'_>) {
        let texts = self.summary.iter().map(|text| Words::Spelled(text));
        write_reasoning(id, texts, &self.blocks, status, w);
    }
}
