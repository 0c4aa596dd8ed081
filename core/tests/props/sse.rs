//! Reading and folding streams, independently of the code under test.

use std::collections::BTreeMap;

use interlingua::Dialect;
use serde_json::{Map, Value, json};

/// The events of a stream: `(event, data)`; comments and empty blocks are left out.
pub fn events(stream: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_start_matches('\u{feff}');
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let (mut name, mut data) = (String::new(), Vec::new());
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => data.push(value.to_owned()),
                _ => {}
            }
        }
        if !data.is_empty() {
            events.push((name, data.join("\n")));
        }
    }
    events
}

/// The events' data as JSON, without `[DONE]`.
pub fn chunks(stream: &[u8]) -> Vec<Value> {
    events(stream).iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect()
}

/// An `openai_chat` stream as the whole answer that it stands for.
pub fn fold_chat(stream: &[u8]) -> Value {
    let mut answer = json!({"object": "chat.completion", "choices": []});
    for chunk in chunks(stream) {
        for field in ["id", "model", "service_tier", "system_fingerprint"] {
            if let Some(value) = chunk.get(field).filter(|value| !value.is_null()) {
                answer[field] = value.clone();
            }
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            answer["usage"] = usage.clone();
        }
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            fold_choice(&mut answer, choice);
        }
    }
    answer
}

fn fold_choice(answer: &mut Value, choice: &Value) {
    let index = choice["index"].as_u64().unwrap_or(0) as usize;
    let list = answer["choices"].as_array_mut().unwrap();
    while list.len() <= index {
        list.push(json!({"index": list.len(), "message": {"role": "assistant", "content": null}}));
    }
    let folded = &mut list[index];
    if let Some(reason) = choice.get("finish_reason").filter(|reason| reason.is_string()) {
        folded["finish_reason"] = reason.clone();
    }
    let empty = Map::new();
    let delta = choice["delta"].as_object().unwrap_or(&empty);
    let message = folded["message"].as_object_mut().unwrap();
    for (key, value) in delta {
        match key.as_str() {
            "content" | "reasoning_content" | "reasoning" | "refusal" => append(message, key, value),
            "tool_calls" => value.as_array().into_iter().flatten().for_each(|call| fold_call(message, call)),
            "thinking_blocks" => {
                value.as_array().into_iter().flatten().for_each(|block| fold_thinking(message, block))
            }
            _ => {}
        }
    }
}

fn append(map: &mut Map<String, Value>, key: &str, piece: &Value) {
    let Some(piece) = piece.as_str().filter(|piece| !piece.is_empty()) else { return };
    let known = map.get(key).and_then(Value::as_str).unwrap_or_default();
    map.insert(key.to_owned(), json!(format!("{known}{piece}")));
}

fn fold_call(message: &mut Map<String, Value>, call: &Value) {
    let list = message.entry("tool_calls").or_insert_with(|| json!([])).as_array_mut().unwrap();
    let index = call["index"].as_u64().unwrap_or(0) as usize;
    while list.len() <= index {
        list.push(json!({"type": "function", "function": {"arguments": ""}}));
    }
    let known = list[index].as_object_mut().unwrap();
    if let Some(id) = call.get("id").filter(|id| id.is_string()) {
        known.insert("id".to_owned(), id.clone());
    }
    let function = known["function"].as_object_mut().unwrap();
    // Some hosts repeat the name in every piece; it never comes in parts.
    if !function.contains_key("name") {
        append(function, "name", &call["function"]["name"]);
    }
    append(function, "arguments", &call["function"]["arguments"]);
}

fn fold_thinking(message: &mut Map<String, Value>, block: &Value) {
    let list = message.entry("thinking_blocks").or_insert_with(|| json!([])).as_array_mut().unwrap();
    let index = block["index"].clone();
    let same = list.iter().rposition(|known| known["index"] == index && block["type"] == "thinking");
    let at = same.unwrap_or_else(|| {
        list.push(json!({"type": block["type"], "index": index}));
        list.len() - 1
    });
    let known = list[at].as_object_mut().unwrap();
    for key in ["thinking", "signature", "data"] {
        append(known, key, &block[key]);
    }
}

