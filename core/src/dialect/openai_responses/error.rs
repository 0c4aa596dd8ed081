//! Errors, both ways. Bodies look like those of `openai_chat`; streams have an event of their own.

use crate::dialect::{Dialect, openai_chat};
use crate::error::{Fault, UpstreamError};
use crate::http::ClientResponse;

/// Reads an error answer.
pub(crate) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    openai_chat::error::decode(status, body)
}

/// What a client is told of a provider's failure.
pub(crate) fn fault(error: &UpstreamError, upstream: Dialect) -> Fault {
    openai_chat::error::fault(error, upstream)
}

/// An error answer.
pub(crate) fn encode(fault: &Fault) -> ClientResponse {
    openai_chat::error::encode(fault)
}
