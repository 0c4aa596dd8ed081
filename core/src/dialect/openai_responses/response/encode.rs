//! IR → `openai_responses` answer.

use std::borrow::Cow;

use super::envelope::{Envelope, is_tier};
use super::item::{
    Call, Part, Words, append_redacted, append_thinking, call_item_id, write_message, write_reasoning,
};
use super::{annotation, native};
use crate::dialect::{AnswerContext, Dialect};
use crate::ids;
use crate::ir::chat::{Block, Choice, Input, Response, ToolUse};
use crate::json::{Node, Text, Writer};
use crate::loss::Report;
use crate::policy::custom_tools;
use crate::response_id;

use super::super::wire::incomplete_reason;

/// Writes an answer.
pub(crate) fn encode(
    response: &Response<'_>,
    context: &AnswerContext,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let made = || Text::new(ids::item("resp_", context.id_seed, 0));
    let given = response.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(made);
    let id = response_id::for_client(context.provider, context.deployment.as_deref(), &given.unescape());
    let first = response.choices.first();
    let incomplete = first.and_then(|choice| incomplete_reason(&choice.finish));
    let tier = response.extra.iter().find(|(key, _)| key.is("service_tier")).map(|(_, tier)| *tier);
    let envelope = Envelope {
        context,
        id: &id,
        created: response.created.unwrap_or(context.now_unix),
        status: if incomplete.is_some() { "incomplete" } else { "completed" },
        incomplete,
        usage: response.usage,
        service_tier: tier.filter(|tier| is_tier(*tier)).map(Node::raw),
    };
    envelope.write(&mut Writer::new(out), |w| {
        if let Some(choice) = first {
            let output =
                Output { choice, dialect: response.dialect, context, incomplete: incomplete.is_some() };
            output.write(w, report);
        }
    });
    if response.choices.len() > 1 {
        report.lose("choices", "single_answer");
    }
    for (key, value) in &response.extra {
        if !value.is_null() && !(key.is("service_tier") && (is_tier(*value) || value.is_text(""))) {
            report.lose(key.unescape(), "answer_field");
        }
    }
}

/// The items of an answer.
struct Output<'r, 'a> {
    choice: &'r Choice<'a>,
    dialect: Dialect,
    context: &'r AnswerContext,
    incomplete: bool,
}

/// Blocks that make one item.
enum Group<'r, 'a> {
    Reasoning(Vec<&'r Block<'a>>),
    Message(Vec<&'r Block<'a>>),
    /// With the number of its block.
    Call(usize, &'r ToolUse<'a>),
    /// A compacted conversation.
    Compaction(Node<'a>),
    /// With what it found.
    Search(Text<'a>, Option<Node<'a>>, Option<Node<'a>>),
}

impl<'a> Output<'_, 'a> {
    fn write(&self, w: &mut Writer<'_>, report: &mut Report) {
        let groups = self.groups(report);
        for (number, group) in groups.iter().enumerate() {
            let last = number + 1 == groups.len();
            let status = if last && self.incomplete { "incomplete" } else { "completed" };
            self.item(group, number as u32, status, w, report);
        }
        let message = groups.iter().any(|group| matches!(group, Group::Message(_)));
        for (key, _) in &self.choice.message_extra {
            if !(message && key.is("annotations")) {
                report.lose(format!("message.{}", key.unescape()), "answer_field");
            }
        }
    }

    fn groups<'g>(&'g self, report: &mut Report) -> Vec<Group<'g, 'a>> {
        let mut groups: Vec<Group<'g, 'a>> = Vec::with_capacity(self.choice.blocks.len());
        for (number, block) in self.choice.blocks.iter().enumerate() {
            match (block, groups.last_mut()) {
                (Block::Thinking(_) | Block::RedactedThinking { .. }, Some(Group::Reasoning(blocks))) => {
                    blocks.push(block);
                }
                (Block::Thinking(_) | Block::RedactedThinking { .. }, _) => {
                    groups.push(Group::Reasoning(vec![block]));
                }
                (Block::Refusal(text), _) if text.is_empty() => {}
                (Block::Text(_) | Block::Refusal(_), Some(Group::Message(blocks))) => blocks.push(block),
                (Block::Text(_) | Block::Refusal(_), _) => groups.push(Group::Message(vec![block])),
                (Block::ToolUse(call), _) if self.is_answer(call) => {
                    groups.push(Group::Message(vec![block]));
                }
                (Block::ToolUse(call), _) => groups.push(Group::Call(number, call)),
                (Block::Native { dialect, node }, _) => {
                    self.native(*dialect, *node, number, &mut groups, report)
                }
                (Block::Media(_) | Block::ToolResult(_), _) => {
                    report.lose(format!("content[{number}]"), "block_without_counterpart");
                }
            }
        }
        groups
    }

