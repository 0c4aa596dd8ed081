//! What a scan refuses, and how it says so.

use thiserror::Error;

/// What a scan refuses, beside malformed JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub max_depth: u16,
    /// Longest text in bytes (never more than 4 GiB).
    pub max_bytes: usize,
    /// Whether an escape like `\ud83d` without its partner is refused. Requests refuse it; provider answers may carry
    /// half an emoji in each of two chunks.
    pub refuse_lone_surrogates: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 128, max_bytes: 256 << 20, refuse_lone_surrogates: true }
    }
}

impl Limits {
    /// The limits for what a provider sends.
    #[must_use]
    pub fn lenient() -> Self {
        Self { refuse_lone_surrogates: false, ..Self::default() }
    }
}

/// Why a text is not acceptable JSON, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} at byte {index}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Offset of the offending byte.
    pub index: usize,
}

/// The ways in which a text can be unacceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text ends inside a value.
    #[error("unexpected end of JSON")]
    UnexpectedEnd,
    /// A byte that no JSON value can have here.
    #[error("unexpected character")]
    UnexpectedCharacter,
    /// Something follows the first value.
    #[error("trailing characters")]
    TrailingCharacters,
    /// A number that JSON's grammar does not know, such as `01` or `NaN`.
    #[error("invalid number")]
    InvalidNumber,
    /// An escape that JSON's grammar does not know.
    #[error("invalid escape sequence")]
    InvalidEscape,
    /// An escaped half of a surrogate pair without its other half.
    #[error("lone surrogate escape")]
    LoneSurrogate,
    /// A raw control character inside a string.
    #[error("control character in string")]
    ControlCharacter,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Arrays and objects nested deeper than the limit.
    #[error("nesting too deep")]
    TooDeep,
    /// A text longer than the limit.
    #[error("text too long")]
    TooLong,
}
