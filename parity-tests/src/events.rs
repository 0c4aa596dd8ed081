//! A client's stream in a form that does not depend on how the text was cut into chunks.
//!
//! Each frame is taken apart into one event per field, adjacent deltas of the same block, choice and field are joined,
//! and empty deltas vanish. What accompanies the text without an order of its own (log probabilities, thinking blocks
//! beside their text, fields of the chunk itself) is gathered beside the sequence.

use serde_json::{Map, Value, json};

use crate::case::Route;
use crate::responses;

/// A stream in canonical form: `{"events": […], …}`.
pub(crate) fn canonical(frames: &[Value], route: Route) -> Value {
    match route {
        Route::AnthropicMessages => anthropic_events(frames),
        Route::OpenAiResponses => responses::canonical(frames),
        Route::OpenAiChat | Route::MistralOcr => chat_events(frames),
    }
}

/// What no chunk may lack (the official SDK's type).
const REQUIRED: [&str; 5] = ["id", "object", "created", "model", "choices"];

/// Deltas that continue text.
const TEXT_FIELDS: [&str; 4] = ["content", "reasoning_content", "reasoning", "refusal"];

#[derive(Default)]
struct Gathered {
    events: Vec<Value>,
    /// What was said last.
    usage: Option<Value>,
    /// Field of the chunk → the distinct values that it had, in order.
    chunk: Map<String, Value>,
    /// `<choice>/<field>` → everything that accompanied the choice's deltas, concatenated.
    beside: Map<String, Value>,
}

fn chat_events(frames: &[Value]) -> Value {
    let mut gathered = Gathered::default();
    for frame in frames {
        if let Some(name) = frame.get("event") {
            gathered.distinct("event", name);
        }
        match &frame["data"] {
            Value::Object(chunk) => gathered.chunk(chunk),
            other => {
                gathered.tell_usage();
                gathered.events.push(other.clone());
            }
        }
    }
    gathered.tell_usage();
    json!({"events": gathered.events, "chunk": gathered.chunk, "beside": gathered.beside})
}

impl Gathered {
    fn chunk(&mut self, chunk: &Map<String, Value>) {
        if chunk.contains_key("error") {
            self.tell_usage();
            self.events.push(Value::Object(chunk.clone()));
            return;
        }
        for required in REQUIRED.iter().filter(|key| !chunk.contains_key(**key)) {
            self.distinct(required, &json!("<absent>"));
        }
        for (key, value) in chunk {
            match key.as_str() {
                "choices" | "usage" if value.is_null() => {}
                "choices" => value.as_array().into_iter().flatten().for_each(|choice| self.choice(choice)),
                "usage" => {}
                _ => self.distinct(key, value),
            }
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some(usage.clone());
        }
    }

    /// Some hosts count in every chunk: the last count is the one that holds.
    fn tell_usage(&mut self) {
        if let Some(usage) = self.usage.take() {
            self.events.push(json!({"usage": usage}));
        }
    }

    /// Notes a value of the chunk itself. Where each of them stands says nothing; that all are right does.
    fn distinct(&mut self, key: &str, value: &Value) {
        if value.is_null() {
            return;
        }
        let known = self.chunk.entry(key.to_owned()).or_insert_with(|| json!([]));
        if let Some(known) = known.as_array_mut().filter(|known| !known.contains(value)) {
            known.push(value.clone());
        }
    }

