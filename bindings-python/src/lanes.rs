//! Decisions that were made before: most requests differ from an earlier one in nothing that a decision looks at.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Step};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::begun::{Begun, First, Tried};
use crate::call_ids::{CallIds, Seeds};
use crate::http::{self, HttpRequest, Text};
use crate::request::{self, Request, maybe_detached};
use crate::tally::Tally;
use crate::target::Target;

/// Model names come from clients: lanes for more than this many are not kept.
const MAX_LANES: usize = 256;

/// A decision, and the requests that it is for, beside their head and their model.
pub(crate) struct Lane {
    stream: bool,
    features: interlingua::Features,
    target: Arc<interlingua::Target>,
    requested_model: String,
    pub(crate) decision: Py<PyAny>,
    pub(crate) usual: Usual,
}

/// What is the same in all exchanges of a lane that need nothing but the usual.
pub(crate) struct Usual {
    /// What the request was whose head was signed: another URL or other headers need a head of their own.
    signed: interlingua::HttpRequest,
    /// The head of requests to the provider, up to the body's length.
    pub(crate) head: Vec<u8>,
    /// The lines of answers to the client that follow the call id.
    pub(crate) lines: Vec<u8>,
    /// The answers given, and how long they took.
    pub(crate) tally: Py<Tally>,
}

impl Lane {
    /// Whether the lane's head is the one for this request.
    pub(crate) fn has_head_for(&self, sent: &interlingua::HttpRequest) -> bool {
        let signed = &self.usual.signed;
        !self.stream && sent.url == signed.url && sent.headers == signed.headers
    }
}

/// The decisions for requests whose heads say the same. Whoever decides adds what it has decided; a change of mind
/// starts anew.
#[pyclass(module = "interlingua._native")]
pub(crate) struct Lanes {
    dialect: Dialect,
    head: ClientHead,
    limits: Limits,
    call_ids: Py<CallIds>,
    seeds: Seeds,
    /// By the model.
    lanes: HashMap<String, Vec<Arc<Lane>>>,
    count: usize,
}

#[pymethods]
impl Lanes {
    #[new]
    #[pyo3(signature = (dialect, headers, query, max_body_bytes, call_ids, id_seed, /))]
    fn new(
        py: Python<'_>,
        dialect: &str,
        headers: Vec<(Text, Text)>,
        query: Text,
        max_body_bytes: usize,
        call_ids: Py<CallIds>,
        id_seed: u128,
    ) -> PyResult<Self> {
        Ok(Self {
            dialect: request::dialect(py, dialect)?,
            head: ClientHead { query: query.0, headers: http::headers(headers) },
            limits: Limits { max_bytes: max_body_bytes, ..Limits::default() },
            call_ids,
            seeds: Seeds(id_seed),
            lanes: HashMap::new(),
            count: 0,
        })
    }

    /// Keeps the decision for requests like this one, unless there is one: `head` is what was signed for `sent`, `lines`
    /// what answers say behind their call id, `tally` where they are counted.
    #[pyo3(signature = (request, target, requested_model, decision, sent, head, lines, tally, /))]
    #[expect(clippy::too_many_arguments, reason = "all that there is to know of a lane, told once")]
    fn add(
        &mut self,
        request: &Request,
        target: &Target,
        requested_model: String,
        decision: Py<PyAny>,
        sent: &HttpRequest,
        head: Vec<u8>,
        lines: Vec<u8>,
        tally: Py<Tally>,
    ) {
        let facts = request.0.facts();
        let (stream, features, target) = (facts.stream, facts.features, target.0.clone());
        if self.lane(facts).is_none() && self.count < MAX_LANES {
            self.count += 1;
            let mut signed = sent.0.clone();
            signed.body.clear();
            let usual = Usual { signed, head, lines, tally };
            let lane = Arc::new(Lane { stream, features, target, requested_model, decision, usual });
            self.lanes.entry(facts.model.clone()).or_default().push(lane);
        }
    }

    /// Begins the first attempt of a request whose decision is known; else the request has only been read. `None` if
    /// nothing is known, or if anything about the request needs a closer look.
    #[pyo3(signature = (body, now_unix, started, /))]
    fn begin(&mut self, py: Python<'_>, body: PyBackedBytes, now_unix: f64, started: f64) -> Option<Begun> {
        self.first(py, Bytes::from_owner(body), now_unix, started)
    }
}

impl Lanes {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn first(
        &mut self,
        py: Python<'_>,
        body: Bytes,
        now_unix: f64,
        started: f64,
    ) -> Option<Begun> {
        if self.is_empty() {
            return None;
        }
        let id_seed = self.seeds.next();
        let this = &*self;
        let bytes = body.clone();
        // A panic of the core is met again on the long way, which knows whose request it is.
        let read =
            || catch_unwind(AssertUnwindSafe(|| this.read(bytes, now_unix as u64, id_seed))).ok().flatten();
        let first = maybe_detached(py, body.len(), read)?;
        Some(Begun::new(body, first, self.call_ids.get().next(), started))
    }

    fn read(&self, body: Bytes, now_unix: u64, id_seed: u128) -> Option<First> {
        let request = interlingua::Request::read(self.dialect, &self.head, body, &self.limits).ok()?;
        let facts = request.facts();
        let lane = if facts.host_controls.len() > 2 { None } else { self.lane(facts) };
        let Some(lane) = lane else { return Some(First { request, tried: None }) };
        let requested_model = Some(lane.requested_model.clone());
        let options = AttemptOptions { now_unix, id_seed, requested_model, ..AttemptOptions::default() };
        let tried = request.attempt(&lane.target, options).ok().and_then(|mut attempt| {
            let Step::Send(sent) = attempt.step() else { return None };
            Some(Tried { lane: lane.clone(), attempt, sent })
        });
        Some(First { request, tried })
    }

    fn lane(&self, facts: &interlingua::Facts) -> Option<&Arc<Lane>> {
        let lanes = self.lanes.get(facts.model.as_str())?;
        lanes.iter().find(|lane| lane.stream == facts.stream && lane.features == facts.features)
    }
}
