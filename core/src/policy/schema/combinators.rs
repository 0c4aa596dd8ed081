//! Alternatives at the top of a tool's schema: OpenAI's older models refuse them, so they become one object, as LiteLLM does.

use serde_json::{Map, Value};

use crate::json::Node;

const COMBINATORS: [&str; 4] = ["allOf", "anyOf", "oneOf", "not"];

/// The schema without alternatives at its top: an object with the properties of all of them. What all of them require, or
/// one of `allOf` does, stays required. `None` where there is nothing to change.
pub(crate) fn flattened(schema: Node<'_>) -> Option<Vec<u8>> {
    schema.entries().find(|(key, _)| COMBINATORS.iter().any(|name| key.is(name)))?;
    let Ok(Value::Object(mut object)) = serde_json::from_slice(schema.raw()) else { return None };
    let mut properties = taken(&mut object, "properties");
    let mut required = names(object.get("required"));
    for name in COMBINATORS {
        let Some(Value::Array(branches)) = object.shift_remove(name) else { continue };
        let mut demanded: Option<Vec<Value>> = None;
        for branch in &branches {
            for (name, property) in branch.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                properties.entry(name.clone()).or_insert_with(|| property.clone());
            }
            let own = names(branch.get("required"));
            demanded = Some(match demanded {
                None => own,
                Some(so_far) if name == "allOf" => so_far.into_iter().chain(own).collect(),
                Some(so_far) => so_far.into_iter().filter(|name| own.contains(name)).collect(),
            });
        }
        for name in demanded.unwrap_or_default() {
            if !required.contains(&name) {
                required.push(name);
            }
        }
    }
    object.insert("type".to_owned(), Value::from("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), Value::Array(required));
    }
    serde_json::to_vec(&object).ok()
}

fn taken(object: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match object.get_mut(name) {
        Some(Value::Object(found)) => std::mem::take(found),
        _ => Map::new(),
    }
}

fn names(list: Option<&Value>) -> Vec<Value> {
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::{Document, Limits};

    #[test]
    fn alternatives_become_one_object() {
        for (schema, expected) in [
            (
                json!({"anyOf": [{"properties": {"a": {"type": "string"}}, "required": ["a", "b"]}, {"properties": {"b": {}}, "required": ["b"]}]}),
                json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["b"]}),
            ),
            (
                json!({"type": "object", "allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"required": ["c"]}], "properties": {"c": {}}}),
                json!({"type": "object", "properties": {"c": {}, "a": {}}, "required": ["a", "c"]}),
            ),
            (
                json!({"type": "object", "not": {"required": ["a"]}}),
                json!({"type": "object", "properties": {}}),
            ),
        ] {
            let document = Document::parse(schema.to_string().into_bytes(), &Limits::default()).unwrap();
            let found: Value = serde_json::from_slice(&flattened(document.root()).unwrap()).unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn alternatives_below_the_top_stay() {
        let schema = r#"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"}]}}}"#;
        let document = Document::parse(schema.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(flattened(document.root()), None);
    }
}
