//! Requests to the provider.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "stream_false_not_added",
        why: "An Anthropic request that does not ask for a stream is not streamed; LiteLLM says so again.",
        evidence: Evidence::ProviderDocs,
        apply: stream_false_added,
    },
    Rule {
        code: "stream_false_kept",
        why: "The client's `stream: false` is sent as it is.",
        evidence: Evidence::RecordedBytes,
        apply: stream_false_kept,
    },
    Rule {
        code: "stream_options_only_with_stream",
        why: "`stream_options` is rejected where no stream is asked for: LiteLLM sends it all the same, and alone where it fakes a stream.",
        evidence: Evidence::ProviderDocs,
        apply: stream_options,
    },
    Rule {
        code: "message_nulls_kept",
        why: "`null` members of the client's messages are sent as they are.",
        evidence: Evidence::RecordedBytes,
        apply: message_nulls,
    },
    Rule {
        code: "unknown_fields_kept",
        why: "A field that nobody documents is the provider's business and is sent as it is; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: unknown_fields,
    },
    Rule {
        code: "parallel_tool_use_kept",
        why: "A client that wants one tool call at a time gets that from every provider: LiteLLM loses `disable_parallel_tool_use`.",
        evidence: Evidence::RecordedBytes,
        apply: parallel_tool_use,
    },
    Rule {
        code: "service_tier_translated",
        why: "Anthropic's `standard_only` is OpenAI's `default`; LiteLLM sends a word that OpenAI's type does not have.",
        evidence: Evidence::ProviderTypes,
        apply: service_tier,
    },
    Rule {
        code: "named_tool_choice_kept",
        why: "Mistral takes a named tool as `tool_choice`; LiteLLM drops the client's choice.",
        evidence: Evidence::ProviderDocs,
        apply: named_tool_choice,
    },
    Rule {
        code: "blank_stop_sequences_dropped",
        why: "Anthropic rejects a stop sequence of white space only: with drop_params it is dropped, as LiteLLM says it does.",
        evidence: Evidence::ProviderDocs,
        apply: blank_stops,
    },
    Rule {
        code: "messages_are_required",
        why: "A request without messages is refused: LiteLLM makes up an empty list of them, which every provider rejects.",
        evidence: Evidence::ProviderDocs,
        apply: no_messages,
    },
    Rule {
        code: "tool_choice_any_kept",
        why: "`any` is what some chat hosts call `required`, and Anthropic's own word: LiteLLM drops the client's choice.",
        evidence: Evidence::RecordedBytes,
        apply: any_tool,
    },
];

pub(super) fn body<'v>(
    context: &Context<'_>,
    oracle: &'v mut Value,
) -> Option<&'v mut serde_json::Map<String, Value>> {
    oracle.get_mut("body").filter(|_| context.layer == Layer::Request)?.as_object_mut()
}

pub(super) fn same_dialect(context: &Context<'_>) -> bool {
    context.upstream() == context.case.question.route
}

fn stream_false_added(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.case.question.body.get("stream").is_some() {
        return 0;
    }
    match body(context, oracle) {
        Some(body) if body.get("stream") == Some(&json!(false)) => {
            body.shift_remove("stream").map_or(0, |_| 1)
        }
        _ => 0,
    }
}

fn stream_false_kept(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !same_dialect(context) || context.case.question.body.get("stream") != Some(&json!(false)) {
        return 0;
    }
    match body(context, oracle) {
        Some(body) if !body.contains_key("stream") => {
            body.insert("stream".to_owned(), json!(false));
            1
        }
        _ => 0,
    }
}

fn stream_options(context: &Context<'_>, oracle: &mut Value) -> usize {
    match body(context, oracle) {
        Some(body) if body.contains_key("stream_options") && body.get("stream") != Some(&json!(true)) => {
            body.shift_remove("stream_options").map_or(0, |_| 1)
        }
        _ => 0,
    }
}

fn message_nulls(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !same_dialect(context) {
        return 0;
    }
    let asked = context.case.question.body["messages"].as_array();
    let sent = body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    let (Some(asked), Some(sent)) = (asked, sent) else { return 0 };
    if asked.len() != sent.len() {
        return 0;
    }
    let mut changed = 0;
    for (asked, sent) in asked.iter().zip(sent) {
        let (Some(asked), Some(sent)) = (asked.as_object(), sent.as_object_mut()) else { continue };
        for (key, value) in asked.iter().filter(|(_, value)| value.is_null()) {
            if !sent.contains_key(key) {
                sent.insert(key.clone(), value.clone());
                changed += 1;
            }
        }
    }
    changed
}

