//! Why an answer ended.

use crate::json::Text;

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish<'a> {
    /// The model was done.
    Stop,
    /// A stop sequence came up.
    StopSequence,
    /// The token limit was reached.
    Length,
    /// The context window was full.
    ContextWindow,
    /// Tools are to be called.
    ToolUse,
    /// The provider's filter cut it.
    ContentFilter,
    /// The model refused.
    Refusal,
    /// A long turn was paused; the client sends it back to go on.
    Pause,
    /// A reason of the provider that is none of these.
    Other(Text<'a>),
    /// The provider gave none.
    Unknown,
}
