//! Strings that stay in their JSON spelling until someone needs to look inside.

use std::borrow::Cow;

use super::bytes::hex4;
use super::write::write_escaped;

/// A string: either a raw JSON token of some text, or a text of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a>(Form<'a>);

/// No byte of a text is spelled longer than `\\u0000`.
const LONGEST_ESCAPE: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form<'a> {
    /// Between the quotes of a JSON string without escapes.
    Plain(&'a [u8]),
    /// Between the quotes of a JSON string with escapes.
    Escaped(&'a [u8]),
    /// Not JSON: to be escaped when written.
    Own(Cow<'a, str>),
}

impl<'a> Text<'a> {
    pub(super) fn plain_token(inner: &'a [u8]) -> Self {
        Self(Form::Plain(inner))
    }

    pub(super) fn escaped_token(inner: &'a [u8]) -> Self {
        Self(Form::Escaped(inner))
    }

    /// A text of our own.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Form::Own(text.into()))
    }

    /// The text itself, unescaped. Lone surrogates become U+FFFD.
    #[must_use]
    pub fn unescape(&self) -> Cow<'a, str> {
        match &self.0 {
            Form::Plain(inner) => Cow::Borrowed(std::str::from_utf8(inner).unwrap_or_default()),
            Form::Escaped(inner) => Cow::Owned(unescape(inner)),
            Form::Own(text) => text.clone(),
        }
    }

    /// Appends the text, unescaped.
    pub(crate) fn append_to(&self, text: &mut Vec<u8>) {
        match &self.0 {
            Form::Plain(inner) => text.extend_from_slice(inner),
            Form::Escaped(inner) => unescape_onto(inner, text),
            Form::Own(own) => text.extend_from_slice(own.as_bytes()),
        }
    }

    /// Whether the text is exactly `expected`.
    #[must_use]
    #[inline]
    pub fn is(&self, expected: &str) -> bool {
        match &self.0 {
            // Most texts differ in their first byte, which is told without a call.
            Form::Plain(inner) => {
                inner.first() == expected.as_bytes().first() && *inner == expected.as_bytes()
            }
            Form::Escaped(inner) => {
                let fits = expected.len() + 1..=expected.len() * LONGEST_ESCAPE;
                fits.contains(&inner.len()) && unescape(inner) == expected
            }
            Form::Own(text) => text == expected,
        }
    }

    /// The text's bytes, for `match`; borrowed unless the spelling has escapes.
    #[must_use]
    #[inline(always)]
    pub fn name(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Form::Plain(inner) => Cow::Borrowed(inner),
            Form::Escaped(inner) => Cow::Owned(unescape(inner).into_bytes()),
            Form::Own(text) => Cow::Borrowed(text.as_bytes()),
        }
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Plain(inner) | Form::Escaped(inner) => inner.is_empty(),
            Form::Own(text) => text.is_empty(),
        }
    }

    /// Whether the text is empty or white space only.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match &self.0 {
            Form::Plain(inner) | Form::Escaped(inner)
                if inner.first().is_some_and(|&byte| byte.is_ascii_graphic() && byte != b'\\') =>
            {
                false
            }
            _ => self.unescape().trim().is_empty(),
        }
    }

    /// Splits a base64 `data:` URL into media type and data, without unescaping either.
    #[must_use]
    pub fn split_data_url(&self) -> Option<(Self, Self)> {
        let split = |inner: &'a [u8]| -> Option<(&'a [u8], &'a [u8])> {
            let rest = inner.strip_prefix(b"data:")?;
            let marker = memchr::memmem::find(rest, b";base64,")?;
            Some((&rest[..marker], &rest[marker + b";base64,".len()..]))
        };
        match &self.0 {
            Form::Plain(inner) => {
                split(inner).map(|(kind, data)| (Self(Form::Plain(kind)), Self(Form::Plain(data))))
            }
            Form::Escaped(inner) => {
                split(inner).map(|(kind, data)| (Self(Form::Escaped(kind)), Self(Form::Escaped(data))))
            }
            Form::Own(text) => {
                let rest = text.strip_prefix("data:")?;
                let (kind, data) = rest.split_once(";base64,")?;
                Some((Self::new(kind.to_owned()), Self::new(data.to_owned())))
            }
        }
    }

    /// Whether the text starts with `prefix`.
    #[must_use]
    pub fn starts_with(&self, prefix: &str) -> bool {
        match &self.0 {
            Form::Plain(inner) => inner.starts_with(prefix.as_bytes()),
            Form::Escaped(inner) => spells_first(inner, prefix.as_bytes()),
            Form::Own(text) => text.starts_with(prefix),
        }
    }

    /// What follows `prefix`, where the text starts with it.
    #[must_use]
    pub fn strip_prefix(&self, prefix: &str) -> Option<Self> {
        match &self.0 {
            Form::Plain(inner) => Some(Self(Form::Plain(inner.strip_prefix(prefix.as_bytes())?))),
            Form::Escaped(inner) if spells_first(inner, prefix.as_bytes()) => {
                Some(Self::new(unescape(inner).strip_prefix(prefix)?.to_owned()))
            }
            Form::Escaped(_) => None,
            Form::Own(text) => Some(Self::new(text.strip_prefix(prefix)?.to_owned())),
        }
    }

    /// How many characters it has.
    #[must_use]
    pub fn characters(&self) -> u64 {
        let starts = |bytes: &[u8]| bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        let Form::Escaped(mut inner) = self.0 else {
            return match &self.0 {
                Form::Own(text) => starts(text.as_bytes()),
                Form::Plain(inner) | Form::Escaped(inner) => starts(inner),
            };
        };
        let mut count = 0;
        while let Some(at) = memchr::memchr(b'\\', inner) {
            count += starts(&inner[..at]) + 1;
            inner = inner.get(at + escape_length(&inner[at..])..).unwrap_or_default();
        }
        count + starts(inner)
    }

    /// Length in bytes of its JSON spelling, without the quotes; for limits, not for meaning.
    #[must_use]
    pub fn spelled_len(&self) -> usize {
        match &self.0 {
            Form::Plain(inner) | Form::Escaped(inner) => inner.len(),
            Form::Own(text) => text.len(),
        }
    }

    /// The text as some JSON text spells it, without quotes; `None` for a text of our own.
    pub(crate) fn token(&self) -> Option<&'a [u8]> {
        match &self.0 {
            Form::Plain(inner) | Form::Escaped(inner) => Some(inner),
            Form::Own(_) => None,
        }
    }

    /// Appends the text in JSON spelling, without quotes.
    pub fn write_inner(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Form::Plain(inner) | Form::Escaped(inner) => out.extend_from_slice(inner),
            Form::Own(text) => write_escaped(text, out),
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Whether a text in JSON spelling begins with `prefix`.
fn spells_first(mut inner: &[u8], mut prefix: &[u8]) -> bool {
    let mut character = Vec::new();
    while let [first, rest @ ..] = prefix {
        match inner {
            [b'\\', ..] => {
                character.clear();
                inner = &inner[unescape_one(inner, &mut character).min(inner.len())..];
                let Some(rest) = prefix.strip_prefix(character.as_slice()) else { return false };
                prefix = rest;
            }
            [byte, next @ ..] if byte == first => (inner, prefix) = (next, rest),
            _ => return false,
        }
    }
    true
}

fn unescape(inner: &[u8]) -> String {
    let mut text = Vec::with_capacity(inner.len());
    unescape_onto(inner, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn unescape_onto(inner: &[u8], text: &mut Vec<u8>) {
    let mut at = 0;
    while at < inner.len() {
        let run = memchr::memchr(b'\\', &inner[at..]).unwrap_or(inner.len() - at);
        text.extend_from_slice(&inner[at..at + run]);
        at += run;
        if at < inner.len() {
            at += unescape_one(&inner[at..], text);
        }
    }
}

/// Appends the character of the escape that `escape` starts with; returns the escape's length.
fn unescape_one(escape: &[u8], text: &mut Vec<u8>) -> usize {
    let simple = match escape.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'u') => return unescape_unicode(escape, text),
        Some(&byte) => byte,
        None => return 1,
    };
    text.push(simple);
    2
}

/// How many bytes spell the character that `escape` starts with.
fn escape_length(escape: &[u8]) -> usize {
    let is =
        |at, range: std::ops::RangeInclusive<u16>| hex4(escape, at).is_some_and(|unit| range.contains(&unit));
    match escape.get(1) {
        Some(b'u')
            if is(2, 0xD800..=0xDBFF) && escape.get(6..8) == Some(b"\\u") && is(8, 0xDC00..=0xDFFF) =>
        {
            12
        }
        Some(b'u') => 6,
        _ => 2,
    }
}

fn unescape_unicode(escape: &[u8], text: &mut Vec<u8>) -> usize {
    let Some(high) = hex4(escape, 2) else { return 2 };
    let low = if escape.get(6..8) == Some(b"\\u") { hex4(escape, 8) } else { None };
    let (character, length) = match (high, low) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            let code = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
            (char::from_u32(code), 12)
        }
        _ => (char::from_u32(u32::from(high)), 6),
    };
    let mut buffer = [0; 4];
    let encoded = character.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut buffer);
    text.extend_from_slice(encoded.as_bytes());
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_as_they_are_read() {
        for inner in ["", "H\u{e9}llo \u{1f600}", r"a\nb\u00e9\ud83d\ude00\ud83dx\\", r"\ude00\u0041"] {
            let text = Text::escaped_token(inner.as_bytes());
            assert_eq!(text.characters(), text.unescape().chars().count() as u64, "{inner}");
            assert_eq!(Text::new(inner).characters(), inner.chars().count() as u64, "{inner}");
        }
    }

    #[test]
    fn a_beginning_is_taken_off_in_any_spelling() {
        for inner in [r"pre:x\ny", r"\u0070re:x\ny"] {
            let rest = Text::escaped_token(inner.as_bytes()).strip_prefix("pre:").expect("it begins so");
            assert_eq!(rest.unescape(), "x\ny");
        }
        assert!(Text::plain_token(b"prx").strip_prefix("pre").is_none());
    }

    #[test]
    fn a_beginning_is_found_in_any_spelling() {
        let text = |inner: &'static str| Text::escaped_token(inner.as_bytes());
        for inner in [
            r"<think>\n",
            r"\u003cthink>",
            r"<\u0074hink\u003E",
            r"\u003c\u0074\u0068\u0069\u006e\u006b\u003e",
        ] {
            assert!(text(inner).starts_with("<think>"), "{inner}");
        }
        for inner in [r"<think\n>", r"\n<think>", r"<thin\u", r"\\<think>", r"<thin\u006B"] {
            assert!(!text(inner).starts_with("<think>"), "{inner}");
        }
    }
}
