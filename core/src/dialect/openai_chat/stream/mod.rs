//! Streams, both ways, and the edit list of those that stay in the dialect.

mod decode;
mod encode;
mod items;
mod native;
mod relay;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(super) use encode::unusual;
pub(crate) use relay::Relay;
