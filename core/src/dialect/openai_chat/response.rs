//! Whole answers, both ways.

use super::wire::{finish, finish_reason, usage, write_usage};
use super::{error, items};
use crate::dialect::{AnswerContext, AnswerHints, Dialect};
use crate::edit::{Decision, Patch};
use crate::error::{FailureKind, UpstreamError};
use crate::ids;
use crate::ir::chat::{Block, Choice, Finish, Input, Response, TextBlock, Thinking, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;

/// Reads an answer.
pub(crate) fn decode(root: Node<'_>) -> Result<Response<'_>, UpstreamError> {
    let (mut told, mut choices, mut usage_node, mut id, mut model, mut created) =
        (None, None, None, None, None, None);
    let mut extra = Vec::new();
    for (key, value) in root.entries() {
        let given = Some(value).filter(|value| !value.is_null());
        match &*key.name() {
            b"choices" => choices = given,
            b"usage" => usage_node = given,
            b"id" => id = given,
            b"model" => model = given,
            b"created" => created = given,
            b"object" => {}
            name => {
                if name == b"error" {
                    told = given;
                }
                extra.push((key.clone(), value));
            }
        }
    }
    error::in_band(root, told)?;
    let Some(list) = choices.filter(|choices| choices.is_array()) else {
        return Err(UpstreamError::new(FailureKind::Malformed, 500, "the provider's answer has no choices"));
    };
    Ok(Response {
        dialect: Dialect::OpenAiChat,
        id: id.and_then(Node::text),
        model: model.and_then(Node::text),
        created: created.and_then(Node::u64),
        choices: list.items().enumerate().map(|(number, node)| choice(node, number)).collect(),
        usage: usage_node.map(usage),
        usage_node,
        extra,
    })
}

fn choice(node: Node<'_>, number: usize) -> Choice<'_> {
    let [index, reason, logprobs, message] = node.fields(["index", "finish_reason", "logprobs", "message"]);
    let mut choice = Choice {
        index: index.and_then(Node::u64).unwrap_or(number as u64) as u32,
        blocks: Vec::new(),
        finish: finish(reason.and_then(Node::text)),
        stop_sequence: None,
        logprobs,
        message_extra: Vec::new(),
        extra: Vec::new(),
    };
    if let Some(message) = message {
        blocks(message, &mut choice);
    }
    choice
}

fn blocks<'a>(message: Node<'a>, choice: &mut Choice<'a>) {
    let (mut text, mut thinking, mut reasoning, mut refusal) = (None, Vec::new(), None, None);
    let mut calls = Vec::new();
    for (key, value) in message.entries() {
        match &*key.name() {
            b"content" => text = Some(value).filter(|value| !value.is_null()),
            b"reasoning_content" => reasoning = value.text().or(reasoning),
            b"reasoning" if message.some("reasoning_content").is_none() => reasoning = value.text(),
            b"thinking_blocks" => thinking.extend(value.items().filter_map(thinking_block)),
            b"refusal" => refusal = value.text(),
            b"tool_calls" => calls.extend(value.items().map(tool_call)),
            b"function_call" if value.get_text("name").is_some_and(|name| !name.is_empty()) => {
                calls.push(tool_call(message));
            }
            b"role" => {}
            _ if value.is_null() => {}
            _ => choice.message_extra.push((key, value)),
        }
    }
    if thinking.is_empty() {
        let reasoning = reasoning.filter(|reasoning| !reasoning.is_empty());
        thinking.extend(reasoning.map(|text| Block::Thinking(Thinking::new(text))));
    }
    choice.blocks.append(&mut thinking);
    match text.map(|node| (node.text(), node)) {
        Some((Some(text), _)) => {
            let tagged = think_tags(&text).filter(|_| choice.blocks.is_empty());
            let (thought, text) =
                tagged.map_or((None, text), |(thought, answer)| (Some(thought), Text::new(answer)));
            choice.blocks.extend(thought.map(|thought| Block::Thinking(Thinking::new(Text::new(thought)))));
            choice.blocks.push(Block::Text(TextBlock::new(text)));
        }
        Some((None, list)) => choice.blocks.extend(list.items().filter_map(content_part)),
        None => {}
    }
    choice.blocks.extend(refusal.map(Block::Refusal));
    if !calls.is_empty() && choice.finish == Finish::Stop {
        choice.finish = Finish::ToolUse;
    }
    choice.blocks.extend(calls.into_iter().map(Block::ToolUse));
}

/// Some hosts (Mistral's reasoning models) answer with parts.
fn content_part(part: Node<'_>) -> Option<Block<'_>> {
    match &*part.get_text("type")?.name() {
        b"text" => Some(Block::Text(TextBlock::new(part.get_text("text")?))),
        b"thinking" => {
            let inner = part.some("thinking")?;
            let text = inner.text().or_else(|| inner.items().find_map(|piece| piece.get_text("text")))?;
            Some(Block::Thinking(Thinking::new(text)))
        }
        _ => Some(Block::Native { dialect: Dialect::OpenAiChat, node: part }),
    }
}

fn thinking_block(node: Node<'_>) -> Option<Block<'_>> {
    match &*node.get_text("type")?.name() {
        b"thinking" => Some(Block::Thinking(Thinking {
            text: node.get_text("thinking")?,
            signature: node.get_text("signature").filter(|signature| !signature.is_empty()),
            cache: None,
            item: None,
        })),
        b"redacted_thinking" => Some(Block::RedactedThinking { data: node.get_text("data")? }),
        _ => None,
    }
}

fn tool_call(node: Node<'_>) -> ToolUse<'_> {
    let [id, function, older] = node.fields(["id", "function", "function_call"]);
    let [name, arguments] = function.or(older).unwrap_or(node).fields(["name", "arguments"]);
    let input = match arguments {
        Some(arguments) => arguments.text().map_or(Input::Json(arguments), Input::Encoded),
        None => Input::Encoded(Text::new("{}")),
    };
    ToolUse {
        id: id.and_then(Node::text).unwrap_or_else(|| Text::new("")),
        name: name.and_then(Node::text).unwrap_or_else(|| Text::new("")),
        input,
        cache: None,
        extra: Vec::new(),
    }
}

/// Writes an answer.
pub(crate) fn encode(
    response: &Response<'_>,
    context: &AnswerContext,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let mut w = Writer::new(out);
    w.begin_object();
    match response.id.as_ref().filter(|_| items::is_upstream(context)) {
        // The client may go on from an answer that the provider keeps.
        Some(id) => w.key("id").text(id),
        None => w.key("id").str(&ids::chat_completion(context.id_seed)),
    };
    w.key("created").number(response.created.unwrap_or(context.now_unix));
    w.key("model").str(&context.requested_model);
    w.key("object").word("chat.completion");
    w.key("choices").begin_array();
    for choice in &response.choices {
        super::answer_message::choice(choice, response, context, &mut w, report);
    }
    w.end_array();
    if let Some(usage) = &response.usage {
        w.key("usage");
        if items::is_upstream(context) {
            items::usage(usage, &mut w);
            w.end_object();
        } else {
            let thought = response.choices.iter().flat_map(|choice| &choice.blocks).any(is_reasoning);
            write_usage(usage, thought, response.usage_node, &mut w);
        }
    }
    for (key, value) in &response.extra {
        match &*key.name() {
            b"service_tier" => {
                w.key("service_tier").node(*value);
            }
            b"container" | b"context_management" => {}
            _ if value.is_null() => {}
            _ => report.lose(key.unescape(), "answer_field"),
        }
    }
    w.end_object();
}

fn is_reasoning(block: &Block<'_>) -> bool {
    matches!(block, Block::Thinking(_) | Block::RedactedThinking { .. })
}

/// Writes `finish_reason`; where the answer's form was asked for as a tool, its call is the text and no call.
pub(super) fn write_finish(choice: &Choice<'_>, unwrapped: bool, w: &mut Writer<'_>) {
    w.key("finish_reason").word(if unwrapped { "stop" } else { finish_reason(&choice.finish) });
}

/// The edit list of answers whose client and provider share the dialect.
pub(crate) fn edit(root: Node<'_>, context: &AnswerContext, patch: &mut Patch) {
    let insert = missing(root, context);
    let absent = |name: &str| insert.iter().any(|(inserted, _)| *inserted == name);
    patch.object(root, &insert, |patch, key, value| match &*key.name() {
        _ if !insert.is_empty() && absent(&key.unescape()) => Decision::Remove,
        b"model" => Decision::string(&context.requested_model),
        // No tier has an empty name.
        b"service_tier" if value.is_text("") => Decision::Remove,
        b"usage" => {
            edit_usage(value, patch);
            Decision::Keep
        }
        b"choices" => {
            patch.array(value, |patch, number, choice| {
                if context.hints.json_tool.is_some() {
                    unwrap_json_tool(choice, &context.hints, patch);
                } else {
                    edit_choice(choice, number, patch);
                }
                Decision::Keep
            });
            Decision::Keep
        }
        _ => Decision::Keep,
    });
}

/// What every SDK reads in an answer and some hosts leave out.
fn missing(root: Node<'_>, context: &AnswerContext) -> Vec<(&'static str, Vec<u8>)> {
    let mut insert = Vec::new();
    let [id, object, created] = root.fields(["id", "object", "created"]);
    if id.is_none() {
        insert.push(("id", json_string(&ids::chat_completion(context.id_seed))));
    }
    if object.is_none() {
        insert.push(("object", br#""chat.completion""#.to_vec()));
    }
    if created.is_none() {
        insert.push(("created", context.now_unix.to_string().into_bytes()));
    }
    insert
}

fn edit_choice(choice: Node<'_>, number: usize, patch: &mut Patch) {
    let [message, index, reason] = choice.fields(["message", "index", "finish_reason"]);
    let calls = message.and_then(|message| message.some("tool_calls")).is_some_and(|calls| !calls.is_empty());
    // Azure leaves the message out where it filtered it; every SDK reads one.
    let mut insert = Vec::new();
    if message.is_none() {
        insert.push(("message", br#"{"role":"assistant","content":null}"#.to_vec()));
    }
    if index.is_none() {
        insert.push(("index", number.to_string().into_bytes()));
    }
    if reason.is_none() {
        insert
            .push(("finish_reason", if calls { br#""tool_calls""#.to_vec() } else { br#""stop""#.to_vec() }));
    }
    patch.object(choice, &insert, |patch, key, value| match &*key.name() {
        b"message" | b"index" | b"finish_reason" if value.is_null() => Decision::Remove,
        b"finish_reason" => edit_finish(value, calls),
        b"message" => {
            edit_message(value, patch);
            Decision::Keep
        }
        _ => Decision::Keep,
    });
}

/// A reason outside the dialect becomes the one that it stands for, and an answer that calls tools says so: agents go
/// by the reason.
pub(super) fn edit_finish(reason: Node<'_>, calls: bool) -> Decision {
    let Some(said) = reason.text() else { return Decision::Keep };
    let word = match finish(Some(said.clone())) {
        Finish::Stop if calls => "tool_calls",
        Finish::Other(_) => finish_reason(&Finish::Other(said.clone())),
        _ => return Decision::Keep,
    };
    Decision::string(word)
}

fn edit_message(message: Node<'_>, patch: &mut Patch) {
    let mut insert = Vec::new();
    let [role, told, content, named, calls] =
        message.fields(["role", "reasoning_content", "content", "reasoning", "tool_calls"]);
    if role.is_none() {
        insert.push(("role", br#""assistant""#.to_vec()));
    }
    let told = told.is_some();
    let tagged = content.filter(|_| !told).and_then(Node::text).as_ref().and_then(think_tags);
    if let Some((reasoning, answer)) = tagged.or_else(|| content.and_then(reasoned_parts)) {
        insert.push(("content", json_string(&answer)));
        if !told && !reasoning.is_empty() {
            insert.push(("reasoning_content", json_string(&reasoning)));
        }
    } else if let Some(reasoning) = named.filter(|reasoning| reasoning.is_string() && !told) {
        // Hosts that call it `reasoning`: clients look for it in `reasoning_content`.
        insert.push(("reasoning_content", reasoning.raw().to_vec()));
    }
    if !insert.is_empty() {
        patch.object(message, &insert, |_, key, _| {
            if insert.iter().any(|(name, _)| key.is(name)) { Decision::Remove } else { Decision::Keep }
        });
    }
    for call in calls.into_iter().flat_map(Node::items) {
        complete_call(call, patch);
    }
}

/// Mistral's reasoning models answer with parts of thinking and text: reasoning and text for everybody else.
fn reasoned_parts(content: Node<'_>) -> Option<(String, String)> {
    let (mut reasoning, mut answer) = (String::new(), String::new());
    for part in content.is_array().then_some(content)?.items() {
        match &*part.get_text("type")?.name() {
            b"text" => answer.push_str(&part.some("text")?.str()?),
            b"thinking" => {
                let thinking = part.some("thinking")?;
                let pieces = thinking.items().filter_map(|piece| piece.some("text")?.str());
                pieces.chain(thinking.str()).for_each(|piece| reasoning.push_str(&piece));
            }
            _ => return None,
        }
    }
    Some((reasoning, answer))
}

fn json_string(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + 2);
    Writer::new(&mut json).str(text);
    json
}

/// Reasoning that a model writes into its text, as vLLM passes it on without a reasoning parser:
/// `<think>…</think>answer`.
fn think_tags(text: &Text<'_>) -> Option<(String, String)> {
    if !text.starts_with("<think") {
        return None;
    }
    let whole = text.unescape();
    let (open, close) =
        if whole.starts_with("<think>") { ("<think>", "</think>") } else { ("<thinking>", "</thinking>") };
    let (reasoning, answer) = whole.strip_prefix(open)?.split_once(close)?;
    Some((reasoning.to_owned(), answer.to_owned()))
}

/// The type and the arguments that clients expect in every call and some hosts leave out.
fn complete_call(call: Node<'_>, patch: &mut Patch) {
    let [kind, function] = call.fields(["type", "function"]);
    if call.is_object() && kind.is_none() {
        patch.object(call, &[("type", br#""function""#.to_vec())], |_, key, _| {
            if key.is("type") { Decision::Remove } else { Decision::Keep }
        });
    }
    let function = function.filter(|function| function.is_object());
    if let Some(function) = function.filter(|function| function.some("arguments").is_none()) {
        patch.object(function, &[("arguments", b"\"\"".to_vec())], |_, key, _| {
            if key.is("arguments") { Decision::Remove } else { Decision::Keep }
        });
    }
}

/// Where a host counts reasoning beside the completion (xAI), `completion_tokens` becomes what the dialect says: both.
pub(super) fn edit_usage(node: Node<'_>, patch: &mut Patch) {
    let [said] = node.fields(["completion_tokens"]);
    let output = usage(node).output;
    if let Some(said) = said.filter(|said| said.u64().is_some_and(|said| said != output)) {
        patch.replace(said, output.to_string());
    }
}

/// Turns the forced tool call that carries a JSON answer back into the answer's text.
fn unwrap_json_tool(choice: Node<'_>, hints: &AnswerHints, patch: &mut Patch) {
    let call = choice.some("message").and_then(|message| message.some("tool_calls")?.items().next());
    let function = call.and_then(|call| call.some("function"));
    let Some(function) = function.filter(|f| {
        hints.json_tool.is_some_and(|name| f.get_text("name").is_some_and(|called| called.is(name)))
    }) else {
        return;
    };
    let Some(arguments) = function.some("arguments") else { return };
    patch.object(choice, &[], |patch, key, value| match &*key.name() {
        b"finish_reason" => Decision::string("stop"),
        b"message" => {
            let content = vec![("content", arguments.raw().to_vec())];
            patch.object(value, &content, |_, key, _| match &*key.name() {
                b"content" | b"tool_calls" => Decision::Remove,
                _ => Decision::Keep,
            });
            Decision::Keep
        }
        _ => Decision::Keep,
    });
}
