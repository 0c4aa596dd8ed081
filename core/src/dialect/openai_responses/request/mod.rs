//! Requests, both ways.

mod decode;
mod echo;
mod encode;

pub(crate) use decode::decode;
pub(crate) use echo::echo;
pub(crate) use encode::encode;
