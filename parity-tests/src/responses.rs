//! What is particular to the clients of `openai_responses`: members that may be null, ids that hold others, events.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::value::{self, Step, pointer};

/// Optional members of `Response`.
const RESPONSE: &[&str] = &[
    "background",
    "completed_at",
    "conversation",
    "error",
    "frequency_penalty",
    "image",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_usage",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
    "user",
];

/// Optional members of output items, whatever their type.
const ITEM: &[&str] = &[
    "acknowledged_safety_checks",
    "approval_request_id",
    "async",
    "caller",
    "created_by",
    "encrypted_content",
    "error",
    "namespace",
    "phase",
    "results",
];

/// Optional members of the tools that a response repeats.
const TOOL: &[&str] = &[
    "allowed_callers",
    "allowed_tools",
    "async",
    "authorization",
    "background",
    "connector_id",
    "defer_loading",
    "description",
    "environment",
    "filters",
    "format",
    "headers",
    "output_schema",
    "parameters",
    "ranking_options",
    "require_approval",
    "search_content_types",
    "search_context_size",
    "server_description",
    "server_url",
    "strict",
    "user_location",
];

/// Counts that LiteLLM's type of usage has beside the official ones; null says nothing there either.
const DETAIL: &[&str] =
    &["audio_tokens", "cached_tokens_details", "image_tokens", "text_tokens", "video_tokens"];

/// Members of `reasoning`.
const REASONING: &[&str] = &["context", "effort", "generate_summary", "mode", "summary"];

/// Whether `null` at `path` of a normalised answer is the same as nothing: the official type says `Optional`.
pub(crate) fn is_optional(path: &[Step]) -> bool {
    let whole = pointer(path, true);
    let Some((place, member)) = whole.rsplit_once('/') else { return false };
    let in_event = place.strip_prefix("/stream/events/*");
    if let Some("") = in_event {
        return matches!(member, "code" | "param" | "status");
    }
    let item = in_event.and_then(|place| place.strip_prefix("/item"));
    let part = in_event.and_then(|place| place.strip_prefix("/part"));
    let response =
        in_event.and_then(|place| place.strip_prefix("/response")).or_else(|| place.strip_prefix("/body"));
    let item = item.or_else(|| response.and_then(|place| place.strip_prefix("/output/*")));
    let part = part.or_else(|| item.and_then(|place| place.strip_prefix("/content/*")));
    match (response, item, part) {
        (_, _, Some("")) => member == "logprobs",
        (_, Some(""), _) => ITEM.contains(&member),
        (Some(""), _, _) => RESPONSE.contains(&member),
        (Some("/tools/*"), _, _) => TOOL.contains(&member),
        (Some("/reasoning"), _, _) => REASONING.contains(&member),
        (Some("/usage/input_tokens_details" | "/usage/output_tokens_details"), _, _) => {
            DETAIL.contains(&member)
        }
        (Some("/text"), _, _) => matches!(member, "format" | "verbosity"),
        (Some("/text/format"), _, _) => matches!(member, "description" | "strict"),
        (Some("/incomplete_details"), _, _) => member == "reason",
        _ => false,
    }
}

/// The id of a response holds the provider, the deployment and the provider's own id: the deployment's is each side's
/// own. `None` if it is not such an id.
pub(crate) fn taken_apart(id: &str) -> Option<(String, String)> {
    let text =
        STANDARD.decode(id.strip_prefix("resp_")?).ok().and_then(|text| String::from_utf8(text).ok())?;
    let (provider, rest) = text.strip_prefix("litellm:custom_llm_provider:")?.split_once(";model_id:")?;
    let (_, own) = rest.split_once(";response_id:")?;
    Some((provider.to_owned(), own.to_owned()))
}

/// The events of a stream without what the cutting of its text decides: items stand one after the other, adjacent deltas
/// of the same place are joined, empty ones vanish, numbers become one statement about all, and the id of an item becomes whether it is the right one.
pub(crate) fn canonical(frames: &[Value]) -> Value {
    let mut reader = Reader::default();
    for frame in frames {
        reader.frame(frame);
    }
    reader.settle();
    reader.events.iter_mut().for_each(parsed_arguments);
    let ordered =
        reader.numbers.iter().enumerate().all(|(at, number)| number.as_u64() == u64::try_from(at).ok());
    let sequence = if ordered { json!("from 0 by 1") } else { json!(reader.numbers) };
    json!({"events": reader.events, "sequence": sequence})
}

#[derive(Default)]
struct Reader {
    events: Vec<Value>,
    /// Events of items since the last of the response itself.
    told: Vec<Map<String, Value>>,
    numbers: Vec<Value>,
    /// `output_index` → the id that the item was opened with.
    items: BTreeMap<String, Value>,
}

impl Reader {
    fn frame(&mut self, frame: &Value) {
        let name = frame.get("event").and_then(Value::as_str);
        let Value::Object(data) = &frame["data"] else {
            self.settle();
            self.events.push(frame["data"].clone());
            return;
        };
        let mut event = data.clone();
        self.numbers.push(event.shift_remove("sequence_number").unwrap_or(Value::Null));
        // The frame's name repeats the type; it is kept where it does not.
        if name != event.get("type").and_then(Value::as_str) {
            event.insert("event".to_owned(), json!(name));
        }
        self.item(&mut event);
        if event.contains_key("output_index") {
            return self.told.push(event);
        }
        self.settle();
        self.events.push(Value::Object(event));
    }

