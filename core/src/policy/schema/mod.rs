//! JSON schemas in the subset that Anthropic's API takes. Schemas are small and rewriting them needs a tree, so this is
//! the one place with `serde_json::Value`.

mod combinators;
mod definitions;
mod notes;
mod output;
mod patterns;

pub(crate) use combinators::flattened;
pub(crate) use output::{has_open_object, output_schema};
pub(crate) use patterns::drop_foreign as drop_foreign_patterns;

use serde_json::Value;

use crate::error::Refusal;
use crate::json::{Node, Writer};
use crate::loss::Report;

/// Keys of a tool's schema that the API knows at its top level.
const TOOL_KEYS: &[&str] = &["type", "properties", "additionalProperties", "required", "$defs", "strict"];

/// A node as a tree.
pub(crate) fn tree(node: Node<'_>, path: &str) -> Result<Value, Refusal> {
    serde_json::from_slice(node.raw())
        .map_err(|error| Refusal::invalid(path, format!("{path} is not a usable schema: {error}")))
}

/// Writes a tool's schema: always an object with properties, without keys that the API refuses, and with definitions in
/// the one place where it looks for them. A schema that is so already is copied as it stands.
pub(crate) fn write_tool_schema(
    schema: Option<Node<'_>>,
    path: impl Fn() -> String,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    let Some(schema) = schema.filter(|schema| schema.is_object()) else {
        w.begin_object()
            .key("type")
            .word("object")
            .key("properties")
            .begin_object()
            .end_object()
            .end_object();
        return Ok(());
    };
    if definitions::are_legacy(schema) {
        let path = path();
        let mut value = tree(schema, &path)?;
        definitions::inline_legacy(&mut value, &path)?;
        write_tool_tree(&value, w);
        return Ok(());
    }
    let mut fits = true;
    let (mut object, mut properties) = (false, false);
    for (key, value) in schema.entries() {
        match TOOL_KEYS.iter().find(|known| key.is(known)) {
            Some(&"type") => object = value.is_text("object"),
            Some(&"properties") => properties = true,
            Some(_) => {}
            None => {
                fits = false;
                report.lose(format!("{}.{}", path(), key.unescape()), "schema_key");
            }
        }
    }
    if fits && object && properties {
        w.node(schema);
        return Ok(());
    }
    w.begin_object().key("type").word("object");
    for (key, value) in schema.entries() {
        if !key.is("type") && TOOL_KEYS.iter().any(|known| key.is(known)) {
            w.key_text(&key).node(value);
        }
    }
    if !properties {
        w.key("properties").begin_object().end_object();
    }
    w.end_object();
    Ok(())
}

fn write_tool_tree(value: &Value, w: &mut Writer<'_>) {
    w.begin_object().key("type").word("object");
    let mut properties = false;
    for (key, value) in value.as_object().into_iter().flatten() {
        if key != "type" && TOOL_KEYS.contains(&key.as_str()) {
            properties |= key == "properties";
            w.key(key).raw(value.to_string().as_bytes());
        }
    }
    if !properties {
        w.key("properties").begin_object().end_object();
    }
    w.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits};

    fn written(schema: &str) -> (String, usize) {
        let document = Document::parse(schema.as_bytes(), &Limits::default()).expect("valid JSON");
        let mut out = Vec::new();
        let mut report = Report::default();
        write_tool_schema(Some(document.root()), || "p".to_owned(), &mut Writer::new(&mut out), &mut report)
            .expect("usable");
        (String::from_utf8(out).expect("UTF-8"), report.losses.len())
    }

    #[test]
    fn good_schemas_are_copied_as_they_stand() {
        let schema = r#"{"type": "object", "properties": {"a": {"type":"number", "minimum": 1.0}}}"#;
        assert_eq!(written(schema), (schema.to_owned(), 0));
    }

    #[test]
    fn others_are_brought_into_shape() {
        assert_eq!(
            written(r#"{"type":"string","title":"t"}"#),
            (r#"{"type":"object","properties":{}}"#.to_owned(), 1)
        );
        let legacy = r##"{"type":"object","properties":{"a":{"$ref":"#/definitions/A"}},"definitions":{"A":{"type":"string"}}}"##;
        assert_eq!(written(legacy).0, r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
    }
}
