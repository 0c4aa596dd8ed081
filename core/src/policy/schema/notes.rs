//! Constraints that a schema may not have, told in its description instead.

use serde_json::Value;

/// The constraints, in the order in which they are told, with their words; `{}` is the constraint's value. The words are
/// LiteLLM's (and those of Anthropic's SDK), so that prompts cached through one engine are hit through the other.
const CONSTRAINTS: &[(&str, &str)] = &[
    ("minItems", "minimum number of items: {}"),
    ("maxItems", "maximum number of items: {}"),
    ("uniqueItems", "all array items must be unique"),
    ("contains", "array must contain an item matching: {}"),
    ("minContains", "minimum number of matching items: {}"),
    ("maxContains", "maximum number of matching items: {}"),
    ("prefixItems", "leading items must match, in order: {}"),
    ("minimum", "minimum value: {}"),
    ("maximum", "maximum value: {}"),
    ("exclusiveMinimum", "exclusive minimum value: {}"),
    ("exclusiveMaximum", "exclusive maximum value: {}"),
    ("multipleOf", "must be a multiple of {}"),
    ("minLength", "minimum length: {}"),
    ("maxLength", "maximum length: {}"),
    ("minProperties", "minimum number of properties: {}"),
    ("maxProperties", "maximum number of properties: {}"),
    ("patternProperties", "properties whose names match each pattern must satisfy: {}"),
    ("propertyNames", "property names must satisfy: {}"),
    ("dependentRequired", "dependent required properties: {}"),
    ("dependentSchemas", "dependent schemas: {}"),
    ("unevaluatedProperties", "unevaluated properties must satisfy: {}"),
    ("if", "conditional (if): {}"),
    ("then", "conditional (then): {}"),
    ("else", "conditional (else): {}"),
    ("not", "must not match: {}"),
];

/// Whether the API refuses this constraint. It follows `minItems` of 0 and 1.
pub(super) fn is_refused(key: &str, value: &Value) -> bool {
    let kept = key == "minItems" && matches!(value.as_u64(), Some(0 | 1));
    !kept && CONSTRAINTS.iter().any(|(name, _)| *name == key)
}

/// The refused constraints of `schema` in words.
pub(super) fn note(schema: &serde_json::Map<String, Value>) -> Option<String> {
    let told: Vec<String> = CONSTRAINTS
        .iter()
        .filter_map(|(key, words)| {
            let value = schema.get(*key).filter(|value| is_refused(key, value))?;
            // `false` asks for nothing.
            (*value != Value::Bool(false)).then(|| words.replace("{}", &in_python(value)))
        })
        .collect();
    (!told.is_empty()).then(|| format!("Note: {}.", told.join(", ")))
}

/// A value as Python's `str.format` spells it, with objects and lists as its `json.dumps` does.
fn in_python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(flag) => if *flag { "True" } else { "False" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => dumps(value),
    }
}

fn dumps(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumps).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{}: {}", ascii(key), dumps(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => ascii(text),
        other => other.to_string(),
    }
}

/// A JSON string with everything beyond ASCII escaped.
fn ascii(text: &str) -> String {
    let mut spelled = String::new();
    for character in Value::from(text).to_string().chars() {
        if character.is_ascii() {
            spelled.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                spelled.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    spelled
}
