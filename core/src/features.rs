//! The features of requests that the gate distinguishes.

use crate::dialect::Dialect;
use crate::json::Node;

/// A set of features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features(u32);

/// Names, in the order of their bits.
const NAMES: [&str; 21] = [
    "streaming",
    "system",
    "multi_turn",
    "images",
    "audio",
    "files",
    "tools",
    "tool_choice",
    "parallel_tools",
    "tool_results",
    "response_format",
    "reasoning",
    "thinking_replay",
    "logprobs",
    "multiple_choices",
    "stop",
    "cache_control",
    "server_tools",
    "mcp",
    "custom_tools",
    "stored_state",
];

/// The bit of each name.
mod bit {
    pub(super) const STREAMING: u32 = 1 << 0;
    pub(super) const SYSTEM: u32 = 1 << 1;
    pub(super) const MULTI_TURN: u32 = 1 << 2;
    pub(super) const IMAGES: u32 = 1 << 3;
    pub(super) const AUDIO: u32 = 1 << 4;
    pub(super) const FILES: u32 = 1 << 5;
    pub(super) const TOOLS: u32 = 1 << 6;
    pub(super) const TOOL_CHOICE: u32 = 1 << 7;
    pub(super) const PARALLEL_TOOLS: u32 = 1 << 8;
    pub(super) const TOOL_RESULTS: u32 = 1 << 9;
    pub(super) const RESPONSE_FORMAT: u32 = 1 << 10;
    pub(super) const REASONING: u32 = 1 << 11;
    pub(super) const THINKING_REPLAY: u32 = 1 << 12;
    pub(super) const LOGPROBS: u32 = 1 << 13;
    pub(super) const MULTIPLE_CHOICES: u32 = 1 << 14;
    pub(super) const STOP: u32 = 1 << 15;
    pub(super) const CACHE_CONTROL: u32 = 1 << 16;
    pub(super) const SERVER_TOOLS: u32 = 1 << 17;
    pub(super) const MCP: u32 = 1 << 18;
    pub(super) const CUSTOM_TOOLS: u32 = 1 << 19;
    pub(super) const STORED_STATE: u32 = 1 << 20;

    // What only the choice of the dialect looks at.
    pub(super) const FUNCTIONS: u32 = 1 << 24;
    pub(super) const TOOL_SEARCH: u32 = 1 << 25;
    pub(super) const EFFORT: u32 = 1 << 26;
    pub(super) const NO_EFFORT: u32 = 1 << 27;
}

