//! Failures that LiteLLM reports as success: errors in answers with status 200, and streams that break off.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "error_before_content_is_a_status",
        why: "A stream that fails before its first content has not begun: the client gets an HTTP error that its SDK raises and retries, where LiteLLM answers 200 and an empty or broken stream.",
        evidence: Evidence::RecordedBytes,
        apply: before_content,
    },
    Rule {
        code: "error_is_not_success",
        why: "An error object is not an answer: its status is the one that the provider documents for its type.",
        evidence: Evidence::ProviderDocs,
        apply: not_success,
    },
    Rule {
        code: "anthropic_stream_ends",
        why: "A stream whose message was complete ends with `message_stop`; one that broke off ends with an error and never with half an event.",
        evidence: Evidence::ProviderDocs,
        apply: stream_ends,
    },
];

/// Anthropic's error types (<https://docs.claude.com/en/api/errors>).
const STATUS_OF_TYPE: [(&str, u16); 9] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

fn status_of(kind: &str) -> u16 {
    STATUS_OF_TYPE.iter().find(|(name, _)| *name == kind).map_or(500, |(_, status)| *status)
}

fn type_of(status: u16) -> &'static str {
    STATUS_OF_TYPE.iter().find(|(_, known)| *known == status).map_or("api_error", |(name, _)| name)
}

/// LiteLLM's type of an error for chat clients.
fn chat_type_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "throttling_error",
        500.. => "internal_server_error",
        _ => "invalid_request_error",
    }
}

fn begins(event: &Value) -> bool {
    if let Some(kind) = event["type"].as_str().filter(|kind| kind.starts_with("response.")) {
        return !OPENING.contains(&kind);
    }
    ["content", "reasoning_content", "reasoning", "refusal", "tool_call", "finish_reason"]
        .iter()
        .any(|key| event.get(key).is_some())
        || match event["type"].as_str() {
            // An empty block has nothing in it that a client could see.
            Some("content_block_start") => {
                !matches!(event["content_block"]["type"].as_str(), Some("text" | "thinking"))
            }
            Some("content_block_delta" | "message_delta" | "message_stop") => true,
            _ => false,
        }
}

/// The events of a response in which there is nothing yet that a client could see.
const OPENING: [&str; 7] = [
    "response.created",
    "response.in_progress",
    "response.queued",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "response.failed",
];

fn before_content(context: &Context<'_>, oracle: &mut Value) -> usize {
    let provider = context.provider.filter(|_| context.layer == Layer::Answer);
    let Some(provider) =
        provider.filter(|provider| provider["status"].as_u64().is_some_and(|status| status < 400))
    else {
        return 0;
    };
    let Some(events) = provider["stream"]["events"].as_array().filter(|_| context.streams()) else {
        return 0;
    };
    if events.iter().any(begins) || oracle.get("stream").is_none() {
        return 0;
    }
    let error = events.iter().find_map(error_of);
    let kind = error.and_then(|error| error["type"].as_str());
    let mut status = match context.upstream() {
        Route::AnthropicMessages => kind.map_or(500, status_of),
        Route::OpenAiResponses => error.and_then(|error| error["code"].as_str()).map_or(500, status_of_code),
        _ => code_of(error).unwrap_or(500),
    };
    let message = error.and_then(|error| error["message"].as_str()).unwrap_or("<own words>");
    let whole = events.iter().find(|event| event.get("error").is_some());
    let body = if context.case.question.route == Route::AnthropicMessages
        && context.upstream() == Route::AnthropicMessages
        && let Some(whole) = whole
    {
        whole.clone()
    } else if context.case.question.route == Route::AnthropicMessages {
        let own = kind.filter(|_| context.upstream() == Route::AnthropicMessages);
        json!({"type": "error", "error": {"type": own.unwrap_or(type_of(status)), "message": message}})
    } else {
        // LiteLLM's table for chat clients.
        status = if context.upstream() == Route::AnthropicMessages && status == 529 { 500 } else { status };
        json!({"error": {"message": message, "type": chat_type_of(status), "param": null, "code": status.to_string()}})
    };
    oracle["status"] = json!(status);
    oracle["body"] = body;
    if let Some(members) = oracle.as_object_mut() {
        members.shift_remove("stream");
    }
    if let Some(headers) = oracle.get_mut("headers").and_then(Value::as_object_mut) {
        headers.shift_remove("cache-control");
        headers.insert("content-type".to_owned(), json!("application/json"));
    }
    6
}

/// The error that an event tells of.
pub(super) fn error_of(event: &Value) -> Option<&Value> {
    match event["type"].as_str() {
        Some("response.failed") => event["response"].get("error"),
        Some("error") if event.get("error").is_none() => Some(event),
        _ => event.get("error"),
    }
}

/// The status of an error code of the responses API.
fn status_of_code(code: &str) -> u16 {
    match code {
        "rate_limit_exceeded" | "insufficient_quota" => 429,
        "context_length_exceeded" | "invalid_prompt" => 400,
        _ => 500,
    }
}

/// Some hosts put the status into the error's code.
fn code_of(error: Option<&Value>) -> Option<u16> {
    let code = &error?["code"];
    let code = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(code).ok().filter(|code| (400..600).contains(code))
}

fn not_success(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = context.layer == Layer::Answer && context.case.question.route == Route::AnthropicMessages;
    if !messages
        || oracle["body"]["type"] != "error"
        || oracle["status"].as_u64().is_none_or(|status| status >= 400)
    {
        return 0;
    }
    let status = oracle["body"]["error"]["type"].as_str().map_or(500, status_of);
    oracle["status"] = json!(status);
    1
}

fn stream_ends(context: &Context<'_>, oracle: &mut Value) -> usize {
    let anthropic = context.layer == Layer::Answer
        && context.case.question.route == Route::AnthropicMessages
        && context.upstream() == Route::AnthropicMessages;
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| anthropic) else {
        return 0;
    };
    let mut changed = 0;
    while events.last().is_some_and(|event| !event.is_object()) {
        events.pop();
        changed += 1;
    }
    // Without a name of its own, a frame's data says what it is.
    let kind = |event: &Value| event.get("data").unwrap_or(event)["type"].clone();
    let over = |event: &Value| kind(event) == "message_stop" || kind(event) == "error";
    if events.last().is_none_or(over) {
        return changed;
    }
    let complete = events.iter().any(|event| event["delta"]["stop_reason"].is_string());
    events.push(if complete {
        json!({"type": "message_stop"})
    } else {
        json!({"type": "error", "error": {"type": "api_error", "message": "<own words>"}})
    });
    changed + 1
}
