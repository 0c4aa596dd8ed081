//! Messages as they arrive: a head, then a body in any pieces.

use std::borrow::Cow;
use std::ops::Range;

use interlingua::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::bad;
use super::chunked::Chunked;
use super::fields::Length;
use super::request::RequestHead;
use super::response::ResponseHead;
use crate::attempt::Attempt;
use crate::begun::{Begun, Desk};
use crate::http::concatenated;
use crate::lanes::Lanes;
use crate::request::WORTH_DETACHING;

/// What a reader has of a message: its head, bytes of its body, and whether it is complete.
type Read<'py, Head> = (Option<Py<Head>>, Bound<'py, PyBytes>, bool);

/// What was decided for a request, what goes to the provider, and the exchange.
type Beginning<'py> = (Option<Py<PyAny>>, Option<Bound<'py, PyBytes>>, Option<Begun>);

/// What of a body is still to come.
enum Body {
    Bytes(u64),
    Chunks(Chunked),
    /// All that comes until the connection ends.
    Rest,
}

impl Body {
    fn new(length: Length) -> Self {
        match length {
            Length::Exactly(length) => Self::Bytes(length),
            Length::Chunked => Self::Chunks(Chunked::new()),
            Length::Unknown => Self::Rest,
        }
    }

    fn over(&self) -> bool {
        match self {
            Self::Bytes(left) => *left == 0,
            Self::Chunks(chunked) => chunked.over(),
            Self::Rest => false,
        }
    }

    /// Where in `data` the body's bytes are, and how many of `data` were used.
    fn spans(&mut self, data: &[u8]) -> PyResult<(Vec<Range<usize>>, usize)> {
        let used = match self {
            Self::Bytes(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                *left -= used as u64;
                used
            }
            Self::Chunks(chunked) => return chunked.feed(data),
            Self::Rest => data.len(),
        };
        let whole = 0..used;
        Ok((Vec::from([whole]), used))
    }

    /// The body's bytes in `data`, and how many of `data` were used.
    fn take<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        let (spans, used) = self.spans(data)?;
        let parts: Vec<_> = spans.into_iter().map(|span| &data[span]).collect();
        Ok((concatenated(py, &parts)?, used))
    }
}

/// `data`, behind what was left over before.
fn joined<'py>(py: Python<'py>, early: &mut Vec<u8>, data: Bound<'py, PyBytes>) -> Bound<'py, PyBytes> {
    if early.is_empty() {
        return data;
    }
    early.extend_from_slice(data.as_bytes());
    PyBytes::new(py, &std::mem::take(early))
}

/// Reads the requests of one connection, one at a time.
#[pyclass(module = "interlingua._native")]
pub(crate) struct RequestReader {
    max_head_bytes: usize,
    /// Bytes of an unfinished head, or what follows the request in hand.
    early: Vec<u8>,
    /// The head of the request in hand, or of the last one.
    head: Option<Py<RequestHead>>,
    reading_body: bool,
    body: Body,
}

#[pymethods]
impl RequestReader {
    #[new]
    #[pyo3(signature = (max_head_bytes, /))]
    fn new(max_head_bytes: usize) -> Self {
        Self { max_head_bytes, early: Vec::new(), head: None, reading_body: false, body: Body::Bytes(0) }
    }

    /// Bytes that belong to no request yet.
    #[getter]
    fn waiting(&self) -> usize {
        self.early.len()
    }

    /// The announced length of the body, or `None` if it is chunked; to be asked when its head has come.
    #[getter]
    fn length(&self) -> Option<u64> {
        match self.body {
            Body::Bytes(left) => Some(left),
            _ => None,
        }
    }

    /// Takes bytes from the connection. Returns the head of the request in hand, once it is there, those bytes that belong
    /// to its body, and whether it is complete. What follows a complete request is kept. A head that differs from the one
    /// before in its `Content-Length` alone is the same object.
    #[pyo3(signature = (data, /))]
    fn feed<'py>(&mut self, py: Python<'py>, data: Bound<'py, PyBytes>) -> PyResult<Read<'py, RequestHead>> {
        if self.reading_body {
            let body = self.take(py, data.as_bytes())?;
            return Ok((self.head.as_ref().map(|head| head.clone_ref(py)), body, self.body.over()));
        }
        let data = joined(py, &mut self.early, data);
        let bytes = data.as_bytes();
        let again = self.head.as_ref().and_then(|head| head.get().again(bytes));
        let size = if let Some((size, length)) = again {
            self.body = Body::Bytes(length);
            size
        } else if let Some(head) = RequestHead::read(py, bytes, self.max_head_bytes)? {
            self.body = Body::new(head.framing.length);
            let size = head.size;
            self.head = Some(Py::new(py, head)?);
            size
        } else {
            self.early.extend_from_slice(bytes);
            return Ok((None, PyBytes::new(py, b""), false));
        };
        self.reading_body = true;
        let body = self.take(py, &bytes[size..])?;
        Ok((self.head.as_ref().map(|head| head.clone_ref(py)), body, self.body.over()))
    }

