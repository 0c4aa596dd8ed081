//! Streams of `anthropic_messages`, in both directions.

mod decode;
mod encode;
#[cfg(test)]
mod encode_tests;
mod pending;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
