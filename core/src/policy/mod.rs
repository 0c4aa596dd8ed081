//! Policy: what is added to or changed in a request because a provider needs it and LiteLLM does it, between decoding
//! and encoding.
//!
//! Every step is a small function on the IR and reports what it did as a [`Rewrite`](crate::Rewrite) with its code:
//!
//! | code | what happens |
//! |---|---|
//! | `operator_note` | a system message between others becomes a user message that says so |
//! | `system_moved` | a system message between others moves to where the provider accepts one |
//! | `merge_consecutive_roles` | neighbours of one role become one message |
//! | `empty_text_placeholder` | an empty text, which the provider would refuse, gets a few words |
//! | `empty_text_dropped` | an empty text beside other content, or all that a message had, goes |
//! | `trailing_whitespace` | the last assistant message loses white space at its end |
//! | `tool_name` | a tool gets a name in the provider's characters; answers get the client's name back |
//! | `tool_id` | a tool call gets an id in the provider's characters |
//! | `arguments_mended` | tool arguments that stop before the last brackets get them |
//! | `dummy_tool` | a conversation with tool calls but without tools gets one that does nothing |
//! | `default_max_tokens` | the provider demands a token limit and the client set none |
//! | `json_tool` | an answer by a schema is asked for as the arguments of a tool |
//! | `reasoning_effort` | an effort becomes a thinking budget, or the other way round |
//! | `least_output_tokens` | a token limit below what the provider takes is raised to that |
//! | `user_shortened` | the end user's id is cut to what the provider takes |
//! | `schema_pattern` | a tool's schema loses patterns that the provider cannot compile |
//! | `thinking_always_on` | a model that always thinks is not asked to stop |

pub(crate) mod cache_marks;
pub(crate) mod custom_tools;
pub(crate) mod defaults;
pub(crate) mod empty_text;
pub(crate) mod operator_note;
pub(crate) mod reasoning_items;
pub(crate) mod schema;
pub(crate) mod tool_names;
pub(crate) mod trailing_whitespace;

use crate::ir::chat::{Block, Message, Role};

/// A message and where it came from.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// Its place in the client's request.
    pub(crate) source: usize,
    /// Its content was a list with something in it.
    pub(crate) listed: bool,
    pub(crate) message: Message<'a>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(source: usize, message: Message<'a>) -> Self {
        let said = |block: &Block<'_>| {
            !matches!(block, Block::Thinking(_) | Block::RedactedThinking { .. } | Block::ToolUse(_))
        };
        Self { source, listed: !message.plain && message.blocks.iter().any(said), message }
    }

    pub(crate) fn is_system(&self) -> bool {
        matches!(self.message.role, Role::System | Role::Developer)
    }

    /// Whether it is the user's turn: the user speaks, or a tool answers.
    pub(crate) fn is_user(&self) -> bool {
        matches!(self.message.role, Role::User | Role::Tool)
    }

    pub(crate) fn path(&self) -> String {
        format!("messages[{}]", self.source)
    }
}

/// The messages with their places.
pub(crate) fn turns(messages: Vec<Message<'_>>) -> Vec<Turn<'_>> {
    messages.into_iter().enumerate().map(|(source, message)| Turn::new(source, message)).collect()
}

/// Takes the system messages at the beginning off the others.
pub(crate) fn take_leading_system<'a>(turns: &mut Vec<Turn<'a>>) -> Vec<Turn<'a>> {
    let count = turns.iter().take_while(|turn| turn.is_system()).count();
    let rest = turns.split_off(count);
    std::mem::replace(turns, rest)
}
