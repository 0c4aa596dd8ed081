//! Patterns in the schemas of tools: OpenAI refuses those that Python cannot compile, such as `\p{Lu}`, which is right in
//! JavaScript.

use crate::edit::{Decision, Patch};
use crate::json::Node;

/// Takes the patterns that Python cannot compile out of a schema; returns how many those are.
pub(crate) fn drop_foreign(schema: Node<'_>, patch: &mut Patch) -> usize {
    let mut dropped = 0;
    patch.object(schema, &[], |patch, key, value| {
        match &*key.name() {
            b"pattern" if value.str().is_some_and(|pattern| is_foreign(&pattern)) => {
                dropped += 1;
                return Decision::Remove;
            }
            name if holds_schema(name) => dropped += drop_foreign(value, patch),
            b"allOf" | b"anyOf" | b"oneOf" | b"prefixItems" => {
                dropped += value.items().map(|schema| drop_foreign(schema, patch)).sum::<usize>();
            }
            b"$defs" | b"definitions" | b"dependentSchemas" | b"patternProperties" | b"properties" => {
                dropped += value.entries().map(|(_, schema)| drop_foreign(schema, patch)).sum::<usize>();
            }
            _ => {}
        }
        Decision::Keep
    });
    dropped
}

/// Whether the value of a keyword is a schema.
fn holds_schema(keyword: &[u8]) -> bool {
    matches!(
        keyword,
        b"additionalProperties"
            | b"contains"
            | b"else"
            | b"if"
            | b"items"
            | b"not"
            | b"propertyNames"
            | b"then"
            | b"unevaluatedItems"
            | b"unevaluatedProperties"
    )
}

/// Whether a pattern has an escape or a group that Python does not know.
fn is_foreign(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'\\', b'(', &bytes[at..]) {
        at += next;
        let rest = &bytes[at + 1..];
        if bytes[at] == b'\\' {
            let hex = |digits: usize| {
                rest.get(1..=digits).is_some_and(|text| text.iter().all(u8::is_ascii_hexdigit))
            };
            match rest.first() {
                Some(b'u') if !hex(4) => return true,
                Some(b'x') if !hex(2) => return true,
                Some(letter) if letter.is_ascii_alphabetic() && !b"ABDNSUWZabdfnrstuvwx".contains(letter) => {
                    return true;
                }
                _ => {}
            }
            at += 2;
        } else {
            if rest.starts_with(b"?<") && !matches!(rest.get(2), Some(b'=' | b'!')) {
                return true;
            }
            at += 1;
        }
        if at >= bytes.len() {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits, Writer};

    #[test]
    fn patterns_are_told_apart() {
        for foreign in [r"^\p{Lu}+$", r"\P{L}", r"(?<year>\d{4})", r"\u{1F600}", r"\cA", r"\x{41}", r"a\z"] {
            assert!(is_foreign(foreign), "{foreign}");
        }
        for known in [
            r"^[a-z]+$",
            r"\d{4}-\d\d",
            r"(?<=a)b(?<!c)(?P<n>d)",
            r"\u00e9\x41",
            r"\\p{x}",
            r"\(?<",
            "\\",
            "",
        ] {
            assert!(!is_foreign(known), "{known}");
        }
    }

    #[test]
    fn only_patterns_in_schema_positions_go() {
        let schema = r#"{"type":"object","properties":{"pattern":{"type":"string","pattern":"\\p{L}","default":{"pattern":"\\p{L}"}},
            "b":{"items":{"anyOf":[{"pattern":"\\p{L}","type":"string"},{"pattern":"x"}]}}}}"#;
        let document = Document::parse(schema.as_bytes(), &Limits::default()).unwrap();
        let (mut patch, mut out) = (Patch::default(), Vec::new());
        assert_eq!(drop_foreign(document.root(), &mut patch), 2);
        patch.write_node(document.root(), &mut Writer::new(&mut out));
        let expected = r#"{"type":"object","properties":{"pattern":{"type":"string","default":{"pattern":"\\p{L}"}},
            "b":{"items":{"anyOf":[{"type":"string"},{"pattern":"x"}]}}}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
