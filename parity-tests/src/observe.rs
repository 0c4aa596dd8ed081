//! What can be seen of each layer, as one JSON value per side: the same form for ours and for the oracle's.

use serde_json::{Map, Value, json};

use crate::case::{Answer, Route};
use crate::{sse, value};

/// Headers that the transport owns, or that name the client library.
const TRANSPORT_HEADERS: [&str; 8] = [
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "user-agent",
    "content-length",
    "transfer-encoding",
    "cookie",
];

/// Headers that hold a key and nothing else.
const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// What of an answer's headers the core decides; the host adds its own.
const ANSWER_HEADERS: [&str; 4] = ["content-type", "retry-after", "request-id", "cache-control"];
const ANSWER_HEADER_PREFIXES: [&str; 2] = ["llm_provider-", "x-ratelimit-"];

/// A request to the provider: `{"outcome": "sent", "method", "url", "headers", "body"}`.
pub(crate) fn request(sent: &Value) -> Value {
    let mut headers = Map::new();
    for (name, value) in sent["headers"].as_object().into_iter().flatten() {
        let name = name.to_ascii_lowercase();
        if TRANSPORT_HEADERS.contains(&name.as_str()) || name.starts_with("x-stainless-") {
            continue;
        }
        let text = masked(&name, value.as_str().unwrap_or_default());
        headers.insert(name, Value::String(text));
    }
    json!({
        "outcome": "sent",
        "method": sent["method"],
        "url": sent["url"],
        "headers": headers,
        "body": sent.get("body").or_else(|| sent.get("body_b64")),
    })
}

/// The value of a header without the key in it; the scheme before the key counts.
fn masked(name: &str, value: &str) -> String {
    if !KEY_HEADERS.contains(&name) {
        return value.to_owned();
    }
    let scheme = value.split_once(' ').map_or(String::new(), |(scheme, _)| format!("{scheme} "));
    scheme + "<key>"
}

/// A refusal before anything was sent. The message is for people: it is not compared.
pub(crate) fn refusal(status: Option<u16>) -> Value {
    json!({"outcome": "refused", "status": status})
}

/// What the client receives: `{"status", "headers", "body"}`, with `"frames"` instead of `"body"` for a stream.
pub(crate) fn answer(answer: &Answer) -> Value {
    let mut headers = Map::new();
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        if ANSWER_HEADERS.contains(&name.as_str())
            || ANSWER_HEADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            headers.insert(name, json!(value));
        }
    }
    let kind = answer.header("content-type").unwrap_or_default();
    let mut seen = json!({"status": answer.status, "headers": headers});
    if kind.starts_with("text/event-stream") {
        seen["frames"] = Value::Array(sse::frames(&answer.body));
    } else {
        seen["body"] = body(&answer.body);
    }
    seen
}

/// A body as JSON; one that is not JSON as `{"$text": …}`.
pub(crate) fn body(bytes: &[u8]) -> Value {
    value::parse(bytes).unwrap_or_else(|| json!({"$text": String::from_utf8_lossy(bytes)}))
}

/// The provider's answer in the same form, without its headers, for rules that look values up in it.
pub(crate) fn answer_of_provider(answer: &Answer, dialect: Route) -> Value {
    let streamed = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
        || answer.body.starts_with(b"data:")
        || answer.body.starts_with(b"event:");
    let key = if streamed { "frames" } else { "body" };
    let mut content = if streamed { Value::Array(sse::frames(&answer.body)) } else { body(&answer.body) };
    for frame in
        content.as_array_mut().filter(|_| streamed && dialect != Route::OpenAiChat).into_iter().flatten()
    {
        // A frame without a name means what its data says.
        if let Some(kind) = frame["data"].get("type").filter(|_| frame.get("event").is_none()).cloned() {
            frame["event"] = kind;
        }
    }
    json!({"status": answer.status, key: content})
}
