//! What is not compared, and why: docs/parity.md says it in prose, this file does it. Everything else counts.

use serde_json::{Value, json};

use crate::case::{Question, Route};
use crate::value::{Step, matches, transform};
use crate::{events, responses};

/// Members of client answers whose official SDK type is optional: `null` there is the same as nothing.
const OPTIONAL: &[(Route, &str)] = &[
    (Route::OpenAiChat, "/body/service_tier"),
    (Route::OpenAiChat, "/body/system_fingerprint"),
    (Route::OpenAiChat, "/body/usage"),
    (Route::OpenAiChat, "/body/usage/completion_tokens_details"),
    (Route::OpenAiChat, "/body/usage/prompt_tokens_details"),
    (Route::OpenAiChat, "/body/choices/*/logprobs"),
    (Route::OpenAiChat, "/body/choices/*/message/content"),
    (Route::OpenAiChat, "/body/choices/*/message/refusal"),
    (Route::OpenAiChat, "/body/choices/*/message/annotations"),
    (Route::OpenAiChat, "/body/choices/*/message/audio"),
    (Route::OpenAiChat, "/body/choices/*/message/function_call"),
    (Route::OpenAiChat, "/body/choices/*/message/tool_calls"),
    (Route::OpenAiChat, "/body/choices/*/logprobs/content"),
    (Route::OpenAiChat, "/body/choices/*/logprobs/refusal"),
    (Route::AnthropicMessages, "/body/stop_reason"),
    (Route::AnthropicMessages, "/body/stop_sequence"),
    (Route::AnthropicMessages, "/body/container"),
    (Route::AnthropicMessages, "/body/content/*/citations"),
    (Route::AnthropicMessages, "/body/usage/cache_creation"),
    (Route::AnthropicMessages, "/body/usage/cache_creation_input_tokens"),
    (Route::AnthropicMessages, "/body/usage/cache_read_input_tokens"),
    (Route::AnthropicMessages, "/body/usage/server_tool_use"),
    (Route::AnthropicMessages, "/body/usage/service_tier"),
    (Route::AnthropicMessages, "/stream/events/*/message/stop_reason"),
    (Route::AnthropicMessages, "/stream/events/*/message/stop_sequence"),
    (Route::AnthropicMessages, "/stream/events/*/message/container"),
    (Route::AnthropicMessages, "/stream/events/*/delta/stop_sequence"),
    (Route::AnthropicMessages, "/stream/events/*/delta/container"),
    (Route::AnthropicMessages, "/stream/events/*/content_block/citations"),
    (Route::MistralOcr, "/body/document_annotation"),
];

/// Where the clock shows: LiteLLM and the core stamp some answers, each with its own.
const CLOCK: &[&str] = &["/body/created", "/stream/chunk/created"];

/// Where it shows in a response, unless the provider said when that was.
const RESPONSE_CLOCK: &[&str] = &[
    "/body/created_at",
    "/body/completed_at",
    "/stream/events/*/response/created_at",
    "/stream/events/*/response/completed_at",
];

/// Strings that hold JSON: what they mean counts, not how they are spelled.
const JSON_TEXT: &[&str] = &[
    "/body/messages/*/tool_calls/*/function/arguments",
    "/body/messages/*/function_call/arguments",
    "/body/choices/*/message/tool_calls/*/function/arguments",
    "/body/choices/*/message/function_call/arguments",
    "/stream/events/*/arguments",
    "/stream/events/*/delta/partial_json",
    "/body/input/*/arguments",
    "/body/input/*/encrypted_content",
    "/body/output/*/arguments",
    "/body/output/*/encrypted_content",
    "/stream/events/*/item/arguments",
    "/stream/events/*/item/encrypted_content",
    "/stream/events/*/response/output/*/arguments",
    "/stream/events/*/response/output/*/encrypted_content",
];

/// Normalises a request to the provider.
pub(crate) fn request(mut seen: Value) -> Value {
    if let Some(kind) = seen.pointer_mut("/headers/content-type") {
        media_type(kind);
    }
    if let Some(beta) = seen.pointer_mut("/headers/anthropic-beta") {
        let text = beta.as_str().unwrap_or_default();
        let mut names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        *beta = json!(names);
    }
    transform(&mut seen, &mut |path, node| json_text(path, node));
    seen
}

