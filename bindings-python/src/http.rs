//! HTTP as plain data.

use std::borrow::Cow;

use interlingua::{Auth, Headers};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Text of an HTTP head: `str`, or bytes in Latin-1.
pub(crate) struct Text(pub(crate) String);

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self(latin_1(bytes.as_bytes()).into_owned())),
            Err(_) => object.extract().map(Self),
        }
    }
}

/// Bytes of a head as text.
pub(crate) fn latin_1(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Headers as Python hands them over.
pub(crate) fn headers(pairs: Vec<(Text, Text)>) -> Headers {
    pairs.into_iter().map(|(name, value)| (name.0, value.0)).collect()
}

/// Headers as the lines of an HTTP/1.1 head, each with its CRLF. Refuses what would break out of its line.
pub(crate) fn lines<'py, 'h>(
    py: Python<'py>,
    headers: impl Iterator<Item = (&'h str, &'h str)>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut lines = Vec::with_capacity(1024);
    write_lines(headers, &mut lines)?;
    Ok(PyBytes::new(py, &lines))
}

/// The parts, one behind the other.
pub(crate) fn concatenated<'py>(
    py: Python<'py>,
    parts: &[impl AsRef<[u8]>],
) -> PyResult<Bound<'py, PyBytes>> {
    let length = parts.iter().map(|part| part.as_ref().len()).sum();
    PyBytes::new_with(py, length, |mut place| {
        for part in parts.iter().map(AsRef::as_ref) {
            let (now, rest) = place.split_at_mut(part.len());
            now.copy_from_slice(part);
            place = rest;
        }
        Ok(())
    })
}

/// The names and values of headers.
fn pairs<T: AsRef<str>>(headers: &[(T, T)]) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
}

/// Appends headers as lines.
pub(crate) fn write_lines<'h>(
    headers: impl Iterator<Item = (&'h str, &'h str)>,
    lines: &mut Vec<u8>,
) -> PyResult<()> {
    for (name, value) in headers {
        let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !sound || memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_some() {
            return Err(PyValueError::new_err("a header holds a character that HTTP does not allow"));
        }
        lines.extend_from_slice(name.as_bytes());
        lines.extend_from_slice(b": ");
        if value.is_ascii() {
            lines.extend_from_slice(value.as_bytes());
        } else {
            // Beyond Latin-1 there is no way to write it.
            lines.extend(value.chars().map(|character| u8::try_from(character).unwrap_or(b'?')));
        }
        lines.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// A request for the host to send.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct HttpRequest(pub(crate) interlingua::HttpRequest);

#[pymethods]
impl HttpRequest {
    #[getter]
    fn method(&self) -> &'static str {
        self.0.method
    }

    #[getter]
    fn url(&self) -> &str {
        &self.0.url
    }

    #[getter]
    fn headers(&self) -> Vec<(&str, &str)> {
        pairs(&self.0.headers).collect()
    }

    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let mut head = Vec::with_capacity(256);
        for part in [self.0.method, " ", &self.0.url, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        write_lines(pairs(&self.0.headers), &mut head)?;
        Ok((PyBytes::new(py, &head), self.body(py)?))
    }

    #[getter]
    fn auth(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        self.0
            .auth
            .iter()
            .filter_map(|auth| match auth {
                Auth::Header { name, prefix } => Some(("header", *name, *prefix)),
                Auth::Query { name } => Some(("query", *name, "")),
                _ => None,
            })
            .collect()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        concatenated(py, &self.0.body)
    }
}

/// A whole answer for the client.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct ClientResponse(pub(crate) interlingua::ClientResponse);

#[pymethods]
impl ClientResponse {
    #[getter]
    fn status(&self) -> u16 {
        self.0.status
    }

    #[getter]
    fn headers(&self) -> Headers {
        self.0.headers.clone()
    }

    #[getter]
    fn lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        lines(py, pairs(&self.0.headers))
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }
}
