//! What a stream of `openai_responses` tells beyond text and function calls.

use super::super::{items, searches};
use super::encode::{Encoder, Kind};
use crate::json::{Node, Text, Writer};

impl Encoder {
    pub(super) fn reasoning(&mut self, choice: u32, text: &Text<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            w.key("reasoning_content").text(text);
        });
    }

    /// A reasoning item, for the client to send back.
    pub(super) fn reasoning_item(&mut self, choice: u32, item: Node<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            w.key("reasoning_items").begin_array();
            items::reasoning_item(item, w);
            w.end_array();
        });
    }

    pub(super) fn custom_start(
        &mut self,
        choice: u32,
        (id, name): (&Text<'_>, &Text<'_>),
        namespace: Option<Node<'_>>,
        out: &mut Vec<u8>,
    ) -> Kind {
        let number = self.next_tool();
        self.chunk(choice, out, |w| {
            w.key("tool_calls").begin_array().begin_object().key("id").text(id);
            items::custom_call(Some(name), &Text::new(""), w);
            if let Some(namespace) = namespace {
                items::namespace(namespace, w);
            }
            w.key("index").number(number).end_object().end_array();
        });
        Kind::Custom(number)
    }

    pub(super) fn custom_input(&mut self, choice: u32, number: u64, text: &Text<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            w.key("tool_calls").begin_array().begin_object();
            items::custom_call(None, text, w);
            w.key("index").number(number).end_object().end_array();
        });
    }

    /// A source of the text that began behind `offset` characters.
    pub(super) fn annotation(&mut self, choice: u32, offset: u64, node: Node<'_>, out: &mut Vec<u8>) {
        if !items::is_annotation(node) {
            return self.report.lose_once("content.annotations", "citations");
        }
        self.chunk(choice, out, |w| {
            w.key("annotations").begin_array();
            items::annotation(node, offset, w);
            w.end_array();
        });
    }

    /// What the text to come is to the answer. False where the event is something else.
    pub(super) fn phase(&mut self, item: Node<'_>, out: &mut Vec<u8>) -> bool {
        let Some(phase) = item.some("phase") else { return false };
        self.chunk(0, out, |w| {
            w.key("provider_specific_fields").begin_object().key("phase").node(phase).end_object();
        });
        true
    }

    /// The searches for tools of a complete answer. False where it has none.
    pub(super) fn searches(&mut self, response: Node<'_>, out: &mut Vec<u8>) -> bool {
        let searched = searches::items(response.some("output").into_iter().flat_map(Node::items));
        if searched.is_empty() {
            return false;
        }
        self.chunk(0, out, |w| {
            w.key("provider_specific_fields").begin_object();
            searches::write(&searched, w);
            w.end_object();
        });
        true
    }

    /// The tier that serves from now on. False where the object tells none.
    pub(super) fn service_tier(&mut self, response: Node<'_>) -> bool {
        let Some(tier) = response.get_text("service_tier") else { return false };
        self.tail.clear();
        self.tail.extend_from_slice(b"],\"service_tier\":");
        Writer::new(&mut self.tail).text(&tier);
        self.tail.extend_from_slice(b"}\n\n");
        true
    }

    /// The probabilities of the tokens that came last.
    pub(super) fn logprobs(&mut self, choice: u32, list: Node<'_>, out: &mut Vec<u8>) {
        self.choice(
            choice,
            out,
            |_| {},
            |w| {
                w.key("logprobs").begin_object().key("content").node(list).end_object();
            },
        );
    }
}
