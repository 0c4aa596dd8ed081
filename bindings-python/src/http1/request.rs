//! Heads of requests.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::fields::{Fields, Framing, Length, Span, byte_count, span, spans};
use super::{MAX_FIELDS, bad, end_of_head};

/// The head of a client's request.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct RequestHead {
    fields: Fields,
    method: Span,
    target: Span,
    pub(super) framing: Framing,
    minor_version: u8,
    pub(super) size: usize,
    length_at: Option<Span>,
}

impl RequestHead {
    /// Reads a head at the start of `data`; `None` while it is incomplete.
    pub(super) fn read(py: Python<'_>, data: &[u8], max_bytes: usize) -> PyResult<Option<Self>> {
        let Some(size) = end_of_head(data, max_bytes)? else { return Ok(None) };
        // A copy: the head is kept for longer than the body that may stand behind it.
        let data = PyBackedBytes::from(PyBytes::new(py, &data[..size]));
        let mut headers = [const { std::mem::MaybeUninit::uninit() }; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(&data, &mut headers) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(bad(400, "the request's head is malformed")),
            Err(httparse::Error::TooManyHeaders) => return Err(bad(431, "the request has too many headers")),
            Err(httparse::Error::Version) if names_a_version(&data) => {
                return Err(bad(505, "only HTTP/1.1 and HTTP/1.0 are spoken here"));
            }
            Err(_) => return Err(bad(400, "the request's head is malformed")),
        }
        let (Some(method), Some(target), Some(minor_version)) =
            (request.method, request.path, request.version)
        else {
            return Err(bad(400, "the request's head is malformed"));
        };
        let (method, target) = (span(&data, method.as_bytes()), span(&data, target.as_bytes()));
        let list = spans(&data, request.headers);
        let fields = Fields::new(data, list);
        let mut framing = Framing::of(&fields, minor_version)?;
        if framing.length == Length::Unknown {
            framing.length = Length::Exactly(0);
        }
        let hosts = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"host")).count();
        if hosts > 1 || (hosts == 0 && minor_version == 1) {
            return Err(bad(400, "a request must name one host"));
        }
        let length_at = fields.length_span();
        Ok(Some(Self { fields, method, target, framing, minor_version, size, length_at }))
    }
}

impl RequestHead {
    /// If `data` begins with this head again, and only `Content-Length` differs: the head's size and the body's length.
    /// Clients that keep a connection send the same head time and again.
    pub(super) fn again(&self, data: &[u8]) -> Option<(usize, u64)> {
        let head = &self.fields.bytes()[..self.size];
        let (from, to) = self.length_at?;
        let (before, after) = (&head[..from as usize], &head[to as usize..]);
        let rest = data.strip_prefix(before)?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        rest[digits..].starts_with(after).then_some(())?;
        Some((before.len() + digits + after.len(), byte_count(&rest[..digits])?))
    }
}

#[pymethods]
impl RequestHead {
    /// Method, target, whether the connection may stay, and whether `Connection: upgrade` is there: at once, as every
    /// request is asked for them.
    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> (&str, Bound<'py, PyBytes>, bool, bool) {
        let method = std::str::from_utf8(self.fields.part(self.method)).unwrap_or_default();
        let target = PyBytes::new(py, self.fields.part(self.target));
        (method, target, self.framing.keep_alive, self.framing.upgrade)
    }

    #[getter]
    fn http_1_0(&self) -> bool {
        self.minor_version == 0
    }

    /// The first value of a header; `name` in any case.
    #[pyo3(signature = (name, /))]
    fn get<'py>(&self, py: Python<'py>, name: &[u8]) -> Option<Bound<'py, PyBytes>> {
        self.fields.get(name).map(|value| PyBytes::new(py, value))
    }

    /// All headers whose names begin with `prefix`, names in lower case; the body's length is not among them.
    #[pyo3(signature = (prefix = b"".as_slice(), /), text_signature = "($self, prefix=b'', /)")]
    fn pairs<'py>(&self, py: Python<'py>, prefix: &[u8]) -> PyResult<Bound<'py, PyList>> {
        self.fields.pairs(py, prefix)
    }
}

/// The first line is a method, a target and some version of HTTP.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').skip(2);
    words.next().is_some_and(|version| version.starts_with(b"HTTP/")) && words.next().is_none()
}
