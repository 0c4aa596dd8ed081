//! Media in requests of responses clients, and what else LiteLLM loses of them on its way through its chat form.

use serde_json::{Value, json};

use super::requests::body;
use super::{Context, Evidence, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "media_not_dropped",
        why: "A host that takes no pictures or files says so; LiteLLM drops them for deepseek without a word, and the model answers about nothing.",
        evidence: Evidence::RecordedBytes,
        apply: media_kept,
    },
    Rule {
        code: "blank_text_is_a_string",
        why: "A message without words has an empty text as content, which deepseek wants as a string.",
        evidence: Evidence::ProviderDocs,
        apply: blank_text,
    },
    Rule {
        code: "search_location_in_chat_form",
        why: "The chat API has the place of a search below `approximate`; LiteLLM sends it in the form of the responses API.",
        evidence: Evidence::ProviderDocs,
        apply: search_location,
    },
    Rule {
        code: "result_pictures_kept",
        why: "A picture that a tool returned by its id stands in the client's request; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: result_pictures,
    },
    Rule {
        code: "unknown_parts_not_told",
        why: "A part that the responses API does not know is no text; LiteLLM sends the model its own way of printing it.",
        evidence: Evidence::RecordedBytes,
        apply: unknown_parts,
    },
];

fn from_responses(context: &Context<'_>) -> bool {
    context.case.question.route == Route::OpenAiResponses
}

fn items<'c>(context: &'c Context<'_>, role: &'c str) -> impl Iterator<Item = &'c Value> {
    let items = context.case.question.body["input"].as_array();
    items.into_iter().flatten().filter(move |item| item["role"] == role)
}

fn messages<'v>(oracle: &'v mut Value, context: &Context<'_>) -> Vec<&'v mut Value> {
    let messages = body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    messages.into_iter().flatten().collect()
}

fn media_kept(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !from_responses(context) || context.case.question.provider != "deepseek" {
        return 0;
    }
    let mut asked = items(context, "user");
    let mut changed = 0;
    for message in messages(oracle, context).into_iter().filter(|message| message["role"] == "user") {
        let parts = asked.next().and_then(|item| item["content"].as_array());
        let Some(parts) = parts.filter(|parts| parts.iter().any(|part| part["type"] != "input_text")) else {
            continue;
        };
        if message["content"].is_string() {
            message["content"] = parts.iter().map(chat_part).collect();
            changed += 1;
        }
    }
    changed
}

/// A part of the responses API in the form of the chat API.
fn chat_part(part: &Value) -> Value {
    let given = |names: &[&str]| -> Value {
        let kept = names.iter().filter(|name| !part[**name].is_null());
        Value::Object(kept.map(|name| ((*name).to_owned(), part[*name].clone())).collect())
    };
    match part["type"].as_str() {
        Some("input_image") => {
            let mut image = json!({"url": part["image_url"]});
            image["detail"] = if part["detail"].is_null() { json!("auto") } else { part["detail"].clone() };
            json!({"type": "image_url", "image_url": image})
        }
        Some("input_file") => json!({"type": "file", "file": given(&["filename", "file_data", "file_id"])}),
        _ => json!({"type": "text", "text": part["text"]}),
    }
}

fn blank_text(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !from_responses(context) || context.case.question.provider != "deepseek" {
        return 0;
    }
    let blank = json!([{"type": "text", "text": ""}]);
    let blanks = messages(oracle, context)
        .into_iter()
        .filter(|message| message["role"] == "assistant" && message["content"] == blank);
    blanks.map(|message| message["content"] = json!("")).count()
}

fn search_location(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !from_responses(context) {
        return 0;
    }
    let search = body(context, oracle).and_then(|body| body.get_mut("web_search_options"));
    let location = search.and_then(|search| search.get_mut("user_location")?.as_object_mut());
    let Some(location) = location.filter(|location| !location.contains_key("approximate")) else { return 0 };
    let mut place = std::mem::take(location);
    location.insert("type".to_owned(), place.shift_remove("type").unwrap_or_else(|| json!("approximate")));
    location.insert("approximate".to_owned(), Value::Object(place));
    1
}

fn result_pictures(context: &Context<'_>, oracle: &mut Value) -> usize {
    if !from_responses(context) || context.upstream() != Route::AnthropicMessages {
        return 0;
    }
    let outputs = context.case.question.body["input"].as_array();
    let outputs = outputs.into_iter().flatten().filter(|item| item["type"] == "function_call_output");
    let mut changed = 0;
    for output in outputs {
        let parts: Vec<&Value> = output["output"].as_array().into_iter().flatten().collect();
        for (at, part) in parts.iter().enumerate() {
            let Some(id) = part["file_id"].as_str().filter(|_| part["type"] == "input_image") else {
                continue;
            };
            for message in messages(oracle, context) {
                let blocks = message.get_mut("content").and_then(Value::as_array_mut);
                let result =
                    blocks.into_iter().flatten().find(|block| block["tool_use_id"] == output["call_id"]);
                let content = result.and_then(|result| result.get_mut("content")?.as_array_mut());
                if let Some(content) = content.filter(|content| content.len() + 1 == parts.len()) {
                    let image = json!({"type": "image", "source": {"type": "file", "file_id": id}});
                    content.insert(at, image);
                    changed += 1;
                }
            }
        }
    }
    changed
}

fn unknown_parts(context: &Context<'_>, oracle: &mut Value) -> usize {
    if context.case.question.route != Route::OpenAiChat || context.upstream() != Route::OpenAiResponses {
        return 0;
    }
    let input = body(context, oracle).and_then(|body| body.get_mut("input")?.as_array_mut());
    let mut changed = 0;
    for item in input.into_iter().flatten() {
        let Some(content) = item.get_mut("content").and_then(Value::as_array_mut) else { continue };
        let before = content.len();
        content.retain(|part| {
            !part["text"].as_str().is_some_and(|text| text.starts_with("{'type': 'video_url'"))
        });
        changed += before - content.len();
    }
    changed
}
