//! A chat request.

use std::borrow::Cow;

use super::message::Message;
use super::tool::{Tool, ToolChoice};
use crate::dialect::Dialect;
use crate::json::{Node, Text};

/// A chat request. Its model is the target's, so it is not here.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The dialect that it was read from.
    pub source: Dialect,
    /// The conversation; system messages stand where they stood (from `anthropic_messages`: first).
    pub messages: Vec<Message<'a>>,
    /// The tools on offer.
    pub tools: Vec<Tool<'a>>,
    /// Functions that have a namespace, which is part of their names among the tools: namespace and name.
    pub namespaces: Vec<(Text<'a>, Text<'a>)>,
    /// Which tool to call.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called at once.
    pub parallel_tools: Option<bool>,
    /// Most tokens to generate, as spelled.
    pub max_tokens: Option<Cow<'a, str>>,
    /// Texts that end the answer.
    pub stop: Vec<Text<'a>>,
    /// The form of the answer.
    pub format: Option<Format<'a>>,
    /// How much to reason.
    pub reasoning: Vec<Reasoning<'a>>,
    /// The end user's id.
    pub user: Option<Text<'a>>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Every other top-level field, in order, by its name in the source dialect. What `openai_responses` shares with
    /// `openai_chat` has the latter's name.
    pub params: Vec<Param<'a>>,
}

impl Request<'_> {
    /// A request that says nothing yet.
    #[must_use]
    pub fn new(source: Dialect) -> Self {
        Self {
            source,
            messages: Vec::new(),
            tools: Vec::new(),
            namespaces: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            max_tokens: None,
            stop: Vec::new(),
            format: None,
            reasoning: Vec::new(),
            user: None,
            stream: false,
            params: Vec::new(),
        }
    }
}

/// A top-level field that has no place of its own in the IR.
#[derive(Debug, Clone)]
pub struct Param<'a> {
    /// Its name in the source dialect.
    pub name: Text<'a>,
    /// Its value.
    pub value: Node<'a>,
}

/// The form that an answer must have.
#[derive(Debug, Clone)]
pub enum Format<'a> {
    /// Text (said explicitly).
    Text,
    /// Any JSON object.
    JsonObject {
        /// `response_schema`, which some clients put beside the type.
        schema: Option<Node<'a>>,
    },
    /// JSON by a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<Text<'a>>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// The schema.
        schema: Option<Node<'a>>,
        /// Whether to follow it exactly.
        strict: Option<Node<'a>>,
    },
}

/// How much a model should reason. A request may carry both forms.
#[derive(Debug, Clone)]
pub enum Reasoning<'a> {
    /// `reasoning_effort`: a word (or, from some clients, an object).
    Effort(Node<'a>),
    /// `thinking`, in the spelling of `anthropic_messages`.
    Thinking(Node<'a>),
    /// `output_config.effort` of `anthropic_messages`.
    OutputEffort(Text<'a>),
}
