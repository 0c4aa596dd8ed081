//! JSON values as both sides write them: reading them leniently, comparing numbers by value, walking paths.

use serde_json::{Number, Value};

/// Parses JSON. A lone surrogate has no place in a Rust string, yet both sides may write one: its escape is kept as text.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Some(value);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.contains("\\u").then(|| serde_json::from_str(&escape_lone_surrogates(text)).ok()).flatten()
}

fn escape_lone_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let taken = match unit(tail) {
            Some(high) if (0xD800..0xDC00).contains(&high) => {
                let paired = unit(&tail[6..]).is_some_and(|low| (0xDC00..0xE000).contains(&low));
                if !paired {
                    out.push('\\');
                }
                if paired { 12 } else { 6 }
            }
            Some(low) if (0xDC00..0xE000).contains(&low) => {
                out.push('\\');
                6
            }
            Some(_) => 6,
            None => tail.char_indices().nth(2).map_or(tail.len(), |(end, _)| end),
        };
        out.push_str(&tail[..taken]);
        rest = &tail[taken..];
    }
    out.push_str(rest);
    out
}

/// The UTF-16 unit of the `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Whether two numbers are the same value, however they are spelled.
pub(crate) fn same_number(left: &Number, right: &Number) -> bool {
    let (left, right) = (left.to_string(), right.to_string());
    if left == right {
        return true;
    }
    match (left.parse::<i128>(), right.parse::<i128>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        },
    }
}

/// Whether two values are the same JSON value: the order of keys and the spelling of numbers do not count.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => same_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// One step of a path into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into an object.
    Key(String),
    /// Into an array.
    Index(usize),
}

/// A JSON pointer (RFC 6901) for `path`; with `wildcards`, array indices are written as `*`.
pub(crate) fn pointer(path: &[Step], wildcards: bool) -> String {
    let mut out = String::new();
    for step in path {
        out.push('/');
        match step {
            Step::Key(key) => out.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(_) if wildcards => out.push('*'),
            Step::Index(index) => out.push_str(&index.to_string()),
        }
    }
    out
}

/// A path for people: `body.messages[0].content`.
pub(crate) fn dotted(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Index(index) => out.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
        }
    }
    out
}

/// Whether `path` is one of `pattern`'s: `*` stands for any array index, and for nothing else.
pub(crate) fn matches(path: &[Step], pattern: &str) -> bool {
    let mut steps = path.iter();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let fits = match steps.next() {
            Some(Step::Index(_)) => part == "*",
            Some(Step::Key(key)) => key == part,
            None => false,
        };
        if !fits {
            return false;
        }
    }
    steps.next().is_none()
}

/// Calls `visit` with the path and value of every node, containers before what they hold.
pub(crate) fn walk(value: &Value, visit: &mut impl FnMut(&[Step], &Value)) {
    walk_below(value, &mut Vec::new(), visit);
}

fn walk_below(value: &Value, path: &mut Vec<Step>, visit: &mut impl FnMut(&[Step], &Value)) {
    visit(path, value);
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                path.push(Step::Key(key.clone()));
                walk_below(member, path, visit);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                walk_below(item, path, visit);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Calls `change` with the path and every node, what a container holds before the container.
pub(crate) fn transform(value: &mut Value, change: &mut impl FnMut(&[Step], &mut Value)) {
    transform_below(value, &mut Vec::new(), change);
}

fn transform_below(value: &mut Value, path: &mut Vec<Step>, change: &mut impl FnMut(&[Step], &mut Value)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                path.push(Step::Key(key.clone()));
                transform_below(member, path, change);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(Step::Index(index));
                transform_below(item, path, change);
                path.pop();
            }
        }
        _ => {}
    }
    change(path, value);
}

/// The node at `path`.
pub(crate) fn at<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |node, step| match step {
        Step::Key(key) => node.get_mut(key.as_str()),
        Step::Index(index) => node.get_mut(*index),
    })
}

/// How many leaves (scalars and empty containers) `value` has.
pub(crate) fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) if !members.is_empty() => members.values().map(leaves).sum(),
        Value::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// A short form of a value for people.
pub(crate) fn brief(value: Option<&Value>, limit: usize) -> String {
    let text = value.map_or_else(|| "(absent)".to_owned(), Value::to_string);
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_count_by_value() {
        assert!(same(&parse(b"[1.0,1e2,0.10]").unwrap(), &parse(b"[1,100,0.1]").unwrap()));
        assert!(!same(&json!(1), &json!(2)));
        assert!(!same(&parse(b"9007199254740993").unwrap(), &parse(b"9007199254740992").unwrap()));
    }

    #[test]
    fn a_lone_surrogate_stays_visible() {
        let value = parse(br#"{"a":"x\ud83d\ude00 \ud800 \\ud800","b":"\udc00"}"#).unwrap();
        assert_eq!(value, json!({"a": "x😀 \\ud800 \\ud800", "b": "\\udc00"}));
    }

    #[test]
    fn wildcards_match_indices_only() {
        let path = [Step::Key("choices".into()), Step::Index(3), Step::Key("index".into())];
        assert!(matches(&path, "/choices/*/index"));
        assert!(!matches(&path, "/*/*/index"));
        assert!(!matches(&path, "/choices/*"));
        assert_eq!(pointer(&path, true), "/choices/*/index");
        assert_eq!(dotted(&path), "choices[3].index");
    }
}
