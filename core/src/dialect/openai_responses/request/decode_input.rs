//! The input of a request → messages. A turn of the model is several items; here it is one message again.

use super::{decode_part, decode_reasoning, decode_search, decode_tools};
use crate::error::Refusal;
use crate::ir::chat::{Block, Input, Message, Role, TextBlock, ToolResult, ToolUse};
use crate::json::{Node, Text};
use crate::loss::Report;

/// Reads `input` and appends its messages.
pub(super) fn read<'a>(
    input: Node<'a>,
    messages: &mut Vec<Message<'a>>,
    report: &mut Report,
) -> Result<(), Refusal> {
    if let Some(text) = input.text() {
        let mut message = Message::new(Role::User, vec![Block::Text(TextBlock::new(text))]);
        message.plain = true;
        messages.push(message);
        return Ok(());
    }
    if !input.is_array() {
        return Err(Refusal::invalid("input", "input must be a string or a list"));
    }
    messages.reserve(input.items().count());
    let mut conversation = Conversation { messages, report };
    input.items().enumerate().try_for_each(|(index, item)| conversation.item(index, item))
}

/// The members of an item, whatever it is.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Text<'a>>,
    role: Option<Text<'a>>,
    id: Option<Text<'a>>,
    call_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    namespace: Option<Text<'a>>,
    content: Option<Node<'a>>,
    arguments: Option<Node<'a>>,
    input: Option<Text<'a>>,
    output: Option<Node<'a>>,
    cache: Option<Node<'a>>,
    others: Vec<Text<'a>>,
}

impl<'a> Members<'a> {
    fn of(item: Node<'a>) -> Self {
        let mut members = Self::default();
        for (key, value) in item.entries().filter(|(_, value)| !value.is_null()) {
            match &*key.name() {
                b"type" => members.kind = value.text(),
                b"role" => members.role = value.text(),
                b"id" => members.id = value.text(),
                b"call_id" => members.call_id = value.text(),
                b"name" => members.name = value.text(),
                b"namespace" => members.namespace = value.text(),
                b"content" => members.content = Some(value),
                b"arguments" => members.arguments = Some(value),
                b"input" => members.input = value.text(),
                b"output" => members.output = Some(value),
                b"cache_control" => members.cache = Some(value),
                b"status" => {}
                _ => members.others.push(key),
            }
        }
        members
    }
}

struct Conversation<'m, 'a, 'r> {
    messages: &'m mut Vec<Message<'a>>,
    report: &'r mut Report,
}

impl<'a> Conversation<'_, 'a, '_> {
    fn item(&mut self, index: usize, item: Node<'a>) -> Result<(), Refusal> {
        let path = || format!("input[{index}]");
        let members = Members::of(item);
        let kind = members.kind.clone().unwrap_or_else(|| Text::new("message"));
        match &*kind.name() {
            b"message" => self.message(index, members)?,
            b"function_call" => self.call(index, members, false)?,
            b"custom_tool_call" => self.call(index, members, true)?,
            b"function_call_output" | b"custom_tool_call_output" => self.output(index, members)?,
            b"reasoning" => {
                let blocks = decode_reasoning::blocks(item, index, self.report);
                self.thought(blocks);
            }
            b"web_search_call" => self.say(vec![decode_search::told(item)], true),
            b"compaction" => self.compaction(index, item)?,
            // What the provider's own tools did: the answer that came of it stands in the conversation as well.
            b"file_search_call"
            | b"code_interpreter_call"
            | b"image_generation_call"
            | b"mcp_list_tools"
            | b"mcp_call"
            | b"mcp_approval_request" => self.report.lose(path(), "server_item"),
            b"item_reference" => {
                let why = "item_reference needs a provider that keeps responses, which this one does not";
                return Err(Refusal::unsupported(path(), format!("{}: {why}", path())));
            }
            _ => {
                let why = format!("{}: items of type '{}' are for OpenAI only", path(), kind.unescape());
                return Err(Refusal::unsupported(path(), why));
            }
        }
        Ok(())
    }

