//! One exception tree, with fields that are safe to log.

use interlingua::{Fault, Refusal};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(_native, InterlinguaError, PyException, "Base of every error of the core.");
create_exception!(
    _native,
    InvalidRequest,
    InterlinguaError,
    "The client's request is wrong; no engine would accept it."
);
create_exception!(
    _native,
    Unsupported,
    InterlinguaError,
    "The provider or the translation cannot carry the request."
);
create_exception!(
    _native,
    Decline,
    InterlinguaError,
    "Not translated by this core; another engine may serve it."
);
create_exception!(
    _native,
    Misuse,
    InterlinguaError,
    "The host called the API in an order that is not allowed."
);

/// The exception that a refusal is.
pub(crate) fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    let message = refusal.fault().message.clone();
    let error = match refusal {
        Refusal::Invalid(_) => InvalidRequest::new_err(message),
        Refusal::Unsupported(_) => Unsupported::new_err(message),
        _ => Decline::new_err(message),
    };
    with_fields(py, error, refusal.fault())
}

/// The exception for a call out of order.
pub(crate) fn misuse(py: Python<'_>, message: &str) -> PyErr {
    with_fields(py, Misuse::new_err(message.to_owned()), &Fault::new(500, "misuse", message))
}

fn with_fields(py: Python<'_>, error: PyErr, fault: &Fault) -> PyErr {
    let value = error.value(py);
    let set = value
        .setattr("code", fault.reason)
        .and_then(|()| value.setattr("status", fault.status))
        .and_then(|()| value.setattr("param", fault.param.as_deref().filter(|param| !param.is_empty())));
    set.err().unwrap_or(error)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("InterlinguaError", py.get_type::<InterlinguaError>())?;
    module.add("InvalidRequest", py.get_type::<InvalidRequest>())?;
    module.add("Unsupported", py.get_type::<Unsupported>())?;
    module.add("Decline", py.get_type::<Decline>())?;
    module.add("Misuse", py.get_type::<Misuse>())
}
