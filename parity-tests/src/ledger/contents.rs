//! Contents of messages, of requests and answers: what was said arrives, by whom it was said.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "content_lists_kept",
        why: "A message's content parts are sent as the client wrote them: LiteLLM makes text of them and loses images on the way.",
        evidence: Evidence::RecordedBytes,
        apply: content_lists,
    },
    Rule {
        code: "system_role_kept",
        why: "o-series models take a system message as the developer's; LiteLLM makes it the user's.",
        evidence: Evidence::ProviderDocs,
        apply: system_role,
    },
    Rule {
        code: "tool_pictures_kept",
        why: "What a tool returned is sent as the client wrote it: LiteLLM takes pictures out and puts them into words of the user, though some hosts take them.",
        evidence: Evidence::RecordedBytes,
        apply: tool_pictures,
    },
    Rule {
        code: "tools_kept",
        why: "The client's tools are sent as they are; LiteLLM drops all of them for DeepSeek where `type` is missing.",
        evidence: Evidence::RecordedBytes,
        apply: tools,
    },
    Rule {
        code: "tool_members_kept",
        why: "Members of a tool that LiteLLM does not know are the provider's business and are sent as they are.",
        evidence: Evidence::RecordedBytes,
        apply: tool_members,
    },
    Rule {
        code: "system_messages_kept",
        why: "Chat providers take system messages anywhere; LiteLLM turns a later one into words of the user.",
        evidence: Evidence::ProviderDocs,
        apply: system_messages,
    },
    Rule {
        code: "anthropic_fields_not_leaked",
        why: "Top-level `cache_control` and `inference_geo` are Anthropic's and mean nothing to a chat provider, which may reject them.",
        evidence: Evidence::ProviderDocs,
        apply: not_leaked,
    },
    Rule {
        code: "json_answer_stops",
        why: "An answer whose forced tool call became its text has no call left to wait for: LiteLLM still says `tool_calls`.",
        evidence: Evidence::ProviderDocs,
        apply: json_answer,
    },
    Rule {
        code: "tool_use_is_said",
        why: "An answer that calls tools ends with `tool_use`, whatever word of its own the host has for an end: agents go by it.",
        evidence: Evidence::ProviderDocs,
        apply: tool_use_said,
    },
    Rule {
        code: "reasoning_kept",
        why: "What a host says it thought is told as LiteLLM tells it for others, whatever the host calls it: LiteLLM loses the `reasoning` of some.",
        evidence: Evidence::RecordedBytes,
        apply: reasoning,
    },
    Rule {
        code: "empty_text_as_given",
        why: "An empty text is a block of its own, as for the other hosts: LiteLLM drops Mistral's.",
        evidence: Evidence::RecordedBytes,
        apply: empty_text,
    },
    Rule {
        code: "signature_is_a_string",
        why: "A thinking block has a signature, empty where the provider gave none: the official SDK's type knows no `null` there.",
        evidence: Evidence::ProviderTypes,
        apply: signatures,
    },
    Rule {
        code: "function_call_kept",
        why: "The older `function_call` of an answer is a tool call too; LiteLLM loses it on the way to a messages client.",
        evidence: Evidence::RecordedBytes,
        apply: function_call,
    },
];

fn same_dialect(context: &Context<'_>) -> bool {
    context.upstream() == context.case.question.route
}

fn request_body<'v>(
    context: &Context<'_>,
    oracle: &'v mut Value,
) -> Option<&'v mut serde_json::Map<String, Value>> {
    oracle.get_mut("body").filter(|_| context.layer == Layer::Request)?.as_object_mut()
}

fn content_lists(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body["messages"].as_array().filter(|_| same_dialect(context));
    let sent = request_body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    let (Some(asked), Some(sent)) = (asked, sent) else { return 0 };
    if asked.len() != sent.len() {
        return 0;
    }
    let mut changed = 0;
    for (asked, sent) in asked.iter().zip(sent) {
        // Lists of nothing but text become text with some hosts, in both.
        let more = |parts: &Vec<Value>| parts.is_empty() || parts.iter().any(|part| part["type"] != "text");
        if asked["content"].as_array().is_some_and(more) && sent["content"].is_string() {
            sent["content"] = asked["content"].clone();
            unmark(&mut sent["content"]);
            changed += 1;
        }
    }
    changed
}

/// Cache marks are Anthropic's and go to no host that flattens contents.
fn unmark(content: &mut Value) {
    for part in content.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        part.shift_remove("cache_control");
    }
}

