//! HTTP/1.1 heads and chunked bodies for the gateway's sockets, which stay in Python.
//!
//! Reading is strict: whatever two parsers could take for two different messages is an error (RFC 9112, section 11.2).

mod chunked;
mod fields;
mod reader;
mod request;
mod response;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pub(crate) use response::ResponseHead;

create_exception!(
    _native,
    BadMessage,
    PyException,
    "Bytes that are no HTTP/1.1 message, or an ambiguous one."
);

/// Header fields that one head may have.
const MAX_FIELDS: usize = 256;

/// The exception for a message that is refused with `status`.
fn bad(status: u16, reason: &'static str) -> PyErr {
    Python::attach(|py| {
        let error = BadMessage::new_err(reason);
        match error.value(py).setattr("status", status) {
            Ok(()) => error,
            Err(other) => other,
        }
    })
}

/// Where the head ends: after the first empty line. Lines must end with CRLF: some parsers take a bare LF for a line's
/// end and some do not.
fn end_of_head(bytes: &[u8], limit: usize) -> PyResult<Option<usize>> {
    let window = &bytes[..bytes.len().min(limit)];
    let mut start = 0;
    let mut bare = false;
    while let Some(length) = memchr::memchr(b'\n', &window[start..]) {
        let line = &window[start..start + length];
        // The first carriage return must be the one at the line's end.
        let ended = memchr::memchr(b'\r', line) == length.checked_sub(1);
        bare |= !ended || length == 0;
        let after_crlf = start >= 2 && window[start - 2] == b'\r';
        start += length + 1;
        if line == b"\r" && after_crlf {
            return if bare {
                Err(bad(400, "a line of the head does not end with CRLF"))
            } else {
                Ok(Some(start))
            };
        }
    }
    if bytes.len() >= limit { Err(bad(431, "the head is over the limit")) } else { Ok(None) }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BadMessage", module.py().get_type::<BadMessage>())?;
    module.add_class::<request::RequestHead>()?;
    module.add_class::<ResponseHead>()?;
    module.add_class::<reader::RequestReader>()?;
    module.add_class::<reader::AnswerReader>()
}
