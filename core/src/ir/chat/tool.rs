//! Tools that a model may call.

use crate::dialect::Dialect;
use crate::json::{Node, Text};

/// A tool.
#[derive(Debug, Clone)]
pub enum Tool<'a> {
    /// A function of the client.
    Function {
        /// Its name.
        name: Text<'a>,
        /// What it does.
        description: Option<Text<'a>>,
        /// JSON schema of its arguments.
        parameters: Option<Node<'a>>,
        /// Whether arguments must follow the schema exactly.
        strict: Option<Node<'a>>,
        /// A cache breakpoint.
        cache: Option<Node<'a>>,
        /// Other fields of the source.
        extra: Vec<(Text<'a>, Node<'a>)>,
    },
    /// A tool of the client that takes free text instead of JSON.
    Custom {
        /// Its name.
        name: Text<'a>,
        /// What it does.
        description: Option<Text<'a>>,
        /// The grammar that its text must follow: its syntax (`lark`, `regex`) and its definition.
        grammar: Option<(Text<'a>, Text<'a>)>,
        /// Other fields of the source.
        extra: Vec<(Text<'a>, Node<'a>)>,
    },
    /// A tool that only `dialect` knows (web search, computer use …): kept whole.
    Native {
        /// Whose tool it is.
        dialect: Dialect,
        /// The tool.
        node: Node<'a>,
    },
}

/// Which tool the model has to call.
#[derive(Debug, Clone)]
pub enum ToolChoice<'a> {
    /// Any or none.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(Text<'a>),
    /// A choice that only `dialect` knows.
    Native {
        /// Whose choice it is.
        dialect: Dialect,
        /// The choice.
        node: Node<'a>,
    },
}
