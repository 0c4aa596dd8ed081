//! Attempts.

use interlingua::{FailureKind, Step};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::misuse;
use crate::http::{ClientResponse, HttpRequest, Text, concatenated, lines};
use crate::http1::ResponseHead;
use crate::request::maybe_detached;

/// One try at one target.
#[pyclass(module = "interlingua._native")]
pub(crate) struct Attempt {
    inner: interlingua::Attempt,
    out: Vec<u8>,
}

/// How an attempt ended.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct Outcome(interlingua::Outcome);

impl Outcome {
    fn error(&self) -> Option<&interlingua::UpstreamError> {
        match &self.0 {
            interlingua::Outcome::Answered => None,
            interlingua::Outcome::Failed(error) => Some(error),
        }
    }
}

#[pymethods]
impl Outcome {
    #[getter]
    fn answered(&self) -> bool {
        self.error().is_none()
    }

    #[getter]
    fn status(&self) -> u16 {
        self.error().map_or(200, |error| error.status)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.error().map_or("answered", |error| error.failure.name())
    }

    #[getter]
    fn message(&self) -> &str {
        self.error().map_or("", |error| error.message.as_str())
    }

    #[getter]
    fn retry(&self) -> bool {
        self.error().is_some_and(interlingua::UpstreamError::retry)
    }

    #[getter]
    fn retry_after(&self) -> Option<f64> {
        Some(self.error()?.retry_after_ms? as f64 / 1000.0)
    }

    #[getter]
    fn committed(&self) -> bool {
        self.error().is_none_or(|error| error.committed)
    }
}

/// Status, header lines and body.
type Answer<'py> = (u16, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// An answer's headers: as this module read them, or as pairs.
#[derive(FromPyObject)]
enum AnswerHeaders<'py> {
    Read(Bound<'py, ResponseHead>),
    Pairs(Vec<(Text, Text)>),
}

impl Attempt {
    pub(crate) fn new(inner: interlingua::Attempt) -> Self {
        Self { inner, out: Vec::new() }
    }

    pub(crate) fn feed(&mut self, py: Python<'_>, chunk: &[u8]) {
        let Self { inner, out } = self;
        maybe_detached(py, chunk.len(), || inner.body(chunk, out));
    }

    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.inner.step(), Step::Done(_))
    }

    /// What the client is owed, as a chunk of its body if that is `chunked`.
    pub(crate) fn owed_chunk<'py>(
        &mut self,
        py: Python<'py>,
        chunked: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if !chunked || self.out.is_empty() {
            return Ok(self.owed(py));
        }
        let size = format!("{:x}\r\n", self.out.len());
        let chunk = concatenated(py, &[size.as_bytes(), &self.out, b"\r\n"])?;
        self.out.clear();
        Ok(chunk)
    }

    fn owed<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = PyBytes::new(py, &self.out);
        self.out.clear();
        bytes
    }
}

#[pymethods]
impl Attempt {
    fn step(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.inner.step() {
            Step::Send(request) => Ok(Some(Py::new(py, HttpRequest(request))?.into_any())),
            Step::Done(outcome) => Ok(Some(Py::new(py, Outcome(outcome))?.into_any())),
            _ => Ok(None),
        }
    }

    #[pyo3(signature = (status, headers, /))]
    fn head(&mut self, status: u16, headers: AnswerHeaders<'_>) {
        match headers {
            AnswerHeaders::Read(head) => self.inner.head(status, &head.get().headers()),
            AnswerHeaders::Pairs(pairs) => self.inner.head(status, &crate::http::headers(pairs)),
        }
    }

    #[pyo3(signature = (status, headers, body, /))]
    fn answer<'py>(
        &mut self,
        py: Python<'py>,
        status: u16,
        headers: AnswerHeaders<'_>,
        body: &[u8],
    ) -> PyResult<Option<Answer<'py>>> {
        self.head(status, headers);
        let Self { inner, out } = self;
        maybe_detached(py, body.len(), || {
            inner.body(body, out);
            inner.end(out);
        });
        let Some(head) = self.inner.client_head() else { return Ok(None) };
        let (status, lines) = (head.status, lines(py, head.headers())?);
        Ok(Some((status, lines, self.owed(py))))
    }

    #[pyo3(signature = (chunk, /))]
    fn body<'py>(&mut self, py: Python<'py>, chunk: &[u8]) -> Bound<'py, PyBytes> {
        self.feed(py, chunk);
        self.owed(py)
    }

    fn end<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let Self { inner, out } = self;
        inner.end(out);
        self.owed(py)
    }

    #[pyo3(signature = (reason, /))]
    fn abort<'py>(&mut self, py: Python<'py>, reason: &str) -> PyResult<Bound<'py, PyBytes>> {
        let reason = match reason {
            "timeout" => FailureKind::Timeout,
            "disconnected" => FailureKind::Disconnected,
            "connection" => FailureKind::Connection,
            _ => return Err(misuse(py, "abort takes 'timeout', 'disconnected' or 'connection'")),
        };
        self.inner.abort(reason, &mut self.out);
        Ok(self.owed(py))
    }

    #[getter]
    fn upstream_dialect(&self) -> &'static str {
        self.inner.upstream_dialect().name()
    }

    #[getter]
    fn client_head(&self) -> Option<(u16, Vec<(&str, &str)>)> {
        self.inner.client_head().map(|head| (head.status, head.headers().collect()))
    }

    #[getter]
    fn client_lines<'py>(&self, py: Python<'py>) -> PyResult<Option<(u16, Bound<'py, PyBytes>)>> {
        self.inner.client_head().map(|head| Ok((head.status, lines(py, head.headers())?))).transpose()
    }

    fn failure(&self) -> ClientResponse {
        ClientResponse(self.inner.failure())
    }

    #[getter]
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(usage) = self.inner.usage() else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("input", usage.input)?;
        dict.set_item("output", usage.output)?;
        dict.set_item("total", usage.total())?;
        let optional = [
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
            ("reasoning", usage.reasoning),
            ("web_searches", usage.web_searches),
        ];
        for (name, count) in optional {
            if let Some(count) = count {
                dict.set_item(name, count)?;
            }
        }
        Ok(Some(dict))
    }

    #[getter]
    fn losses(&self) -> Vec<(&str, &'static str)> {
        self.inner.losses().iter().map(|loss| (loss.path.as_str(), loss.code)).collect()
    }

    #[getter]
    fn rewrites(&self) -> Vec<(&str, &'static str)> {
        self.inner.rewrites().iter().map(|rewrite| (rewrite.path.as_str(), rewrite.code)).collect()
    }
}
