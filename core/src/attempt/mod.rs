//! One try at one target, as a state machine: what to send, what the provider answers, what the client is owed.

mod answer;
mod head;
mod operation;
mod prepare;
mod replay;
mod stream;

use std::sync::Arc;

use bytes::Bytes;

use crate::dialect::{
    AnswerContext, Dialect, anthropic_messages, mistral_ocr, openai_chat, openai_responses,
};
use crate::error::{FailureKind, Fault, Refusal, UpstreamError};
use crate::frame::sse::SseReader;
use crate::http::{ClientResponse, HttpRequest};
use crate::loss::{Loss, Report, Rewrite};
use crate::request::Request;
use crate::target::Target;
use crate::usage::Usage;

pub use head::AnswerHead;
use head::{OwnHeaders, ProviderHeaders};
pub use operation::Operation;
use stream::StreamReader;
pub(crate) use stream::{Relaying, StreamState};

/// What varies from attempt to attempt.
#[derive(Debug, Clone, Default)]
pub struct AttemptOptions {
    /// The current time in Unix seconds.
    pub now_unix: u64,
    /// Random bits for ids that the provider does not give; the same seed gives the same bytes.
    pub id_seed: u128,
    /// The name by which the client asked for the model; by default the one in the request.
    pub requested_model: Option<String>,
    /// Largest answer in bytes; by default 256 MiB.
    pub max_answer_bytes: Option<usize>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Send this request, then feed the answer to [`Attempt::head`], [`Attempt::body`] and [`Attempt::end`].
    Send(HttpRequest),
    /// Feed more of the answer.
    Receive,
    /// It is over.
    Done(Outcome),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client has its answer.
    Answered,
    /// The provider failed. If nothing was committed, another attempt may be made; [`Attempt::failure`] tells the client.
    Failed(UpstreamError),
}

/// How the answer is read.
enum Reader {
    /// Nothing came yet.
    Waiting,
    /// The whole body is collected first.
    Whole(Vec<u8>),
    /// The whole body of an error answer is collected.
    Error(Vec<u8>),
    /// Frame by frame.
    Stream(Box<StreamReader>),
    /// The answer is complete, or failed.
    Over,
}

/// One try at one target. Its calls come in this order: [`step`](Self::step) gives the request, then
/// [`head`](Self::head) once, [`body`](Self::body) any number of times and [`end`](Self::end) once, or
/// [`abort`](Self::abort) at any time; [`step`](Self::step) tells when it is over. Bytes owed to the client are appended
/// to `out`; their status and headers are [`client_head`](Self::client_head). Calls out of order do nothing.
pub struct Attempt {
    client: Dialect,
    upstream: Dialect,
    context: AnswerContext,
    streaming: bool,
    hide_usage: bool,
    /// The provider answers in one piece where the client asked for a stream.
    whole: bool,
    /// It is about a stored response: the answer need not be a response.
    stored: bool,
    request: Option<HttpRequest>,
    reader: Reader,
    status: u16,
    provider_headers: ProviderHeaders,
    /// The head that the client is owed, once it is owed anything.
    owed: Option<OwnHeaders>,
    outcome: Option<Outcome>,
    usage: Option<Usage>,
    report: Report,
    max_answer_bytes: usize,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("client", &self.client)
            .field("upstream", &self.upstream)
            .field("streaming", &self.streaming)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    pub(crate) fn new(
        request: &Request,
        target: &Arc<Target>,
        options: AttemptOptions,
    ) -> Result<Self, Refusal> {
        prepare::prepare(request, target, options)
    }

    /// What to do next. [`Step::Send`] is given once.
    pub fn step(&mut self) -> Step {
        if let Some(request) = self.request.take() {
            return Step::Send(request);
        }
        self.outcome.clone().map_or(Step::Receive, Step::Done)
    }

    /// The provider's status and headers.
    pub fn head<N: AsRef<str>, V: AsRef<str>>(&mut self, status: u16, headers: &[(N, V)]) {
        if !matches!(self.reader, Reader::Waiting) || (100..200).contains(&status) {
            return;
        }
        self.status = status;
        self.provider_headers = ProviderHeaders::read(headers);
        let json = self.provider_headers.get("content-type").is_some_and(|kind| kind.contains("json"));
        self.reader = match status {
            200..=299 if self.streaming && !self.whole && !json => {
                let sse = SseReader::new(self.max_answer_bytes.min(LONGEST_EVENT));
                let (client, upstream) = (self.client, self.upstream);
                Reader::Stream(Box::new(StreamReader::new(
                    sse,
                    client,
                    upstream,
                    &self.context,
                    self.hide_usage,
                )))
            }
            200..=299 => Reader::Whole(Vec::new()),
            _ => Reader::Error(Vec::new()),
        };
    }

    /// Any piece of the provider's body. Appends to `out` what the client is owed now.
    pub fn body(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match &mut self.reader {
            Reader::Whole(body) | Reader::Error(body)
                if body.len() + chunk.len() <= self.max_answer_bytes =>
            {
                body.extend_from_slice(chunk);
            }
            Reader::Whole(_) | Reader::Error(_) => {
                let message = format!("the provider's answer is larger than {} bytes", self.max_answer_bytes);
                self.fail(UpstreamError::new(FailureKind::TooLarge, 502, message));
            }
            Reader::Stream(stream) => {
                stream.feed(chunk, out);
                self.after_stream();
            }
            Reader::Waiting | Reader::Over => {}
        }
    }