    fn native(
        &self,
        dialect: Dialect,
        node: Node<'a>,
        number: usize,
        groups: &mut Vec<Group<'_, 'a>>,
        report: &mut Report,
    ) {
        if let Some((id, input)) = native::search(dialect, node) {
            return groups.push(Group::Search(id, input, None));
        }
        if native::is_compaction(dialect, node) {
            return groups.push(Group::Compaction(node));
        }
        let of = native::search_result(dialect, node);
        let search = groups.iter_mut().rev().find_map(|group| match group {
            Group::Search(id, _, result) if Some(&*id) == of.as_ref() => Some(result),
            _ => None,
        });
        match search {
            Some(result) => *result = Some(node),
            None => report.lose(format!("content[{number}]"), "block_without_counterpart"),
        }
    }

    /// Whether a call is the answer, which was asked for in this form.
    fn is_answer(&self, call: &ToolUse<'_>) -> bool {
        self.context.hints.json_tool.is_some_and(|name| call.name.is(name))
    }

    fn item(
        &self,
        group: &Group<'_, 'a>,
        number: u32,
        status: &str,
        w: &mut Writer<'_>,
        report: &mut Report,
    ) {
        let id = |prefix: &str| ids::item(prefix, self.context.id_seed, number + 1);
        match group {
            Group::Reasoning(blocks) => reasoning(&id("rs_"), blocks, status, w),
            Group::Message(blocks) => self.message(&id("msg_"), blocks, status, w, report),
            Group::Call(block, call) => self.call(*block, call, status, w),
            Group::Compaction(node) => native::write_compaction(&id("cmp_"), node.raw(), w),
            Group::Search(id, input, result) => {
                let query = input.and_then(|input| input.get_text("query"));
                native::write_search(id, &query.unwrap_or_else(|| Text::new("")), *result, w);
            }
        }
    }

    /// A message: neighbouring texts are one part, as OpenAI's models answer.
    fn message(
        &self,
        id: &str,
        blocks: &[&Block<'a>],
        status: &str,
        w: &mut Writer<'_>,
        report: &mut Report,
    ) {
        let annotations = self.annotations(blocks, report);
        let logprobs = self.choice.logprobs.and_then(|logprobs| logprobs.some("content"));
        let logprobs = logprobs.filter(|list| list.is_array()).map(Node::raw);
        let logprobs = logprobs.map_or(&b""[..], |list| list[1..list.len() - 1].trim_ascii());
        let texts: Vec<&Text<'a>> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text(text) => Some(&text.text),
                Block::ToolUse(ToolUse { input: Input::Encoded(text) | Input::Free(text), .. }) => Some(text),
                _ => None,
            })
            .collect();
        let mut parts = Vec::with_capacity(blocks.len());
        if !texts.is_empty() {
            let text = Words::Texts(&texts);
            parts.push(Part::Text { text, annotations: &annotations, logprobs });
        }
        let refusals: Vec<[&Text<'a>; 1]> = blocks
            .iter()
            .filter_map(|block| if let Block::Refusal(text) = block { Some([text]) } else { None })
            .collect();
        parts.extend(refusals.iter().map(|text| Part::Refusal(Words::Texts(text))));
        parts.extend(blocks.iter().filter_map(|block| match block {
            Block::ToolUse(ToolUse { input: Input::Json(node), .. }) => {
                Some(Part::Text { text: Words::Json(*node), annotations: &[], logprobs: &[] })
            }
            _ => None,
        }));
        write_message(id, &parts, status, w);
    }