    fn choice(&mut self, choice: &Value) {
        let index = choice.get("index").cloned().unwrap_or(Value::Null);
        let Some(fields) = choice.as_object() else {
            self.events.push(json!({"choice": choice}));
            return;
        };
        if !fields.contains_key("delta") {
            self.events.push(json!({"choice": index, "delta": "<absent>"}));
        }
        for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            match (key.as_str(), value) {
                ("index" | "finish_reason", _) => {}
                ("delta", Value::Object(delta)) => self.delta(&index, delta),
                _ => self.beside(&index, key, value),
            }
        }
        if let Some(reason) = fields.get("finish_reason").filter(|reason| !reason.is_null()) {
            self.events.push(json!({"choice": index, "finish_reason": reason}));
        }
    }

    fn delta(&mut self, index: &Value, delta: &Map<String, Value>) {
        // A fixed order: which field of one delta stands first says nothing.
        if let Some(role) = delta.get("role").filter(|role| !role.is_null()) {
            let event = json!({"choice": index, "role": role});
            // Some hosts repeat the role in every delta.
            if !self.events.contains(&event) {
                self.events.push(event);
            }
        }
        for field in ["reasoning_content", "reasoning", "content", "refusal"] {
            match delta.get(field) {
                None | Some(Value::Null) => {}
                // Told under both names: once in the sequence, once beside it.
                Some(twice) if field == "reasoning" && delta.get("reasoning_content") == Some(twice) => {
                    self.beside(index, field, twice);
                }
                Some(Value::String(text)) => self.text(index, field, text),
                Some(other) => self.events.push(json!({"choice": index, field: other})),
            }
        }
        for (key, value) in delta.iter().filter(|(_, value)| !value.is_null()) {
            match (key.as_str(), value) {
                ("role", _) => {}
                ("tool_calls", Value::Array(calls)) => {
                    calls.iter().for_each(|call| self.tool_call(index, call))
                }
                (field, _) if TEXT_FIELDS.contains(&field) => {}
                _ => self.beside(index, key, value),
            }
        }
    }

    fn text(&mut self, index: &Value, field: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Value::Object(last)) = self.events.last_mut()
            && last.get("choice") == Some(index)
            && last.len() == 2
            && let Some(Value::String(before)) = last.get_mut(field)
        {
            before.push_str(text);
            return;
        }
        self.events.push(json!({"choice": index, field: text}));
    }

    /// A call's first delta opens it; what follows only adds arguments.
    fn tool_call(&mut self, index: &Value, call: &Value) {
        let number = call.get("index").cloned().unwrap_or(Value::Null);
        let mut rest = call.clone();
        // The input of a freeform call is cut into deltas as arguments are.
        let text = [("function", "arguments"), ("custom", "input")]
            .into_iter()
            .find_map(|(kind, text)| rest.get_mut(kind).and_then(Value::as_object_mut)?.shift_remove(text));
        let arguments = text.unwrap_or(Value::Null);
        let last = self.events.last_mut().and_then(Value::as_object_mut);
        let open =
            last.filter(|last| last.get("choice") == Some(index) && last.get("tool_call") == Some(&number));
        strip_repeated(&mut rest);
        let opens = rest.as_object().is_some_and(|rest| !rest.is_empty());
        let text = arguments.as_str().unwrap_or_default();
        match open {
            Some(open) if !opens => {
                if let Some(Value::String(before)) = open.get_mut("arguments") {
                    before.push_str(text);
                }
            }
            _ if !opens && text.is_empty() => {}
            _ => {
                let mut event = Map::new();
                event.insert("choice".to_owned(), index.clone());
                event.insert("tool_call".to_owned(), number);
                if let Value::Object(rest) = rest {
                    event.extend(rest);
                }
                event.insert("arguments".to_owned(), Value::String(text.to_owned()));
                self.events.push(Value::Object(event));
            }
        }
    }

    fn beside(&mut self, index: &Value, key: &str, value: &Value) {
        let place = self.beside.entry(format!("{index}/{key}")).or_insert(Value::Null);
        match (place, value) {
            (Value::String(text), Value::String(more)) => text.push_str(more),
            (place, value) => append(place, value),
        }
    }
}

/// Leaves of a tool call's delta only what opens a call: its id, its name, and what is not known here.
fn strip_repeated(call: &mut Value) {
    let Some(fields) = call.as_object_mut() else { return };
    fields.shift_remove("index");
    for kind in ["function", "custom"] {
        if let Some(Value::Object(mut called)) = fields.shift_remove(kind) {
            called.retain(|_, value| !value.is_null());
            for (key, value) in called {
                fields.insert(key, value);
            }
        }
    }
    fields.retain(|_, value| !value.is_null());
    // Some hosts repeat the type in every delta: it opens nothing by itself.
    if fields.len() == 1 && fields.contains_key("type") {
        fields.clear();
    }
}

