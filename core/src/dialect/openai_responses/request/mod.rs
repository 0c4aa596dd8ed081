//! Requests, both ways.

mod decode;
mod decode_input;
mod decode_part;
mod decode_reasoning;
mod decode_search;
#[cfg(test)]
mod decode_tests;
mod decode_tools;
mod echo;
mod encode;
mod encode_fields;
mod encode_input;
mod encode_message;
mod encode_reasoning;
mod encode_thoughts;
mod encode_tools;
mod tool_search;

pub(crate) use decode::decode;
pub(crate) use decode_tools::namespaces;
pub(crate) use echo::Echo;
pub(crate) use encode::encode;
