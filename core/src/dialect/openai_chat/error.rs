//! Errors, both ways.

use crate::dialect::Dialect;
use crate::error::{FailureKind, Fault, UpstreamError};
use crate::http::ClientResponse;
use crate::json::{Document, Limits, Node, Text, Writer};

/// Reads an error answer.
pub(crate) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = UpstreamError::new(FailureKind::Status, status, "");
    if let Ok(document) = Document::parse(body, &Limits::lenient()) {
        let root = document.root();
        // Some hosts send a list with the error in it.
        let root = root.items().next().unwrap_or(root);
        fill(&mut error, root);
    }
    if error.message.is_empty() {
        error.message = status_message(status, body);
    }
    error
}

/// What to say of an error whose body says nothing that we can read.
pub(crate) fn status_message(status: u16, body: &[u8]) -> String {
    const LONGEST: usize = 2_000;
    let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST)]);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        format!("the provider answered {status}")
    } else {
        text.to_owned()
    }
}

fn fill(error: &mut UpstreamError, root: Node<'_>) {
    let inner = root.some("error").unwrap_or(root);
    if let Some(message) = inner.text() {
        error.message = message.unescape().into_owned();
        return;
    }
    let text = |name: &str| inner.get_text(name).map(|text| text.unescape().into_owned());
    error.message = text("message").or_else(|| text("detail")).unwrap_or_default();
    error.kind = text("type");
    error.code = text("code").or_else(|| inner.some("code").and_then(Node::number).map(str::to_owned));
    error.param = text("param");
}

/// An error object where an answer should be: `told`, the `error` of `root`. OpenRouter sends one beside a last, empty
/// choice: an error it is all the same.
pub(crate) fn in_band(root: Node<'_>, told: Option<Node<'_>>) -> Result<(), UpstreamError> {
    told.map_or(Ok(()), |told| told_in_band(root, told))
}

#[cold]
fn told_in_band(root: Node<'_>, told: Node<'_>) -> Result<(), UpstreamError> {
    let says = told.some("message").is_some() || told.some("code").is_some();
    if root.some("choices").is_some_and(|choices| !choices.is_empty()) && !says {
        return Ok(());
    }
    let mut error = UpstreamError::new(FailureKind::InBand, 500, "");
    fill(&mut error, root);
    if error.message.is_empty() {
        error.message = "the provider answered with an error".to_owned();
    }
    // Some hosts (OpenRouter) put the status into the code.
    if let Some(status @ 400..=599) = error.code.as_deref().and_then(|code| code.parse().ok()) {
        error.status = status;
    }
    Err(error)
}

/// What a chat client is told of a provider's failure: LiteLLM's table (docs/errors.md).
pub(crate) fn fault(error: &UpstreamError, upstream: Dialect) -> Fault {
    let status = client_status(error.status, upstream);
    let kind = match status {
        400 | 422 if upstream != Dialect::AnthropicMessages => error.kind.clone(),
        _ => None,
    };
    let mut fault = Fault::new(status, error.failure.name(), error.message.clone());
    fault.kind = kind;
    fault.param = error.param.clone();
    fault
}

/// The status that clients get for a provider's.
fn client_status(status: u16, upstream: Dialect) -> u16 {
    match (upstream, status) {
        (Dialect::AnthropicMessages, 409 | 413 | 424 | 499) => 400,
        (Dialect::AnthropicMessages, 529) => 500,
        _ => status,
    }
}

/// The `type` that goes with a status.
fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "throttling_error",
        500.. => "internal_server_error",
        _ => "invalid_request_error",
    }
}

fn write(fault: &Fault, w: &mut Writer<'_>) {
    w.begin_object().key("error").begin_object();
    w.key("message").str(&fault.message);
    w.key("type").str(fault.kind.as_deref().unwrap_or_else(|| kind_of(fault.status)));
    w.key("param");
    match &fault.param {
        Some(param) => w.str(param),
        None => w.null(),
    };
    w.key("code");
    match &fault.code {
        Some(code) => w.str(code),
        None => w.text(&Text::new(fault.status.to_string())),
    };
    w.end_object().end_object();
}

/// An error answer.
pub(crate) fn encode(fault: &Fault) -> ClientResponse {
    let mut body = Vec::with_capacity(256);
    write(fault, &mut Writer::new(&mut body));
    ClientResponse::json(fault.status, body)
}

/// The error as the last event of a stream. No `[DONE]` follows: the answer is not done.
pub(crate) fn encode_event(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write(fault, &mut Writer::new(out));
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shapes_that_hosts_use() {
        let read = |body: &str| decode(400, body.as_bytes());
        assert_eq!(read(r#"{"error":{"message":"no","type":"t","code":"c","param":"p"}}"#).message, "no");
        assert_eq!(read(r#"{"error":"no"}"#).message, "no");
        assert_eq!(read(r#"[{"error":{"message":"no","code":400}}]"#).code.as_deref(), Some("400"));
        assert_eq!(read(r#"{"object":"error","message":"no"}"#).message, "no");
        assert_eq!(read("<html>").message, "the provider answered 400");
        assert_eq!(read("plain words").message, "plain words");
    }
}