    /// Begins the exchange of a request that has the same head as the one before, and of which `lanes` know something:
    /// with the decision and the bytes to send to the provider, if those are known. If some of its body is still to come,
    /// what is here is kept, and there is no exchange yet. Else nothing is taken. To be called while no request is in hand.
    #[pyo3(signature = (data, lanes, now_unix, started, /))]
    fn begin<'py>(
        &mut self,
        py: Python<'py>,
        data: Bound<'py, PyBytes>,
        lanes: &mut Lanes,
        now_unix: f64,
        started: f64,
    ) -> PyResult<Option<Beginning<'py>>> {
        self.reading_body = false;
        if lanes.is_empty() {
            return Ok(None);
        }
        let early = std::mem::take(&mut self.early);
        let data =
            if early.is_empty() { data } else { PyBytes::new(py, &[&early, data.as_bytes()].concat()) };
        let bytes = data.as_bytes();
        let again = self.head.as_ref().and_then(|head| head.get().again(bytes));
        let again = again.map(|(size, length)| (size, (bytes.len() - size) as u64, length));
        let begun = match again {
            Some((_, here, length)) if here < length && length < WORTH_DETACHING as u64 => {
                self.early.extend_from_slice(bytes);
                return Ok(Some((None, None, None)));
            }
            Some((size, here, length)) if here == length => {
                let body = Bytes::from_owner(PyBackedBytes::from(data)).slice(size..);
                lanes.first(py, body, now_unix, started)
            }
            _ => None,
        };
        let Some(begun) = begun else {
            self.early = early;
            return Ok(None);
        };
        self.body = Body::Bytes(0);
        self.reading_body = true;
        let message = begun.message(py).transpose()?;
        Ok(Some((begun.decision(py), message, Some(begun))))
    }

    /// Lets go of the request in hand. The next one is read from what was kept, by `feed(b"")`.
    fn next(&mut self) -> usize {
        self.reading_body = false;
        self.early.len()
    }

    /// Hands out what was kept.
    fn rest<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &std::mem::take(&mut self.early))
    }
}

impl RequestReader {
    fn take<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let (body, used) = self.body.take(py, data)?;
        if used < data.len() {
            self.early.extend_from_slice(&data[used..]);
        }
        Ok(body)
    }
}

/// Reads one answer of an upstream after the other.
#[pyclass(module = "interlingua._native")]
pub(crate) struct AnswerReader {
    max_head_bytes: usize,
    early: Vec<u8>,
    /// Bytes of interim answers, of which there may be endlessly many.
    interim: usize,
    /// The next answer's head, if it was looked at before its bytes were taken.
    seen: Option<ResponseHead>,
    head: Option<Py<ResponseHead>>,
    body: Body,
    keep_alive: bool,
    headless: bool,
    upgrading: bool,
    desk: Desk,
}

#[pymethods]
impl AnswerReader {
    #[new]
    #[pyo3(signature = (max_head_bytes, /))]
    fn new(max_head_bytes: usize) -> Self {
        Self {
            max_head_bytes,
            early: Vec::new(),
            interim: 0,
            seen: None,
            head: None,
            body: Body::Rest,
            keep_alive: true,
            headless: false,
            upgrading: false,
            desk: Desk::default(),
        }
    }

    /// The next answer is of a special kind: one without a body to a `HEAD`, or one that may be a 101.
    #[pyo3(signature = (headless, upgrading, /))]
    fn expect(&mut self, headless: bool, upgrading: bool) {
        self.headless = headless;
        self.upgrading = upgrading;
    }

    /// Only the end of the connection tells where the body ends.
    #[getter]
    fn unframed(&self) -> bool {
        self.head.is_some() && matches!(self.body, Body::Rest)
    }