    /// The provider's body is complete.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.reader, Reader::Over) {
            Reader::Whole(body) => self.whole(body, out),
            Reader::Error(body) => {
                let error = self.decode_error(&body);
                self.fail(error);
            }
            Reader::Stream(mut stream) => {
                stream.end(out);
                self.reader = Reader::Stream(stream);
                self.after_stream();
            }
            Reader::Waiting => {
                self.fail(UpstreamError::new(
                    FailureKind::Connection,
                    500,
                    "the provider closed the connection",
                ));
            }
            Reader::Over => {}
        }
    }

    /// The host gives up. Appends the dialect's terminal error where the answer had begun.
    pub fn abort(&mut self, reason: FailureKind, out: &mut Vec<u8>) {
        if self.outcome.is_some() {
            return;
        }
        let (status, message) = match reason {
            FailureKind::Timeout => (408, "the provider did not answer in time"),
            FailureKind::Disconnected => (499, "the client closed the connection"),
            _ => (500, "the connection to the provider failed"),
        };
        let error = UpstreamError::new(reason, status, message);
        match &mut self.reader {
            Reader::Stream(stream) => {
                stream.fail(error, out);
                self.after_stream();
            }
            _ => self.fail(error),
        }
    }

    /// Status and headers owed to the client; `None` until the first content is there.
    #[must_use]
    pub fn client_head(&self) -> Option<AnswerHead<'_>> {
        self.owed.map(|own| AnswerHead::new(own, &self.provider_headers))
    }

    /// What to answer the client where the attempt failed before anything was committed.
    #[must_use]
    pub fn failure(&self) -> ClientResponse {
        let Some(Outcome::Failed(error)) = &self.outcome else {
            return render_error(self.client, &Fault::new(500, "misuse", "the attempt has not failed"));
        };
        let mut response = render_error(self.client, &fault(self.client, self.upstream, error));
        if self.client == self.upstream && anthropic_messages::error::is_body(&error.raw) {
            response.body = error.raw.clone();
        }
        let passed_on = self.provider_headers.passed_on();
        response.headers.extend(passed_on.map(|(name, value)| (name.to_owned(), value.to_owned())));
        response
    }

    /// Token counts, as far as the provider told.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What could not be carried over so far.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.report.losses
    }

    /// What was added or changed because LiteLLM does.
    #[must_use]
    pub fn rewrites(&self) -> &[Rewrite] {
        &self.report.rewrites
    }

    /// The dialect that the provider speaks.
    #[must_use]
    pub fn upstream_dialect(&self) -> Dialect {
        self.upstream
    }

    fn fail(&mut self, mut error: UpstreamError) {
        error.committed = self.owed.is_some();
        self.reader = Reader::Over;
        self.outcome = Some(Outcome::Failed(error));
    }

    fn decode_error(&self, body: &[u8]) -> UpstreamError {
        let mut error = match self.upstream {
            Dialect::AnthropicMessages => anthropic_messages::error::decode(self.status, body),
            Dialect::MistralOcr => mistral_ocr::error::decode(self.status, body),
            Dialect::OpenAiResponses => openai_responses::error::decode(self.status, body),
            Dialect::OpenAiChat => openai_chat::error::decode(self.status, body),
        };
        error.retry_after_ms = self.provider_headers.retry_after_ms();
        error.raw = Bytes::copy_from_slice(body);
        error
    }

    fn after_stream(&mut self) {
        let Reader::Stream(stream) = &mut self.reader else { return };
        let state = &mut stream.state;
        self.usage = state.usage.or(self.usage);
        if state.committed {
            self.owed = Some(head::STREAM);
        }
        if let Some(over) = state.over.take() {
            self.report.losses.append(&mut stream.report().losses);
            match over {
                Ok(()) => {
                    self.reader = Reader::Over;
                    self.outcome = Some(Outcome::Answered);
                }
                Err(error) => self.fail(error),
            }
        }
    }
}

/// Longest single event of a stream.
const LONGEST_EVENT: usize = 64 << 20;

/// What a client is told of a provider's failure.
fn fault(client: Dialect, upstream: Dialect, error: &UpstreamError) -> Fault {
    match client {
        Dialect::AnthropicMessages => anthropic_messages::error::fault(error, upstream),
        Dialect::OpenAiResponses => openai_responses::error::fault(error, upstream),
        Dialect::OpenAiChat | Dialect::MistralOcr => openai_chat::error::fault(error, upstream),
    }
}

/// Renders a host's error (unknown model, bad key, body too large …) in a client's dialect.
#[must_use]
pub fn render_error(dialect: Dialect, fault: &Fault) -> ClientResponse {
    match dialect {
        Dialect::AnthropicMessages => anthropic_messages::error::encode(fault),
        Dialect::OpenAiResponses => openai_responses::error::encode(fault),
        Dialect::OpenAiChat | Dialect::MistralOcr => openai_chat::error::encode(fault),
    }
}