/// A stream as the whole answer that it stands for.
pub fn fold(dialect: Dialect, stream: &[u8]) -> Value {
    match dialect {
        Dialect::AnthropicMessages => fold_messages(stream),
        Dialect::OpenAiResponses => fold_responses(stream),
        _ => fold_chat(stream),
    }
}

/// An `openai_responses` stream as the whole answer that it stands for. What events say twice must be said alike: in
/// deltas and when they are done, in the items and in the response at the end.
fn fold_responses(stream: &[u8]) -> Value {
    let (mut response, mut items, mut texts) = (json!({}), Vec::<Value>::new(), BTreeMap::new());
    for event in chunks(stream) {
        let kind = event["type"].as_str().unwrap_or_default();
        if let Some(delta) = event["delta"].as_str() {
            let place = kind.trim_end_matches(".delta").to_owned();
            let text: &mut String = texts.entry((place, text_place(&event))).or_default();
            text.push_str(delta);
        }
        let done = ["text", "arguments", "input", "refusal"].iter().find_map(|field| event[*field].as_str());
        if let (Some(place), Some(said)) = (kind.strip_suffix(".done"), done)
            && let Some(known) = texts.get(&(place.to_owned(), text_place(&event)))
        {
            assert_eq!(known, said, "{kind}");
        }
        if kind == "response.output_item.done" {
            let at = event["output_index"].as_u64().unwrap_or(0) as usize;
            items.resize(items.len().max(at + 1), Value::Null);
            items[at] = event["item"].clone();
        }
        if let Some(told) = event.get("response").filter(|told| told.is_object()) {
            response = told.clone();
        }
    }
    let output = response["output"].as_array().cloned().unwrap_or_default();
    if response["status"] == "completed" && !items.is_empty() && !output.is_empty() {
        assert_eq!(output, items, "the response at the end has other items");
    }
    if output.is_empty() {
        response["output"] = json!(items);
    }
    response
}

fn text_place(event: &Value) -> String {
    format!("{} {} {}", event["output_index"], event["content_index"], event["summary_index"])
}

/// An `anthropic_messages` stream as the whole answer that it stands for.
pub fn fold_messages(stream: &[u8]) -> Value {
    let mut message = json!({"content": []});
    let mut inputs: Vec<(usize, String)> = Vec::new();
    for event in chunks(stream) {
        let index = event["index"].as_u64().unwrap_or(0) as usize;
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let list = message["content"].as_array_mut().unwrap();
                assert_eq!(list.len(), index, "blocks are numbered in order");
                list.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                fold_delta(&mut message["content"][index], &event["delta"], index, &mut inputs)
            }
            "message_delta" => {
                for (key, value) in event["delta"].as_object().into_iter().flatten() {
                    message[key] = value.clone();
                }
                for (key, value) in event["usage"].as_object().into_iter().flatten() {
                    message["usage"][key] = value.clone();
                }
            }
            _ => {}
        }
    }
    for (index, input) in inputs {
        if let Ok(value) = serde_json::from_str::<Value>(&input) {
            message["content"][index]["input"] = value;
        }
    }
    message
}

fn fold_delta(block: &mut Value, delta: &Value, index: usize, inputs: &mut Vec<(usize, String)>) {
    let Some(block) = block.as_object_mut() else { return };
    match delta["type"].as_str().unwrap_or_default() {
        "text_delta" => append(block, "text", &delta["text"]),
        "thinking_delta" => append(block, "thinking", &delta["thinking"]),
        "signature_delta" => append(block, "signature", &delta["signature"]),
        "citations_delta" => {
            let list = block.entry("citations").or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(delta["citation"].clone());
            }
        }
        "input_json_delta" => {
            let piece = delta["partial_json"].as_str().unwrap_or_default();
            match inputs.iter_mut().find(|(known, _)| *known == index) {
                Some((_, input)) => input.push_str(piece),
                None => inputs.push((index, piece.to_owned())),
            }
        }
        _ => {}
    }
}
