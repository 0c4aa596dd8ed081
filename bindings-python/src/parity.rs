//! The comparer of the parity suite, for shadows, recordings and reports.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

#[pyfunction]
#[pyo3(signature = (exchange, /))]
fn compare(py: Python<'_>, exchange: PyBackedBytes) -> PyResult<Bound<'_, PyBytes>> {
    let verdict = py.detach(|| interlingua_parity::compare(&exchange));
    verdict.map(|verdict| PyBytes::new(py, &verdict)).map_err(PyValueError::new_err)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(compare, module)?)
}
