//! Blocks: what messages and answers are made of.

use crate::dialect::Dialect;
use crate::json::{Node, Text};

/// A piece of a message or of an answer.
#[derive(Debug, Clone)]
pub enum Block<'a> {
    /// Text.
    Text(TextBlock<'a>),
    /// Image, audio or file.
    Media(Media<'a>),
    /// The model calls a tool of the client.
    ToolUse(ToolUse<'a>),
    /// The client answers a tool call.
    ToolResult(ToolResult<'a>),
    /// Reasoning of the model.
    Thinking(Thinking<'a>),
    /// Reasoning that only the provider can read.
    RedactedThinking {
        /// The provider's opaque data.
        data: Text<'a>,
    },
    /// The model refuses, in words.
    Refusal(Text<'a>),
    /// A block that only `dialect` knows (server tools, unknown kinds): kept whole.
    Native {
        /// Whose block it is.
        dialect: Dialect,
        /// The block.
        node: Node<'a>,
    },
}

/// Text with what is attached to it.
#[derive(Debug, Clone)]
pub struct TextBlock<'a> {
    /// The text.
    pub text: Text<'a>,
    /// A cache breakpoint (`cache_control`), as the client spelled it.
    pub cache: Option<Node<'a>>,
    /// Where the text comes from.
    pub citations: Option<Citations<'a>>,
    /// Other fields of the source block.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

impl<'a> TextBlock<'a> {
    /// Text with nothing attached.
    pub fn new(text: Text<'a>) -> Self {
        Self { text, cache: None, citations: None, extra: Vec::new() }
    }
}

/// The sources of a text, in the spelling of one dialect.
#[derive(Debug, Clone, Copy)]
pub struct Citations<'a> {
    /// Whose spelling.
    pub dialect: Dialect,
    /// The list.
    pub node: Node<'a>,
}

/// The kinds of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// A document or any other file.
    File,
}

/// An image, a sound or a file.
#[derive(Debug, Clone)]
pub struct Media<'a> {
    /// What it is.
    pub kind: MediaKind,
    /// Where its bytes are.
    pub source: Source<'a>,
    /// How closely to look (`detail`: `low`, `high`, `auto`).
    pub detail: Option<Text<'a>>,
    /// File name or title.
    pub name: Option<Text<'a>>,
    /// A cache breakpoint.
    pub cache: Option<Node<'a>>,
    /// Other fields of the source block.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone)]
pub enum Source<'a> {
    /// Behind a URL that the provider fetches. Never a `data:` URL.
    Url(Text<'a>),
    /// Inline.
    Base64 {
        /// Media type such as `image/png`; for audio the format name where that is all the client gave (`wav`).
        media_type: Text<'a>,
        /// Base64, as the client spelled it.
        data: Text<'a>,
    },
    /// Uploaded before, known by an id.
    FileId(Text<'a>),
    /// A plain text document.
    Text(Text<'a>),
    /// A document made of blocks (`source.type: content`), in the spelling of `anthropic_messages`.
    Blocks(Node<'a>),
}

/// A tool call.
#[derive(Debug, Clone)]
pub struct ToolUse<'a> {
    /// The call's id.
    pub id: Text<'a>,
    /// The tool's name.
    pub name: Text<'a>,
    /// The arguments.
    pub input: Input<'a>,
    /// A cache breakpoint.
    pub cache: Option<Node<'a>>,
    /// Other fields of the source block.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

/// Tool arguments: a JSON value, or a string that holds one.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A JSON value.
    Json(Node<'a>),
    /// A JSON value inside a string, as the model wrote it (not necessarily valid).
    Encoded(Text<'a>),
    /// Free text: what a custom tool takes.
    Free(Text<'a>),
}

/// The answer to a tool call.
#[derive(Debug, Clone)]
pub struct ToolResult<'a> {
    /// Id of the call.
    pub tool_use_id: Text<'a>,
    /// What came out. A plain string is one text block, with `plain` set.
    pub content: Vec<Block<'a>>,
    /// Whether the content was a plain string rather than a list.
    pub plain: bool,
    /// Whether the call failed.
    pub is_error: Option<bool>,
    /// A cache breakpoint.
    pub cache: Option<Node<'a>>,
    /// Other fields of the source.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

/// Reasoning, with what the provider needs to accept it back on the next turn.
#[derive(Debug, Clone)]
pub struct Thinking<'a> {
    /// The reasoning, or its summary.
    pub text: Text<'a>,
    /// The provider's signature (the continuation).
    pub signature: Option<Text<'a>>,
    /// A cache breakpoint, which LiteLLM's clients may set.
    pub cache: Option<Node<'a>>,
    /// The reasoning item of `openai_responses` that it was read from: id, parts and `encrypted_content`, which that
    /// dialect gets back as they were.
    pub item: Option<Node<'a>>,
}

impl<'a> Thinking<'a> {
    /// Reasoning that no provider has signed.
    pub fn new(text: Text<'a>) -> Self {
        Self { text, signature: None, cache: None, item: None }
    }
}