/// Whether LiteLLM's proxy asks for a stream's usage where its client did not: it counts for itself, and takes the usage
/// out of the stream again. Only a live exchange's request is the proxy's.
pub(crate) fn proxy_asks_for_usage(question: &Question) -> bool {
    let asked = &question.body;
    question.live.is_some()
        && question.route == Route::OpenAiChat
        && asked["stream"] == json!(true)
        && asked["stream_options"]["include_usage"] != json!(true)
}

/// Takes out whether a request asks for usage.
pub(crate) fn usage_asked_for(seen: &mut Value) {
    let Some(body) = seen.get_mut("body").and_then(Value::as_object_mut) else { return };
    let options = body.get_mut("stream_options").and_then(Value::as_object_mut);
    let empty = options.is_some_and(|options| {
        options.shift_remove("include_usage");
        options.is_empty()
    });
    if empty {
        body.shift_remove("stream_options");
    }
}

/// Where a client finds the text of an answer that it asked to be JSON.
const JSON_ANSWER: &[&str] = &[
    "/body/choices/*/message/content",
    "/body/output/*/content/*/text",
    "/stream/events/*/content",
    "/stream/events/*/delta",
    "/stream/events/*/text",
    "/stream/events/*/part/text",
    "/stream/events/*/item/content/*/text",
    "/stream/events/*/response/output/*/content/*/text",
];

/// Normalises the text of answers to a request that asked for JSON: what it means counts, not how it is spelled.
pub(crate) fn json_answer(mut seen: Value) -> Value {
    transform(&mut seen, &mut |path, node| parsed_text(path, node, JSON_ANSWER));
    seen
}

/// Normalises what a client receives. `provider` is the provider's body: an id that does not stand in it was made up.
pub(crate) fn answer(route: Route, mut seen: Value, provider: &str) -> Value {
    if let Some(kind) = seen.pointer_mut("/headers/content-type") {
        media_type(kind);
    }
    if let Some(frames) = seen.as_object_mut().and_then(|seen| seen.shift_remove("frames")) {
        let frames = frames.as_array().map(Vec::as_slice).unwrap_or_default();
        seen["stream"] = events::canonical(frames, route);
    }
    transform(&mut seen, &mut |path, node| {
        if is_id(path) {
            made_up_id(path, node, provider);
        } else if is_error_message(path) {
            own_words(node, provider);
        } else if CLOCK.iter().any(|pattern| matches(path, pattern))
            || is_made_up_time(route, path, node, provider)
        {
            *node = json!("<clock>");
        }
        json_text(path, node);
        if let Value::Object(members) = node {
            let mut below = path.to_vec();
            members.retain(|key, value| {
                below.push(Step::Key(key.clone()));
                let kept = !value.is_null() || !is_optional(route, &below);
                below.pop();
                kept
            });
        }
    });
    seen
}

/// Whether `null` at `path` of a normalised answer is the same as nothing.
pub(crate) fn is_optional(route: Route, path: &[Step]) -> bool {
    OPTIONAL.iter().any(|(of, pattern)| *of == route && matches(path, pattern))
        || (route == Route::OpenAiResponses && responses::is_optional(path))
}

/// Whether this is the time of a response, and not one that the provider told.
pub(crate) fn is_made_up_time(route: Route, path: &[Step], node: &Value, provider: &str) -> bool {
    route == Route::OpenAiResponses
        && node.is_number()
        && RESPONSE_CLOCK.iter().any(|pattern| matches(path, pattern))
        && !provider.contains(&format!(":{node}"))
        && !provider.contains(&format!(": {node}"))
}

pub(crate) fn is_id(path: &[Step]) -> bool {
    // The ids of a stream's chunks are gathered in a list.
    let chunk = matches(path, "/stream/chunk/id/*");
    chunk
        || matches!(path.last(), Some(Step::Key(key)) if matches!(key.as_str(), "id" | "tool_use_id" | "call_id" | "previous_response_id"))
}

/// Whether the provider's body holds this id.
pub(crate) fn stands_in(provider: &str, id: &str) -> bool {
    provider.contains(&format!("\"{id}\""))
}

/// The ids of answers, whose prefix says what they are.
const ANSWER_IDS: [&str; 4] =
    ["/body/id", "/stream/chunk/id/*", "/stream/events/*/message/id", "/stream/events/*/response/id"];

