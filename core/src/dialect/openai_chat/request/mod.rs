//! Requests, both ways.

mod decode;
mod encode;
mod encode_assistant;
mod encode_media;
mod encode_message;
pub(super) mod message_edit;
mod tools;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
