//! Requests.

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Refusal};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::attempt::Attempt;
use crate::errors::refused;
use crate::http::Text;
use crate::target::Target;

/// Bodies from this size on are parsed without the interpreter lock.
pub(crate) const WORTH_DETACHING: usize = 64 << 10;

/// A client's request, parsed once.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct Request(pub(crate) interlingua::Request);

/// The dialect of that name.
pub(crate) fn dialect(py: Python<'_>, name: &str) -> PyResult<Dialect> {
    Dialect::from_name(name)
        .ok_or_else(|| refused(py, &Refusal::decline("unknown_dialect", format!("unknown dialect '{name}'"))))
}

/// Runs `work` without the interpreter lock if it is worth it.
pub(crate) fn maybe_detached<T: Send>(py: Python<'_>, size: usize, work: impl Send + FnOnce() -> T) -> T {
    if size >= WORTH_DETACHING { py.detach(work) } else { work() }
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (dialect, body, /, *, headers = Vec::new(), query = Text(String::new()),
                        max_body_bytes = 256 << 20, max_depth = 128),
           text_signature = "(dialect, body, /, *, headers=(), query='', max_body_bytes=268435456, max_depth=128)")]
    fn new(
        py: Python<'_>,
        dialect: &str,
        body: PyBackedBytes,
        headers: Vec<(Text, Text)>,
        query: Text,
        max_body_bytes: usize,
        max_depth: u16,
    ) -> PyResult<Self> {
        let dialect = self::dialect(py, dialect)?;
        let head = ClientHead { query: query.0, headers: crate::http::headers(headers) };
        let limits = Limits { max_depth, max_bytes: max_body_bytes, ..Limits::default() };
        let size = body.len();
        let body = Bytes::from_owner(body);
        let read = maybe_detached(py, size, || interlingua::Request::read(dialect, &head, body, &limits));
        read.map(Self).map_err(|refusal| refused(py, &refusal))
    }

    #[getter]
    fn model(&self) -> &str {
        &self.0.facts().model
    }

    #[getter]
    fn stream(&self) -> bool {
        self.0.facts().stream
    }

    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.facts().features.names().collect::<Vec<_>>())
    }

    #[getter]
    fn previous_response_id(&self) -> Option<&str> {
        self.0.facts().previous_response_id.as_deref()
    }

    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<(&str, bool, Bound<'py, PyTuple>, bool)> {
        let facts = self.0.facts();
        Ok((&facts.model, facts.stream, self.features(py)?, facts.host_controls.len() > 2))
    }

    #[getter]
    fn host_controls<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.facts().host_controls)
    }

    #[pyo3(signature = (target, /, *, now_unix, id_seed, requested_model = None))]
    fn attempt(
        &self,
        py: Python<'_>,
        target: &Target,
        now_unix: u64,
        id_seed: u128,
        requested_model: Option<String>,
    ) -> PyResult<Attempt> {
        let options = AttemptOptions { now_unix, id_seed, requested_model, ..AttemptOptions::default() };
        let made = self.0.attempt(&target.0, options);
        made.map(Attempt::new).map_err(|refusal| refused(py, &refusal))
    }
}
