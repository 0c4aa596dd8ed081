//! Streams of chat hosts and of Anthropic for clients of `openai_responses`: the events that tell a response.

use serde_json::{Map, Value, json};

use super::responses_answers::translated;
use super::{Context, Evidence, Rule};
use crate::case::Route;
use crate::value::same;

pub(super) const RULES: &[Rule] = &[Rule {
    code: "response_told_item_by_item",
    why: "A stream tells each item from its opening to its end, with numbered events, and ends with the response that holds what was told; LiteLLM leaves out numbers, parts and required members, tells freeform calls as JSON, and forgets what was said of a response that fails.",
    evidence: Evidence::ProviderTypes,
    apply: told,
}];

fn told(context: &Context<'_>, oracle: &mut Value) -> usize {
    let Some(stream) = oracle.get_mut("stream").filter(|_| translated(context)) else { return 0 };
    let Some(events) = stream.get("events").and_then(Value::as_array) else { return 0 };
    let Some(last) = events.last().filter(|last| last["response"].is_object()) else { return 0 };
    let mut last = last.clone();
    if is_cut_off(context) {
        fail(&mut last);
    }
    let opening = events.iter().take_while(|event| event.get("output_index").is_none() && **event != last);
    let mut right: Vec<Value> = opening.cloned().collect();
    if last["type"] == "response.failed" {
        let said = said_so_far(events);
        for (index, item) in said.iter().enumerate() {
            let events = narrated(item, index);
            // What ends the last item was not said any more.
            let open = index + 1 == said.len();
            let end = events.iter().position(|event| open && is_end(&event["type"])).unwrap_or(events.len());
            right.extend(events.into_iter().take(end));
        }
        last["response"]["output"] = Value::Array(said);
    } else {
        let output = last["response"]["output"].as_array();
        right
            .extend(output.into_iter().flatten().enumerate().flat_map(|(index, item)| narrated(item, index)));
    }
    right.push(last);
    let before = events.len().max(right.len());
    let equal = events.iter().zip(&right).filter(|(one, other)| same(one, other)).count();
    let unnumbered = usize::from(stream["sequence"] != "from 0 by 1");
    let changed = before - equal + unnumbered;
    stream["events"] = Value::Array(right);
    stream["sequence"] = json!("from 0 by 1");
    changed
}

/// Whether a chat host's stream ended without saying why, of any choice that it began.
fn is_cut_off(context: &Context<'_>) -> bool {
    let provider = context.provider.filter(|_| context.upstream() == Route::OpenAiChat);
    let events = provider.and_then(|provider| provider.pointer("/stream/events")?.as_array());
    let ends =
        |choice: &Value, event: &Value| event["choice"] == *choice && event.get("finish_reason").is_some();
    let ended = |events: &[Value], choice: &Value| events.iter().any(|event| ends(choice, event));
    events.is_some_and(|events| {
        let mut begun = events.iter().filter_map(|event| event.get("choice"));
        !ended(events, &json!(0)) || !begun.all(|choice| ended(events, choice))
    })
}

/// What is no complete response failed.
fn fail(last: &mut Value) {
    if last["type"] == "response.failed" {
        return;
    }
    last["type"] = json!("response.failed");
    let Some(response) = last["response"].as_object_mut() else { return };
    response.shift_remove("usage");
    response.insert("status".to_owned(), json!("failed"));
    response.insert("error".to_owned(), json!({"code": "server_error", "message": "<own words>"}));
}

fn is_end(kind: &Value) -> bool {
    kind.as_str().is_some_and(|kind| kind.ends_with(".done"))
}

/// The items of a response that failed, as far as its events told them: all but the last are complete.
fn said_so_far(events: &[Value]) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    for event in events {
        let said = &event["delta"];
        match (event["type"].as_str(), items.last_mut()) {
            (Some("response.output_item.added"), last) => {
                if let Some(last) = last {
                    last["status"] = json!("completed");
                }
                let mut item = event["item"].clone();
                item["status"] = json!("incomplete");
                items.push(item);
            }
            (Some("response.output_text.delta"), Some(item)) => {
                let part = json!({"type": "output_text", "annotations": [], "logprobs": [], "text": said});
                item["content"] = json!([part]);
            }
            (Some("response.reasoning_summary_text.delta"), Some(item)) => {
                item["summary"] = json!([{"type": "summary_text", "text": said}]);
            }
            (Some("response.function_call_arguments.delta"), Some(item)) => item["arguments"] = said.clone(),
            _ => {}
        }
    }
    items
}

