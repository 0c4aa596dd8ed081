//! JSON as raw tokens: one scan finds every token, nothing is unescaped until someone looks at it.
//!
//! [`Document::parse`] validates a text once and keeps a flat list of its tokens. A [`Node`] is a cursor on that list:
//! walking over an object costs nothing per skipped value, and a string that nobody inspects is copied as its raw
//! token ([`Text`]), escapes and all. [`Writer`] is the other direction.

mod body;
mod bytes;
mod error;
mod fields;
mod node;
mod scan;
mod series;
mod text;
mod write;

pub use error::{ErrorKind, JsonError, Limits};
pub use node::{Document, Entries, Items, Kind, Node};
pub use text::Text;
pub use write::{Writer, write_escaped};

pub(crate) use body::{Body, WORTH_SHARING};
pub(crate) use node::Tokens;
pub(crate) use series::Series;
pub(crate) use write::write_in_line;
