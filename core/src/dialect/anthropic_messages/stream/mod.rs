//! Streams of `anthropic_messages`, in both directions.

mod decode;
mod encode;
#[cfg(test)]
mod encode_tests;
mod frames;
mod pending;
mod relay;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use relay::Relay;
