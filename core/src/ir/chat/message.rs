//! Messages of a conversation.

use super::block::Block;
use crate::json::{Node, Text};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator.
    System,
    /// The operator, in `openai_chat`'s newer name; kept apart because some hosts know only one of the two.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// Tools; their message holds [`Block::ToolResult`]s, one from `openai_chat`, neighbours from `openai_responses`.
    Tool,
}

/// One message. Tool results stand in a [`Role::Tool`] message (from `openai_chat`) or among a user's blocks (from
/// `anthropic_messages`); encoders accept both.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub blocks: Vec<Block<'a>>,
    /// Whether the content was a plain string rather than a list of parts.
    pub plain: bool,
    /// The speaker's name.
    pub name: Option<Text<'a>>,
    /// A cache breakpoint on the whole message (LiteLLM's clients may set it).
    pub cache: Option<Node<'a>>,
    /// Whether it stood beside the conversation (`system` of `anthropic_messages`) rather than in it.
    pub top_level: bool,
    /// Other fields of the source message.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

impl<'a> Message<'a> {
    /// A message with these blocks and nothing else.
    #[must_use]
    pub fn new(role: Role, blocks: Vec<Block<'a>>) -> Self {
        Self { role, blocks, plain: false, name: None, cache: None, top_level: false, extra: Vec::new() }
    }
}
