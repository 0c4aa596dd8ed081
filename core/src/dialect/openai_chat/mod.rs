//! `openai_chat`: [OpenAI chat completions](https://platform.openai.com/docs/api-reference/chat), and what LiteLLM's clients
//! may add to it: `reasoning_content`, `thinking_blocks` with signatures, `cache_control`, `provider_specific_fields`.

mod answer_message;
pub(crate) mod edit;
pub(crate) mod effort;
pub(crate) mod error;
mod items;
mod parameters;
pub(crate) mod request;
pub(crate) mod response;
mod searches;
pub(crate) mod stream;
pub(crate) mod wire;
