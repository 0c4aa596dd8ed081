//! A provider's stream → events.

use super::super::error;
use super::super::response::{finish, seconds};
use super::super::wire::usage;
use super::items::{Items, PartKind, Sink};
use crate::dialect::StreamDecoder;
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{Delta, Event, Start};
use crate::json::{Node, Text};

/// Reads a stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    started: bool,
    over: bool,
    items: Items,
}

/// Where in the answer an event belongs, and what it brings.
struct Piece<'a> {
    output: u64,
    /// Number of the part in its item.
    part: u64,
    text: Option<Text<'a>>,
    logprobs: Option<Node<'a>>,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        if self.over {
            return;
        }
        let [kind, output, part, delta, logprobs] =
            root.fields(["type", "output_index", "content_index", "delta", "logprobs"]);
        let kind = kind.and_then(Node::text);
        let kind = kind.as_ref().map(Text::name);
        let kind = kind.as_deref().unwrap_or(name);
        let number = |node: Option<Node<'_>>| node.and_then(Node::u64).unwrap_or(0);
        let piece = Piece {
            output: number(output),
            part: number(part),
            text: delta.and_then(Node::text).filter(|text| !text.is_empty()),
            logprobs,
        };
        if kind == b"response.output_text.delta" {
            self.start(None, sink);
            return self.words(PartKind::Text, piece, sink);
        }
        let Some(event) = kind.strip_prefix(b"response.") else {
            return self.outside(kind, name, root, sink);
        };
        match event {
            b"completed" | b"incomplete" => self.completed(root, sink),
            b"failed" | b"cancelled" => {
                self.fail(&error::of_response(root.some("response").or(Some(root))), sink);
            }
            b"created" | b"in_progress" | b"queued" => self.start(root.some("response"), sink),
            _ => {
                self.start(None, sink);
                self.content(event, piece, name, root, sink);
            }
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
        let message = "the provider's stream ended before the answer was complete";
        self.fail(&UpstreamError::new(FailureKind::Truncated, 500, message), sink);
    }
}

impl Decoder {
    fn start(&mut self, response: Option<Node<'_>>, sink: Sink<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |name: &str| response.and_then(|response| response.get_text(name));
        sink(Event::Start(Start {
            id: text("id"),
            model: text("model"),
            created: response.and_then(|response| seconds(response.some("created_at")?)),
            usage: None,
            extra: response,
        }));
    }

    /// An event that is none of an answer's.
    fn outside(&mut self, kind: &[u8], name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        match kind {
            b"error" => self.fail(&error::of_event(root), sink),
            b"ping" | b"keepalive" => sink(Event::Ping),
            _ if root.some("error").is_some() => self.fail(&error::of_event(root), sink),
            _ => sink(Event::Other { name: (!name.is_empty()).then_some(name), node: root }),
        }
    }

    fn words(&mut self, kind: PartKind, piece: Piece<'_>, sink: Sink<'_>) {
        let Some(text) = piece.text else { return };
        let block = self.items.part(piece.output, piece.part, kind, sink);
        sink(Event::Delta { choice: 0, index: block, delta: Delta::Text(text) });
        if let Some(node) = piece.logprobs.filter(|list| !list.is_empty()) {
            sink(Event::Logprobs { choice: 0, node });
        }
    }

    fn content(&mut self, event: &[u8], piece: Piece<'_>, name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        // Events that say something is done say it all again, for those who did not listen.
        let whole = |name: &str| Piece { text: said(root, name), ..piece };
        match event {
            b"refusal.delta" => self.words(PartKind::Refusal, piece, sink),
            b"function_call_arguments.delta" | b"custom_tool_call_input.delta" => {
                if let Some(text) = &piece.text {
                    self.items.input(piece.output, text.clone(), sink);
                }
            }
            b"reasoning_summary_text.delta" => {
                let part = number(root, "summary_index");
                self.items.thought(piece.output, (part, true), piece.text, sink);
            }
            b"reasoning_text.delta" => {
                self.items.thought(piece.output, (piece.part, false), piece.text, sink);
            }
            b"output_text.done" if !self.items.has(piece.output, piece.part) => {
                self.words(PartKind::Text, whole("text"), sink);
            }
            b"refusal.done" if !self.items.has(piece.output, piece.part) => {
                self.words(PartKind::Refusal, whole("refusal"), sink);
            }
            b"output_text.annotation.added" => {
                let Some(annotation) = root.some("annotation") else { return };
                self.items.cite(piece.output, piece.part, annotation, sink);
            }
            b"content_part.done" => {
                if let Some(part) = root.some("part") {
                    self.items.part_done(piece.output, piece.part, part, sink);
                }
            }
            b"output_item.added" => {
                if let Some(item) = root.some("item") {
                    self.items.added(piece.output, item, sink);
                }
            }
            b"output_item.done" => {
                if let Some(item) = root.some("item") {
                    self.items.done(piece.output, item, sink);
                }
            }
            _ if is_told_by_its_item(event) => {}
            _ => sink(Event::Other { name: (!name.is_empty()).then_some(name), node: root }),
        }
    }

    fn completed(&mut self, root: Node<'_>, sink: Sink<'_>) {
        let response = root.some("response").unwrap_or(root);
        self.start(Some(response), sink);
        if self.items.is_empty() {
            // Hosts that tell the answer at its end only.
            for (number, item) in response.some("output").into_iter().flat_map(Node::items).enumerate() {
                self.items.done(number as u64, item, sink);
            }
        }
        self.items.close(sink);
        if response.some("service_tier").is_some() || self.items.searched() {
            sink(Event::Other { name: None, node: response });
        }
        sink(Event::Finish {
            choice: 0,
            finish: finish(response, self.items.has_calls()),
            stop_sequence: None,
        });
        if let Some(node) = response.some("usage") {
            sink(Event::Usage { usage: usage(node), node: Some(node) });
        }
        self.over = true;
        sink(Event::End);
    }
}

fn said<'a>(root: Node<'a>, name: &str) -> Option<Text<'a>> {
    root.get_text(name).filter(|text| !text.is_empty())
}

fn number(root: Node<'_>, name: &str) -> u64 {
    root.get(name).and_then(Node::u64).unwrap_or(0)
}

/// Events that say nothing beyond the item or the part that they belong to, which comes whole when it is done.
fn is_told_by_its_item(event: &[u8]) -> bool {
    const ITEMS: &[&[u8]] = &[
        b"apply_patch_call",
        b"code_interpreter_call",
        b"computer_call",
        b"content_part",
        b"custom_tool_call_input",
        b"file_search_call",
        b"function_call_arguments",
        b"mcp_call",
        b"mcp_list_tools",
        b"output_text",
        b"reasoning_summary_part",
        b"reasoning_summary_text",
        b"reasoning_text",
        b"refusal",
        b"shell_call",
        b"web_search_call",
    ];
    let item = event.split(|byte| *byte == b'.').next().unwrap_or(event);
    let family = item.strip_suffix(b"_arguments").or(item.strip_suffix(b"_code")).unwrap_or(item);
    ITEMS.contains(&item) || ITEMS.contains(&family)
}
