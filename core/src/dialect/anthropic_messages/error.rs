//! Errors of `anthropic_messages`: bodies and the stream's `error` event.

use bytes::Bytes;

use super::wire::{error_status, error_type};
use crate::dialect::Dialect;
use crate::error::{FailureKind, Fault, UpstreamError};
use crate::http::ClientResponse;
use crate::json::{Document, Limits, Node, Writer};

/// Reads a provider's error answer. Type and message stay as the provider wrote them.
pub(crate) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = UpstreamError::new(FailureKind::Status, status, String::new());
    if let Ok(document) = Document::parse(body, &Limits::lenient()) {
        read(document.root(), &mut error);
    }
    if error.message.is_empty() {
        error.message = String::from_utf8_lossy(body).trim().to_owned();
    }
    if error.message.is_empty() {
        error.message = format!("the provider answered with status {status}");
    }
    error
}

/// Reads an error object inside a successful answer: a body or an `error` event.
pub(crate) fn in_band(root: Node<'_>) -> UpstreamError {
    let mut error = UpstreamError::new(FailureKind::InBand, 500, String::new());
    error.raw = Bytes::copy_from_slice(root.raw());
    read(root, &mut error);
    error.status = error.kind.as_deref().map_or(500, error_status);
    if error.message.is_empty() {
        "the provider reported an error".clone_into(&mut error.message);
    }
    error
}

fn read(root: Node<'_>, error: &mut UpstreamError) {
    let owned = |node: Node<'_>, name: &str| Some(node.some(name)?.str()?.into_owned());
    match root.some("error") {
        Some(inner) if inner.is_object() => {
            error.kind = owned(inner, "type");
            error.code = owned(inner, "code");
            error.param = owned(inner, "param");
            error.message = owned(inner, "message").unwrap_or_default();
        }
        // Gateways in front of the provider answer in simpler ways.
        Some(inner) => error.message = inner.str().map(Into::into).unwrap_or_default(),
        None => error.message = owned(root, "message").or_else(|| owned(root, "detail")).unwrap_or_default(),
    }
}

/// What a messages client is told of a provider's failure. An Anthropic provider's own status and type pass through.
pub(crate) fn fault(error: &UpstreamError, upstream: Dialect) -> Fault {
    let mut fault = Fault::new(error.status, error.failure.name(), error.message.clone());
    if upstream == Dialect::AnthropicMessages {
        fault.kind.clone_from(&error.kind);
    }
    fault
}

/// Whether these are the bytes of an error body of this dialect, which a client of the dialect gets as they are.
pub(crate) fn is_body(raw: &[u8]) -> bool {
    Document::parse(raw, &Limits::lenient()).is_ok_and(|document| {
        let root = document.root();
        root.some("type").is_some_and(|kind| kind.is_text("error"))
            && root.some("error").and_then(|error| error.get_text("message")).is_some()
    })
}

/// The answer that tells a client of a fault.
pub(crate) fn encode(fault: &Fault) -> ClientResponse {
    let mut body = Vec::new();
    write(fault.kind.as_deref().unwrap_or(error_type(fault.status)), &fault.message, &mut body);
    ClientResponse::json(fault.status, body)
}

/// Appends the event that ends a stream with an error. The stream's status was sent long ago, so the type has to say it.
pub(crate) fn encode_event(error: &UpstreamError, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    write(error_type(error.status), &error.message, out);
    out.extend_from_slice(b"\n\n");
}

fn write(kind: &str, message: &str, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.begin_object().key("type").word("error").key("error").begin_object();
    w.key("type").str(kind).key("message").str(message);
    w.end_object().end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_error_keeps_its_type_and_message() {
        let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Over\"loaded"}}"#;
        let error = decode(529, body);
        assert_eq!((error.status, error.kind.as_deref()), (529, Some("overloaded_error")));
        assert_eq!(error.message, "Over\"loaded");
    }

    #[test]
    fn bodies_of_other_kinds_still_give_a_message() {
        assert_eq!(decode(502, b"<html>bad</html>\n").message, "<html>bad</html>");
        assert_eq!(decode(500, b"").message, "the provider answered with status 500");
        assert_eq!(decode(400, br#"{"message":"no"}"#).message, "no");
        assert_eq!(decode(400, br#"{"error":"no"}"#).message, "no");
    }

    #[test]
    fn faults_are_told_in_the_dialects_form() {
        let fault = Fault::new(429, "rate_limit", "slow down");
        let answer = encode(&fault);
        assert_eq!(answer.status, 429);
        assert_eq!(
            &answer.body[..],
            br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#
        );
    }
}
