//! Requests, both ways.

mod decode;
mod encode;
mod encode_message;
pub(super) mod message_edit;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
