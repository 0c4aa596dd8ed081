//! The core's side of a case. Only this file knows the core's API.

use std::sync::Arc;

use bytes::Bytes;
use interlingua::{
    Attempt, AttemptOptions, Auth, Capabilities, ClientHead, Credential, Dialect, HttpRequest, Limits,
    Outcome, Refusal, Request, Step, Target,
};
use serde_json::{Map, Value, json};

use crate::case::{Answer, Case, Live, Question, Route};
use crate::observe;

/// The oracle's pinned clock.
const NOW_UNIX: u64 = 1_700_000_000;
/// Any seed: ids that we make up are normalised.
const ID_SEED: u128 = 7;
/// The oracle's is a hash of its configuration.
const DEPLOYMENT: &str = "deployment";
/// Where the oracle sends what has no host of its own.
const UPSTREAM: &str = "http://upstream.test/v1";
const NEEDS_BASE_URL: [&str; 5] = ["hosted_vllm", "lm_studio", "custom_openai", "ollama", "ollama_openai"];

/// Whose fault a refusal of the core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    Invalid,
    Unsupported,
    Decline,
}

/// What the core did with a request.
#[derive(Debug, Clone)]
pub(crate) enum OurRequest {
    /// `{"method", "url", "headers", "body"}`
    Sent(Value),
    Refused {
        kind: RefusalKind,
        status: u16,
        message: String,
    },
}

/// What the core did with a case.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) request: OurRequest,
    /// What the client receives, if the case has an answer and the request was sent.
    pub(crate) answer: Option<Answer>,
    /// Why a successful answer could not be read to its end.
    pub(crate) unreadable: Option<String>,
    /// What was lost on the way, as path and code.
    pub(crate) losses: Vec<(String, &'static str)>,
}

/// Runs a case through the core.
pub(crate) fn run(case: &Case) -> Ours {
    match attempt(case) {
        Ok((sent, mut attempt)) => {
            let received = case.answer.as_ref().map(|answer| receive(&mut attempt, answer));
            let (answer, unreadable) = received.map_or((None, None), |(answer, why)| (Some(answer), why));
            let losses = attempt.losses().iter().map(|loss| (loss.path.clone(), loss.code)).collect();
            Ours { request: OurRequest::Sent(describe(&sent)), answer, unreadable, losses }
        }
        Err(refusal) => {
            let kind = match &refusal {
                Refusal::Unsupported(_) => RefusalKind::Unsupported,
                Refusal::Decline(_) => RefusalKind::Decline,
                _ => RefusalKind::Invalid,
            };
            let fault = refusal.fault();
            Ours {
                request: OurRequest::Refused { kind, status: fault.status, message: fault.message.clone() },
                answer: None,
                unreadable: None,
                losses: Vec::new(),
            }
        }
    }
}

/// The features that the request of a case uses, as the gate distinguishes them.
pub(crate) fn features(case: &Case) -> Vec<&'static str> {
    read(case).map(|request| request.facts().features.names().collect()).unwrap_or_default()
}

fn read(case: &Case) -> Result<Request, Refusal> {
    let question = &case.question;
    let dialect = match question.route {
        Route::OpenAiChat => Dialect::OpenAiChat,
        Route::AnthropicMessages => Dialect::AnthropicMessages,
        Route::OpenAiResponses => Dialect::OpenAiResponses,
        Route::MistralOcr => Dialect::MistralOcr,
    };
    let (query, body) = match &question.live {
        Some(live) => (live.query.clone(), Bytes::from(live.body.clone())),
        None => (String::new(), Bytes::from(stated(question).to_string())),
    };
    let head = ClientHead { query, headers: question.headers.clone() };
    Request::read(dialect, &head, body, &Limits::default())
}

fn stated(question: &Question) -> Value {
    let mut body = question.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.insert("model".to_owned(), json!(question.group()));
    }
    body
}

fn attempt(case: &Case) -> Result<(HttpRequest, Attempt), Refusal> {
    let question = &case.question;
    let request = read(case)?;
    let needed = NEEDS_BASE_URL.contains(&question.provider.as_str()).then_some(UPSTREAM);
    let mut target =
        Target::new(&question.provider, &question.model, question.api_base.as_deref().or(needed))?;
    target.drop_params = question.drop_params;
    target.deployment = Some(Arc::from(DEPLOYMENT));
    if let Some(live) = &question.live {
        configure(&mut target, live)?;
    }
    let options = AttemptOptions {
        now_unix: NOW_UNIX,
        id_seed: ID_SEED,
        requested_model: Some(question.group()),
        ..AttemptOptions::default()
    };
    let mut attempt = request.attempt(&Arc::new(target), options)?;
    match attempt.step() {
        Step::Send(sent) => Ok((sent, attempt)),
        _ => Err(Refusal::decline("parity", "the attempt did not begin with a request")),
    }
}

/// What a host's deployment says beyond its provider and model.
fn configure(target: &mut Target, live: &Live) -> Result<(), Refusal> {
    target.credential = if live.has_credential { Credential::ApiKey } else { Credential::None };
    target.defaults = Bytes::from(live.defaults.clone());
    target.extra_headers = live.extra_headers.clone();
    if !live.capabilities.is_empty() {
        let told = Capabilities::clone(&target.capabilities).overridden(&live.capabilities);
        let told = told.map_err(|error| Refusal::invalid("capabilities", error.to_string()))?;
        target.capabilities = Arc::new(told);
    }
    Ok(())
}

/// The request as the oracle's worker describes its own, the key masked.
fn describe(sent: &HttpRequest) -> Value {
    let mut headers: Map<String, Value> =
        sent.headers.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    for auth in &sent.auth {
        if let Auth::Header { name, prefix } = auth {
            headers.insert((*name).to_owned(), json!(format!("{prefix}<key>")));
        }
    }
    json!({
        "method": sent.method,
        "url": sent.url,
        "headers": headers,
        "body": observe::body(&sent.body_bytes()),
    })
}

/// What the client receives, and why the answer could not be read if it could not.
fn receive(attempt: &mut Attempt, answer: &Answer) -> (Answer, Option<String>) {
    let mut out = Vec::new();
    attempt.head(answer.status, &answer.headers);
    attempt.body(&answer.body, &mut out);
    attempt.end(&mut out);
    let step = attempt.step();
    let unreadable = match &step {
        Step::Done(Outcome::Failed(error)) if answer.status < 400 => Some(error.message.clone()),
        _ => None,
    };
    let received = match (attempt.client_head(), step) {
        // Nothing was committed: the host tells the client.
        (None, Step::Done(Outcome::Failed(_))) => {
            let failure = attempt.failure();
            Answer { status: failure.status, headers: failure.headers, body: failure.body.to_vec() }
        }
        (Some(head), _) => Answer { status: head.status, headers: head.to_headers(), body: out },
        (None, _) => Answer { status: 0, headers: Vec::new(), body: out },
    };
    (received, unreadable)
}