    /// Items may be told side by side: what counts is the order within each.
    fn settle(&mut self) {
        let mut events = std::mem::take(&mut self.told);
        events.sort_by_key(|event| event["output_index"].as_u64());
        for event in events {
            let empty = event.get("delta").and_then(Value::as_str) == Some("");
            if !empty && !joins(self.events.last_mut(), &event) {
                self.events.push(Value::Object(event));
            }
        }
    }

    /// Every event of an item must name the id with which the item was opened.
    fn item(&mut self, event: &mut Map<String, Value>) {
        let index = event.get("output_index").unwrap_or(&Value::Null).to_string();
        if event.get("type").and_then(Value::as_str) == Some("response.output_item.added") {
            self.items.insert(index.clone(), event["item"]["id"].clone());
        }
        let opened = self.items.get(&index).unwrap_or(&Value::Null);
        if let Some(id) = event.get_mut("item_id") {
            *id = json!(if id == opened { "<the item's>" } else { "<another>" });
        }
        if let Some(id) = event.get_mut("item").and_then(|item| item.get_mut("id")).filter(|id| *id != opened)
        {
            *id = json!("<another>");
        }
    }
}

/// Arguments that are told in deltas are JSON in the end: what they mean counts, not how they are spelled.
fn parsed_arguments(event: &mut Value) {
    let arguments = event["type"].as_str().is_some_and(|kind| kind.ends_with("_arguments.delta"));
    let parsed = event["delta"].as_str().filter(|_| arguments).and_then(|text| value::parse(text.as_bytes()));
    if let Some(parsed) = parsed.filter(|parsed| parsed.is_object() || parsed.is_array()) {
        event["delta"] = json!({"$json": parsed});
    }
}

/// Appends `delta` to the event before it if that is a delta of the same place.
fn joins(last: Option<&mut Value>, delta: &Map<String, Value>) -> bool {
    let Some(Value::Object(last)) = last else { return false };
    let text = |event: &Map<String, Value>| event.get("delta").is_some_and(Value::is_string);
    let place =
        ["type", "output_index", "content_index", "summary_index", "command_index", "item_id", "event"];
    let members = last.keys().all(|key| delta.contains_key(key)) && last.len() == delta.len();
    if !members || !text(last) || !text(delta) || place.iter().any(|key| last.get(*key) != delta.get(*key)) {
        return false;
    }
    for (key, value) in delta.iter().filter(|(key, _)| !place.contains(&key.as_str())) {
        match (last.entry(key.clone()).or_insert(Value::Null), value) {
            (Value::String(before), Value::String(more)) => before.push_str(more),
            (Value::Array(before), Value::Array(more)) => before.extend(more.iter().cloned()),
            (before, value) => *before = value.clone(),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::frames;

    const STREAM: &str = r#"event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message"},"sequence_number":0}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi ","logprobs":[],"sequence_number":1}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"you","logprobs":[],"sequence_number":2}

"#;

    #[test]
    fn where_text_is_cut_does_not_count() {
        let whole = STREAM.replace(
            "\"Hi \",\"logprobs\":[],\"sequence_number\":1}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"you\",\"logprobs\":[],\"sequence_number\":2}",
            "\"Hi you\",\"logprobs\":[],\"sequence_number\":1}",
        );
        assert_ne!(whole, STREAM);
        assert_eq!(canonical(&frames(whole.as_bytes())), canonical(&frames(STREAM.as_bytes())));
    }

    #[test]
    fn ids_numbers_names_and_text_count() {
        let right = canonical(&frames(STREAM.as_bytes()));
        for (from, to) in [
            ("\"item_id\":\"msg_1\"", "\"item_id\":\"msg_2\""),
            ("\"sequence_number\":2", "\"sequence_number\":1"),
            ("event: response.output_text.delta", "event: other"),
            ("\"you\"", "\"us\""),
        ] {
            assert_ne!(canonical(&frames(STREAM.replace(from, to).as_bytes())), right, "{from}");
        }
    }

    #[test]
    fn a_response_id_is_its_provider_and_the_providers_id() {
        let id = |deployment: &str| {
            let text = format!("litellm:custom_llm_provider:openai;model_id:{deployment};response_id:resp_1");
            taken_apart(&format!("resp_{}", STANDARD.encode(text)))
        };
        assert_eq!(id("a"), Some(("openai".to_owned(), "resp_1".to_owned())));
        assert_eq!(id("a"), id("b"));
        assert_eq!(taken_apart("resp_0a1b"), None);
    }

    #[test]
    fn null_is_nothing_only_where_the_type_says_so() {
        let optional = |text: &str| {
            let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::Index);
            is_optional(&text.split('/').skip(1).map(step).collect::<Vec<_>>())
        };
        assert!(optional("/body/temperature") && optional("/stream/events/3/response/temperature"));
        assert!(optional("/body/output/0/phase") && optional("/stream/events/3/item/phase"));
        assert!(optional("/body/output/0/content/0/logprobs") && optional("/stream/events/3/part/logprobs"));
        assert!(!optional("/body/tool_choice") && !optional("/body/metadata/error"));
        assert!(!optional("/body/output/0/summary") && !optional("/body/tools/0/parameters/description"));
    }
}
