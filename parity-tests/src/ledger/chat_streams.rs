//! Streams of an `openai_chat` provider, most of all for clients of `anthropic_messages`.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;
use crate::value::same;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "blocks_one_after_the_other",
        why: "Each tool call is one block with its own arguments: LiteLLM mixes the arguments of calls that come interleaved, opens a block per repeated name, joins the texts of several choices, and loses refusals, some hosts' reasoning, and text that comes with usage.",
        evidence: Evidence::RecordedBytes,
        apply: blocks,
    },
    Rule {
        code: "truncation_is_an_error",
        why: "A stream that ends without a finish_reason was cut off; LiteLLM ends it as if the answer were complete.",
        evidence: Evidence::RecordedBytes,
        apply: truncation,
    },
    Rule {
        code: "id_as_given",
        why: "The provider's id is the answer's; LiteLLM makes up another for some.",
        evidence: Evidence::RecordedBytes,
        apply: id,
    },
];

fn applies(context: &Context<'_>) -> bool {
    context.layer == Layer::Answer
        && context.case.question.route == Route::AnthropicMessages
        && context.upstream() == Route::OpenAiChat
}

fn provider_events<'v>(context: &Context<'v>) -> Option<&'v Vec<Value>> {
    context.provider.filter(|_| applies(context))?.pointer("/stream/events")?.as_array()
}

/// A content block as the provider's events make it.
#[derive(PartialEq)]
enum Block {
    Text(String),
    Thinking(String),
    Call(Box<Call>),
}

/// A tool call.
#[derive(PartialEq)]
struct Call {
    number: Value,
    id: Value,
    name: Value,
    arguments: String,
}

/// The blocks of the first choice, in the order in which they began.
fn read(events: &[Value]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for event in events.iter().filter(|event| event["choice"] == json!(0)) {
        if let Some(text) = event["content"].as_str().or_else(|| event["refusal"].as_str()) {
            match blocks.last_mut() {
                Some(Block::Text(before)) => before.push_str(text),
                _ => blocks.push(Block::Text(text.to_owned())),
            }
        } else if let Some(text) = event["reasoning_content"].as_str().or_else(|| event["reasoning"].as_str())
        {
            match blocks.last_mut() {
                Some(Block::Thinking(before)) => before.push_str(text),
                _ => blocks.push(Block::Thinking(text.to_owned())),
            }
        } else if let Some(number) = event.get("tool_call") {
            call(&mut blocks, number, event);
        }
    }
    blocks
}

fn call(blocks: &mut Vec<Block>, at: &Value, event: &Value) {
    let text = match &event["arguments"] {
        Value::String(text) => text.clone(),
        // Normalisation parsed arguments that came in one piece.
        parsed => parsed.get("$json").map(Value::to_string).unwrap_or_default(),
    };
    let same = blocks.iter_mut().find_map(|block| match block {
        Block::Call(call) if call.number == *at && (event.get("id").is_none() || event["id"] == call.id) => {
            Some(&mut call.arguments)
        }
        _ => None,
    });
    match same {
        Some(arguments) => arguments.push_str(&text),
        None => blocks.push(Block::Call(Box::new(Call {
            number: at.clone(),
            id: event["id"].clone(),
            name: event["name"].clone(),
            arguments: text,
        }))),
    }
}

/// All text and thinking of the blocks.
fn texts(blocks: &[Block]) -> String {
    let text = |block| match block {
        &Block::Text(ref text) | &Block::Thinking(ref text) => Some(text.as_str()),
        &Block::Call(_) => None,
    };
    blocks.iter().filter_map(text).collect()
}

/// All text and thinking of a client's events.
fn said(events: &[Value]) -> String {
    let text = |event: &Value| {
        let delta = &event["delta"];
        delta["text"].as_str().or_else(|| delta["thinking"].as_str()).map(str::to_owned)
    };
    events.iter().filter_map(text).collect()
}

/// Whether LiteLLM could not keep the blocks apart: calls that come interleaved or again, or several choices.
fn is_mixed(events: &[Value], blocks: &[Block]) -> bool {
    let calls = events.iter().filter(|event| event.get("tool_call").is_some()).count();
    let known = blocks.iter().filter(|block| matches!(block, Block::Call(_))).count();
    let choices = events.iter().any(|event| event["choice"].as_u64().is_some_and(|choice| choice > 0));
    calls > known || choices || events.iter().any(|event| event.get("refusal").is_some())
}

