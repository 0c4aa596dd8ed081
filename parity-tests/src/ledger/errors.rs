//! Error answers: the provider's own words instead of LiteLLM's wrapping.

use serde_json::{Value, json};

use super::failures::error_of;
use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "anthropic_error_passes_through",
        why: "A messages client of an Anthropic provider gets the provider's own status and error: LiteLLM writes another, loses the request's id, and turns 413 into 400 and 529 into 500, and the official SDK picks its exception by them.",
        evidence: Evidence::RecordedBytes,
        apply: anthropic_passes_through,
    },
    Rule {
        code: "error_message_verbatim",
        why: "The message is the provider's; LiteLLM's class names, its quoting of the whole body and its note about fallbacks say nothing about the request.",
        evidence: Evidence::RecordedBytes,
        apply: message_verbatim,
    },
    Rule {
        code: "error_type_as_given",
        why: "For a rejected request the error type is the provider's; LiteLLM replaces some.",
        evidence: Evidence::RecordedBytes,
        apply: type_as_given,
    },
    Rule {
        code: "error_status_as_told",
        why: "An error within a stream that tells its status keeps it; LiteLLM says 500 for some.",
        evidence: Evidence::RecordedBytes,
        apply: status_as_told,
    },
    Rule {
        code: "error_param_restored",
        why: "The provider says which field it blames, and LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: param_restored,
    },
    Rule {
        code: "no_done_after_error",
        why: "`[DONE]` says that the answer is complete; after an error it is not.",
        evidence: Evidence::ProviderDocs,
        apply: no_done,
    },
    Rule {
        code: "retry_after_forwarded",
        why: "A client that is told to wait must learn how long: LiteLLM hands on only `llm_provider-retry-after`, which no SDK reads.",
        evidence: Evidence::RecordedBytes,
        apply: retry_after,
    },
];

/// The provider's error as it stands in its body.
struct ProviderError<'v> {
    /// The object that holds type, code and param; not an object where the body has none.
    inner: &'v Value,
    /// What the provider says, if it says anything, in normal form.
    message: Option<Value>,
}

fn provider_error<'v>(context: &Context<'v>) -> Option<ProviderError<'v>> {
    let provider = context.provider?;
    let body = &provider["body"];
    if provider["status"].as_u64()? < 400 {
        let events = provider.pointer("/stream/events").and_then(Value::as_array);
        let event = events.into_iter().flatten().find_map(error_of);
        return event.or_else(|| body.get("error").filter(|error| !error.is_null()).map(|_| body)).map(read);
    }
    let text = context.case.answer.as_ref().and_then(|answer| std::str::from_utf8(&answer.body).ok());
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    // A page of a proxy in between is no message.
    let page =
        context.upstream() != Route::AnthropicMessages && text.is_some_and(|text| text.starts_with('<'));
    let mut error = read(body);
    let whole = || if body.get("$text").is_some() { json!(text) } else { json!({"$json": body}) };
    error.message = error.message.or_else(|| text.filter(|_| !page).map(|_| whole()));
    Some(error)
}

fn read(root: &Value) -> ProviderError<'_> {
    let root = root.get(0).unwrap_or(root);
    let inner = root.get("error").filter(|inner| !inner.is_null()).unwrap_or(root);
    let said = [Some(inner), inner.get("message"), inner.get("detail")].into_iter().flatten();
    let told = said.clone().find(|told| told.as_str().is_some_and(|told| !told.is_empty())).cloned();
    let object = || inner.get("message").filter(|told| told.is_object()).map(|told| json!({"$json": told}));
    ProviderError { inner, message: told.or_else(object) }
}

fn anthropic_passes_through(context: &Context<'_>, oracle: &mut Value) -> usize {
    let anthropic = context.upstream() == Route::AnthropicMessages
        && context.case.question.route == Route::AnthropicMessages;
    let Some(provider) = context.provider.filter(|_| anthropic && context.layer == Layer::Answer) else {
        return 0;
    };
    if provider["status"].as_u64().is_none_or(|status| status < 400) {
        return 0;
    }
    let mut changed = 0;
    if oracle["status"] != provider["status"] {
        oracle["status"] = provider["status"].clone();
        changed += 1;
    }
    let own = &provider["body"];
    if own["type"] == "error" && own["error"]["message"].is_string() {
        let place = &mut oracle["body"];
        changed += usize::from(place != own);
        *place = own.clone();
        return changed;
    }
    let kind = &provider["body"]["error"]["type"];
    if let Some(place) =
        oracle.pointer_mut("/body/error/type").filter(|place| kind.is_string() && *place != kind)
    {
        *place = kind.clone();
        changed += 1;
    }
    changed
}

