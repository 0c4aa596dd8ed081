//! The conversation as input items.

use super::encode_message;
use super::encode_tools::custom_names;
use super::tool_search::ToolSearch;
use crate::dialect::Dialect;
use crate::dialect::place::Place;
use crate::error::Refusal;
use crate::ir::chat::{Block, Input as Arguments, Message, Request, Role, TextBlock, ToolResult};
use crate::json::{Text, Writer};
use crate::loss::Report;

/// What the items of one request share.
pub(super) struct Input<'c, 'a> {
    pub(super) source: Dialect,
    /// Tools are searched for in this turn too.
    pub(super) searches: bool,
    /// The tools that take free text.
    pub(super) custom_tools: Vec<Text<'a>>,
    /// The ids of their calls.
    custom_calls: Vec<Text<'a>>,
    pub(super) report: &'c mut Report,
}

impl<'c, 'a> Input<'c, 'a> {
    pub(super) fn new(request: &Request<'a>, report: &'c mut Report) -> Self {
        let custom_tools = custom_names(&request.tools);
        let blocks = request.messages.iter().flat_map(|message| &message.blocks);
        let custom_calls = blocks
            .filter_map(|block| match block {
                Block::ToolUse(call) if is_free(&call.input, &call.name, &custom_tools) => {
                    Some(call.id.clone())
                }
                _ => None,
            })
            .collect();
        let searches = ToolSearch::of(&request.tools) != ToolSearch::Nobody;
        Self { source: request.source, searches, custom_tools, custom_calls, report }
    }

    /// Writes `input`. Returns the instructions, which stand beside it.
    pub(super) fn write(
        &mut self,
        messages: &[Message<'a>],
        w: &mut Writer<'_>,
    ) -> Result<Option<Text<'a>>, Refusal> {
        let beside = messages.iter().take_while(|message| message.top_level).count();
        let leading = match self.source {
            Dialect::AnthropicMessages => beside,
            _ => messages.iter().take_while(|message| is_operator(message)).count(),
        };
        let instructed =
            |index: usize, message: &Message<'_>| index < leading && (message.plain || message.top_level);
        let instructions = self.instructions(
            messages
                .iter()
                .enumerate()
                .filter(|(index, message)| instructed(*index, message))
                .map(|(_, m)| m),
        );
        let alone = messages.iter().enumerate().all(|(index, message)| instructed(index, message));
        w.key("input").begin_array();
        for (index, message) in messages.iter().enumerate() {
            let place = Place::new((!message.top_level).then(|| index - beside));
            if instructed(index, message) {
                self.lose_marks(message, place);
            } else {
                self.message(message, place, w)?;
            }
        }
        // The API refuses an empty input, so instructions that stand alone are an item.
        let kept = if alone { None } else { instructions.clone() };
        if let Some(text) = instructions.filter(|_| alone) {
            w.begin_object().key("type").word("message").key("role").word("system");
            w.key("content").begin_array();
            encode_message::text_part("input_text", &text, w);
            w.end_array().end_object();
        }
        w.end_array();
        Ok(kept)
    }

    fn instructions<'m>(&self, messages: impl Iterator<Item = &'m Message<'a>>) -> Option<Text<'a>>
    where
        'a: 'm,
    {
        let texts: Vec<&Text<'a>> = messages
            .flat_map(|message| message.blocks.iter().filter_map(as_text))
            .map(|block| &block.text)
            .filter(|text| !text.is_empty())
            .collect();
        match texts.as_slice() {
            [] => None,
            [only] => Some((*only).clone()),
            several => {
                let between = if self.source == Dialect::AnthropicMessages { "\n" } else { " " };
                let texts: Vec<_> = several.iter().map(|text| text.unescape()).collect();
                Some(Text::new(texts.join(between)))
            }
        }
    }

