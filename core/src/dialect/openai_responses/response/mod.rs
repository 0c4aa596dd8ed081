//! Whole answers, both ways.

pub(super) mod annotation;
mod decode;
mod encode;
pub(super) mod envelope;
pub(super) mod item;
pub(super) mod native;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
