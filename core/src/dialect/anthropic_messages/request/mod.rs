//! Requests of `anthropic_messages`, in both directions.

mod assistant;
mod betas;
mod content;
mod decode;
mod encode;
mod fields;
mod format;
mod reasoning;
mod tools;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
