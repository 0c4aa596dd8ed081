//! Folds a canonical stream into the message that a client ends up with, whatever the order of its events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What names a block, and does not belong to its content.
const BLOCK: [&str; 6] = ["choice", "tool_call", "index", "output_index", "content_index", "summary_index"];

/// Joins the events of each block: choice, field and call of a chat stream, content block of an Anthropic one, item
/// and part of a response.
pub(crate) fn fold(stream: &Value) -> Value {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut rest: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in stream["events"].as_array().into_iter().flatten() {
        let block = BLOCK
            .iter()
            .filter_map(|key| event.get(*key).map(|value| format!("{key}={value}")))
            .collect::<Vec<_>>()
            .join(" ");
        let delta = event.get("delta").filter(|delta| delta.is_object());
        let members = delta.or(Some(event)).and_then(Value::as_object);
        for (key, value) in members.into_iter().flatten().filter(|(key, _)| !BLOCK.contains(&key.as_str())) {
            match value {
                Value::String(text) => texts.entry(format!("{block} {key}")).or_default().push_str(text),
                other => rest.entry(format!("{block} {key}")).or_default().push(other.clone()),
            }
        }
    }
    json!({"texts": texts, "rest": rest})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_blocks_does_not_count_their_text_does() {
        let part = |choice: u32, text: &str| json!({"choice": choice, "content": text});
        let stream = |events: &[Value]| fold(&json!({"events": events}));
        let one = stream(&[part(0, "a"), part(1, "x"), part(0, "b")]);
        assert_eq!(one, stream(&[part(1, "x"), part(0, "ab")]));
        assert_ne!(one, stream(&[part(1, "x"), part(0, "ba")]));
    }
}
