//! The frames of a client's stream.

use crate::json::{Text, Writer};
use crate::usage::Usage;

/// What a delta is called, and the field that holds its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Thinking,
    Signature,
    Input,
}

impl Kind {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text_delta", "text"),
            Self::Thinking => ("thinking_delta", "thinking"),
            Self::Signature => ("signature_delta", "signature"),
            Self::Input => ("input_json_delta", "partial_json"),
        }
    }
}

/// Clients expect every count at the start, even of nothing.
pub(super) fn write_first_usage(usage: &Usage, w: &mut Writer<'_>) {
    w.begin_object();
    w.key("input_tokens").number(usage.uncached_input()).key("output_tokens").number(usage.output);
    w.key("cache_creation_input_tokens").number(usage.cache_write.unwrap_or(0));
    w.key("cache_read_input_tokens").number(usage.cache_read.unwrap_or(0));
    w.end_object();
}

/// The text of a JSON spelling.
pub(super) fn unspelled(inner: &str) -> Text<'static> {
    let quoted = format!("\"{inner}\"");
    let mut tokens = crate::json::Tokens::default();
    let parsed = tokens.parse(quoted.as_bytes(), &crate::json::Limits::lenient());
    Text::new(parsed.ok().and_then(|root| Some(root.str()?.into_owned())).unwrap_or_default())
}

/// Appends an event named `name`; `fields` writes what it has beside its type.
pub(super) fn frame(name: &str, out: &mut Vec<u8>, fields: impl FnOnce(&mut Writer<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut w = Writer::new(out);
    w.begin_object().key("type").str(name);
    fields(&mut w);
    w.end_object();
    out.extend_from_slice(b"\n\n");
}

pub(super) fn write_delta(number: u32, kind: Kind, out: &mut Vec<u8>, spelled: impl FnOnce(&mut Vec<u8>)) {
    let (kind, field) = kind.names();
    out.extend_from_slice(b"event: content_block_delta\ndata: ");
    let mut w = Writer::new(out);
    w.begin_object().key("type").word("content_block_delta").key("index").number(u64::from(number));
    w.key("delta").begin_object().key("type").word(kind).key(field);
    out.push(b'"');
    spelled(out);
    out.extend_from_slice(b"\"}}\n\n");
}