/// The documented fields of requests whose dialect LiteLLM filters, and its own controls.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "service_tier",
    "container",
    "mcp_servers",
    "context_management",
    "betas",
    "output_config",
    "output_format",
    "cache_control",
    "inference_geo",
    "speed",
    "document",
    "pages",
    "id",
    "include_image_base64",
    "image_limit",
    "image_min_size",
    "bbox_annotation_format",
    "document_annotation_format",
];

fn unknown_fields(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !same_dialect(context) || context.case.question.route == Route::OpenAiChat {
        return 0;
    }
    let asked = context.case.question.body.as_object();
    let (Some(asked), Some(sent)) = (asked, body(context, oracle)) else { return 0 };
    let mut changed = 0;
    // To the responses API, unlike to Anthropic's, this one is unknown.
    let top_k = context.case.question.route == Route::OpenAiResponses;
    let known = |key: &str| KNOWN.contains(&key) && !(top_k && key == "top_k");
    for (key, value) in asked.iter().filter(|(key, _)| !known(key)) {
        if !sent.contains_key(key) {
            sent.insert(key.clone(), value.clone());
            changed += 1;
        }
    }
    changed
}

fn parallel_tool_use(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    // Cerebras does not take the parameter, and both leave it out.
    if question.route != Route::AnthropicMessages || same_dialect(context) || question.provider == "cerebras"
    {
        return 0;
    }
    // Without tools the parameter is rejected, so nothing is said of it.
    if question.body["tools"].as_array().is_none_or(Vec::is_empty) {
        return 0;
    }
    let disabled = question.body["tool_choice"]["disable_parallel_tool_use"] == json!(true);
    match body(context, oracle).filter(|_| disabled) {
        Some(body) if !body.contains_key("parallel_tool_calls") => {
            body.insert("parallel_tool_calls".to_owned(), json!(false));
            1
        }
        _ => 0,
    }
}

fn service_tier(context: &Context<'_>, oracle: &mut Value) -> usize {
    let standard = |body: &&mut serde_json::Map<String, Value>| {
        body.get("service_tier") == Some(&json!("standard_only"))
    };
    if context.case.question.route != Route::AnthropicMessages || same_dialect(context) {
        return 0;
    }
    body(context, oracle).filter(standard).map_or(0, |body| {
        body.insert("service_tier".to_owned(), json!("default"));
        1
    })
}

fn named_tool_choice(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    if question.provider != "mistral" {
        return 0;
    }
    let choice = &question.body["tool_choice"];
    let name = choice["function"]["name"].as_str().or_else(|| choice["name"].as_str());
    match (name, body(context, oracle)) {
        (Some(name), Some(body)) if !body.contains_key("tool_choice") => {
            body.insert("tool_choice".to_owned(), json!({"type": "function", "function": {"name": name}}));
            1
        }
        _ => 0,
    }
}

fn any_tool(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body.get("tool_choice") == Some(&json!("any"));
    if !asked || same_dialect(context) || context.upstream() != Route::AnthropicMessages {
        return 0;
    }
    match body(context, oracle) {
        Some(body) if !body.contains_key("tool_choice") => {
            body.insert("tool_choice".to_owned(), json!({"type": "any"}));
            1
        }
        _ => 0,
    }
}

fn blank_stops(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !context.case.question.drop_params {
        return 0;
    }
    if context.upstream() != Route::AnthropicMessages || same_dialect(context) {
        return 0;
    }
    let Some(body) = body(context, oracle) else { return 0 };
    let Some(Value::Array(stops)) = body.get_mut("stop_sequences") else { return 0 };
    let before = stops.len();
    stops.retain(|stop| stop.as_str().is_none_or(|stop| !stop.trim().is_empty()));
    before - stops.len()
}

fn no_messages(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body.get("messages").is_some_and(|messages| !messages.is_null());
    let chat = context.layer == Layer::Request && context.case.question.route == Route::OpenAiChat;
    if asked || !chat || oracle["outcome"] != "sent" {
        return 0;
    }
    *oracle = crate::observe::refusal(Some(400));
    1
}
