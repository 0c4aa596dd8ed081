//! Headers, of requests to the provider and of answers to the client.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "no_advertisement",
        why: "LiteLLM names itself to OpenRouter and Perplexity as the calling application; that is the application's to say.",
        evidence: Evidence::ProviderDocs,
        apply: no_advertisement,
    },
    Rule {
        code: "provider_headers_forwarded",
        why: "A provider's headers reach the client as `llm_provider-*` on every route; LiteLLM does so for chat only.",
        evidence: Evidence::RecordedBytes,
        apply: provider_headers,
    },
    Rule {
        code: "hop_headers_not_forwarded",
        why: "The length of the provider's body, and what LiteLLM itself adds to the provider's headers, say nothing about the client's answer.",
        evidence: Evidence::ProviderDocs,
        apply: hop_headers,
    },
];

/// `(header, the value that names LiteLLM)`
const ADVERTISEMENTS: [(&str, &str); 3] =
    [("http-referer", "https://litellm.ai"), ("x-title", "liteLLM"), ("x-pplx-integration", "litellm")];

fn no_advertisement(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(headers) =
        oracle.get_mut("headers").and_then(Value::as_object_mut).filter(|_| context.layer == Layer::Request)
    else {
        return 0;
    };
    let before = headers.len();
    headers.retain(|name, value| !ADVERTISEMENTS.iter().any(|(known, own)| name == known && value == own));
    before - headers.len()
}

/// Headers that belong to the hop to the provider.
const HOP: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The name by which OpenAI's clients look for what other providers send under theirs.
fn familiar_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "x-request-id" => "request-id",
        "anthropic-ratelimit-requests-limit" => "x-ratelimit-limit-requests",
        "anthropic-ratelimit-requests-remaining" => "x-ratelimit-remaining-requests",
        "anthropic-ratelimit-tokens-limit" => "x-ratelimit-limit-tokens",
        "anthropic-ratelimit-tokens-remaining" => "x-ratelimit-remaining-tokens",
        _ => return None,
    })
}

fn provider_headers(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(answer) = context.case.answer.as_ref().filter(|_| context.layer == Layer::Answer) else {
        return 0;
    };
    let Some(headers) = oracle.get_mut("headers").and_then(Value::as_object_mut) else { return 0 };
    let mut changed = 0;
    let mut add = |name: String, value: &str| {
        if !headers.contains_key(&name) {
            headers.insert(name, json!(value));
            changed += 1;
        }
    };
    for (name, value) in answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)) {
        if HOP.contains(&name.as_str()) {
            continue;
        }
        if name.starts_with("x-ratelimit-") || name == "request-id" {
            add(name.clone(), value);
        } else if let Some(known) = familiar_name(&name).filter(|known| answer.header(known).is_none()) {
            add(known.to_owned(), value);
            add(format!("llm_provider-{known}"), value);
        }
        add(format!("llm_provider-{name}"), value);
    }
    changed
}

fn hop_headers(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(headers) =
        oracle.get_mut("headers").and_then(Value::as_object_mut).filter(|_| context.layer == Layer::Answer)
    else {
        return 0;
    };
    let before = headers.len();
    headers.retain(|name, _| {
        let own = name.strip_prefix("llm_provider-");
        !own.is_some_and(|own| HOP.contains(&own) || own.starts_with("x-litellm-"))
    });
    before - headers.len()
}
