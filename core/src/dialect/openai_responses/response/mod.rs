//! Whole answers, both ways.

mod decode;
mod encode;

pub(crate) use decode::{call, decode, finish, seconds, usage};
pub(crate) use encode::encode;
