//! A provider's stream → events.

use super::super::wire::{finish, update_usage, usage};
use super::super::{blocks::others, error};
use crate::dialect::StreamDecoder;
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{BlockStart, Delta, Event, Start};
use crate::json::{Node, Text};
use crate::usage::Usage;

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    started: bool,
    /// A `message_delta` gave the reason for the end; without it the answer is not complete.
    finished: bool,
    done: bool,
    usage: Usage,
    /// Open blocks: the provider's number and ours.
    open: Vec<(u64, u32)>,
    next: u32,
}

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

impl StreamDecoder for Decoder {
    fn frame(&mut self, name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        if self.done {
            return;
        }
        let [kind, index, delta] = root.fields(["type", "index", "delta"]);
        let kind = kind.and_then(Node::text);
        let kind = kind.as_ref().map(Text::name);
        match kind.as_deref().unwrap_or(name) {
            b"content_block_delta" => self.block_delta(index, delta, sink),
            b"message_start" => self.message_start(root, sink),
            b"content_block_start" => self.block_start(root, sink),
            b"content_block_stop" => {
                if let Some(index) = self.close(root) {
                    sink(Event::BlockStop { choice: 0, index });
                }
            }
            b"message_delta" => self.message_delta(name, root, sink),
            b"message_stop" => self.message_stop(sink),
            b"ping" => sink(Event::Ping),
            b"error" => self.fail(&error::in_band(root), sink),
            _ if root.some("error").is_some() => self.fail(&error::in_band(root), sink),
            _ => sink(Event::Other { name: (!name.is_empty()).then_some(name), node: root }),
        }
    }

    fn fail(&mut self, error: &UpstreamError, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.done, true) {
            sink(Event::Failed(error));
        }
    }

    fn end(&mut self, sink: Sink<'_>) {
        if self.done {
            return;
        }
        if self.finished {
            self.done = true;
            sink(Event::End);
            return;
        }
        let message = "the provider's stream ended before the answer was complete";
        self.fail(&UpstreamError::new(FailureKind::Truncated, 500, message), sink);
    }
}

impl Decoder {
    fn malformed(&mut self, message: &str, sink: Sink<'_>) {
        self.fail(&UpstreamError::new(FailureKind::Malformed, 500, message), sink);
    }

    fn message_start(&mut self, root: Node<'_>, sink: Sink<'_>) {
        let Some(message) = root.some("message") else {
            return self.malformed("message_start without a message", sink);
        };
        if self.started {
            return;
        }
        self.started = true;
        let node = message.some("usage");
        if let Some(node) = node {
            self.usage = usage(node);
        }
        sink(Event::Start(Start {
            id: message.get_text("id"),
            model: message.get_text("model"),
            created: None,
            usage: node.map(|_| self.usage),
            extra: Some(message),
        }));
    }

    fn block_start(&mut self, root: Node<'_>, sink: Sink<'_>) {
        let (Some(number), Some(block)) = (root.get("index").and_then(Node::u64), root.some("content_block"))
        else {
            return self.malformed("content_block_start without index or block", sink);
        };
        let index = self.next;
        self.next += 1;
        self.open.push((number, index));
        let kind = block.get_text("type");
        let kind = kind.as_ref().map(Text::name);
        let begin = match kind.as_deref() {
            Some(b"text") => BlockStart::Text,
            Some(b"thinking") => BlockStart::Thinking,
            Some(b"redacted_thinking") => {
                BlockStart::RedactedThinking { data: block.get_text("data").unwrap_or(Text::new("")) }
            }
            Some(b"tool_use") => BlockStart::ToolUse {
                custom: false,
                id: block.get_text("id").unwrap_or(Text::new("")),
                name: block.get_text("name").unwrap_or(Text::new("")),
                caller: block.some("caller"),
                namespace: None,
            },
            _ => BlockStart::Native(block),
        };
        let native = matches!(begin, BlockStart::Native(_));
        sink(Event::BlockStart { choice: 0, index, block: begin });
        if !native {
            first_deltas(index, block, sink);
        }
    }

    fn block_delta(&mut self, number: Option<Node<'_>>, delta: Option<Node<'_>>, sink: Sink<'_>) {
        let (Some(number), Some(delta)) = (number.and_then(Node::u64), delta) else {
            return self.malformed("content_block_delta without index or delta", sink);
        };
        let Some(index) = self.open.iter().rev().find(|(open, _)| *open == number).map(|(_, index)| *index)
        else {
            return self.malformed("content_block_delta for a block that is not open", sink);
        };
        let [kind, text, input, thinking] = delta.fields(["type", "text", "partial_json", "thinking"]);
        let kind = kind.and_then(Node::text);
        let kind = kind.as_ref().map(Text::name);
        let known = match kind.as_deref() {
            Some(b"text_delta") => text.and_then(Node::text).map(Delta::Text),
            Some(b"input_json_delta") => input.and_then(Node::text).map(Delta::Input),
            Some(b"thinking_delta") => thinking.and_then(Node::text).map(Delta::Thinking),
            Some(b"signature_delta") => delta.get_text("signature").map(Delta::Signature),
            Some(b"citations_delta") => delta.some("citation").map(Delta::Citation),
            _ => None,
        };
        sink(Event::Delta { choice: 0, index, delta: known.unwrap_or(Delta::Native(delta)) });
    }

    fn close(&mut self, root: Node<'_>) -> Option<u32> {
        let number = root.get("index").and_then(Node::u64)?;
        let at = self.open.iter().rposition(|(open, _)| *open == number)?;
        Some(self.open.swap_remove(at).1)
    }

