//! What the model said → an `openai_chat` message.

use super::encode_message::Context;
use super::tools::sent_name;
use crate::dialect::AnswerHints;
use crate::dialect::place::Place;
use crate::ir::chat::{Block, Input, Message, Thinking, ToolUse};
use crate::json::{Text, Writer};
use crate::policy::custom_tools;

/// Writes a message of the model's.
pub(super) fn assistant(message: &Message<'_>, place: Place, w: &mut Writer<'_>, cx: &mut Context<'_>) {
    let mut texts: Vec<&Text<'_>> = Vec::new();
    let mut calls: Vec<&ToolUse<'_>> = Vec::new();
    let mut thoughts: Vec<&Block<'_>> = Vec::new();
    for (index, block) in message.blocks.iter().enumerate() {
        match block {
            Block::Text(text) => {
                texts.push(&text.text);
                if text.citations.is_some() {
                    cx.report.lose(format!("{}.citations", place.block(index)), "citations");
                }
            }
            Block::Refusal(text) => texts.push(text),
            Block::ToolUse(call) => calls.push(call),
            Block::Thinking(_) | Block::RedactedThinking { .. } => thoughts.push(block),
            _ => cx.report.lose(place.block(index).to_string(), "block_without_counterpart"),
        }
    }
    if texts.is_empty() && calls.is_empty() && thoughts.is_empty() {
        return;
    }
    cx.begin("assistant", w);
    if !texts.is_empty() {
        w.key("content");
        if cx.of_items && !message.plain && !cx.joins {
            parts(&texts, w);
        } else {
            w.concat(texts);
        }
    }
    if !calls.is_empty() {
        w.key("tool_calls").begin_array();
        calls.iter().for_each(|call| tool_call(call, cx.hints, w));
        w.end_array();
    }
    thinking(&thoughts, place, w, cx);
    w.end_object();
}

fn parts(texts: &[&Text<'_>], w: &mut Writer<'_>) {
    w.begin_array();
    for text in texts {
        w.begin_object().key("type").word("text").key("text").text(text).end_object();
    }
    w.end_array();
}

fn tool_call(call: &ToolUse<'_>, hints: &mut AnswerHints, w: &mut Writer<'_>) {
    w.begin_object().key("id").text(&call.id).key("type").word("function");
    w.key("function").begin_object();
    w.key("name").text(&sent_name(&call.name, hints)).key("arguments");
    match &call.input {
        Input::Json(node) => w.json_as_string(node.raw_str()),
        Input::Encoded(text) => w.text(text),
        Input::Free(text) => w.str(&custom_tools::arguments(text)),
    };
    w.end_object().end_object();
}

/// `thinking_blocks` for hosts that want signatures back, `reasoning_content` for those that want the text.
fn thinking(blocks: &[&Block<'_>], place: Place, w: &mut Writer<'_>, cx: &mut Context<'_>) {
    if blocks.is_empty() {
        return;
    }
    // A reasoning item without what its provider needs to take it back is text and nothing else.
    let told = |block: &&&Block<'_>| {
        !cx.of_items || !matches!(block, Block::Thinking(Thinking { signature: None, .. }))
    };
    if !blocks.iter().any(|block| told(&block)) {
    } else if cx.rules.drop_thinking_blocks {
        cx.report.lose(place.to_string(), "thinking_replay");
    } else {
        w.key("thinking_blocks").begin_array();
        blocks.iter().filter(told).for_each(|block| thinking_block(block, w));
        w.end_array();
    }
    let mut texts: Vec<Text<'_>> = Vec::new();
    for block in blocks {
        if let Some(text) = readable(block) {
            texts.extend((!texts.is_empty()).then(|| Text::new("\n")));
            texts.push(text.clone());
        }
    }
    if texts.is_empty() {
        return;
    }
    if cx.rules.drop_reasoning_content {
        if cx.of_items {
            cx.report.lose(place.to_string(), "thinking_replay");
        }
    } else {
        w.key("reasoning_content").concat(&texts);
    }
}

fn readable<'b, 'a>(block: &'b Block<'a>) -> Option<&'b Text<'a>> {
    match block {
        Block::Thinking(Thinking { text, .. }) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn thinking_block(block: &Block<'_>, w: &mut Writer<'_>) {
    match block {
        Block::Thinking(Thinking { text, signature, .. }) => {
            w.begin_object().key("type").word("thinking").key("thinking").text(text);
            w.key("signature").text(&signature.clone().unwrap_or_else(|| Text::new(""))).end_object();
        }
        Block::RedactedThinking { data } => {
            w.begin_object().key("type").word("redacted_thinking").key("data").text(data).end_object();
        }
        _ => {}
    }
}