    /// What the instructions, one text, cannot hold of a message.
    fn lose_marks(&mut self, message: &Message<'_>, place: Place) {
        if message.cache.is_some() {
            self.report.lose(format!("{place}.cache_control"), "cache_control");
        }
        for (index, block) in message.blocks.iter().enumerate() {
            match as_text(block) {
                Some(text) if text.cache.is_some() => {
                    self.report.lose(format!("{}.cache_control", place.block(index)), "cache_control");
                }
                Some(_) => {}
                None => self.report.lose(place.block(index).to_string(), "block_in_system_message"),
            }
        }
    }

    fn message(&mut self, message: &Message<'a>, place: Place, w: &mut Writer<'_>) -> Result<(), Refusal> {
        if message.name.is_some() && message.role != Role::Tool {
            self.report.lose(format!("{place}.name"), "speaker_name");
        }
        if message.cache.is_some() {
            self.report.lose(format!("{place}.cache_control"), "cache_control");
        }
        match message.role {
            Role::Assistant => encode_message::assistant(message, place, w, self),
            Role::System | Role::Developer => {
                self.lose_fields(message, place);
                encode_message::said("system", message, place, w, self)
            }
            Role::User | Role::Tool => {
                self.lose_fields(message, place);
                for (index, block) in message.blocks.iter().enumerate() {
                    if let Block::ToolResult(result) = block {
                        self.result(result, place.block(index), w)?;
                    }
                }
                encode_message::said("user", message, place, w, self)
            }
        }
    }

    pub(super) fn lose_fields(&mut self, message: &Message<'_>, place: Place) {
        // Those of `anthropic_messages` are reported where they are read.
        if self.source != Dialect::AnthropicMessages {
            for (key, _) in &message.extra {
                self.report.lose(format!("{place}.{}", key.unescape()), "message_field");
            }
        }
    }

    fn result(&mut self, result: &ToolResult<'a>, place: Place, w: &mut Writer<'_>) -> Result<(), Refusal> {
        let custom = self.custom_calls.contains(&result.tool_use_id);
        w.begin_object().key("type");
        w.word(if custom { "custom_tool_call_output" } else { "function_call_output" });
        w.key("call_id").text(&result.tool_use_id).key("output");
        let from_chat = self.source == Dialect::OpenAiChat;
        let as_string = if from_chat { custom && result.plain } else { true };
        match result.content.as_slice() {
            [] if as_string => {
                w.word("");
            }
            [Block::Text(only)] if as_string => {
                w.text(&only.text);
                self.lose_of_text(only, place.block(0));
            }
            [] => {
                w.begin_array();
                encode_message::text_part("input_text", &Text::new(""), w);
                w.end_array();
            }
            blocks => encode_message::output(blocks, place, w, self)?,
        }
        w.end_object();
        if result.cache.is_some() {
            self.report.lose(format!("{place}.cache_control"), "cache_control");
        }
        if result.is_error == Some(true) {
            self.report.lose(format!("{place}.is_error"), "tool_error_flag");
        }
        Ok(())
    }

    /// What of a text its part cannot hold.
    pub(super) fn lose_of_text(&mut self, block: &TextBlock<'_>, place: Place) {
        if block.cache.is_some() {
            self.report.lose(format!("{place}.cache_control"), "cache_control");
        }
        if block.citations.is_some() {
            self.report.lose(format!("{place}.citations"), "citations");
        }
        for (key, _) in &block.extra {
            self.report.lose(format!("{place}.{}", key.unescape()), "block_field");
        }
    }
}

/// Whether a call's input is a custom tool's free text: also where a client gives it as a function's arguments.
pub(super) fn is_free(input: &Arguments<'_>, name: &Text<'_>, custom_tools: &[Text<'_>]) -> bool {
    match input {
        Arguments::Free(_) => true,
        Arguments::Encoded(_) => custom_tools.contains(name),
        Arguments::Json(_) => false,
    }
}

fn is_operator(message: &Message<'_>) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

fn as_text<'b, 'a>(block: &'b Block<'a>) -> Option<&'b TextBlock<'a>> {
    match block {
        Block::Text(text) => Some(text),
        _ => None,
    }
}
