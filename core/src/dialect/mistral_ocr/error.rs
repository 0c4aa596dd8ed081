//! Errors of Mistral's APIs: `{"object":"error","message":…}`, `{"detail":…}` of its gateway, or OpenAI's form.

use crate::dialect::openai_chat;
use crate::error::UpstreamError;
use crate::json::{Document, Limits};

/// Reads an error answer.
pub(crate) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = openai_chat::error::decode(status, body);
    // Validation errors come as a list of details; the list is the message.
    if let Ok(document) = Document::parse(body, &Limits::lenient()) {
        let root = document.root();
        if let Some(detail) = root.some("detail").filter(|detail| !detail.is_string()) {
            detail.raw_str().clone_into(&mut error.message);
        } else if let Some(message) = root.some("message").filter(|message| message.is_object()) {
            message.raw_str().clone_into(&mut error.message);
        }
    }
    error
}