    /// The message that the model is speaking, if it spoke last.
    fn turn(&mut self) -> Option<&mut Message<'a>> {
        self.messages.last_mut().filter(|message| message.role == Role::Assistant)
    }

    fn message(&mut self, index: usize, item: Members<'a>) -> Result<(), Refusal> {
        let role = role(item.role.as_ref(), index)?;
        self.lose_others(index, &item);
        let Some(content) = item.content else { return Ok(()) };
        let (mut blocks, plain) = decode_part::content(content, index, self.report)?;
        let mut cache = item.cache;
        if let (false, Some(Block::Text(text))) = (plain, blocks.last_mut()) {
            text.cache = text.cache.or(cache.take());
        }
        if role == Role::Assistant {
            self.say(blocks, plain);
            if let Some(turn) = self.turn().filter(|turn| turn.plain) {
                turn.cache = turn.cache.or(cache);
            }
            return Ok(());
        }
        let mut message = Message::new(role, blocks);
        (message.plain, message.cache) = (plain, cache);
        self.messages.push(message);
        Ok(())
    }

    /// The model says `blocks`: in its turn if that has thoughts only, or calls, before which they belong, and otherwise
    /// in a turn of their own.
    fn say(&mut self, blocks: Vec<Block<'a>>, plain: bool) {
        let is_call = |block: &Block<'_>| matches!(block, Block::ToolUse(_));
        let is_said = |block: &Block<'_>| matches!(block, Block::Text(_) | Block::Refusal(_));
        let searched = matches!(blocks.as_slice(), [Block::Text(text)] if decode_search::is_told(text));
        match self.turn() {
            Some(turn) if searched || turn.blocks.iter().any(is_call) || !turn.blocks.iter().any(is_said) => {
                turn.plain = plain && !turn.blocks.iter().any(is_said);
                let before = turn.blocks.iter().position(is_call).unwrap_or(turn.blocks.len());
                turn.blocks.splice(before..before, blocks);
            }
            _ => {
                let mut message = Message::new(Role::Assistant, blocks);
                message.plain = plain;
                self.messages.push(message);
            }
        }
    }

    /// The model thinks: in the turn that it begins with.
    fn thought(&mut self, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        let is_thought =
            |block: &Block<'_>| matches!(block, Block::Thinking(_) | Block::RedactedThinking { .. });
        match self.turn() {
            Some(turn) if turn.blocks.iter().all(is_thought) => turn.blocks.extend(blocks),
            _ => self.messages.push(Message::new(Role::Assistant, blocks)),
        }
    }

    fn call(&mut self, index: usize, item: Members<'a>, custom: bool) -> Result<(), Refusal> {
        self.lose_others(index, &item);
        let name = item.name.unwrap_or_else(|| Text::new(""));
        let call = ToolUse {
            id: item.call_id.or(item.id).ok_or_else(|| nameless(index))?,
            name: match item.namespace.filter(|_| !custom) {
                Some(namespace) => decode_tools::qualified(&namespace.unescape(), &name),
                None => name,
            },
            input: match (custom, item.arguments) {
                (true, _) => Input::Free(item.input.unwrap_or_else(|| Text::new(""))),
                (false, Some(arguments)) => arguments.text().map_or(Input::Json(arguments), Input::Encoded),
                (false, None) => Input::Encoded(Text::new("")),
            },
            cache: item.cache,
            extra: Vec::new(),
        };
        match self.turn() {
            Some(turn) => turn.blocks.push(Block::ToolUse(call)),
            None => self.messages.push(Message::new(Role::Assistant, vec![Block::ToolUse(call)])),
        }
        Ok(())
    }

    /// Neighbouring outputs are one message: what a tool shows is shown after all of them.
    fn output(&mut self, index: usize, item: Members<'a>) -> Result<(), Refusal> {
        self.lose_others(index, &item);
        let (content, plain) = match item.output {
            Some(output) => decode_part::output(output, index, self.report)?,
            None => (vec![Block::Text(TextBlock::new(Text::new("")))], true),
        };
        let result = ToolResult {
            tool_use_id: item.call_id.ok_or_else(|| nameless(index))?,
            content,
            plain,
            is_error: None,
            cache: item.cache,
            extra: Vec::new(),
        };
        match self.messages.last_mut().filter(|message| message.role == Role::Tool) {
            Some(results) => results.blocks.push(Block::ToolResult(result)),
            None => self.messages.push(Message::new(Role::Tool, vec![Block::ToolResult(result)])),
        }
        Ok(())
    }

    /// The summary of what stood before, where it can be read; the operator's words stay beside it.
    fn compaction(&mut self, index: usize, item: Node<'a>) -> Result<(), Refusal> {
        let Some(summary) = decode_reasoning::summary_of_compaction(item) else {
            let path = format!("input[{index}]");
            let why = format!("{path}: a compacted conversation can only be read by its provider");
            return Err(Refusal::unsupported(path, why));
        };
        self.messages.retain(|message| matches!(message.role, Role::System | Role::Developer));
        let mut message = Message::new(Role::User, vec![Block::Text(TextBlock::new(summary))]);
        message.plain = true;
        self.messages.push(message);
        Ok(())
    }

    fn lose_others(&mut self, index: usize, item: &Members<'_>) {
        for key in &item.others {
            self.report.lose(format!("input[{index}].{}", key.unescape()), "item_field");
        }
    }
}

fn nameless(index: usize) -> Refusal {
    let path = format!("input[{index}].call_id");
    Refusal::invalid(path.clone(), format!("{path} is required"))
}

fn role(given: Option<&Text<'_>>, index: usize) -> Result<Role, Refusal> {
    let Some(given) = given else { return Ok(Role::User) };
    Ok(match &*given.name() {
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        b"system" => Role::System,
        b"developer" => Role::Developer,
        _ => return Err(Refusal::invalid(format!("input[{index}].role"), "unknown role")),
    })
}