fn message_verbatim(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer {
        return 0;
    }
    let Some(told) = provider_error(context).and_then(|error| error.message) else { return 0 };
    let mut changed = 0;
    for place in error_objects(oracle) {
        if let Some(message) = place.get_mut("message").filter(|message| **message != told) {
            *message = told.clone();
            changed += 1;
        }
    }
    changed
}

fn type_as_given(context: &Context<'_>, oracle: &mut Value) -> usize {
    let rejected = matches!(oracle["status"].as_u64(), Some(400 | 422)) && context.layer == Layer::Answer;
    let anthropic = context.upstream() == Route::AnthropicMessages;
    if !rejected || anthropic || context.case.question.route == Route::AnthropicMessages {
        return 0;
    }
    let Some(error) = provider_error(context) else { return 0 };
    let Some(kind) = error.inner["type"].as_str() else { return 0 };
    match oracle.pointer_mut("/body/error/type") {
        Some(place) if *place != kind => {
            *place = json!(kind);
            1
        }
        _ => 0,
    }
}

fn status_as_told(context: &Context<'_>, oracle: &mut Value) -> usize {
    let chat = context.case.question.route == Route::OpenAiChat && context.upstream() == Route::OpenAiChat;
    if context.layer != Layer::Answer || !chat || oracle.get("stream").is_none() {
        return 0;
    }
    let Some(error) = provider_error(context) else { return 0 };
    let code = &error.inner["code"];
    let told = code.as_u64().or_else(|| code.as_str()?.parse().ok()).filter(|code| (400..600).contains(code));
    let Some(told) = told.map(|code| json!(code.to_string())) else { return 0 };
    let mut changed = 0;
    for place in error_objects(oracle) {
        if let Some(code) = place.get_mut("code").filter(|code| **code != told) {
            *code = told.clone();
            changed += 1;
        }
    }
    changed
}

fn param_restored(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer || context.case.question.route == Route::AnthropicMessages {
        return 0;
    }
    let Some(error) = provider_error(context) else { return 0 };
    let Some(param) = error.inner["param"].as_str() else { return 0 };
    let mut changed = 0;
    for place in error_objects(oracle).into_iter().filter(|place| place["param"].is_null()) {
        place["param"] = json!(param);
        changed += 1;
    }
    changed
}

/// The error objects of an answer: its body's, or those of its events.
fn error_objects(answer: &mut Value) -> Vec<&mut Value> {
    let mut found = Vec::new();
    if let Value::Object(members) = answer {
        for (key, value) in members {
            match key.as_str() {
                "body" => found.extend(value.get_mut("error")),
                "stream" => {
                    let events = value.get_mut("events").and_then(Value::as_array_mut);
                    found.extend(events.into_iter().flatten().filter_map(|event| match event.get("data") {
                        Some(_) => event.get_mut("data")?.get_mut("error"),
                        None if event["type"] == "response.failed" => {
                            event.get_mut("response")?.get_mut("error")
                        }
                        None => event.get_mut("error"),
                    }));
                }
                _ => {}
            }
        }
    }
    found.retain(|error| error.is_object());
    found
}

fn no_done(context: &Context<'_>, oracle: &mut Value) -> usize {
    let chat = context.layer == Layer::Answer && context.case.question.route == Route::OpenAiChat;
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events").filter(|_| chat) else { return 0 };
    match events.as_slice() {
        [.., last, done] if done == "[DONE]" && last.get("error").is_some() => events.pop().map_or(0, |_| 1),
        _ => 0,
    }
}

fn retry_after(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.layer != Layer::Answer {
        return 0;
    }
    let given = context.case.answer.as_ref().and_then(|answer| answer.header("retry-after"));
    let (Some(given), Some(headers)) = (given, oracle.get_mut("headers").and_then(Value::as_object_mut))
    else {
        return 0;
    };
    if headers.contains_key("retry-after") {
        return 0;
    }
    headers.insert("retry-after".to_owned(), json!(given));
    1
}