/// Joins what accompanies deltas: lists are concatenated, objects joined by key, the last of other values stays.
fn append(place: &mut Value, value: &Value) {
    match (place, value) {
        (place @ Value::Null, Value::Object(more)) => {
            *place = Value::Object(more.iter().filter(|(_, value)| !value.is_null()).map(owned).collect());
        }
        (place @ Value::Null, value) => *place = value.clone(),
        // A list that begins with all that was said before is the list so far, said again.
        (Value::Array(items), Value::Array(more)) if !items.is_empty() && more.starts_with(items) => {
            items.clone_from(more);
        }
        (Value::Array(items), Value::Array(more)) => {
            for item in more {
                if !continues_thinking(items.last_mut(), item) {
                    items.push(item.clone());
                }
            }
        }
        (Value::Object(members), Value::Object(more)) => {
            for (key, value) in more.iter().filter(|(_, value)| !value.is_null()) {
                append(members.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (place, value) => *place = value.clone(),
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Thinking blocks come in pieces: text after text, then a signature.
fn continues_thinking(last: Option<&mut Value>, item: &Value) -> bool {
    let (Some(Value::Object(last)), Value::Object(item)) = (last, item) else { return false };
    let thinking = |block: &Map<String, Value>| block.get("type").and_then(Value::as_str) == Some("thinking");
    let signed = last.get("signature").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if signed || !thinking(last) || !thinking(item) {
        return false;
    }
    for (key, value) in item.iter().filter(|(key, value)| *key != "type" && !value.is_null()) {
        match (last.get_mut(key), value) {
            (Some(Value::String(before)), Value::String(text)) => before.push_str(text),
            _ => drop(last.insert(key.clone(), value.clone())),
        }
    }
    true
}

fn anthropic_events(frames: &[Value]) -> Value {
    let mut events: Vec<Value> = Vec::new();
    for frame in frames {
        let data = &frame["data"];
        let name = frame.get("event").and_then(Value::as_str);
        let kind = data.get("type").and_then(Value::as_str);
        if kind == Some("content_block_delta") && name == kind && joins(events.last_mut(), data) {
            continue;
        }
        // The frame's name repeats the type; it is kept where it does not.
        if name == kind || !data.is_object() {
            events.push(data.clone());
        } else {
            events.push(json!({"event": name, "data": data}));
        }
    }
    json!({"events": events})
}

/// Appends `delta` to the event before it if that is a delta of the same block and kind.
fn joins(last: Option<&mut Value>, delta: &Value) -> bool {
    let Some(last) = last else { return false };
    let field = match delta["delta"]["type"].as_str() {
        Some("text_delta") => "text",
        Some("input_json_delta") => "partial_json",
        Some("thinking_delta") => "thinking",
        _ => return false,
    };
    let same = last["type"] == delta["type"]
        && last["index"] == delta["index"]
        && last["delta"]["type"] == delta["delta"]["type"];
    let plain = |event: &Value| event["delta"].as_object().is_some_and(|delta| delta.len() == 2);
    let Some(text) = delta["delta"][field].as_str().filter(|_| same && plain(last) && plain(delta)) else {
        return false;
    };
    match last.pointer_mut(&format!("/delta/{field}")) {
        Some(Value::String(before)) => before.push_str(text),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::frames;

    fn chat(stream: &str) -> Value {
        canonical(&frames(stream.as_bytes()), Route::OpenAiChat)
    }

    const WHOLE: &str = r#"data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi you"}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"#;

    const CUT: &str = r#"data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hi "},"finish_reason":null}]}

data: {"id":"a","choices":[{"index":0,"delta":{"content":"you"}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}

data: {"id":"a","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}

data: [DONE]

"#;

    #[test]
    fn where_text_is_cut_does_not_count() {
        assert_eq!(chat(WHOLE), chat(CUT));
    }

    #[test]
    fn every_dropped_frame_is_found_unless_it_is_empty() {
        for (index, frame) in frames(CUT.as_bytes()).iter().enumerate() {
            let mut cut = frames(CUT.as_bytes());
            cut.remove(index);
            assert_ne!(canonical(&cut, Route::OpenAiChat), chat(CUT), "{frame}");
        }
    }

    #[test]
    fn calls_keep_their_order() {
        let call = |id: &str| json!({"data": {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": id}]}}]}});
        let read = |calls: &[Value]| canonical(calls, Route::OpenAiChat);
        assert_ne!(read(&[call("a"), call("b")]), read(&[call("b"), call("a")]));
    }

    #[test]
    fn anthropic_deltas_join_within_their_block_only() {
        let delta = |index: u32, text: &str| {
            json!({"event": "content_block_delta",
                "data": {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}})
        };
        let joined = canonical(&[delta(0, "a"), delta(0, "b"), delta(1, "c")], Route::AnthropicMessages);
        assert_eq!(joined["events"].as_array().unwrap().len(), 2);
        assert_eq!(joined["events"][0]["delta"]["text"], "ab");
    }
}
