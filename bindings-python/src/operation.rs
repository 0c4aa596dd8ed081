//! Operations on responses.

use interlingua::{AttemptOptions, Bytes, ClientHead, Limits, ResponseId};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::attempt::Attempt;
use crate::errors::refused;
use crate::http::Text;
use crate::request::maybe_detached;
use crate::target::Target;

/// What a client wants of `/v1/responses`, beside a response.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct Operation(interlingua::Operation);

/// The deployment that an id of a response leads back to.
#[pyfunction]
#[pyo3(signature = (id, /))]
fn response_deployment(id: &str) -> Option<String> {
    ResponseId::decode(id)?.deployment
}

#[pymethods]
impl Operation {
    #[staticmethod]
    #[pyo3(signature = (method, path, body, /, *, query = Text(String::new()), max_body_bytes = 256 << 20),
           text_signature = "(method, path, body, /, *, query='', max_body_bytes=268435456)")]
    fn read(
        py: Python<'_>,
        method: &str,
        path: &str,
        body: PyBackedBytes,
        query: Text,
        max_body_bytes: usize,
    ) -> PyResult<Option<Self>> {
        let head = ClientHead { query: query.0, ..ClientHead::default() };
        let limits = Limits { max_bytes: max_body_bytes, ..Limits::default() };
        let size = body.len();
        let body = Bytes::from_owner(body);
        let read =
            maybe_detached(py, size, || interlingua::Operation::read(method, path, &head, body, &limits));
        Ok(read.map_err(|refusal| refused(py, &refusal))?.map(Self))
    }

    #[getter]
    fn deployment(&self) -> Option<String> {
        self.0.response_id()?.deployment
    }

    #[getter]
    fn model(&self) -> Option<&str> {
        self.0.request().map(|request| request.facts().model.as_str())
    }

    #[getter]
    fn stream(&self) -> bool {
        self.0.streams()
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

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Operation>()?;
    module.add_function(wrap_pyfunction!(response_deployment, module)?)
}