impl Features {
    /// Every name that a feature can have.
    pub const NAMES: &'static [&'static str] = &NAMES;

    fn add(&mut self, bit: u32) {
        self.0 |= bit;
    }

    /// Whether functions are among the tools.
    pub(crate) fn functions(self) -> bool {
        self.0 & bit::FUNCTIONS != 0
    }

    /// Whether the provider is to search among the tools.
    pub(crate) fn tool_search(self) -> bool {
        self.0 & bit::TOOL_SEARCH != 0
    }

    /// Whether the request says how much to reason, and whether it says not at all.
    pub(crate) fn effort(self) -> (bool, bool) {
        (self.0 & bit::EFFORT != 0, self.0 & bit::NO_EFFORT != 0)
    }

    /// Whether the feature of that name is in the set.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        NAMES.iter().position(|known| *known == name).is_some_and(|bit| self.0 >> bit & 1 == 1)
    }

    /// The names of the features in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| *name)
    }

    /// The features that a request body uses.
    #[must_use]
    pub fn of(dialect: Dialect, root: Node<'_>) -> Self {
        let mut features = Self::default();
        if dialect == Dialect::MistralOcr {
            return features;
        }
        for (key, value) in root.entries() {
            if value.is_null() {
                continue;
            }
            match dialect {
                Dialect::OpenAiResponses => features.of_responses(&key.name(), value),
                _ => features.top_level(&key.name(), value),
            }
        }
        features
    }

    fn top_level(&mut self, name: &[u8], value: Node<'_>) {
        match name {
            b"stream" if value.bool() == Some(true) => self.add(bit::STREAMING),
            b"system" if !value.is_empty() || value.is_string() => self.add(bit::SYSTEM),
            b"messages" => self.messages(value),
            b"tools" | b"functions" => value.items().for_each(|tool| self.tool(tool)),
            b"tool_choice" | b"function_call" => {
                self.add(bit::TOOL_CHOICE);
                if value.some("disable_parallel_tool_use").is_some() {
                    self.add(bit::PARALLEL_TOOLS);
                }
            }
            b"parallel_tool_calls" => self.add(bit::PARALLEL_TOOLS),
            b"response_format" | b"output_format" => self.add(bit::RESPONSE_FORMAT),
            b"output_config" => {
                self.add(if value.some("format").is_some() { bit::RESPONSE_FORMAT } else { bit::REASONING });
            }
            b"reasoning_effort" => {
                self.add(bit::REASONING | bit::EFFORT);
                let level = value.some("effort").unwrap_or(value);
                if level.is_text("none") && value.some("summary").is_none() {
                    self.add(bit::NO_EFFORT);
                }
            }
            b"thinking" => self.add(bit::REASONING),
            b"logprobs" | b"top_logprobs" => self.add(bit::LOGPROBS),
            b"n" if value.u64() != Some(1) => self.add(bit::MULTIPLE_CHOICES),
            b"stop" | b"stop_sequences" if value.is_string() || !value.is_empty() => self.add(bit::STOP),
            b"mcp_servers" => self.add(bit::MCP),
            b"cache_control" => self.add(bit::CACHE_CONTROL),
            b"web_search_options" | b"container" => self.add(bit::SERVER_TOOLS),
            b"audio" | b"modalities" => self.add(bit::AUDIO),
            _ => {}
        }
    }

    /// What a field of an `openai_responses` request uses.
    fn of_responses(&mut self, name: &[u8], value: Node<'_>) {
        match name {
            b"stream" if value.bool() == Some(true) => self.add(bit::STREAMING),
            b"instructions" => self.add(bit::SYSTEM),
            b"input" => value.items().for_each(|item| self.item(item)),
            b"tools" => value.items().for_each(|tool| self.responses_tool(tool)),
            b"tool_choice" => self.add(bit::TOOL_CHOICE),
            b"parallel_tool_calls" => self.add(bit::PARALLEL_TOOLS),
            b"text"
                if value
                    .some("format")
                    .is_some_and(|format| !format.get("type").is_some_and(|kind| kind.is_text("text"))) =>
            {
                self.add(bit::RESPONSE_FORMAT);
            }
            b"reasoning" => self.add(bit::REASONING),
            b"top_logprobs" => self.add(bit::LOGPROBS),
            b"previous_response_id" | b"conversation" | b"prompt" => self.add(bit::STORED_STATE),
            b"background" if value.bool() == Some(true) => self.add(bit::STORED_STATE),
            _ => {}
        }
    }

    fn responses_tool(&mut self, tool: Node<'_>) {
        self.add(bit::TOOLS);
        match tool.get_text("type").as_ref().map(|kind| kind.name()).as_deref() {
            Some(b"function") => {}
            Some(b"custom") => self.add(bit::CUSTOM_TOOLS),
            Some(b"mcp") => self.add(bit::MCP),
            _ => self.add(bit::SERVER_TOOLS),
        }
    }

    /// What an input item of `openai_responses` uses.
    fn item(&mut self, item: Node<'_>) {
        let [kind, role, content, output] = item.fields(["type", "role", "content", "output"]);
        match kind.and_then(Node::text).as_ref().map(|kind| kind.name()).as_deref() {
            None | Some(b"message") => {
                match role.and_then(Node::text).as_ref().map(|role| role.name()).as_deref() {
                    Some(b"assistant") => self.add(bit::MULTI_TURN),
                    Some(b"system" | b"developer") => self.add(bit::SYSTEM),
                    _ => {}
                }
            }
            Some(b"function_call") => self.add(bit::MULTI_TURN),
            Some(b"function_call_output") => self.add(bit::TOOL_RESULTS),
            Some(b"custom_tool_call" | b"custom_tool_call_output") => self.add(bit::CUSTOM_TOOLS),
            Some(b"reasoning") => self.add(bit::THINKING_REPLAY),
            Some(b"item_reference") => self.add(bit::STORED_STATE),
            Some(kind) if kind.starts_with(b"mcp_") => self.add(bit::MCP),
            Some(_) => self.add(bit::SERVER_TOOLS),
        }
        for part in content.into_iter().chain(output).flat_map(Node::items) {
            match part.get_text("type").as_ref().map(|kind| kind.name()).as_deref() {
                Some(b"input_image") => self.add(bit::IMAGES),
                Some(b"input_file") => self.add(bit::FILES),
                Some(b"input_audio") => self.add(bit::AUDIO),
                _ => {}
            }
        }
    }

    fn tool(&mut self, tool: Node<'_>) {
        self.add(bit::TOOLS);
        let [kind, cached] = tool.fields(["type", "cache_control"]);
        match kind.and_then(Node::text).as_ref().map(|kind| kind.name()).as_deref() {
            None | Some(b"custom") => {}
            Some(b"function") => self.add(bit::FUNCTIONS),
            Some(b"tool_search") => self.add(bit::TOOL_SEARCH | bit::SERVER_TOOLS),
            Some(_) => self.add(bit::SERVER_TOOLS),
        }
        if cached.is_some() {
            self.add(bit::CACHE_CONTROL);
        }
    }

    fn messages(&mut self, messages: Node<'_>) {
        for message in messages.items() {
            let mut role = None;
            for (key, value) in message.entries() {
                match &*key.name() {
                    b"role" => role = value.text(),
                    b"content" => value.items().for_each(|block| self.block(block)),
                    b"tool_calls" if value.items().nth(1).is_some() => self.add(bit::PARALLEL_TOOLS),
                    b"thinking_blocks" if value.is_array() => self.add(bit::THINKING_REPLAY),
                    b"cache_control" if !value.is_null() => self.add(bit::CACHE_CONTROL),
                    _ => {}
                }
            }
            match role.as_ref().map(|role| role.name()).as_deref() {
                Some(b"assistant") => self.add(bit::MULTI_TURN),
                Some(b"system" | b"developer") => self.add(bit::SYSTEM),
                Some(b"tool" | b"function") => self.add(bit::TOOL_RESULTS),
                _ => {}
            }
        }
    }

    fn block(&mut self, block: Node<'_>) {
        let (mut kind, mut content, mut cached) = (None, None, false);
        for (key, value) in block.entries() {
            match &*key.name() {
                b"type" => kind = value.text(),
                b"content" => content = Some(value),
                b"cache_control" => cached = !value.is_null(),
                _ => {}
            }
        }
        match kind.as_ref().map(|kind| kind.name()).as_deref() {
            Some(b"text" | b"tool_use") => {}
            Some(b"image" | b"image_url") => self.add(bit::IMAGES),
            Some(b"input_audio") => self.add(bit::AUDIO),
            Some(b"document" | b"file") => self.add(bit::FILES),
            Some(b"tool_result") => {
                self.add(bit::TOOL_RESULTS);
                content.into_iter().flat_map(Node::items).for_each(|inner| self.block(inner));
            }
            Some(b"thinking" | b"redacted_thinking") => self.add(bit::THINKING_REPLAY),
            Some(b"mcp_tool_use" | b"mcp_tool_result") => self.add(bit::MCP),
            _ => self.add(bit::SERVER_TOOLS),
        }
        if cached {
            self.add(bit::CACHE_CONTROL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_belong_together() {
        let all = [
            (bit::STREAMING, "streaming"),
            (bit::SYSTEM, "system"),
            (bit::MULTI_TURN, "multi_turn"),
            (bit::IMAGES, "images"),
            (bit::AUDIO, "audio"),
            (bit::FILES, "files"),
            (bit::TOOLS, "tools"),
            (bit::TOOL_CHOICE, "tool_choice"),
            (bit::PARALLEL_TOOLS, "parallel_tools"),
            (bit::TOOL_RESULTS, "tool_results"),
            (bit::RESPONSE_FORMAT, "response_format"),
            (bit::REASONING, "reasoning"),
            (bit::THINKING_REPLAY, "thinking_replay"),
            (bit::LOGPROBS, "logprobs"),
            (bit::MULTIPLE_CHOICES, "multiple_choices"),
            (bit::STOP, "stop"),
            (bit::CACHE_CONTROL, "cache_control"),
            (bit::SERVER_TOOLS, "server_tools"),
            (bit::MCP, "mcp"),
            (bit::CUSTOM_TOOLS, "custom_tools"),
            (bit::STORED_STATE, "stored_state"),
        ];
        assert_eq!(all.len(), NAMES.len());
        assert!(all.iter().all(|(bit, name)| Features(*bit).names().eq([*name])));
    }
}
