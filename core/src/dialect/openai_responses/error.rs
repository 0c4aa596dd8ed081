//! Errors, both ways. Bodies look like those of `openai_chat`; streams have an event of their own.

use crate::dialect::{Dialect, openai_chat};
use crate::error::{FailureKind, Fault, UpstreamError};
use crate::http::ClientResponse;
use crate::json::Node;

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

/// The error in a failed answer, or in an `error` event, whose fields stand beside its type or in an object of their own.
pub(crate) fn in_band(root: Node<'_>) -> UpstreamError {
    let told = root.some("error").filter(|error| error.is_object()).unwrap_or(root);
    let text = |name: &str| told.get_text(name).map(|text| text.unescape().into_owned());
    let code = text("code").or_else(|| told.some("code").and_then(Node::number).map(str::to_owned));
    let kind = text("type").filter(|kind| kind != "error");
    let status = status_of(code.as_deref(), kind.as_deref());
    let message = text("message").or_else(|| root.get_text("error").map(|text| text.unescape().into_owned()));
    let message = message.unwrap_or_else(|| "the provider answered with an error".to_owned());
    UpstreamError {
        kind,
        code,
        param: text("param"),
        ..UpstreamError::new(FailureKind::InBand, status, message)
    }
}

/// The status that an error's code stands for, or its type.
fn status_of(code: Option<&str>, kind: Option<&str>) -> u16 {
    let words = || [code, kind].into_iter().flatten();
    if words().any(|word| word.starts_with("rate_limit") || word == "insufficient_quota") {
        return 429;
    }
    words().find_map(status_of_word).unwrap_or(500)
}

fn status_of_word(word: &str) -> Option<u16> {
    let number = word.parse().ok().filter(|status| (400..=599).contains(status));
    number.or(match word {
        "server_error" => Some(500),
        "vector_store_timeout" => Some(504),
        "context_length_exceeded"
        | "content_policy_violation"
        | "cyber_policy"
        | "empty_image_file"
        | "failed_to_download_image"
        | "image_content_policy_violation"
        | "image_file_not_found"
        | "image_file_too_large"
        | "image_parse_error"
        | "image_too_large"
        | "image_too_small"
        | "invalid_base64_image"
        | "invalid_image"
        | "invalid_image_format"
        | "invalid_image_mode"
        | "invalid_image_url"
        | "invalid_prompt"
        | "invalid_request_error"
        | "model_not_found"
        | "unsupported_image_media_type" => Some(400),
        _ => None,
    })
}
