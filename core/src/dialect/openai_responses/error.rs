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

/// The failure that a response with `status: failed` tells of.
pub(crate) fn of_response(response: Option<Node<'_>>) -> UpstreamError {
    read(response.and_then(|response| response.some("error")), None)
}

/// The failure that an `error` event tells of; some hosts put it into an object, as other dialects do.
pub(crate) fn of_event(root: Node<'_>) -> UpstreamError {
    match root.some("error").filter(|error| error.is_object()) {
        Some(inner) => read(Some(inner), inner.get_text("type").map(|kind| kind.unescape().into_owned())),
        None => read(Some(root), None),
    }
}

/// An error object where an answer should be.
pub(crate) fn in_band(root: Node<'_>) -> Result<(), UpstreamError> {
    match root.some("error") {
        Some(error) if root.some("output").is_none() => {
            let kind = error.get_text("type").map(|kind| kind.unescape().into_owned());
            Err(if error.is_object() { read(Some(error), kind) } else { read(Some(root), None) })
        }
        _ => Ok(()),
    }
}

fn read(error: Option<Node<'_>>, kind: Option<String>) -> UpstreamError {
    let text = |name: &str| Some(error?.get_text(name)?.unescape().into_owned());
    let code = text("code");
    let message = text("message").unwrap_or_else(|| "the provider's response failed".to_owned());
    let status = match (code.as_deref(), kind.as_deref()) {
        (None, Some("invalid_request_error")) => 400,
        (code, _) => status(code),
    };
    let mut failure = UpstreamError::new(FailureKind::InBand, status, message);
    failure.param = text("param");
    failure.code = code;
    failure.kind = kind;
    failure
}

/// The status that an error code of the API stands for
/// (<https://platform.openai.com/docs/api-reference/responses/object#responses/object-error>).
fn status(code: Option<&str>) -> u16 {
    match code {
        Some("rate_limit_exceeded" | "insufficient_quota") => 429,
        Some("vector_store_timeout") => 504,
        Some("content_policy_violation" | "context_length_exceeded" | "cyber_policy" | "model_not_found") => {
            400
        }
        Some(code) if code.starts_with("invalid_") || code.contains("image") => 400,
        Some(code) => code.parse().ok().filter(|status| (400..600).contains(status)).unwrap_or(500),
        None => 500,
    }
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
        let error = of_event(event.root());
        assert_eq!((error.status, error.message.as_str()), (429, "slow down"));
        let nested =
            parse(r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"no"}}"#);
        assert_eq!(of_event(nested.root()).kind.as_deref(), Some("invalid_request_error"));
        let response = parse(r#"{"status":"failed","error":{"code":"invalid_prompt","message":"no"}}"#);
        assert_eq!(of_response(Some(response.root())).status, 400);
        assert!(in_band(parse(r#"{"error":{"message":"no"}}"#).root()).is_err());
        assert!(in_band(parse(r#"{"error":null,"output":[]}"#).root()).is_ok());
    }
}
