//! Streams of `openai_responses`, in both directions.

mod decode;
mod encode;
mod encode_call;
mod encode_custom_input;
mod encode_item;
mod encode_message;
mod encode_search;
#[cfg(test)]
mod encode_tests;
mod encode_thought;
mod items;
mod relay;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use relay::Relay;