fn system_role(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    let o_series = question.provider == "openai"
        && ["o1", "o3", "o4"].iter().any(|name| question.model.starts_with(name));
    let asked = question.body["messages"].as_array().filter(|_| same_dialect(context) && o_series);
    let sent = request_body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    let (Some(asked), Some(sent)) = (asked, sent) else { return 0 };
    let pairs =
        asked.iter().zip(sent).filter(|(asked, sent)| asked["role"] == "system" && sent["role"] == "user");
    pairs.map(|(_, sent)| sent["role"] = json!("system")).count()
}

/// How the message begins into which LiteLLM puts a tool's pictures.
const PICTURES: &str = "[The following images are tool output";

fn tool_pictures(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body["messages"].as_array().filter(|_| same_dialect(context));
    let sent = request_body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    let (Some(asked), Some(sent)) = (asked, sent) else { return 0 };
    let before = sent.len();
    sent.retain(|message| {
        message["content"][0]["text"].as_str().is_none_or(|text| !text.starts_with(PICTURES))
    });
    let mut changed = before - sent.len();
    if changed == 0 || asked.len() != sent.len() {
        return changed;
    }
    for (asked, sent) in asked.iter().zip(sent).filter(|(asked, _)| asked["role"] == "tool") {
        if asked["content"] != sent["content"] {
            sent["content"] = asked["content"].clone();
            changed += 1;
        }
    }
    changed
}

fn tools(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = &context.case.question.body;
    let Some(sent) = request_body(context, oracle).filter(|_| same_dialect(context)) else { return 0 };
    if asked["tools"].as_array().is_none_or(Vec::is_empty) || sent.contains_key("tools") {
        return 0;
    }
    let mut changed = 0;
    for key in ["tools", "tool_choice", "parallel_tool_calls"] {
        if let Some(value) = asked.get(key).filter(|value| !value.is_null() && !sent.contains_key(key)) {
            sent.insert(key.to_owned(), value.clone());
            changed += 1;
        }
    }
    changed
}

fn tool_members(context: &Context<'_>, oracle: &mut Value) -> usize {
    let asked = context.case.question.body["tools"].as_array().filter(|_| same_dialect(context));
    let sent = request_body(context, oracle).and_then(|body| body.get_mut("tools")?.as_array_mut());
    let (Some(asked), Some(sent)) = (asked, sent) else { return 0 };
    let mut changed = 0;
    for (asked, sent) in asked.iter().zip(sent) {
        let (Some(asked), Some(sent)) = (asked.as_object(), sent.as_object_mut()) else { continue };
        for (key, value) in asked.iter().filter(|(key, _)| *key != "cache_control") {
            if !sent.contains_key(key) {
                sent.insert(key.clone(), value.clone());
                changed += 1;
            }
        }
    }
    changed
}

const OPERATOR_NOTE: &str = "Operator note (not from the user)";
const WHOLE_NOTE: &str = "Operator note (not from the user): the following was originally a mid-conversation system-role reminder.";

fn system_messages(context: &Context<'_>, oracle: &mut Value) -> usize {
    let cross = context.case.question.route == Route::AnthropicMessages && !same_dialect(context);
    let sent = request_body(context, oracle).and_then(|body| body.get_mut("messages")?.as_array_mut());
    let Some(messages) = sent.filter(|_| cross) else { return 0 };
    let mut changed = 0;
    for message in messages.iter_mut() {
        if let Some(rest) = message["content"].as_str().and_then(|text| text.strip_prefix(WHOLE_NOTE)) {
            *message = json!({"role": "system", "content": rest});
            changed += 2;
        }
        let Some(parts) = message.get_mut("content").and_then(Value::as_array_mut) else { continue };
        if parts
            .first()
            .is_some_and(|part| part["text"].as_str().is_some_and(|text| text.starts_with(OPERATOR_NOTE)))
        {
            parts.remove(0);
            message["role"] = json!("system");
            changed += 2;
        }
    }
    messages.retain(|message| message["role"] != "system" || message["content"] != json!([]));
    changed
}

fn not_leaked(context: &Context<'_>, oracle: &mut Value) -> usize {
    let cross = context.case.question.route == Route::AnthropicMessages && !same_dialect(context);
    let Some(sent) = request_body(context, oracle).filter(|_| cross) else { return 0 };
    ["cache_control", "inference_geo"].into_iter().filter_map(|own| sent.shift_remove(own)).count()
}

/// The message of the provider's whole chat answer.
fn chat_message<'v>(context: &Context<'v>) -> Option<&'v Value> {
    let chat = context.layer == Layer::Answer && context.upstream() == Route::OpenAiChat;
    context.provider.filter(|_| chat)?.pointer("/body/choices/0/message")
}

