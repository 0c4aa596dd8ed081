//! `anthropic_messages`: [Anthropic messages](https://docs.anthropic.com/en/api/messages).

mod blocks;
pub(crate) mod edit;
mod effort;
pub(crate) mod error;
mod history;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod stream;
pub(crate) mod wire;
