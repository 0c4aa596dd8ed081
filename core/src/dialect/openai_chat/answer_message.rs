//! One choice of a whole answer, as LiteLLM's clients know it: text, `reasoning_content` and `thinking_blocks`, tool calls,
//! and what only the provider's dialect knows in `provider_specific_fields`.

use std::borrow::Cow;

use crate::dialect::{AnswerContext, Dialect};
use crate::ids;
use crate::ir::chat::{Block, Choice, Citations, Input, Response, TextBlock, Thinking, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy;

use super::items;
use super::response::write_finish;
use super::searches;
use super::stream::unusual;

#[derive(Default)]
struct Parts<'b, 'a> {
    texts: Vec<&'b Text<'a>>,
    thoughts: Vec<&'b Block<'a>>,
    calls: Vec<(usize, Cow<'b, ToolUse<'a>>)>,
    refusal: Option<&'b Text<'a>>,
    /// Citations, with the text that they stand behind.
    citations: Vec<(Node<'a>, &'b Text<'a>)>,
    /// Annotations of `openai_responses`, with the characters before the text that they belong to.
    annotations: Vec<(Node<'a>, u64)>,
    /// Probabilities of the tokens of `openai_responses`.
    logprobs: Vec<Node<'a>>,
    search_results: Vec<Node<'a>>,
    tool_results: Vec<Node<'a>>,
    compactions: Vec<Node<'a>>,
}

impl<'b, 'a> Parts<'b, 'a> {
    fn of(choice: &'b Choice<'a>, report: &mut Report) -> Self {
        let mut parts = Self::default();
        for (number, block) in choice.blocks.iter().enumerate() {
            match block {
                Block::Text(text) => parts.text(number, text, report),
                Block::Thinking(_) | Block::RedactedThinking { .. } => parts.thoughts.push(block),
                Block::ToolUse(call) => parts.calls.push((number, Cow::Borrowed(call))),
                Block::Refusal(text) => parts.refusal = Some(text),
                Block::Native { dialect: Dialect::OpenAiChat, .. }
                | Block::Media(_)
                | Block::ToolResult(_) => {
                    report.lose(format!("content[{number}]"), "block_without_counterpart");
                }
                Block::Native { node, .. } => parts.native(number, *node, report),
            }
        }
        parts
    }

    fn text(&mut self, number: usize, block: &'b TextBlock<'a>, report: &mut Report) {
        match block.citations {
            Some(Citations { dialect: Dialect::OpenAiResponses, node }) => {
                let offset = self.texts.iter().map(|text| text.characters()).sum();
                for (index, annotation) in node.items().enumerate() {
                    if items::is_annotation(annotation) {
                        self.annotations.push((annotation, offset));
                    } else {
                        report.lose(format!("content[{number}].annotations[{index}]"), "citations");
                    }
                }
            }
            Some(citations) => self.citations.push((citations.node, &block.text)),
            None => {}
        }
        let logprobs = block.extra.iter().filter(|(key, _)| key.is("logprobs"));
        self.logprobs.extend(logprobs.map(|(_, list)| *list));
        self.texts.push(&block.text);
    }

    /// A block that only the provider's dialect knows: a call of one of its own tools, or what came out of it.
    fn native(&mut self, number: usize, node: Node<'a>, report: &mut Report) {
        let kind = node.get_text("type").map(|kind| kind.unescape()).unwrap_or_default();
        match (&*kind, node.get_text("id"), node.get_text("name"), node.some("input")) {
            ("server_tool_use", Some(id), Some(name), Some(input)) => {
                let extra = node.entries().filter(|(key, _)| key.is("caller")).collect();
                let call = ToolUse { id, name, input: Input::Json(input), cache: None, extra };
                self.calls.push((number, Cow::Owned(call)));
            }
            ("web_search_tool_result" | "web_fetch_tool_result", ..) => self.search_results.push(node),
            ("compaction", ..) => self.compactions.push(node),
            (kind, ..) if kind.ends_with("_tool_result") => self.tool_results.push(node),
            _ if searches::is_search(node) => {}
            _ => report.lose(format!("content[{number}]"), "block_without_counterpart"),
        }
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
    let mut parts = Parts::of(choice, report);
    let is_answer = |name| parts.calls.iter().position(|(_, call)| call.name.is(name));
    let json_call = context.hints.json_tool.and_then(is_answer);
    let unwrapped = json_call.map(|at| parts.calls.remove(at).1);
    w.begin_object();
    write_finish(choice, unwrapped.is_some() && parts.calls.is_empty(), w);
    w.key("index").number(u64::from(choice.index));
    w.key("message").begin_object();
    w.key("role").word("assistant");
    let silent =
        response.dialect == Dialect::OpenAiResponses && parts.calls.is_empty() && parts.refusal.is_none();
    content(&parts, unwrapped.as_deref(), silent, w);
    if let Some(refusal) = parts.refusal {
        w.key("refusal").text(refusal);
    }
    if !parts.calls.is_empty() {
        w.key("tool_calls").begin_array();
        for (place, (block, call)) in parts.calls.iter().enumerate() {
            // LiteLLM numbers whole calls of Anthropic's by their block; all others are numbered among each other.
            let number = if response.dialect == Dialect::OpenAiResponses { place } else { *block };
            tool_call(call, number, context, w);
        }
        w.end_array();
    }
    thinking(&parts.thoughts, w);
    if !parts.annotations.is_empty() {
        w.key("annotations").begin_array();
        parts.annotations.iter().for_each(|(annotation, offset)| items::annotation(*annotation, *offset, w));
        w.end_array();
    }
    if unwrapped.is_none() {
        provider_fields(&parts, choice, response, w);
    }
    let told = |key: &Text<'_>| response.dialect == Dialect::OpenAiResponses && key.is("phase");
    for (key, _) in choice.message_extra.iter().filter(|(key, _)| !told(key)) {
        report.lose(format!("choices[{}].message.{}", choice.index, key.unescape()), "answer_field");
    }
    w.end_object();
    if let Some(logprobs) = choice.logprobs {
        w.key("logprobs").node(logprobs);
    } else if !parts.logprobs.is_empty() {
        w.key("logprobs").begin_object().key("content").begin_array();
        parts.logprobs.iter().flat_map(|list| list.items()).for_each(|token| {
            w.node(token);
        });
        w.end_array().end_object();
    }
    w.end_object();
}

/// Writes the text; for an answer that is `silent` the empty one.
fn content(parts: &Parts<'_, '_>, unwrapped: Option<&ToolUse<'_>>, silent: bool, w: &mut Writer<'_>) {
    w.key("content");
    match unwrapped.map(|call| &call.input) {
        Some(Input::Encoded(text) | Input::Free(text)) => {
            w.text(text);
        }
        Some(Input::Json(node)) => {
            w.json_as_string(node.raw_str());
        }
        None if parts.texts.is_empty() && !silent => {
            w.null();
        }
        None => {
            w.concat(parts.texts.iter().copied());
        }
    }
}

fn tool_call(call: &ToolUse<'_>, index: usize, context: &AnswerContext, w: &mut Writer<'_>) {
    w.begin_object().key("index").number(index as u64);
    if let Input::Free(input) = &call.input {
        items::custom_call(Some(&call.name), input, w);
        w.key("id").text(&call.id);
        call_fields(call, w);
        w.end_object();
        return;
    }
    w.key("function").begin_object().key("arguments");
    match &call.input {
        Input::Json(node) => w.json_as_string(node.raw_str()),
        Input::Encoded(text) | Input::Free(text) => w.text(text),
    };
    w.key("name");
    match context.hints.client_tool_name(&call.name.unescape()) {
        Some(name) => w.str(name),
        None => w.text(&call.name),
    };
    w.end_object();
    w.key("id");
    if call.id.is_empty() {
        w.str(&ids::tool_call(context.id_seed, index as u32))
    } else {
        w.text(&call.id)
    };
    w.key("type").word("function");
    call_fields(call, w);
    w.end_object();
}

/// Who calls, and the namespace of the tool, which the client has to send back.
fn call_fields(call: &ToolUse<'_>, w: &mut Writer<'_>) {
    for (key, value) in &call.extra {
        match &*key.name() {
            b"caller" => {
                w.key_text(key).node(*value);
            }
            b"namespace" => items::namespace(*value, w),
            _ => {}
        }
    }
}

fn thinking(thoughts: &[&Block<'_>], w: &mut Writer<'_>) {
    if thoughts.is_empty() {
        return;
    }
    if thoughts.iter().any(|block| item_of(block).is_some()) {
        return reasoning_items(thoughts, w);
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

fn item_of<'a>(block: &Block<'a>) -> Option<Node<'a>> {
    match block {
        Block::Thinking(thinking) => thinking.item,
        _ => None,
    }
}

/// Reasoning items of `openai_responses`: what they say, and they themselves.
fn reasoning_items(thoughts: &[&Block<'_>], w: &mut Writer<'_>) {
    let list = || thoughts.iter().filter_map(|block| item_of(block));
    let between = Text::new(items::BETWEEN_PARTS);
    let mut texts = Vec::new();
    for text in list().flat_map(policy::reasoning_items::parts) {
        texts.extend((!texts.is_empty()).then(|| between.clone()));
        texts.push(text);
    }
    if !texts.is_empty() {
        w.key("reasoning_content").concat(&texts);
    }
    w.key("reasoning_items").begin_array();
    list().for_each(|item| items::reasoning_item(item, w));
    w.end_array();
}

fn thinking_block(block: &Block<'_>, w: &mut Writer<'_>) {
    match block {
        Block::Thinking(Thinking { text, signature, .. }) => {
            w.begin_object().key("type").word("thinking").key("thinking").text(text);
            if let Some(signature) = signature {
                w.key("signature").text(signature);
            }
            w.end_object();
        }
        Block::RedactedThinking { data } => {
            w.begin_object().key("type").word("redacted_thinking").key("data").text(data).end_object();
        }
        _ => {}
    }
}

/// What clients find in `provider_specific_fields`, under LiteLLM's names.
fn provider_fields(parts: &Parts<'_, '_>, choice: &Choice<'_>, response: &Response<'_>, w: &mut Writer<'_>) {
    match response.dialect {
        Dialect::OpenAiChat => return,
        Dialect::OpenAiResponses => return responses_fields(choice, w),
        _ => {}
    }
    w.key("provider_specific_fields").begin_object();
    w.key("citations");
    if parts.citations.is_empty() {
        w.null();
    } else {
        w.begin_array();
        for (list, text) in &parts.citations {
            citations(*list, text, w);
        }
        w.end_array();
    }
    w.key("thinking_blocks");
    if parts.thoughts.is_empty() {
        w.null();
    } else {
        w.begin_array();
        for block in &parts.thoughts {
            thinking_block(block, w);
        }
        w.end_array();
    }
    let lists = [
        ("web_search_results", &parts.search_results),
        ("tool_results", &parts.tool_results),
        ("compaction_blocks", &parts.compactions),
    ];
    for (name, nodes) in lists {
        if !nodes.is_empty() {
            w.key(name).begin_array();
            nodes.iter().for_each(|node| {
                w.node(*node);
            });
            w.end_array();
        }
    }
    for (key, value) in &response.extra {
        if matches!(&*key.name(), b"container" | b"context_management") && !value.is_null() {
            w.key_text(key).node(*value);
        }
    }
    if let Some(reason) = unusual(&choice.finish) {
        w.key("stop_reason").text(&reason);
    }
    w.end_object();
}

/// What the text is to the answer (a comment on the way, or its end: the last message's), and searches for tools.
fn responses_fields(choice: &Choice<'_>, w: &mut Writer<'_>) {
    let phase = choice.message_extra.iter().rfind(|(key, _)| key.is("phase"));
    let searched = searches::items(choice.blocks.iter().filter_map(|block| match block {
        Block::Native { node, .. } => Some(*node),
        block => item_of(block),
    }));
    if phase.is_none() && searched.is_empty() {
        return;
    }
    w.key("provider_specific_fields").begin_object();
    if let Some((_, phase)) = phase {
        w.key("phase").node(*phase);
    }
    if !searched.is_empty() {
        searches::write(&searched, w);
    }
    w.end_object();
}

/// The citations of one text, each with the text that it supports.
fn citations(list: Node<'_>, text: &Text<'_>, w: &mut Writer<'_>) {
    w.begin_array();
    for citation in list.items() {
        w.begin_object();
        for (key, value) in citation.entries() {
            w.key_text(&key).node(value);
        }
        w.key("supported_text").text(text).end_object();
    }
    w.end_array();
}
