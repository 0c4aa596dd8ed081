//! Heads of answers.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::fields::{Fields, Framing, Length, spans};
use super::{MAX_FIELDS, bad, end_of_head};
use crate::http::latin_1;

/// The head of an upstream's answer.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct ResponseHead {
    fields: Fields,
    pub(super) framing: Framing,
    pub(crate) status: u16,
    pub(super) size: usize,
}

impl ResponseHead {
    /// Reads a head at the start of `data`; `None` while it is incomplete.
    pub(super) fn read(py: Python<'_>, data: &[u8], max_bytes: usize) -> PyResult<Option<Self>> {
        let Some(size) = end_of_head(data, max_bytes)? else {
            // What does not even begin like an answer need not be waited for.
            let start = &data[..data.len().min(7)];
            if start != &b"HTTP/1."[..start.len()] {
                return Err(bad(502, "the answer is not HTTP/1.1"));
            }
            return Ok(None);
        };
        // A copy: the head is kept for longer than the body that may stand behind it.
        let data = PyBackedBytes::from(PyBytes::new(py, &data[..size]));
        let mut headers = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            &data,
            &mut headers,
        );
        match parsed {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(bad(431, "the answer has too many headers")),
            _ => return Err(bad(502, "the answer's head is malformed")),
        }
        let (Some(status), Some(minor_version)) = (response.code, response.version) else {
            return Err(bad(502, "the answer's head is malformed"));
        };
        let list = spans(&data, response.headers);
        let fields = Fields::new(data, list);
        let framing = Framing::of(&fields, minor_version)?;
        Ok(Some(Self { fields, framing, status, size }))
    }

    /// Nothing is to be done but to read the body, and the connection stays.
    pub(super) fn is_usual(&self) -> bool {
        let has_body = matches!(self.status, 200..=203 | 205..=299);
        has_body && self.framing.keep_alive && self.fields.get(b"content-encoding").is_none()
    }

    /// The headers as the core takes them, read as Latin-1.
    pub(crate) fn headers(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        match std::str::from_utf8(self.fields.bytes()) {
            Ok(text) if text.is_ascii() => self.fields.texts(text).collect(),
            _ => self.fields.iter().map(|(name, value)| (latin_1(name), latin_1(value))).collect(),
        }
    }
}

#[pymethods]
impl ResponseHead {
    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    /// The body's length in bytes; `None` if it is chunked or ends with the connection.
    #[getter]
    fn length(&self) -> Option<u64> {
        match self.framing.length {
            Length::Exactly(length) => Some(length),
            _ => None,
        }
    }

    /// The first value of a header; `name` in any case.
    #[pyo3(signature = (name, /))]
    fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyBytes>> {
        self.fields.get(name).map(|value| PyBytes::new(py, value))
    }

    /// All headers whose names begin with `prefix`, names in lower case.
    #[pyo3(signature = (prefix = b"".as_slice(), /), text_signature = "($self, prefix=b'', /)")]
    fn pairs<'py>(&self, py: Python<'py>, prefix: &[u8]) -> PyResult<Bound<'py, PyList>> {
        self.fields.pairs(py, prefix)
    }
}
