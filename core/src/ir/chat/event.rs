//! Events of a streamed chat answer.

use super::finish::Finish;
use crate::error::UpstreamError;
use crate::json::{Node, Text};
use crate::usage::Usage;

/// One step of a streamed answer. Blocks of one choice are numbered from 0 in the order in which they start; decoders
/// start every block before its deltas and stop every block before the finish. Blocks of different kinds may be open at
/// once (parallel tool calls of `openai_chat`); encoders whose dialect forbids that hold deltas back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The answer begins. Exactly one, first.
    Start(Start<'a>),
    /// A block begins.
    BlockStart {
        /// Which alternative.
        choice: u32,
        /// Number of the block in its choice.
        index: u32,
        /// What begins.
        block: BlockStart<'a>,
    },
    /// A block grows.
    Delta {
        /// Which alternative.
        choice: u32,
        /// Number of the block in its choice.
        index: u32,
        /// By what.
        delta: Delta<'a>,
    },
    /// A block is complete.
    BlockStop {
        /// Which alternative.
        choice: u32,
        /// Number of the block in its choice.
        index: u32,
    },
    /// Token probabilities, in the spelling of `openai_chat`.
    Logprobs {
        /// Which alternative.
        choice: u32,
        /// The object.
        node: Node<'a>,
    },
    /// Why a choice ended. Exactly one for each choice, after its blocks.
    Finish {
        /// Which alternative.
        choice: u32,
        /// Why.
        finish: Finish<'a>,
        /// The stop sequence that ended it.
        stop_sequence: Option<Text<'a>>,
    },
    /// Token counts so far; later ones replace earlier ones.
    Usage {
        /// The counts.
        usage: Usage,
        /// The provider's usage object.
        node: Option<Node<'a>>,
    },
    /// Something that only the provider's dialect knows.
    Other {
        /// The event's name, where the framing has one.
        name: Option<&'a [u8]>,
        /// The event.
        node: Node<'a>,
    },
    /// A sign of life.
    Ping,
    /// The answer is complete. Last, unless it failed.
    End,
    /// The answer failed. Last.
    Failed(&'a UpstreamError),
}

/// How an answer begins.
#[derive(Debug, Clone, Default)]
pub struct Start<'a> {
    /// The provider's id of the answer.
    pub id: Option<Text<'a>>,
    /// The model that answers.
    pub model: Option<Text<'a>>,
    /// When, in Unix seconds.
    pub created: Option<u64>,
    /// Token counts known at the start.
    pub usage: Option<Usage>,
    /// Other fields of the first message or chunk.
    pub extra: Option<Node<'a>>,
}

/// What begins with a block.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BlockStart<'a> {
    /// Text.
    Text,
    /// Reasoning.
    Thinking,
    /// Reasoning that only the provider can read; it has no deltas.
    RedactedThinking {
        /// The provider's opaque data.
        data: Text<'a>,
    },
    /// A whole reasoning item of `openai_responses` without a readable word; it has no deltas.
    ThinkingItem(Node<'a>),
    /// A tool call.
    ToolUse {
        /// The call's id.
        id: Text<'a>,
        /// The tool's name.
        name: Text<'a>,
        /// The tool takes free text: the deltas of its input are that text, not JSON.
        custom: bool,
        /// Who calls, where the provider's own tools may (`caller` of `anthropic_messages`).
        caller: Option<Node<'a>>,
        /// The namespace that the tool is of (`namespace` of `openai_responses`).
        namespace: Option<Node<'a>>,
    },
    /// A refusal in words.
    Refusal,
    /// A block that only the provider's dialect knows.
    Native(Node<'a>),
}

/// What a block grows by.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Delta<'a> {
    /// More text (also of a refusal).
    Text(Text<'a>),
    /// More reasoning.
    Thinking(Text<'a>),
    /// The next part of a reasoning whose parts stand apart begins.
    ThinkingPart,
    /// The reasoning item of `openai_responses` that the reasoning so far belongs to, whole.
    ThinkingItem(Node<'a>),
    /// The signature of the reasoning so far.
    Signature(Text<'a>),
    /// More of a tool call's arguments: a piece of JSON in a string, or of a custom tool's free text.
    Input(Text<'a>),
    /// A source of the text, in the provider's spelling.
    Citation(Node<'a>),
    /// A delta that only the provider's dialect knows.
    Native(Node<'a>),
}
