//! `openai_responses` answer → IR.

use super::super::error;
use super::super::wire::usage;
use crate::dialect::Dialect;
use crate::error::{FailureKind, UpstreamError};
use crate::ir::chat::{Block, Choice, Citations, Finish, Input, Response, TextBlock, ToolUse};
use crate::json::{Node, Text};
use crate::policy::reasoning_items;

/// Reads an answer.
pub(crate) fn decode(root: Node<'_>) -> Result<Response<'_>, UpstreamError> {
    let (mut told, mut status, mut output, mut details) = (None, None, None, None);
    let (mut id, mut model, mut created, mut usage_node) = (None, None, None, None);
    let mut extra = Vec::new();
    for (key, value) in root.entries() {
        let given = Some(value).filter(|value| !value.is_null());
        match &*key.name() {
            b"error" => told = given,
            b"status" => status = given,
            b"output" => output = given,
            b"incomplete_details" => details = given,
            b"id" => id = given,
            b"model" => model = given,
            b"created_at" => created = given,
            b"usage" => usage_node = given,
            name if is_usual(name) => {}
            _ => extra.extend(given.map(|value| (key.clone(), value))),
        }
    }
    if told.is_some() {
        error::in_band(root)?;
    }
    if told.is_some() || status.is_some_and(|status| status.is_text("failed")) {
        return Err(error::of_response(Some(root)));
    }
    let Some(output) = output.filter(|output| output.is_array()) else {
        let message = "the provider's answer has no output";
        return Err(UpstreamError::new(FailureKind::Malformed, 500, message));
    };
    if let Some(status) = status.and_then(Node::text).filter(|status| !is_over(status)) {
        let message = format!("the provider's answer is {}", status.unescape());
        return Err(UpstreamError::new(FailureKind::InBand, 500, message));
    }
    let mut choice = Choice {
        index: 0,
        blocks: Vec::new(),
        finish: Finish::Stop,
        stop_sequence: None,
        logprobs: None,
        message_extra: Vec::new(),
        extra: Vec::new(),
    };
    for node in output.items() {
        item(node, &mut choice);
    }
    let calls = choice.blocks.iter().any(|block| matches!(block, Block::ToolUse(_)));
    choice.finish = finish_of(status, details, calls);
    Ok(Response {
        dialect: Dialect::OpenAiResponses,
        id: id.and_then(Node::text),
        model: model.and_then(Node::text),
        created: created.and_then(seconds),
        choices: vec![choice],
        usage: usage_node.map(usage),
        usage_node,
        extra,
    })
}

fn is_over(status: &Text<'_>) -> bool {
    status.is("completed") || status.is("incomplete")
}

/// Some hosts give fractions of seconds.
pub(crate) fn seconds(created: Node<'_>) -> Option<u64> {
    created.u64().or_else(|| created.f64().filter(|time| *time >= 0.0).map(|time| time as u64))
}

/// What every answer has beside that, most of it repeated from the request.
fn is_usual(name: &[u8]) -> bool {
    matches!(
        name,
        b"background"
            | b"billing"
            | b"completed_at"
            | b"conversation"
            | b"frequency_penalty"
            | b"instructions"
            | b"max_output_tokens"
            | b"max_tool_calls"
            | b"metadata"
            | b"moderation"
            | b"object"
            | b"output_text"
            | b"parallel_tool_calls"
            | b"presence_penalty"
            | b"previous_response_id"
            | b"prompt"
            | b"prompt_cache_key"
            | b"prompt_cache_options"
            | b"prompt_cache_retention"
            | b"reasoning"
            | b"safety_identifier"
            | b"store"
            | b"temperature"
            | b"text"
            | b"tool_choice"
            | b"tools"
            | b"top_logprobs"
            | b"top_p"
            | b"truncation"
            | b"user"
    )
}

/// Why an answer ended.
pub(crate) fn finish(root: Node<'_>, calls: bool) -> Finish<'_> {
    let [status, details] = root.fields(["status", "incomplete_details"]);
    finish_of(status, details, calls)
}

fn finish_of<'a>(status: Option<Node<'a>>, details: Option<Node<'a>>, calls: bool) -> Finish<'a> {
    let reason = details.and_then(|details| details.get_text("reason"));
    match reason.as_ref().map(Text::name).as_deref() {
        Some(b"content_filter") => Finish::ContentFilter,
        Some(_) => Finish::Length,
        None if status.is_some_and(|status| status.is_text("incomplete")) => Finish::Length,
        None if calls => Finish::ToolUse,
        None => Finish::Stop,
    }
}

/// Reads an output item.
fn item<'a>(node: Node<'a>, choice: &mut Choice<'a>) {
    let kind = node.get_text("type");
    match kind.as_ref().map(Text::name).as_deref() {
        Some(b"message") => message(node, choice),
        Some(b"reasoning") => choice.blocks.push(Block::Thinking(reasoning_items::thinking(node))),
        Some(b"function_call" | b"custom_tool_call") => choice.blocks.push(Block::ToolUse(call(node))),
        _ => choice.blocks.push(Block::Native { dialect: Dialect::OpenAiResponses, node }),
    }
}

fn message<'a>(node: Node<'a>, choice: &mut Choice<'a>) {
    choice.message_extra.extend(node.entries().filter(|(key, value)| key.is("phase") && !value.is_null()));
    for part in node.some("content").into_iter().flat_map(Node::items) {
        let [kind, text, refusal, annotations, logprobs] =
            part.fields(["type", "text", "refusal", "annotations", "logprobs"]);
        let kind = kind.and_then(Node::text);
        let block = match (kind.as_ref().map(Text::name).as_deref(), text, refusal) {
            (Some(b"refusal"), _, Some(refusal)) => refusal.text().map(Block::Refusal),
            (Some(b"output_text"), Some(text), _) => text.text().map(|text| {
                let list = annotations.filter(|list| !list.is_empty());
                let logprobs = logprobs.filter(|list| !list.is_empty());
                Block::Text(TextBlock {
                    citations: list.map(|node| Citations { dialect: Dialect::OpenAiResponses, node }),
                    extra: logprobs.into_iter().map(|list| (Text::new("logprobs"), list)).collect(),
                    ..TextBlock::new(text)
                })
            }),
            _ => None,
        };
        let unknown = Block::Native { dialect: Dialect::OpenAiResponses, node: part };
        choice.blocks.push(block.unwrap_or(unknown));
    }
}

/// Reads a call of one of the client's tools.
pub(crate) fn call(node: Node<'_>) -> ToolUse<'_> {
    let [kind, call_id, id, name, arguments, input, namespace] =
        node.fields(["type", "call_id", "id", "name", "arguments", "input", "namespace"]);
    let free = kind.is_some_and(|kind| kind.is_text("custom_tool_call"));
    let given = if free { input } else { arguments };
    let words = given.and_then(Node::text);
    ToolUse {
        id: said(call_id).or_else(|| said(id)).unwrap_or_else(|| Text::new("")),
        name: said(name).unwrap_or_else(|| Text::new("")),
        input: match (words, given) {
            (Some(words), _) if free => Input::Free(words),
            (Some(words), _) => Input::Encoded(words),
            (None, Some(json)) => Input::Json(json),
            (None, None) if free => Input::Free(Text::new("")),
            (None, None) => Input::Encoded(Text::new("{}")),
        },
        cache: None,
        extra: namespace.map(|namespace| (Text::new("namespace"), namespace)).into_iter().collect(),
    }
}

fn said(node: Option<Node<'_>>) -> Option<Text<'_>> {
    node.and_then(Node::text).filter(|text| !text.is_empty())
}