fn blocks(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(given) = provider_events(context) else { return 0 };
    let blocks = read(given);
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") else { return 0 };
    if !is_mixed(given, &blocks) && texts(&blocks) == said(events) {
        return 0;
    }
    let is_content =
        |event: &Value| event["type"].as_str().is_some_and(|kind| kind.starts_with("content_block_"));
    let before = events.len();
    let start = events.iter().position(is_content).unwrap_or(before);
    events.retain(|event| !is_content(event));
    let removed = before - events.len();
    let written = write(&blocks);
    let changed = removed.max(written.len());
    events.splice(start..start, written);
    changed + refusal(given, events)
}

/// A refusal is a reason to stop, and its words are the explanation.
fn refusal(given: &[Value], events: &mut [Value]) -> usize {
    let said: String = given.iter().filter_map(|event| event["refusal"].as_str()).collect();
    let end = events.iter_mut().find(|event| event["type"] == "message_delta").filter(|_| !said.is_empty());
    let Some(Value::Object(delta)) = end.and_then(|event| event.get_mut("delta")) else { return 0 };
    delta.insert("stop_reason".to_owned(), json!("refusal"));
    let details = json!({"type": "refusal", "category": null, "explanation": said});
    delta.insert("stop_details".to_owned(), details);
    4
}

fn write(blocks: &[Block]) -> Vec<Value> {
    let mut events = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let (start, delta) = match block {
            Block::Text(text) => {
                (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
            }
            Block::Thinking(text) => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                json!({"type": "thinking_delta", "thinking": text}),
            ),
            Block::Call(call) => {
                let (id, name) = (&call.id, &call.name);
                let parsed = crate::value::parse(call.arguments.as_bytes()).filter(Value::is_object);
                let partial = parsed.map_or_else(|| json!(call.arguments), |parsed| json!({"$json": parsed}));
                (
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                    json!({"type": "input_json_delta", "partial_json": partial}),
                )
            }
        };
        let empty = matches!(block, Block::Call(call) if call.arguments.is_empty());
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        if !empty {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events
}

/// Whether the provider told of an error or ended every choice that it began.
fn is_whole(events: &[Value]) -> bool {
    let ended =
        |choice: &Value| events.iter().any(|e| e.get("finish_reason").is_some() && e["choice"] == *choice);
    events.iter().any(|event| event.get("error").is_some())
        || (events.iter().any(|event| event.get("choice").is_some())
            && events.iter().filter_map(|event| event.get("choice")).all(ended))
}

fn truncation(context: &Context<'_>, oracle: &mut Value) -> usize {
    let given = context
        .provider
        .filter(|_| context.layer == Layer::Answer && context.upstream() == Route::OpenAiChat);
    let given = given.and_then(|provider| provider.pointer("/stream/events")).and_then(Value::as_array);
    let Some(given) = given.filter(|given| !is_whole(given)) else { return 0 };
    let Some(Value::Array(events)) = oracle.pointer_mut("/stream/events") else { return 0 };
    if context.case.question.route == Route::OpenAiChat {
        // A finish that nobody sent.
        let sent =
            |event: &Value| event.get("finish_reason").is_none() || given.iter().any(|e| same(e, event));
        let before = events.len();
        events.retain(sent);
        let removed = before - events.len();
        return removed
            + match events.last_mut() {
                Some(done) if *done == "[DONE]" => {
                    *done = json!({"error": {
                        "message": "<own words>", "type": "internal_server_error", "param": null, "code": "500",
                    }});
                    1
                }
                _ => 0,
            };
    }
    let Some(end) = events.iter().position(|event| event["type"] == "message_delta") else { return 0 };
    // What waited for the first call to close never came.
    let first = events.iter().position(|event| event["content_block"]["type"] == "tool_use");
    let closed = first.and_then(|first| {
        events[first..]
            .iter()
            .position(|event| event["type"] == "content_block_stop")
            .map(|stop| first + stop + 1)
    });
    let end = closed.map_or(end, |closed| end.min(closed));
    // The block that was cut off is not closed either.
    let cut = !given.iter().any(|event| event.get("finish_reason").is_some() && event["choice"] == json!(0));
    let end = if cut && end > 0 && events[end - 1]["type"] == "content_block_stop" { end - 1 } else { end };
    let removed = events.len() - end;
    events.truncate(end);
    events.push(json!({"type": "error", "error": {"type": "api_error", "message": "<own words>"}}));
    removed
}

fn id(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(body) = context.provider.filter(|_| applies(context)).and_then(|provider| provider.get("body"))
    else {
        return 0;
    };
    if !body["choices"].is_array() {
        return 0;
    }
    // Where the provider gave none, an answer still needs one, and a message's.
    let given = body["id"].as_str().filter(|given| !given.is_empty());
    let right = given.map_or_else(|| json!("<made up> msg_"), |given| json!(given));
    match oracle.pointer_mut("/body/id") {
        Some(place) if *place != right => {
            *place = right;
            1
        }
        _ => 0,
    }
}