    /// The connection may be used again once the answer is complete.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes the whole answer to an exchange that has begun, if these bytes are that and there is nothing unusual about it,
    /// and returns the client's: empty if the attempt has failed. Else nothing is taken.
    #[pyo3(signature = (data, begun, date_line, /))]
    fn answer<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        begun: &mut Begun,
        date_line: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if !self.early.is_empty() || data.len() >= WORTH_DETACHING {
            return Ok(None);
        }
        // What is wrong with a head is told to who takes it.
        let Ok(Some(head)) = ResponseHead::read(py, data, self.max_head_bytes) else { return Ok(None) };
        let usual = head.is_usual().then(|| Self::whole(&head, &data[head.size..])).flatten();
        let Some(body) = usual else {
            self.seen = Some(head);
            return Ok(None);
        };
        self.head = None;
        begun.answer(py, &head, &body, date_line, &mut self.desk).map(Some)
    }

    /// Feeds the bytes of a streamed body that are in `data` to `attempt`. Returns what the client is owed for them, as a
    /// chunk of its own answer if that is `chunked`, and whether the body or the attempt is over.
    #[pyo3(signature = (data, attempt, chunked, /))]
    fn pass_on<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        attempt: &mut Attempt,
        chunked: bool,
    ) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        let (spans, used) = self.body.spans(data)?;
        self.keep_alive &= used == data.len();
        for span in spans {
            attempt.feed(py, &data[span]);
        }
        let owed = attempt.owed_chunk(py, chunked)?;
        Ok((owed, self.body.over() || attempt.is_over()))
    }

    /// The body is complete.
    #[getter]
    fn over(&self) -> bool {
        self.body.over()
    }

    /// Takes bytes from the connection. Returns the head of the answer, once it is there, those bytes that belong to its
    /// body, and whether it is complete. Bytes behind the answer were not asked for: they spoil the connection, not the
    /// answer.
    #[pyo3(signature = (data, /))]
    fn feed<'py>(&mut self, py: Python<'py>, data: Bound<'py, PyBytes>) -> PyResult<Read<'py, ResponseHead>> {
        if self.head.is_some() {
            if !self.body.over() {
                return self.take(py, data.as_bytes());
            }
            self.head = None;
            self.interim = 0;
        }
        let data = joined(py, &mut self.early, data);
        let mut from = 0;
        loop {
            let limit = self.max_head_bytes.saturating_sub(self.interim);
            let head = match self.seen.take() {
                None => ResponseHead::read(py, &data.as_bytes()[from..], limit)?,
                seen => seen,
            };
            let Some(head) = head else {
                self.early.extend_from_slice(&data.as_bytes()[from..]);
                return Ok((None, PyBytes::new(py, b""), false));
            };
            from += head.size;
            let status = head.status;
            if (100..200).contains(&status) && !(status == 101 && self.upgrading) {
                if status == 101 {
                    return Err(bad(502, "the upstream switched protocols"));
                }
                self.interim += head.size;
                continue;
            }
            self.begin_body(&head);
            self.head = Some(Py::new(py, head)?);
            return self.take(py, &data.as_bytes()[from..]);
        }
    }
}

impl AnswerReader {
    /// The body behind `head`, if nothing is missing and nothing follows.
    fn whole<'d>(head: &ResponseHead, data: &'d [u8]) -> Option<Cow<'d, [u8]>> {
        match head.framing.length {
            Length::Exactly(length) => (length == data.len() as u64).then_some(Cow::Borrowed(data)),
            Length::Chunked => {
                let mut chunked = Chunked::new();
                let (parts, used) = chunked.feed(data).ok()?;
                let whole = chunked.over() && used == data.len();
                whole.then(|| match parts.as_slice() {
                    [only] => Cow::Borrowed(&data[only.clone()]),
                    parts => parts.iter().flat_map(|part| &data[part.clone()]).copied().collect(),
                })
            }
            Length::Unknown => None,
        }
    }

    fn begin_body(&mut self, head: &ResponseHead) {
        let bodiless = self.headless || matches!(head.status, 204 | 304);
        self.body = if bodiless { Body::Bytes(0) } else { Body::new(head.framing.length) };
        // Some upstreams send a body to a HEAD nevertheless: the connection ends with that answer.
        self.keep_alive = head.framing.keep_alive && !self.headless && !matches!(self.body, Body::Rest);
        self.headless = false;
        self.upgrading = false;
    }

    fn take<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Read<'py, ResponseHead>> {
        let (body, used) = self.body.take(py, data)?;
        self.keep_alive &= used == data.len();
        Ok((self.head.as_ref().map(|head| head.clone_ref(py)), body, self.body.over()))
    }
}