/// The reasons of `openai_chat`, with which LiteLLM does the same as we.
const REASONS: [&str; 5] = ["stop", "length", "tool_calls", "function_call", "content_filter"];

fn tool_use_said(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = context.case.question.route == Route::AnthropicMessages;
    let chat = context.layer == Layer::Answer && context.upstream() == Route::OpenAiChat;
    let Some(provider) = context.provider.filter(|_| messages && chat) else { return 0 };
    let reason = provider.pointer("/body/choices/0/finish_reason").and_then(Value::as_str);
    let calls = provider.pointer("/body/choices/0/message/tool_calls/0").is_some();
    if !calls
        || reason.is_none_or(|reason| REASONS.contains(&reason))
        || oracle["body"]["stop_reason"] != "end_turn"
    {
        return 0;
    }
    oracle["body"]["stop_reason"] = json!("tool_use");
    1
}

fn reasoning(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(message) = chat_message(context) else { return 0 };
    let said = message["reasoning_content"].as_str().or_else(|| message["reasoning"].as_str());
    let Some(said) = said.filter(|said| !said.is_empty()) else { return 0 };
    if same_dialect(context) {
        let place = oracle.pointer_mut("/body/choices/0/message").and_then(Value::as_object_mut);
        return match place {
            Some(place) if !place.contains_key("reasoning_content") => {
                place.insert("reasoning_content".to_owned(), json!(said));
                1
            }
            _ => 0,
        };
    }
    let Some(Value::Array(blocks)) = oracle.pointer_mut("/body/content") else { return 0 };
    if blocks.iter().any(|block| block["type"] == "thinking") {
        return 0;
    }
    blocks.insert(0, json!({"type": "thinking", "thinking": said, "signature": ""}));
    3
}

fn empty_text(context: &Context<'_>, oracle: &mut Value) -> usize {
    let mistral = context.case.question.provider == "mistral" && !same_dialect(context);
    if !mistral || chat_message(context).is_none_or(|message| message["content"] != "") {
        return 0;
    }
    match oracle.pointer_mut("/body/content").and_then(Value::as_array_mut) {
        Some(blocks) if !blocks.iter().any(|block| block["type"] == "text") => {
            let at = blocks.iter().take_while(|block| block["type"] == "thinking").count();
            blocks.insert(at, json!({"type": "text", "text": ""}));
            2
        }
        _ => 0,
    }
}

fn signatures(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = context.layer == Layer::Answer && context.case.question.route == Route::AnthropicMessages;
    let blocks = oracle.pointer_mut("/body/content").and_then(Value::as_array_mut).filter(|_| messages);
    let mut changed = 0;
    for block in blocks.into_iter().flatten().filter(|block| block["type"] == "thinking") {
        if block["signature"].is_null() {
            block["signature"] = json!("");
            changed += 1;
        }
    }
    changed
}

fn function_call(context: &Context<'_>, oracle: &mut Value) -> usize {
    let messages = context.case.question.route == Route::AnthropicMessages;
    let call = chat_message(context).filter(|_| messages).map(|message| &message["function_call"]);
    let named = |call: &&Value| call["name"].as_str().is_some_and(|name| !name.is_empty());
    let Some(call) = call.filter(named) else { return 0 };
    let Some(Value::Array(blocks)) = oracle.pointer_mut("/body/content") else { return 0 };
    if blocks.iter().any(|block| block["type"] == "tool_use") {
        return 0;
    }
    let arguments = &call["arguments"];
    let input = arguments.get("$json").cloned();
    let parsed = || arguments.as_str().and_then(|text| crate::value::parse(text.as_bytes()));
    let input = input.or_else(parsed).unwrap_or_else(|| json!({}));
    blocks.push(json!({"type": "tool_use", "id": "<made up>", "name": call["name"], "input": input}));
    oracle["body"]["stop_reason"] = json!("tool_use");
    5
}

fn json_answer(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(message) = chat_message(context).filter(|_| same_dialect(context)) else { return 0 };
    if message["tool_calls"][0]["function"]["name"] != "json_tool_call" {
        return 0;
    }
    // Who did not ask for JSON has a tool of that name.
    let asked = context.case.question.body["response_format"].is_object();
    let right = if asked { "stop" } else { "tool_calls" };
    match oracle.pointer_mut("/body/choices/0/finish_reason") {
        Some(reason) if *reason != right => {
            *reason = json!(right);
            1
        }
        _ => 0,
    }
}
