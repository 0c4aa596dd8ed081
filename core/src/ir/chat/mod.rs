//! Chat: messages in, an answer of blocks out, whole or as a stream of events.
//!
//! Everything borrows from the text it was decoded from. Strings stay raw tokens ([`Text`](crate::json::Text)), and what
//! only one dialect understands stays a [`Node`](crate::json::Node) with that dialect's name on it.

mod block;
mod event;
mod finish;
mod message;
mod request;
mod response;
mod tool;

pub use block::{
    Block, Citations, Input, Media, MediaKind, Source, TextBlock, Thinking, ToolResult, ToolUse,
};
pub use event::{BlockStart, Delta, Event, Start};
pub use finish::Finish;
pub use message::{Message, Role};
pub use request::{Format, Param, Reasoning, Request};
pub use response::{Choice, Response};
pub use tool::{Tool, ToolChoice};
