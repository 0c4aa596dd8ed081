//! The header fields of a message: spans of its bytes.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::bad;

/// From where to where, in bytes of the head.
pub(super) type Span = (u32, u32);

/// One field: where its name and its value are.
pub(super) struct Field {
    name: Span,
    value: Span,
}

/// Where `part` stands in `bytes`, which it is a part of. Heads are far smaller than 4 GiB: their limit says so.
pub(super) fn span(bytes: &[u8], part: &[u8]) -> Span {
    let from = part.as_ptr().addr() - bytes.as_ptr().addr();
    (from as u32, (from + part.len()) as u32)
}

/// Where the fields stand in `bytes`.
pub(super) fn spans(bytes: &[u8], headers: &[httparse::Header<'_>]) -> Vec<Field> {
    headers
        .iter()
        .map(|header| Field {
            name: span(bytes, header.name.as_bytes()),
            value: span(bytes, header.value.trim_ascii()),
        })
        .collect()
}

/// All fields of a head, in order.
pub(super) struct Fields {
    bytes: PyBackedBytes,
    list: Vec<Field>,
}

impl Fields {
    pub(super) fn new(bytes: PyBackedBytes, list: Vec<Field>) -> Self {
        Self { bytes, list }
    }

    pub(super) fn part(&self, (from, to): Span) -> &[u8] {
        &self.bytes[from as usize..to as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.list.iter().map(|field| (self.part(field.name), self.part(field.value)))
    }

    /// The same as parts of the whole head, which is `text`.
    pub(super) fn texts<'t>(&self, text: &'t str) -> impl Iterator<Item = (Cow<'t, str>, Cow<'t, str>)> {
        let part = |(from, to): Span| Cow::Borrowed(&text[from as usize..to as usize]);
        self.list.iter().map(move |field| (part(field.name), part(field.value)))
    }

    /// Where the value of `Content-Length` is.
    pub(super) fn length_span(&self) -> Option<Span> {
        self.list.iter().find(|field| is_content_length(self.part(field.name))).map(|field| field.value)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first field of this name.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `(name in lower case, value)` of the fields whose names begin with `prefix`; the body's length is not among them.
    pub(super) fn pairs<'py>(&self, py: Python<'py>, prefix: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, value) in self.iter() {
            let wanted = name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix);
            if wanted && !is_content_length(name) {
                let name = name.to_ascii_lowercase();
                list.append(PyTuple::new(py, [PyBytes::new(py, &name), PyBytes::new(py, value)])?)?;
            }
        }
        Ok(list)
    }
}

fn is_content_length(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length")
}

/// A number of bytes: digits and nothing else.
pub(super) fn byte_count(value: &[u8]) -> Option<u64> {
    let sound = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
    sound.then(|| value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// How long a message's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// Nothing says.
    Unknown,
    Exactly(u64),
    Chunked,
}

/// What the head says of the connection and of the body.
pub(super) struct Framing {
    pub(super) length: Length,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

impl Framing {
    /// Refuses lengths that two parsers could read differently.
    pub(super) fn of(fields: &Fields, minor_version: u8) -> PyResult<Self> {
        let mut framing = Self { length: Length::Unknown, keep_alive: minor_version == 1, upgrade: false };
        let mut close = false;
        for (name, value) in fields.iter() {
            match name.len() {
                14 if is_content_length(name) => {
                    framing.length = framing.exactly(value)?;
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    framing.length = framing.coded(value, minor_version)?;
                }
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                        close |= option.eq_ignore_ascii_case(b"close");
                        framing.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                        framing.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                    }
                }
                _ => {}
            }
        }
        framing.keep_alive &= !close;
        Ok(framing)
    }

    fn exactly(&self, value: &[u8]) -> PyResult<Length> {
        if self.length != Length::Unknown {
            return Err(bad(400, "the message's length is given twice"));
        }
        byte_count(value)
            .map(Length::Exactly)
            .ok_or_else(|| bad(400, "Content-Length is not a number of bytes"))
    }

    fn coded(&self, value: &[u8], minor_version: u8) -> PyResult<Length> {
        if self.length != Length::Unknown {
            return Err(bad(400, "the message's length is given twice"));
        }
        if minor_version == 0 {
            return Err(bad(400, "HTTP/1.0 has no Transfer-Encoding"));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(bad(501, "the only Transfer-Encoding that is read here is chunked"));
        }
        Ok(Length::Chunked)
    }
}
