//! HTTP as plain data.

use interlingua::{Auth, Headers};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

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
        self.0.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
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
        let length = self.0.body.iter().map(|piece| piece.len()).sum();
        PyBytes::new_with(py, length, |mut place| {
            for piece in &self.0.body {
                let (now, rest) = place.split_at_mut(piece.len());
                now.copy_from_slice(piece);
                place = rest;
            }
            Ok(())
        })
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
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }
}
