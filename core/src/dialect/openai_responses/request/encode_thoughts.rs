//! Reasoning that the client sends back, as reasoning items.

use super::encode_input::Input;
use super::encode_message::text_part;
use crate::dialect::place::Place;
use crate::ir::chat::Block;
use crate::json::{Node, Text, Writer};
use crate::policy::reasoning_items;

/// Writes a reasoning item that a chat client kept. An id that the provider did not give would be refused.
pub(super) fn reasoning_item(item: Node<'_>, w: &mut Writer<'_>) {
    let [id, summary, encrypted] = item.fields(["id", "summary", "encrypted_content"]);
    w.begin_object().key("type").word("reasoning");
    if let Some(id) = id.filter(|id| !id.is_text("")) {
        w.key("id").node(id);
    }
    w.key("summary");
    match summary {
        Some(summary) => w.node(summary),
        None => w.begin_array().end_array(),
    };
    if let Some(encrypted) = encrypted.filter(|encrypted| !encrypted.is_text("")) {
        w.key("encrypted_content").node(encrypted);
    }
    w.end_object();
}

pub(super) fn is_thought(block: &Block<'_>) -> bool {
    matches!(block, Block::Thinking(_) | Block::RedactedThinking { .. })
}

/// Neighbouring thoughts: each that carries a reasoning item is one again, the others are the summary of one.
#[derive(Default)]
pub(super) struct Thoughts<'a> {
    texts: Vec<Text<'a>>,
}

impl<'a> Thoughts<'a> {
    pub(super) fn add(
        &mut self,
        block: &Block<'a>,
        place: Place,
        w: &mut Writer<'_>,
        cx: &mut Input<'_, 'a>,
    ) {
        let (text, opaque) = match block {
            Block::Thinking(thinking) => (Some(&thinking.text), thinking.signature.as_ref()),
            Block::RedactedThinking { data } => (None, Some(data)),
            _ => (None, None),
        };
        let text = text.filter(|text| !text.is_empty());
        if let Some(encrypted) = opaque.and_then(reasoning_items::encrypted_content) {
            self.flush(w);
            summary(text.into_iter(), Some(&encrypted), w);
            return;
        }
        // Only the provider that made it can read it.
        if opaque.is_some() {
            cx.report.lose(place.to_string(), "thinking_replay");
        }
        self.texts.extend(text.cloned());
    }

    pub(super) fn flush(&mut self, w: &mut Writer<'_>) {
        if !self.texts.is_empty() {
            summary(self.texts.iter(), None, w);
            self.texts.clear();
        }
    }
}

fn summary<'t, 'a: 't>(
    texts: impl Iterator<Item = &'t Text<'a>>,
    encrypted: Option<&Text<'_>>,
    w: &mut Writer<'_>,
) {
    w.begin_object().key("type").word("reasoning").key("summary").begin_array();
    texts.for_each(|text| text_part("summary_text", text, w));
    w.end_array();
    if let Some(encrypted) = encrypted {
        w.key("encrypted_content").text(encrypted);
    }
    w.end_object();
}
