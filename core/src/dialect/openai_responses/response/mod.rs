//! Whole answers, both ways.

pub(super) mod annotation;
mod decode;
mod encode;
pub(super) mod envelope;
pub(super) mod item;
pub(super) mod native;

pub(crate) use decode::{call, decode, finish, seconds};
pub(crate) use encode::encode;
