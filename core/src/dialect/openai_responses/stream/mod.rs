//! Streams of `openai_responses`, in both directions.

mod decode;
mod encode;
mod items;
mod relay;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use relay::Relay;
