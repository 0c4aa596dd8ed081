//! The features of requests that the gate distinguishes.

use crate::dialect::Dialect;
use crate::json::Node;

/// A set of features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features(u32);

/// Names, in the order of their bits.
const NAMES: [&str; 19] = [
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
];

impl Features {
    /// Every name that a feature can have.
    pub const NAMES: &'static [&'static str] = &NAMES;

    fn add(&mut self, name: &str) {
        if let Some(bit) = NAMES.iter().position(|known| *known == name) {
            self.0 |= 1 << bit;
        }
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
            if !value.is_null() {
                features.top_level(&key.name(), value);
            }
        }
        features
    }

    fn top_level(&mut self, name: &[u8], value: Node<'_>) {
        match name {
            b"stream" if value.bool() == Some(true) => self.add("streaming"),
            b"system" if !value.is_empty() || value.is_string() => self.add("system"),
            b"messages" => self.messages(value),
            b"tools" | b"functions" => value.items().for_each(|tool| self.tool(tool)),
            b"tool_choice" | b"function_call" => {
                self.add("tool_choice");
                if value.some("disable_parallel_tool_use").is_some() {
                    self.add("parallel_tools");
                }
            }
            b"parallel_tool_calls" => self.add("parallel_tools"),
            b"response_format" | b"output_format" => self.add("response_format"),
            b"output_config" => {
                self.add(if value.some("format").is_some() { "response_format" } else { "reasoning" });
            }
            b"reasoning_effort" | b"thinking" => self.add("reasoning"),
            b"logprobs" | b"top_logprobs" => self.add("logprobs"),
            b"n" if value.u64() != Some(1) => self.add("multiple_choices"),
            b"stop" | b"stop_sequences" if value.is_string() || !value.is_empty() => self.add("stop"),
            b"mcp_servers" => self.add("mcp"),
            b"cache_control" => self.add("cache_control"),
            b"web_search_options" | b"container" => self.add("server_tools"),
            b"audio" | b"modalities" => self.add("audio"),
            _ => {}
        }
    }

    fn tool(&mut self, tool: Node<'_>) {
        self.add("tools");
        let kind = tool.get_text("type");
        let own = kind.is_none_or(|kind| kind.is("function") || kind.is("custom"));
        if !own {
            self.add("server_tools");
        }
        if tool.some("cache_control").is_some() {
            self.add("cache_control");
        }
    }

    fn messages(&mut self, messages: Node<'_>) {
        for message in messages.items() {
            let role = message.get_text("role");
            match role.as_ref().map(|role| role.name()).as_deref() {
                Some(b"assistant") => self.add("multi_turn"),
                Some(b"system" | b"developer") => self.add("system"),
                Some(b"tool" | b"function") => self.add("tool_results"),
                _ => {}
            }
            for (key, value) in message.entries() {
                match &*key.name() {
                    b"content" => value.items().for_each(|block| self.block(block)),
                    b"tool_calls" if value.items().nth(1).is_some() => self.add("parallel_tools"),
                    b"thinking_blocks" if value.is_array() => self.add("thinking_replay"),
                    b"cache_control" if !value.is_null() => self.add("cache_control"),
                    _ => {}
                }
            }
        }
    }

    fn block(&mut self, block: Node<'_>) {
        let kind = block.get_text("type");
        match kind.as_ref().map(|kind| kind.name()).as_deref() {
            Some(b"image" | b"image_url") => self.add("images"),
            Some(b"input_audio") => self.add("audio"),
            Some(b"document" | b"file") => self.add("files"),
            Some(b"tool_result") => {
                self.add("tool_results");
                block.some("content").into_iter().flat_map(Node::items).for_each(|inner| self.block(inner));
            }
            Some(b"thinking" | b"redacted_thinking") => self.add("thinking_replay"),
            Some(b"mcp_tool_use" | b"mcp_tool_result") => self.add("mcp"),
            Some(b"text" | b"tool_use") => {}
            _ => self.add("server_tools"),
        }
        if block.some("cache_control").is_some() {
            self.add("cache_control");
        }
    }
}
