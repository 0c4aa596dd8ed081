//! References into a schema's definitions, replaced by what they point at.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::error::Refusal;
use crate::json::Node;

/// How many bytes references may grow into: a few kilobytes of schema can describe terabytes.
const MOST_BYTES: usize = 10_000_000;
/// How deep the result may be.
const DEEPEST: usize = 256;

type Scope = Rc<HashMap<String, Value>>;

/// Whether the schema keeps definitions where only older drafts and `OpenAPI` look for them.
pub(super) fn are_legacy(schema: Node<'_>) -> bool {
    schema.get("definitions").is_some()
        || schema
            .get("components")
            .and_then(|components| components.get("schemas"))
            .is_some_and(Node::is_object)
}

/// Replaces references into `definitions` and `components.schemas`; `$defs` stays.
pub(super) fn inline_legacy(schema: &mut Value, path: &str) -> Result<(), Refusal> {
    let Some(object) = schema.as_object_mut() else { return Ok(()) };
    let mut scope = HashMap::new();
    if let Some(Value::Object(mut components)) = object.remove("components")
        && let Some(Value::Object(schemas)) = components.remove("schemas")
    {
        scope.extend(schemas);
    }
    if let Some(Value::Object(definitions)) = object.remove("definitions") {
        scope.extend(definitions);
    }
    inline(schema, scope, path)
}

/// Takes the definitions out of a schema and puts them where it refers to them.
pub(super) fn inline_all(schema: &mut Value, path: &str) -> Result<(), Refusal> {
    let Some(object) = schema.as_object_mut() else { return Ok(()) };
    let older = object.remove("definitions");
    match object.remove("$defs").or(older) {
        Some(Value::Object(definitions)) if !definitions.is_empty() => {
            inline(schema, definitions.into_iter().collect(), path)
        }
        _ => Ok(()),
    }
}

fn inline(schema: &mut Value, scope: HashMap<String, Value>, path: &str) -> Result<(), Refusal> {
    let mut inliner = Inliner { left: MOST_BYTES, chain: Vec::new() };
    inliner.visit(schema, &Rc::new(scope), DEEPEST).ok_or_else(|| {
        Refusal::invalid(
            path,
            format!("{path}: its references grow beyond {MOST_BYTES} bytes or {DEEPEST} levels"),
        )
    })
}

struct Inliner {
    left: usize,
    /// The definitions that are being put in, outermost first: one that comes up again is a cycle and stays a reference.
    chain: Vec<String>,
}

impl Inliner {
    fn visit(&mut self, value: &mut Value, scope: &Scope, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match value {
            Value::Object(object) => {
                let scope = widened(scope, object);
                let Some(name) = object.get("$ref").and_then(Value::as_str).map(last_part) else {
                    return object.values_mut().try_for_each(|inner| self.visit(inner, &scope, depth));
                };
                if self.chain.iter().any(|open| open == name) {
                    return Some(());
                }
                let Some(target) = scope.get(name) else { return Some(()) };
                self.left = self.left.checked_sub(target.to_string().len())?;
                self.chain.push(name.to_owned());
                *value = target.clone();
                self.visit(value, &scope, depth)?;
                self.chain.pop();
                Some(())
            }
            Value::Array(items) => items.iter_mut().try_for_each(|inner| self.visit(inner, scope, depth)),
            _ => Some(()),
        }
    }
}

fn last_part(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The scope with the definitions that this object brings along.
fn widened(scope: &Scope, object: &Map<String, Value>) -> Scope {
    let own = ["$defs", "definitions"].map(|key| object.get(key).and_then(Value::as_object));
    if own.iter().all(Option::is_none) {
        return Rc::clone(scope);
    }
    let mut wider = HashMap::clone(scope);
    for definitions in own.into_iter().flatten() {
        wider.extend(definitions.iter().map(|(name, schema)| (name.clone(), schema.clone())));
    }
    Rc::new(wider)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cycles_stay_references_and_bombs_are_refused() {
        let mut tree =
            json!({"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}});
        inline_all(&mut tree, "p").expect("small");
        assert_eq!(tree, json!({"properties": {"next": {"$ref": "#/$defs/N"}}}));

        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/D{}", level + 1)});
            definitions.insert(format!("D{level}"), json!({"anyOf": [next, next]}));
        }
        definitions.insert("D40".to_owned(), json!({"type": "string"}));
        let mut bomb = json!({"$ref": "#/$defs/D0", "$defs": definitions});
        assert!(inline_all(&mut bomb, "p").is_err());
    }
}