    fn message_delta(&mut self, name: &[u8], root: Node<'_>, sink: Sink<'_>) {
        let delta = root.some("delta");
        let more =
            root.entries().any(|(key, _)| !["type", "delta", "usage"].iter().any(|known| key.is(known)))
                || delta.is_some_and(|delta| !others(delta, &["stop_reason", "stop_sequence"]).is_empty());
        if more {
            sink(Event::Other { name: (!name.is_empty()).then_some(name), node: root });
        }
        let node = root.some("usage");
        if let Some(node) = node {
            update_usage(&mut self.usage, node);
        }
        if let Some(reason) = delta.and_then(|delta| delta.get_text("stop_reason")).filter(|_| !self.finished)
        {
            self.finished = true;
            self.close_all(sink);
            let stop_sequence = delta.and_then(|delta| delta.get_text("stop_sequence"));
            sink(Event::Finish { choice: 0, finish: finish(Some(reason)), stop_sequence });
        }
        if node.is_some() {
            sink(Event::Usage { usage: self.usage, node });
        }
    }

    /// Blocks that the provider forgot to stop.
    fn close_all(&mut self, sink: Sink<'_>) {
        for (_, index) in self.open.drain(..) {
            sink(Event::BlockStop { choice: 0, index });
        }
    }

    fn message_stop(&mut self, sink: Sink<'_>) {
        if self.finished {
            self.done = true;
            sink(Event::End);
        } else {
            self.malformed("message_stop without a reason for the end", sink);
        }
    }
}

/// What a block brings with it when it starts. Usually nothing.
fn first_deltas(index: u32, block: Node<'_>, sink: Sink<'_>) {
    let mut send = |delta: Delta<'_>| sink(Event::Delta { choice: 0, index, delta });
    let text = |name: &str| block.get_text(name).filter(|text| !text.is_empty());
    if let Some(text) = text("text") {
        send(Delta::Text(text));
    }
    if let Some(text) = text("thinking") {
        send(Delta::Thinking(text));
    }
    if let Some(signature) = text("signature") {
        send(Delta::Signature(signature));
    }
    if let Some(input) = block.some("input").filter(|input| !input.is_empty()) {
        send(Delta::Input(Text::new(input.raw_str())));
    }
    for citation in block.get("citations").into_iter().flat_map(Node::items) {
        send(Delta::Citation(citation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, Tokens};

    fn run(events: &[&str], end: bool) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        let mut sink = |event: Event<'_>| {
            seen.push(match event {
                Event::Start(start) => {
                    format!("start {}", start.id.map(|id| id.unescape().into_owned()).unwrap_or_default())
                }
                Event::BlockStart { index, block, .. } => format!("open {index} {}", name(&block)),
                Event::Delta { index, delta: Delta::Text(text) | Delta::Input(text), .. } => {
                    format!("delta {index} {}", text.unescape())
                }
                Event::Delta { index, .. } => format!("delta {index}"),
                Event::BlockStop { index, .. } => format!("stop {index}"),
                Event::Finish { finish, .. } => format!("finish {finish:?}"),
                Event::Usage { usage, .. } => format!("usage {} {}", usage.input, usage.output),
                Event::End => "end".to_owned(),
                Event::Failed(error) => format!("failed {} {}", error.failure.name(), error.status),
                Event::Ping => "ping".to_owned(),
                Event::Other { .. } => "other".to_owned(),
                Event::Logprobs { .. } => "logprobs".to_owned(),
            });
        };
        let mut tokens = Tokens::default();
        for data in events {
            match tokens.parse(data.as_bytes(), &Limits::lenient()) {
                Ok(root) => decoder.frame(b"", root, &mut sink),
                Err(error) => {
                    let error = UpstreamError::new(FailureKind::Malformed, 500, error.to_string());
                    decoder.fail(&error, &mut sink);
                }
            }
        }
        if end {
            decoder.end(&mut sink);
        }
        seen
    }

    fn name(block: &BlockStart<'_>) -> &'static str {
        match block {
            BlockStart::Text => "text",
            BlockStart::Thinking => "thinking",
            BlockStart::ToolUse { .. } => "tool",
            BlockStart::Native(_) => "native",
            _ => "else",
        }
    }

    const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":9,"cache_read_input_tokens":4,"output_tokens":1}}}"#;

    #[test]
    fn a_whole_answer_ends_once() {
        let seen = run(
            &[
                START,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
                r#"{"type":"content_block_stop","index":1}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":20}}"#,
                r#"{"type":"message_stop"}"#,
                r#"{"type":"ping"}"#,
            ],
            true,
        );
        let expected = [
            "start msg_1",
            "ping",
            "open 0 text",
            "delta 0 Hi",
            "stop 0",
            "open 1 tool",
            "delta 1 {}",
            "stop 1",
            "finish ToolUse",
            "usage 13 20",
            "end",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn failures_never_look_like_an_end() {
        assert_eq!(run(&[START], true), ["start msg_1", "failed truncated 500"]);
        assert_eq!(run(&[START, "{"], true), ["start msg_1", "failed malformed 500"]);
        let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#;
        assert_eq!(run(&[START, overloaded, START], true), ["start msg_1", "failed in_band 529"]);
    }

    #[test]
    fn a_stream_without_message_stop_is_complete_once_it_has_a_reason() {
        let last =
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#;
        assert_eq!(run(&[START, last], true), ["start msg_1", "finish Stop", "usage 13 2", "end"]);
    }

    #[test]
    fn what_is_unknown_is_kept() {
        let seen = run(
            &[
                START,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta"}}"#,
                r#"{"type":"new_event"}"#,
            ],
            false,
        );
        assert_eq!(seen, ["start msg_1", "open 0 native", "delta 0", "other"]);
    }
}
