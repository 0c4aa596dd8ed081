//! `openai_responses`: [OpenAI responses](https://platform.openai.com/docs/api-reference/responses).

pub(crate) mod edit;
pub(crate) mod error;
mod items;
mod parameters;
pub(crate) mod request;
pub(crate) mod response;
mod schema;
pub(crate) mod stream;
pub(crate) mod wire;
