//! Whole answers of `anthropic_messages`.

use super::wire::{arguments, finish, stop_reason, tool_id, usage, write_usage};
use super::{blocks, error};
use crate::dialect::{AnswerContext, Dialect};
use crate::error::{FailureKind, UpstreamError};
use crate::ids;
use crate::ir::chat::{Block, Choice, Input, Response, Thinking, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::{custom_tools, reasoning_items};

/// Reads an answer.
pub(crate) fn decode(root: Node<'_>) -> Result<Response<'_>, UpstreamError> {
    let names = ["type", "role", "id", "model", "content", "stop_reason", "stop_sequence", "usage"];
    let ([kind, _, id, model, content, reason, sequence, usage_node], extra) = blocks::pick(root, names);
    let told = |(key, value): &(Text<'_>, Node<'_>)| key.is("error") && !value.is_null();
    if kind.is_some_and(|kind| kind.is_text("error")) || extra.iter().any(told) {
        return Err(error::in_band(root));
    }
    let Some(content) = content.filter(|content| content.is_array()) else {
        let message = "the provider's answer has no content list";
        return Err(UpstreamError::new(FailureKind::Malformed, 500, message));
    };
    let usage_node = usage_node.filter(|node| node.is_object());
    let mut list = Vec::with_capacity(content.items().count());
    list.extend(content.items().map(blocks::decode));
    let choice = Choice {
        index: 0,
        blocks: list,
        finish: finish(reason.and_then(Node::text)),
        stop_sequence: sequence.and_then(Node::text),
        logprobs: None,
        message_extra: Vec::new(),
        extra: Vec::new(),
    };
    Ok(Response {
        dialect: Dialect::AnthropicMessages,
        id: id.and_then(Node::text),
        model: model.and_then(Node::text),
        created: None,
        choices: vec![choice],
        usage: usage_node.map(usage),
        usage_node,
        extra,
    })
}

/// Writes an answer for a client.
pub(crate) fn encode(
    response: &Response<'_>,
    context: &AnswerContext,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let generated = Text::new(ids::message(context.id_seed));
    let mut w = Writer::new(out);
    w.begin_object();
    w.key("id").text(response.id.as_ref().filter(|id| !id.is_empty()).unwrap_or(&generated));
    w.key("type").word("message").key("role").word("assistant");
    w.key("model").str(&context.requested_model);
    w.key("content").begin_array();
    let mut refused = None;
    for choice in &response.choices {
        for (index, block) in choice.blocks.iter().enumerate() {
            refused = refusal(block).or(refused);
            write_block(block, index, context, &mut w, report);
        }
    }
    w.end_array();
    write_end(response, refused, &mut w);
    w.key("usage");
    write_usage(&response.usage.unwrap_or_default(), &mut w);
    w.end_object();
    if response.choices.len() > 1 {
        report.lose("choices", "single_answer");
    }
    if response.dialect == Dialect::OpenAiResponses {
        let fields = response.choices.iter().flat_map(|choice| &choice.message_extra);
        fields.for_each(|(name, _)| report.lose(name.unescape(), "answer_field"));
    }
    for (name, _) in &response.extra {
        report.lose(name.unescape(), "answer_field");
    }
}

fn refusal<'b, 'a>(block: &'b Block<'a>) -> Option<&'b Text<'a>> {
    match block {
        Block::Refusal(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn write_end(response: &Response<'_>, refused: Option<&Text<'_>>, w: &mut Writer<'_>) {
    let first = response.choices.first();
    let mut reason = first.map_or("end_turn", |choice| stop_reason(&choice.finish));
    let calls = |choice: &Choice<'_>| choice.blocks.iter().any(|block| matches!(block, Block::ToolUse(_)));
    if reason == "end_turn" && first.is_some_and(calls) {
        // Some hosts say `stop` after a call; clients would not run it.
        reason = "tool_use";
    }
    if refused.is_some() && reason != "max_tokens" {
        reason = "refusal";
    }
    w.key("stop_reason").str(reason);
    match first.and_then(|choice| choice.stop_sequence.as_ref()) {
        Some(sequence) => w.key("stop_sequence").text(sequence),
        None => w.key("stop_sequence").null(),
    };
    w.key("stop_details");
    if reason == "refusal" {
        write_refusal_details(refused, w);
    } else {
        w.null();
    }
}

/// Writes the `stop_details` of a refusal.
pub(super) fn write_refusal_details(explanation: Option<&Text<'_>>, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("refusal").key("category").null().key("explanation");
    match explanation {
        Some(text) => w.text(text),
        None => w.null(),
    };
    w.end_object();
}

fn write_block(
    block: &Block<'_>,
    index: usize,
    context: &AnswerContext,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    match block {
        Block::Text(text) => {
            w.begin_object().key("type").word("text").key("text").text(&text.text);
            if let Some(citations) = text.citations {
                if citations.dialect == Dialect::AnthropicMessages {
                    w.key("citations").node(citations.node);
                } else {
                    report.lose(format!("content[{index}].citations"), "citations");
                }
            }
            if text.extra.iter().any(|(key, _)| key.is("logprobs")) {
                report.lose("logprobs", "logprobs");
            }
            w.end_object();
        }
        Block::Refusal(text) if text.is_empty() => {}
        Block::Refusal(text) => {
            w.begin_object().key("type").word("text").key("text").text(text).end_object();
        }
        Block::Thinking(Thinking { text, item: Some(item), .. }) => write_reasoning_item(text, *item, w),
        Block::Thinking(thinking) => {
            // Unsigned and empty, it says nothing, and the provider would not take it back.
            if thinking.text.is_empty() && thinking.signature.is_none() {
                return;
            }
            w.begin_object().key("type").word("thinking").key("thinking").text(&thinking.text);
            match &thinking.signature {
                Some(signature) => w.key("signature").text(signature),
                // The official SDK's type has one.
                None => w.key("signature").str(""),
            };
            w.end_object();
        }
        Block::RedactedThinking { data } => {
            w.begin_object().key("type").word("redacted_thinking").key("data").text(data).end_object();
        }
        Block::ToolUse(tool) => write_tool_use(tool, index, context, w, report),
        Block::Native { dialect: Dialect::AnthropicMessages, node } => {
            w.node(*node);
        }
        Block::Native { .. } | Block::Media(_) | Block::ToolResult(_) => {
            report.lose(format!("content[{index}]"), "block_kind");
        }
    }
}

/// A reasoning item of `openai_responses`: what its provider needs to read it travels in the block's opaque field.
fn write_reasoning_item(text: &Text<'_>, item: Node<'_>, w: &mut Writer<'_>) {
    let signature = reasoning_items::signature(item);
    if text.is_empty() {
        if let Some(data) = signature {
            w.begin_object().key("type").word("redacted_thinking").key("data").concat(&data).end_object();
        }
        return;
    }
    w.begin_object().key("type").word("thinking").key("thinking").text(text).key("signature");
    match signature {
        Some(signature) => w.concat(&signature),
        None => w.str(""),
    };
    w.end_object();
}

fn write_tool_use(
    tool: &ToolUse<'_>,
    index: usize,
    context: &AnswerContext,
    w: &mut Writer<'_>,
    report: &mut Report,
) {
    w.begin_object().key("type").word("tool_use");
    if tool.id.is_empty() {
        w.key("id").str(&ids::tool_call(context.id_seed, index as u32));
    } else {
        w.key("id").text(&tool_id(&tool.id));
    }
    w.key("name");
    let original = if context.hints.tool_names.is_empty() {
        None
    } else {
        context.hints.client_tool_name(&tool.name.unescape())
    };
    match original {
        Some(name) => w.str(name),
        None => w.text(&tool.name),
    };
    w.key("input");
    match &tool.input {
        Input::Json(node) => {
            w.node(*node);
        }
        Input::Free(text) => custom_tools::write_arguments(text, w),
        Input::Encoded(text) => match arguments(text) {
            Some(found) => {
                w.raw(found.json.as_bytes());
            }
            None => {
                // The model wrote no JSON. The client gets its words rather than nothing.
                report.lose(format!("content[{index}].input"), "invalid_arguments");
                w.begin_object().key("arguments").text(text).end_object();
            }
        },
    }
    w.end_object();
    if tool.extra.iter().any(|(key, _)| key.is("namespace")) {
        report.lose(format!("content[{index}].namespace"), "answer_field");
    }
}
