//! One choice of a whole answer, as LiteLLM's clients know it: text, `reasoning_content` and `thinking_blocks`, tool calls,
//! and what only the provider's dialect knows in `provider_specific_fields`.

use crate::dialect::{AnswerContext, Dialect};
use crate::ids;
use crate::ir::chat::{Block, Choice, Input, Response, Thinking, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;

use super::response::write_finish;

#[derive(Default)]
struct Parts<'b, 'a> {
    texts: Vec<&'b Text<'a>>,
    thoughts: Vec<&'b Block<'a>>,
    calls: Vec<&'b ToolUse<'a>>,
    refusal: Option<&'b Text<'a>>,
    citations: Vec<Node<'a>>,
    native: Vec<Node<'a>>,
}

impl<'b, 'a> Parts<'b, 'a> {
    fn of(choice: &'b Choice<'a>) -> Self {
        let mut parts = Self::default();
        for block in &choice.blocks {
            match block {
                Block::Text(text) => {
                    parts.texts.push(&text.text);
                    parts.citations.extend(text.citations.map(|citations| citations.node));
                }
                Block::Thinking(_) | Block::RedactedThinking { .. } => parts.thoughts.push(block),
                Block::ToolUse(call) => parts.calls.push(call),
                Block::Refusal(text) => parts.refusal = Some(text),
                Block::Native { dialect: Dialect::OpenAiChat, .. } | Block::Media(_) | Block::ToolResult(_) => {}
                Block::Native { node, .. } => parts.native.push(*node),
            }
        }
        parts
    }
}

/// Writes one choice.
pub(super) fn choice(
    choice: &Choice<'_>,
    response: &Response<'_>,
    context: &AnswerContext,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    let mut parts = Parts::of(choice);
    let json_call = context.hints.json_tool.and_then(|name| parts.calls.iter().position(|call| call.name.is(name)));
    let unwrapped = json_call.map(|at| parts.calls.remove(at));
    w.begin_object();
    write_finish(choice, unwrapped.is_some() && parts.calls.is_empty(), w);
    w.key("index").number(u64::from(choice.index));
    w.key("message").begin_object();
    w.key("role").str("assistant");
    content(&parts, unwrapped, w);
    if let Some(refusal) = parts.refusal {
        w.key("refusal").text(refusal);
    }
    if !parts.calls.is_empty() {
        w.key("tool_calls").begin_array();
        for (index, call) in parts.calls.iter().enumerate() {
            tool_call(call, index, context, w);
        }
        w.end_array();
    }
    thinking(&parts.thoughts, w);
    provider_fields(&parts, response, w);
    for (key, _) in &choice.message_extra {
        report.lose(format!("choices[{}].message.{}", choice.index, key.unescape()), "answer_field");
    }
    w.end_object();
    if let Some(logprobs) = choice.logprobs {
        w.key("logprobs").node(logprobs);
    }
    w.end_object();
}

fn content(parts: &Parts<'_, '_>, unwrapped: Option<&ToolUse<'_>>, w: &mut Writer<'_>) {
    w.key("content");
    match unwrapped.map(|call| &call.input) {
        Some(Input::Encoded(text)) => {
            w.text(text);
        }
        Some(Input::Json(node)) => {
            w.json_as_string(node.raw_str());
        }
        None if parts.texts.is_empty() => {
            w.null();
        }
        None => {
            w.concat(parts.texts.iter().copied());
        }
    }
}

fn tool_call(call: &ToolUse<'_>, index: usize, context: &AnswerContext, w: &mut Writer<'_>) {
    w.begin_object().key("index").number(index as u64);
    w.key("function").begin_object().key("arguments");
    match &call.input {
        Input::Json(node) => w.json_as_string(node.raw_str()),
        Input::Encoded(text) => w.text(text),
    };
    w.key("name");
    match context.hints.client_tool_name(&call.name.unescape()) {
        Some(name) => w.str(name),
        None => w.text(&call.name),
    };
    w.end_object();
    w.key("id");
    if call.id.is_empty() { w.str(&ids::tool_call(context.id_seed, index as u32)) } else { w.text(&call.id) };
    w.key("type").str("function").end_object();
}

fn thinking(thoughts: &[&Block<'_>], w: &mut Writer<'_>) {
    if thoughts.is_empty() {
        return;
    }
    let texts: Vec<&Text<'_>> = thoughts
        .iter()
        .filter_map(|block| match block {
            Block::Thinking(thinking) => Some(&thinking.text),
            _ => None,
        })
        .collect();
    w.key("reasoning_content").concat(texts);
    w.key("thinking_blocks").begin_array();
    for block in thoughts {
        thinking_block(block, w);
    }
    w.end_array();
}

fn thinking_block(block: &Block<'_>, w: &mut Writer<'_>) {
    match block {
        Block::Thinking(Thinking { text, signature, .. }) => {
            w.begin_object().key("type").str("thinking").key("thinking").text(text);
            if let Some(signature) = signature {
                w.key("signature").text(signature);
            }
            w.end_object();
        }
        Block::RedactedThinking { data } => {
            w.begin_object().key("type").str("redacted_thinking").key("data").text(data).end_object();
        }
        _ => {}
    }
}

/// What clients find in `provider_specific_fields`, under LiteLLM's names.
fn provider_fields(parts: &Parts<'_, '_>, response: &Response<'_>, w: &mut Writer<'_>) {
    if response.dialect == Dialect::OpenAiChat {
        return;
    }
    w.key("provider_specific_fields").begin_object();
    if !parts.citations.is_empty() {
        w.key("citations").begin_array();
        for node in &parts.citations {
            w.node(*node);
        }
        w.end_array();
    }
    if !parts.native.is_empty() {
        w.key("content_blocks").begin_array();
        for node in &parts.native {
            w.node(*node);
        }
        w.end_array();
    }
    w.end_object();
}
