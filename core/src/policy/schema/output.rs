//! Schemas of answers (`output_format`): what the API's grammar cannot enforce goes into descriptions.

use serde_json::{Map, Value};

use super::{definitions, notes};
use crate::error::Refusal;

/// The schema as the API takes it, definitions put in their places.
pub(crate) fn output_schema(mut schema: Value, path: &str) -> Result<Value, Refusal> {
    definitions::inline_all(&mut schema, path)?;
    Ok(filter(schema))
}

fn filter(schema: Value) -> Value {
    let Value::Object(schema) = schema else { return schema };
    let note = notes::note(&schema);
    let drop_type = enum_contradicts_type(&schema);
    let mut kept = Map::new();
    if let Some(note) = note {
        let description = match schema.get("description").and_then(Value::as_str) {
            Some(given) if !given.is_empty() => format!("{given} {note}"),
            _ => note,
        };
        kept.insert("description".to_owned(), description.into());
    }
    for (key, value) in schema {
        let told = key == "description" && kept.contains_key("description");
        if notes::is_refused(&key, &value) || told || (key == "type" && drop_type) {
            continue;
        }
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(members)) => {
                let members: Map<_, _> =
                    members.into_iter().map(|(name, inner)| (name, filter(inner))).collect();
                kept.insert(key, Value::Object(members));
            }
            ("items", inner @ Value::Object(_)) => {
                kept.insert(key, filter(inner));
            }
            // The API has no `oneOf`.
            ("anyOf" | "oneOf", Value::Array(choices)) => {
                let all = kept.entry("anyOf").or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(all) = all {
                    all.extend(choices.into_iter().map(filter));
                }
            }
            ("allOf", Value::Array(parts)) => {
                kept.insert(key, parts.into_iter().map(filter).collect());
            }
            ("$ref", Value::String(reference)) => {
                let bare = reference.starts_with("/$defs/") || reference.starts_with("/definitions/");
                kept.insert(key, if bare { format!("#{reference}") } else { reference }.into());
            }
            (_, value) => {
                kept.insert(key, value);
            }
        }
    }
    if is_object(&kept) {
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(kept)
}

fn is_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => false,
    }
}

fn enum_contradicts_type(schema: &Map<String, Value>) -> bool {
    let Some(values) = schema.get("enum").and_then(Value::as_array) else { return false };
    let fits: fn(&Value) -> bool = match schema.get("type") {
        Some(Value::Array(_)) => return true,
        Some(Value::String(name)) => match name.as_str() {
            "null" => Value::is_null,
            "boolean" => Value::is_boolean,
            "integer" => |value| value.is_i64() || value.is_u64(),
            "number" => Value::is_number,
            "string" => Value::is_string,
            "array" => Value::is_array,
            "object" => Value::is_object,
            _ => return false,
        },
        _ => return false,
    };
    !values.iter().all(fits)
}

/// Whether objects of unknown keys fit the schema somewhere. The API's grammar would forbid them.
pub(crate) fn has_open_object(schema: &Value) -> bool {
    let Value::Object(schema) = schema else { return false };
    let more = schema.get("additionalProperties");
    let open = matches!(more, Some(Value::Bool(true) | Value::Object(_)))
        || schema.contains_key("patternProperties");
    let bare = is_object(schema) && !schema.contains_key("properties") && more != Some(&Value::Bool(false));
    open || bare
        || schema.iter().any(|(key, value)| inner_schemas(key, value).into_iter().any(has_open_object))
}

fn inner_schemas<'v>(key: &str, value: &'v Value) -> Vec<&'v Value> {
    match (key, value) {
        (
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
            Value::Object(members),
        ) => members.values().collect(),
        ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(items)) => {
            items.iter().collect()
        }
        (
            "items"
            | "additionalProperties"
            | "contains"
            | "not"
            | "if"
            | "then"
            | "else"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "additionalItems",
            inner @ Value::Object(_),
        ) => vec![inner],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn constraints_become_words() {
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "count"},
            "l": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"oneOf": [{"type": "string"}]}},
            "c": {"contains": {"type": "string", "x": "é"}}}});
        let filtered = output_schema(schema, "p").expect("small");
        let expected = json!({"type": "object", "additionalProperties": false, "properties": {
            "n": {"type": "integer", "description": "count Note: minimum value: 1."},
            "l": {"type": "array", "minItems": 1, "description": "Note: all array items must be unique.",
                "items": {"anyOf": [{"type": "string"}]}},
            "c": {"description": "Note: array must contain an item matching: {\"type\": \"string\", \"x\": \"\\u00e9\"}."}}});
        assert_eq!(filtered, expected);
    }

    #[test]
    fn open_objects_are_found_wherever_they_are() {
        assert!(has_open_object(&json!({"type": "object"})));
        assert!(has_open_object(&json!({"anyOf": [{"additionalProperties": {"type": "string"}}]})));
        assert!(!has_open_object(&json!({"type": "object", "properties": {"a": {"type": "string"}}})));
    }
}