/// The events that tell `item` from its opening to its end.
fn narrated(item: &Value, index: usize) -> Vec<Value> {
    let place = json!({"item_id": "<the item's>", "output_index": index});
    let event = |kind: &str, more: Value| {
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(kind));
        members.extend(place.as_object().cloned().into_iter().flatten());
        members.extend(more.as_object().cloned().into_iter().flatten());
        Value::Object(members)
    };
    let mut opened = item.clone();
    opened["status"] = json!("in_progress");
    let mut told = Vec::new();
    match item["type"].as_str() {
        Some("message") => {
            opened["content"] = json!([]);
            for (at, part) in item["content"].as_array().into_iter().flatten().enumerate() {
                told.extend(part_told(part, &json!({"content_index": at}), &event));
            }
        }
        Some("reasoning") => {
            opened["summary"] = json!([]);
            opened.as_object_mut().and_then(|members| members.shift_remove("encrypted_content"));
            for (at, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
                told.extend(part_told(part, &json!({"summary_index": at}), &event));
            }
        }
        Some("function_call") => {
            opened["arguments"] = json!("");
            told = text_told("response.function_call_arguments", "arguments", &item["arguments"], &event);
        }
        Some("custom_tool_call") => {
            opened["input"] = json!("");
            told = text_told("response.custom_tool_call_input", "input", &item["input"], &event);
        }
        Some("web_search_call") => {
            opened["action"] = json!({"type": "search", "query": "", "queries": [], "sources": []});
            told = ["in_progress", "searching", "completed"]
                .map(|step| event(&format!("response.web_search_call.{step}"), json!({})))
                .to_vec();
        }
        _ => {}
    }
    let frame = |kind: &str, item: &Value| json!({"type": kind, "output_index": index, "item": item});
    told.insert(0, frame("response.output_item.added", &opened));
    told.push(frame("response.output_item.done", item));
    told
}

/// A text that is told in deltas and then as a whole.
fn text_told(kind: &str, name: &str, text: &Value, event: &impl Fn(&str, Value) -> Value) -> Vec<Value> {
    let delta = event(&format!("{kind}.delta"), json!({"delta": text}));
    let done = event(&format!("{kind}.done"), json!({name: text}));
    if text == "" { vec![done] } else { vec![delta, done] }
}

fn part_told(part: &Value, place: &Value, event: &impl Fn(&str, Value) -> Value) -> Vec<Value> {
    let (deltas, whole, key) = match part["type"].as_str() {
        Some("refusal") => ("response.refusal", "response.content_part", "refusal"),
        Some("summary_text") => {
            ("response.reasoning_summary_text", "response.reasoning_summary_part", "text")
        }
        _ => ("response.output_text", "response.content_part", "text"),
    };
    let at = |kind: String, more: Value| {
        let mut members = place.clone();
        if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
            members.extend(more);
        }
        event(&kind, members)
    };
    let logged = |mut more: Value| {
        if part.get("logprobs").is_some() {
            more["logprobs"] = part["logprobs"].clone();
        }
        more
    };
    let mut opened = part.clone();
    opened[key] = json!("");
    for list in ["annotations", "logprobs"] {
        if opened.get(list).is_some() {
            opened[list] = json!([]);
        }
    }
    let mut told = vec![at(format!("{whole}.added"), json!({"part": opened}))];
    let text: Vec<char> = part[key].as_str().unwrap_or_default().chars().collect();
    let say = |from: usize, to: usize, told: &mut Vec<Value>| {
        let said: String = text.get(from..to).unwrap_or_default().iter().collect();
        if !said.is_empty() {
            told.push(at(format!("{deltas}.delta"), logged(json!({"delta": said}))));
        }
    };
    let mut from = 0;
    for (number, annotation) in part["annotations"].as_array().into_iter().flatten().enumerate() {
        let end = annotation["end_index"].as_u64().and_then(|end| usize::try_from(end).ok());
        let end = end.unwrap_or(from);
        say(from, end, &mut told);
        from = end;
        let more = json!({"annotation_index": number, "annotation": annotation});
        told.push(at("response.output_text.annotation.added".to_owned(), more));
    }
    say(from, text.len(), &mut told);
    told.push(at(format!("{deltas}.done"), logged(json!({key: part[key]}))));
    told.push(at(format!("{whole}.done"), json!({"part": part})));
    told
}
