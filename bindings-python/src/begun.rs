//! Exchanges at their beginning: requests that have been read, with the first attempt where the decision was known.

use std::sync::Arc;

use interlingua::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attempt::Attempt;
use crate::call_ids::CallId;
use crate::errors::misuse;
use crate::http::{HttpRequest, concatenated, write_lines};
use crate::http1::ResponseHead;
use crate::lanes::Lane;
use crate::request::Request;

/// A request, and its first attempt if the decision was known.
pub(crate) struct First {
    pub(crate) request: interlingua::Request,
    pub(crate) tried: Option<Tried>,
}

/// A first attempt: whose decision it follows, and what it sends.
pub(crate) struct Tried {
    pub(crate) lane: Arc<Lane>,
    pub(crate) attempt: interlingua::Attempt,
    pub(crate) sent: interlingua::HttpRequest,
}

/// An exchange at its beginning. One that needs nothing but the usual is never more than this.
#[pyclass(module = "interlingua._native")]
pub(crate) struct Begun {
    body: Bytes,
    first: Option<First>,
    call_id: CallId,
    started: f64,
}

/// Where answers are made: the memory is used again for the next one.
#[derive(Default)]
pub(crate) struct Desk {
    lines: Vec<u8>,
    body: Vec<u8>,
}

/// What of it is kept, in bytes.
const MAX_KEPT: usize = 16 << 10;

impl Desk {
    fn clear(&mut self) {
        for part in [&mut self.lines, &mut self.body] {
            part.clear();
            part.shrink_to(MAX_KEPT);
        }
    }
}

/// The request, the attempt, and what that sends.
type Taken = (Request, Option<Attempt>, Option<HttpRequest>);

#[pymethods]
impl Begun {
    /// When the request was here.
    #[getter]
    fn started(&self) -> f64 {
        self.started
    }

    /// The request's body.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.body)
    }

    #[getter]
    fn call_id(&self) -> &str {
        self.call_id.text()
    }

    /// What was decided for requests like this one; `None` if that is not known.
    #[getter]
    pub(crate) fn decision(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        Some(self.tried()?.lane.decision.clone_ref(py))
    }

    /// Hands out all there is, once.
    fn take(&mut self, py: Python<'_>) -> PyResult<Taken> {
        let first = self.first.take().ok_or_else(|| misuse(py, "the exchange was handed out before"))?;
        let First { request, tried } = first;
        let (attempt, sent) =
            tried.map(|tried| (Attempt::new(tried.attempt), HttpRequest(tried.sent))).unzip();
        Ok((Request(request), attempt, sent))
    }

    /// Counts the answer, which the client has at the time `now`. Returns what was lost on the way.
    #[pyo3(signature = (now, /))]
    fn count(&self, now: f64) -> Option<Vec<(&str, &'static str)>> {
        let tried = self.tried()?;
        tried.lane.usual.tally.get().count(now - self.started);
        let losses = tried.attempt.losses();
        (!losses.is_empty()).then(|| losses.iter().map(|loss| (loss.path.as_str(), loss.code)).collect())
    }
}

impl Begun {
    pub(crate) fn new(body: Bytes, first: First, call_id: CallId, started: f64) -> Self {
        Self { body, first: Some(first), call_id, started }
    }

    fn tried(&self) -> Option<&Tried> {
        self.first.as_ref()?.tried.as_ref()
    }

    /// The bytes to send to the provider, if the lane has the head for them.
    pub(crate) fn message<'py>(&self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyBytes>>> {
        let Tried { lane, sent, .. } = self.tried()?;
        lane.has_head_for(sent).then(|| {
            let mut head = Vec::with_capacity(lane.usual.head.len() + 40);
            head.extend_from_slice(&lane.usual.head);
            write_length(sent.body.iter().map(|piece| piece.len()).sum(), &mut head);
            let pieces = sent.body.iter().map(|piece| &piece[..]);
            concatenated(py, &std::iter::once(head.as_slice()).chain(pieces).collect::<Vec<_>>())
        })
    }

    /// The client's whole answer for the provider's; empty if the attempt has failed. `date_line` is what the server says
    /// of the time.
    pub(crate) fn answer<'py>(
        &mut self,
        py: Python<'py>,
        head: &ResponseHead,
        body: &[u8],
        date_line: &[u8],
        desk: &mut Desk,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Some(Tried { lane, attempt, .. }) = self.first.as_mut().and_then(|first| first.tried.as_mut())
        else {
            return Ok(PyBytes::new(py, b""));
        };
        attempt.head(head.status, &head.headers());
        desk.clear();
        let Desk { lines, body: out } = desk;
        attempt.body(body, out);
        attempt.end(out);
        let Some(owed) = attempt.client_head() else { return Ok(PyBytes::new(py, b"")) };
        // The status is the one that the lane's tally is for: what is owed in one piece is always a 200.
        lines.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        write_lines(owed.headers(), lines)?;
        lines.extend_from_slice(b"x-litellm-call-id: ");
        lines.extend_from_slice(self.call_id.text().as_bytes());
        lines.extend_from_slice(&lane.usual.lines);
        lines.extend_from_slice(date_line);
        write_length(out.len(), lines);
        concatenated(py, &[lines, out])
    }
}

/// Appends the last line of a head, and the empty one.
fn write_length(length: usize, head: &mut Vec<u8>) {
    head.extend_from_slice(b"content-length: ");
    let mut digits = [0; 20];
    let mut from = digits.len();
    let mut rest = length;
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    head.extend_from_slice(&digits[from..]);
    head.extend_from_slice(b"\r\n\r\n");
}
