//! Writing JSON straight into a buffer.

use super::body::{Body, Shared, WORTH_SHARING};
use super::bytes::plain_run;
use super::node::Node;
use super::text::Text;

/// Writes JSON values and puts the commas. The caller keeps brackets balanced.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    comma: bool,
    shared: Option<&'o mut Shared>,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, comma: false, shared: None }
    }

    /// Appends to `body`, which shares long strings with its source.
    pub(crate) fn into_body(body: &'o mut Body) -> Self {
        Self { out: &mut body.own, comma: false, shared: Some(&mut body.shared) }
    }

    /// Appends what is spelled in JSON already.
    #[inline]
    fn append(&mut self, spelled: &[u8]) {
        if spelled.len() < WORTH_SHARING || !self.share(spelled) {
            self.out.extend_from_slice(spelled);
        }
    }

    #[cold]
    fn share(&mut self, spelled: &[u8]) -> bool {
        let place = self.out.len();
        self.shared.as_mut().is_some_and(|shared| shared.put(place, spelled))
    }

    fn inner(&mut self, text: &Text<'_>) {
        match text.token() {
            Some(token) => self.append(token),
            None => text.write_inner(self.out),
        }
    }

    /// The buffer, where a value follows.
    #[inline(always)]
    pub(crate) fn value(&mut self) -> &mut Vec<u8> {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
        self.out
    }

    /// Opens an object.
    #[inline]
    pub fn begin_object(&mut self) -> &mut Self {
        self.value().push(b'{');
        self.comma = false;
        self
    }

    /// Closes an object.
    #[inline]
    pub fn end_object(&mut self) -> &mut Self {
        self.out.push(b'}');
        self.comma = true;
        self
    }

    /// Opens an array.
    #[inline]
    pub fn begin_array(&mut self) -> &mut Self {
        self.value().push(b'[');
        self.comma = false;
        self
    }

    /// Closes an array.
    #[inline]
    pub fn end_array(&mut self) -> &mut Self {
        self.out.push(b']');
        self.comma = true;
        self
    }

    /// Writes a key of our own. It must need no escaping.
    // Inlined, a name of known length is a store or two.
    #[inline(always)]
    pub fn key(&mut self, name: &str) -> &mut Self {
        let out = self.value();
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        self.comma = false;
        self
    }

    /// Writes a key taken from elsewhere.
    pub fn key_text(&mut self, name: &Text<'_>) -> &mut Self {
        self.text(name);
        self.out.push(b':');
        self.comma = false;
        self
    }

    /// Writes a string.
    pub fn text(&mut self, text: &Text<'_>) -> &mut Self {
        self.value().push(b'"');
        self.inner(text);
        self.out.push(b'"');
        self
    }

    /// Writes a string of our own.
    pub fn str(&mut self, text: &str) -> &mut Self {
        let out = self.value();
        out.push(b'"');
        write_escaped(text, out);
        out.push(b'"');
        self
    }

    /// Writes a string of our own that needs no escaping.
    #[inline(always)]
    pub(crate) fn word(&mut self, word: &str) -> &mut Self {
        let out = self.value();
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
        self
    }

    /// Writes one string made of several.
    pub fn concat<'t>(&mut self, parts: impl IntoIterator<Item = &'t Text<'t>>) -> &mut Self {
        self.value().push(b'"');
        for part in parts {
            self.inner(part);
        }
        self.out.push(b'"');
        self
    }

    /// Writes `json`, valid JSON that is kept as it is, as a string.
    pub fn json_as_string(&mut self, json: &str) -> &mut Self {
        self.str(json)
    }

    /// Writes a whole number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.value().extend_from_slice(&digits[at..]);
        self
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.value().extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// Writes `null`.
    pub fn null(&mut self) -> &mut Self {
        self.value().extend_from_slice(b"null");
        self
    }

    /// Writes a value as it stands elsewhere.
    pub fn node(&mut self, node: Node<'_>) -> &mut Self {
        self.raw(node.raw())
    }

    /// Writes a value in one line, as events of a stream must be.
    pub(crate) fn line(&mut self, node: Node<'_>) -> &mut Self {
        write_in_line(node.raw(), self.value());
        self
    }

    /// Writes the members of `object`, the text of a JSON object that we wrote.
    pub(crate) fn members(&mut self, object: &[u8]) -> &mut Self {
        match object {
            [b'{', members @ .., b'}'] if !members.is_empty() => self.raw(members),
            _ => self,
        }
    }

    /// Writes `json`, which must be one valid JSON value.
    pub fn raw(&mut self, json: &[u8]) -> &mut Self {
        self.value();
        self.append(json);
        self
    }
}

/// Appends `json` without its line breaks and what indents the lines; all of that stands between tokens.
pub(crate) fn write_in_line(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        out.extend_from_slice(&rest[..end]);
        rest = rest[end + 1..].trim_ascii_start();
    }
    out.extend_from_slice(rest);
}

/// Appends `text` in JSON spelling, without quotes.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = plain_run(&bytes[at..]);
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        let Some(&byte) = bytes.get(at) else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        at += 1;
    }
}