    fn annotations(&self, blocks: &[&Block<'a>], report: &mut Report) -> Vec<u8> {
        let mut annotations = Vec::new();
        let cited = |block: &&Block<'_>| matches!(block, Block::Text(text) if text.citations.is_some());
        if blocks.iter().any(cited) {
            let mut start = 0;
            for block in blocks {
                let Block::Text(text) = block else { continue };
                let end = start + text.text.unescape().chars().count();
                for citation in text.citations.into_iter().flat_map(|citations| citations.node.items()) {
                    annotation::append(self.dialect, citation, (start, end), &mut annotations, report);
                }
                start = end;
            }
        }
        let extra = self.choice.message_extra.iter().find(|(key, _)| key.is("annotations"));
        for node in extra.into_iter().flat_map(|(_, list)| list.items()) {
            annotation::append(self.dialect, node, (0, 0), &mut annotations, report);
        }
        annotations
    }

    fn call(&self, block: usize, call: &ToolUse<'a>, status: &str, w: &mut Writer<'_>) {
        let hints = &self.context.hints;
        let sent = call.name.unescape();
        let name = hints.client_tool_name(&sent).unwrap_or(&sent);
        let custom = hints.custom_tools.iter().any(|tool| tool == name);
        let (namespace, name) =
            hints.namespaced(name).map_or((None, name), |(space, name)| (Some(space), name));
        let call_id = match call.id.is_empty() {
            true => Cow::Owned(Text::new(ids::tool_call(self.context.id_seed, block as u32))),
            false => Cow::Borrowed(&call.id),
        };
        let free = if custom { free_text(&call.input) } else { None };
        let given = match &call.input {
            Input::Encoded(text) | Input::Free(text) => Some(text),
            Input::Json(_) => None,
        };
        let none = Text::new("{}");
        // No arguments: what clients read is JSON all the same.
        let given = given.map(|text| if custom || !text.is_empty() { text } else { &none });
        let texts = free.as_ref().or(given).map(|text| [text]);
        let input = match (&texts, &call.input) {
            (Some(texts), _) => Words::Texts(texts),
            (None, Input::Json(node)) => Words::Json(*node),
            (None, _) => Words::Texts(&[]),
        };
        let id = call_item_id(custom, &call_id.unescape());
        Call { custom, id: &id, call_id: &call_id, name, namespace, input }.write(status, w);
    }
}

/// The text in the arguments of a function that stands for a tool of free text.
fn free_text<'a>(input: &Input<'a>) -> Option<Text<'a>> {
    match input {
        Input::Json(node) => custom_tools::text(*node),
        Input::Encoded(text) => custom_tools::text_in(&text.unescape()).map(Text::new),
        Input::Free(_) => None,
    }
}

fn reasoning(id: &str, blocks: &[&Block<'_>], status: &str, w: &mut Writer<'_>) {
    let mut list = Vec::new();
    let mut texts = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            Block::Thinking(thinking) => {
                if let Some(signature) = &thinking.signature {
                    append_thinking(Words::Texts(&[&thinking.text]), Words::Texts(&[signature]), &mut list);
                }
                texts.extend((!thinking.text.is_empty()).then_some([&thinking.text]));
            }
            Block::RedactedThinking { data } => append_redacted(data, &mut list),
            _ => {}
        }
    }
    write_reasoning(id, texts.iter().map(|text| Words::Texts(text)), &list, status, w);
}
