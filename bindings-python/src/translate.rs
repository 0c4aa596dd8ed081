//! One-shot functions.

use interlingua::{AttemptOptions, Bytes, Fault, Features, Headers, Loss, Provider, route};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors::refused;
use crate::http::{ClientResponse, HttpRequest};
use crate::request::{dialect, maybe_detached};
use crate::target::Target;

type Losses = Vec<(String, &'static str)>;

fn pairs(losses: Vec<Loss>) -> Losses {
    losses.into_iter().map(|loss| (loss.path, loss.code)).collect()
}

fn options(now_unix: u64, id_seed: u128) -> AttemptOptions {
    AttemptOptions { now_unix, id_seed, ..AttemptOptions::default() }
}

#[pyfunction]
#[pyo3(signature = (dialect, body, target, /, *, now_unix = 0, id_seed = 0))]
fn translate_request(
    py: Python<'_>,
    dialect: &str,
    body: PyBackedBytes,
    target: &Target,
    now_unix: u64,
    id_seed: u128,
) -> PyResult<(HttpRequest, Losses)> {
    let dialect = self::dialect(py, dialect)?;
    let size = body.len();
    let body = Bytes::from_owner(body);
    let translated = maybe_detached(py, size, || {
        interlingua::translate_request(dialect, body, &target.0, options(now_unix, id_seed))
    });
    translated
        .map(|(request, losses)| (HttpRequest(request), pairs(losses)))
        .map_err(|refusal| refused(py, &refusal))
}

#[pyfunction]
#[pyo3(signature = (dialect, request, target, status, headers, body, /, *, now_unix = 0, id_seed = 0))]
#[expect(clippy::too_many_arguments, reason = "arguments of a Python function")]
fn translate_response(
    py: Python<'_>,
    dialect: &str,
    request: PyBackedBytes,
    target: &Target,
    status: u16,
    headers: Headers,
    body: &[u8],
    now_unix: u64,
    id_seed: u128,
) -> PyResult<(ClientResponse, Losses)> {
    let dialect = self::dialect(py, dialect)?;
    let request = Bytes::from_owner(request);
    let translated = maybe_detached(py, body.len(), || {
        let answer = (status, headers.as_slice(), body);
        interlingua::translate_response(dialect, request, &target.0, answer, options(now_unix, id_seed))
    });
    translated
        .map(|(response, losses)| (ClientResponse(response), pairs(losses)))
        .map_err(|refusal| refused(py, &refusal))
}

#[pyfunction]
#[pyo3(signature = (dialect, status, message, /, *, r#type = None, code = None, param = None))]
fn render_error(
    py: Python<'_>,
    dialect: &str,
    status: u16,
    message: String,
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
) -> PyResult<ClientResponse> {
    let mut fault = Fault::new(status, "host", message);
    fault.kind = r#type;
    fault.code = code;
    fault.param = param;
    Ok(ClientResponse(interlingua::render_error(self::dialect(py, dialect)?, &fault)))
}

#[pyfunction]
fn providers() -> Vec<(&'static str, Option<&'static str>, Option<&'static str>)> {
    Provider::all().map(|provider| (provider.name(), provider.base_url(), provider.key_variable())).collect()
}

#[pyfunction]
fn routes() -> Vec<(&'static str, &'static str, &'static str)> {
    route::table()
        .map(|(client, provider, upstream)| (client.name(), provider.name(), upstream.name()))
        .collect()
}

#[pyfunction]
fn features() -> Vec<&'static str> {
    Features::NAMES.to_vec()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(translate_request, module)?)?;
    module.add_function(wrap_pyfunction!(translate_response, module)?)?;
    module.add_function(wrap_pyfunction!(render_error, module)?)?;
    module.add_function(wrap_pyfunction!(providers, module)?)?;
    module.add_function(wrap_pyfunction!(routes, module)?)?;
    module.add_function(wrap_pyfunction!(features, module)?)
}
