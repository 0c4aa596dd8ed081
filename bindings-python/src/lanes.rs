//! Decisions that were made before: most requests differ from an earlier one in nothing that a decision looks at.

use std::collections::HashMap;

use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Step};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::attempt::Attempt;
use crate::http::{self, HttpRequest, Text};
use crate::request::{self, Request, maybe_detached};
use crate::target::Target;

/// Model names come from clients: lanes for more than this many are not kept.
const MAX_LANES: usize = 256;

/// A decision, and the requests that it is for, beside their head and their model.
struct Lane {
    stream: bool,
    features: interlingua::Features,
    target: std::sync::Arc<interlingua::Target>,
    requested_model: String,
    decision: Py<PyAny>,
}

/// The decisions for requests whose heads say the same. Whoever decides adds what it has decided; a change of mind
/// starts anew.
#[pyclass(module = "interlingua._native")]
pub(crate) struct Lanes {
    dialect: Dialect,
    head: ClientHead,
    limits: Limits,
    /// By the model.
    lanes: HashMap<String, Vec<Lane>>,
    count: usize,
}

/// The decision, the request, its first attempt, and what that sends.
type Begun = (Py<PyAny>, Request, Attempt, HttpRequest);

#[pymethods]
impl Lanes {
    #[new]
    #[pyo3(signature = (dialect, headers, query, max_body_bytes, /))]
    fn new(
        py: Python<'_>,
        dialect: &str,
        headers: Vec<(Text, Text)>,
        query: Text,
        max_body_bytes: usize,
    ) -> PyResult<Self> {
        Ok(Self {
            dialect: request::dialect(py, dialect)?,
            head: ClientHead { query: query.0, headers: http::headers(headers) },
            limits: Limits { max_bytes: max_body_bytes, ..Limits::default() },
            lanes: HashMap::new(),
            count: 0,
        })
    }

    /// Keeps the decision for requests like this one, unless there is one.
    #[pyo3(signature = (request, target, requested_model, decision, /))]
    fn add(&mut self, request: &Request, target: &Target, requested_model: String, decision: Py<PyAny>) {
        let facts = request.0.facts();
        let (stream, features, target) = (facts.stream, facts.features, target.0.clone());
        let known = self
            .lanes
            .get(facts.model.as_str())
            .is_some_and(|lanes| lanes.iter().any(|lane| lane.stream == stream && lane.features == features));
        if !known && self.count < MAX_LANES {
            self.count += 1;
            let lane = Lane { stream, features, target, requested_model, decision };
            self.lanes.entry(facts.model.clone()).or_default().push(lane);
        }
    }

    /// Begins the first attempt of a request whose decision is known. `None` if it is not, or if anything about the
    /// request needs a closer look.
    #[pyo3(signature = (body, now_unix, id_seed, /))]
    fn begin(&self, py: Python<'_>, body: PyBackedBytes, now_unix: u64, id_seed: u128) -> Option<Begun> {
        if self.count == 0 {
            return None;
        }
        let size = body.len();
        let body = Bytes::from_owner(body);
        let begun = maybe_detached(py, size, || self.attempt(body, now_unix, id_seed));
        let (lane, request, attempt, sent) = begun?;
        Some((lane.decision.clone_ref(py), Request(request), Attempt::new(attempt), HttpRequest(sent)))
    }
}

impl Lanes {
    fn attempt(
        &self,
        body: Bytes,
        now_unix: u64,
        id_seed: u128,
    ) -> Option<(&Lane, interlingua::Request, interlingua::Attempt, interlingua::HttpRequest)> {
        let request = interlingua::Request::read(self.dialect, &self.head, body, &self.limits).ok()?;
        let facts = request.facts();
        if facts.host_controls.len() > 2 {
            return None;
        }
        let lanes = self.lanes.get(facts.model.as_str())?;
        let lane =
            lanes.iter().find(|lane| lane.stream == facts.stream && lane.features == facts.features)?;
        let requested_model = Some(lane.requested_model.clone());
        let options = AttemptOptions { now_unix, id_seed, requested_model, ..AttemptOptions::default() };
        let mut attempt = request.attempt(&lane.target, options).ok()?;
        let Step::Send(sent) = attempt.step() else { return None };
        Some((lane, request, attempt, sent))
    }
}
