//! Streams of `openai_responses`, in both directions.

mod call;
mod custom_input;
mod decode;
mod encode;
mod item;
mod message;
mod relay;
mod search;
mod thought;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use relay::Relay;
