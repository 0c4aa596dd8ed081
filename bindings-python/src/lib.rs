//! Python bindings: bytes in, bytes out. No runtime and no threads, so forking is safe.

mod attempt;
mod begun;
mod call_ids;
mod errors;
mod http;
mod http1;
mod lanes;
mod operation;
mod parity;
mod request;
mod tally;
mod target;
mod translate;

use std::io::Write;
use std::panic::PanicHookInfo;

use pyo3::prelude::*;

/// The native core.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    std::panic::set_hook(Box::new(tell_place));
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    http1::register(module)?;
    module.add_class::<target::Target>()?;
    module.add_class::<request::Request>()?;
    operation::register(module)?;
    module.add_class::<lanes::Lanes>()?;
    module.add_class::<begun::Begun>()?;
    module.add_class::<call_ids::CallIds>()?;
    module.add_class::<tally::Tally>()?;
    module.add_class::<http::HttpRequest>()?;
    module.add_class::<http::ClientResponse>()?;
    module.add_class::<attempt::Attempt>()?;
    module.add_class::<attempt::Outcome>()?;
    parity::register(module)?;
    translate::register(module)
}

/// Where the core has failed. Not why: the message may hold what a client sent, and is the exception's alone.
fn tell_place(panic: &PanicHookInfo<'_>) {
    if let Some(place) = panic.location() {
        let _ = writeln!(
            std::io::stderr(),
            "interlingua failed at {}:{}; please report this",
            place.file(),
            place.line()
        );
    }
}
