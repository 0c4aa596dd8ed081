//! A whole chat answer.

use super::block::Block;
use super::finish::Finish;
use crate::dialect::Dialect;
use crate::json::{Node, Text};
use crate::usage::Usage;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// Whose answer it is.
    pub dialect: Dialect,
    /// The provider's id of the answer.
    pub id: Option<Text<'a>>,
    /// The model that answered.
    pub model: Option<Text<'a>>,
    /// When, in Unix seconds.
    pub created: Option<u64>,
    /// The answers; one, unless several were asked for.
    pub choices: Vec<Choice<'a>>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// The provider's usage object, for what [`Usage`] does not hold.
    pub usage_node: Option<Node<'a>>,
    /// Other top-level fields.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}

/// One of an answer's alternatives.
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    /// Its number.
    pub index: u32,
    /// What was said, in order.
    pub blocks: Vec<Block<'a>>,
    /// Why it ended.
    pub finish: Finish<'a>,
    /// The stop sequence that ended it.
    pub stop_sequence: Option<Text<'a>>,
    /// Token probabilities, in the spelling of `openai_chat`.
    pub logprobs: Option<Node<'a>>,
    /// Other fields of the message.
    pub message_extra: Vec<(Text<'a>, Node<'a>)>,
    /// Other fields of the choice.
    pub extra: Vec<(Text<'a>, Node<'a>)>,
}