/// Keeps of a made-up id only what clients may look at: the prefix of an answer's.
fn made_up_id(path: &[Step], node: &mut Value, provider: &str) {
    if let Some((whose, id)) = node.as_str().and_then(responses::taken_apart) {
        let mut own = json!(id);
        made_up_id(path, &mut own, provider);
        *node = json!({"provider": whose, "id": own});
        return;
    }
    if let Value::String(id) = node
        && !id.is_empty()
        && !stands_in(provider, id)
    {
        let answer = ANSWER_IDS.iter().any(|pattern| matches(path, pattern));
        let prefix = id.find(['-', '_']).filter(|_| answer).map_or("", |end| &id[..=end]);
        *id = format!("<made up> {prefix}").trim_end().to_owned();
    }
}

/// The messages of error answers and of errors within a stream.
pub(crate) fn is_error_message(path: &[Step]) -> bool {
    [
        "/body/error/message",
        "/stream/events/*/error/message",
        "/stream/events/*/data/error/message",
        "/stream/events/*/response/error/message",
        "/stream/events/*/message",
    ]
    .iter()
    .any(|pattern| matches(path, pattern))
}

/// Whether the provider's body says `text`.
pub(crate) fn says(provider: &str, text: &str) -> bool {
    !text.is_empty()
        && (provider.contains(text) || provider.contains(json!(text).to_string().trim_matches('"')))
}

/// A message that is not the provider's is in each engine's own words.
fn own_words(node: &mut Value, provider: &str) {
    if node.as_str().is_some_and(|message| !says(provider, message)) {
        *node = json!("<own words>");
    }
    // A message that is an object in the provider's answer is its text in the client's.
    if let Some(parsed) = node.as_str().and_then(|text| crate::value::parse(text.as_bytes()))
        && (parsed.is_object() || parsed.is_array())
    {
        *node = json!({"$json": parsed});
    }
}

fn json_text(path: &[Step], node: &mut Value) {
    parsed_text(path, node, JSON_TEXT);
}

fn parsed_text(path: &[Step], node: &mut Value, patterns: &[&str]) {
    if !patterns.iter().any(|pattern| matches(path, pattern)) {
        return;
    }
    let Some(parsed) = node.as_str().and_then(|text| crate::value::parse(text.as_bytes())) else { return };
    if parsed.is_object() || parsed.is_array() {
        *node = json!({"$json": parsed});
    }
}

fn media_type(node: &mut Value) {
    if let Value::String(kind) = node {
        let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        *kind = plain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_id_counts_and_a_made_up_one_does_not() {
        let seen =
            |id: &str| answer(Route::OpenAiChat, json!({"body": {"id": id}}), r#"{"id":"chatcmpl-1"}"#);
        assert_eq!(seen("chatcmpl-2"), seen("chatcmpl-3"));
        assert_ne!(seen("chatcmpl-1"), seen("chatcmpl-2"));
        assert_ne!(seen("msg_2"), seen("chatcmpl-2"));
    }

    #[test]
    fn null_is_nothing_only_where_it_is_optional() {
        let seen = answer(
            Route::OpenAiChat,
            json!({"body": {"choices": [{"logprobs": null, "message": {"refusal": null, "role": null}}]}}),
            "",
        );
        assert_eq!(seen, json!({"body": {"choices": [{"message": {"role": null}}]}}));
    }

    #[test]
    fn prompts_are_never_touched() {
        let prompt =
            json!({"body": {"messages": [{"id": "x", "content": "{\"a\": 1}", "created": 1, "name": null}]}});
        assert_eq!(request(prompt.clone()), prompt);
    }

    #[test]
    fn arguments_count_by_what_they_mean() {
        let call = |text: &str| {
            request(json!({"body": {"messages": [{"tool_calls": [{"function": {"arguments": text}}]}]}}))
        };
        assert_eq!(call("{\"a\": 1}"), call("{\"a\":1}"));
        assert_ne!(call("{\"a\": 1}"), call("{\"a\":2}"));
        assert_ne!(call(""), call("{}"));
    }

    #[test]
    fn of_stream_options_only_the_usage_is_left_out() {
        let mut seen = json!({"body": {"stream": true, "stream_options": {"include_usage": true, "x": 1}}});
        usage_asked_for(&mut seen);
        assert_eq!(seen, json!({"body": {"stream": true, "stream_options": {"x": 1}}}));
        let mut seen = json!({"outcome": "refused", "status": 400});
        usage_asked_for(&mut seen);
        assert_eq!(seen, json!({"outcome": "refused", "status": 400}));
    }

    #[test]
    fn betas_are_a_set() {
        let sent = |beta: &str| request(json!({"headers": {"anthropic-beta": beta}}));
        assert_eq!(sent("a, b"), sent("b,a"));
        assert_ne!(sent("a"), sent("a,b"));
    }
}
