//! Errors, both ways. Bodies look like those of `openai_chat`; a stream ends with an event that holds the response.

use super::edit;
use crate::dialect::{Dialect, openai_chat};
use crate::error::{FailureKind, Fault, UpstreamError};
use crate::http::ClientResponse;
use crate::json::{Node, Writer};

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

/// An error object where an answer should be.
pub(crate) fn refuse(root: Node<'_>) -> Result<(), UpstreamError> {
    let alone = root.some("error").is_some() && root.some("output").is_none();
    if alone { Err(in_band(root)) } else { Ok(()) }
}

/// The code that a response of the API has for a failure.
fn code_of(error: &UpstreamError) -> &str {
    const CODES: [&str; 4] =
        ["server_error", "rate_limit_exceeded", "invalid_prompt", "vector_store_timeout"];
    match error.code.as_deref().filter(|code| CODES.contains(code) || code.contains("image")) {
        Some(code) => code,
        None if error.status == 429 => "rate_limit_exceeded",
        None => "server_error",
    }
}

/// The failure as the last event of a stream: `so_far`, the response as the client was told of it last, failed.
pub(crate) fn encode_failed(error: &UpstreamError, so_far: &[u8], sequence: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: response.failed\ndata: ");
    let mut w = Writer::new(out);
    w.begin_object().key("type").word("response.failed").key("sequence_number").number(sequence);
    w.key("response").raw(&edit::failed(so_far, code_of(error), &error.message)).end_object();
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    #[test]
    fn a_failed_stream_ends_with_the_response_as_it_was_and_the_reason() {
        let so_far = br#"{"id":"resp_1","status":"in_progress","error":null,"output":[]}"#;
        let error = UpstreamError::new(FailureKind::Truncated, 500, "it \"broke\" off");
        let mut out = Vec::new();
        encode_failed(&error, so_far, 7, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":7,\"response\":{\"id\":\"resp_1\",\
             \"output\":[],\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"it \\\"broke\\\" off\"}}}\n\n"
        );
    }

    #[test]
    fn failures_are_read_wherever_they_stand() {
        let parse = |json: &str| Document::parse(json.to_owned().into_bytes(), &Limits::default()).unwrap();
        let event =
            parse(r#"{"type":"error","code":"rate_limit_exceeded","message":"slow down","param":null}"#);
        let error = in_band(event.root());
        assert_eq!((error.status, error.message.as_str()), (429, "slow down"));
        let nested =
            parse(r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"no"}}"#);
        assert_eq!(in_band(nested.root()).kind.as_deref(), Some("invalid_request_error"));
        let response = parse(r#"{"status":"failed","error":{"code":"invalid_prompt","message":"no"}}"#);
        assert_eq!(in_band(response.root()).status, 400);
        assert!(refuse(parse(r#"{"error":{"message":"no"}}"#).root()).is_err());
        assert!(refuse(parse(r#"{"error":null,"output":[]}"#).root()).is_ok());
    }
}
