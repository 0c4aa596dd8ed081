//! Errors, by who is to blame.

use bytes::Bytes;
use thiserror::Error;

/// A fault that is told to the client: what is wrong, in terms of every dialect's error body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// Stable snake_case reason, for hosts and logs.
    pub reason: &'static str,
    /// The dialect's error type (`invalid_request_error` …); `None` leaves it to the status.
    pub kind: Option<String>,
    /// The dialect's error code.
    pub code: Option<String>,
    /// The request field at fault.
    pub param: Option<String>,
    /// For people. May quote names of fields, never their values.
    pub message: String,
}

impl Fault {
    /// A fault with this status, reason and message.
    pub fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, kind: None, code: None, param: None, message: message.into() }
    }

    /// The same, blaming a request field.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, with the dialect's error type.
    #[must_use]
    pub fn with_kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// The same, with the dialect's error code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// Why a request was not translated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The client's request is wrong: no engine would accept it.
    #[error("invalid request: {0}")]
    Invalid(Fault),
    /// The request is valid, but this provider, or any translation to it, cannot carry it.
    #[error("unsupported: {0}")]
    Unsupported(Fault),
    /// Not translated by this core (yet); another engine may serve it.
    #[error("declined: {0}")]
    Decline(Fault),
}

impl Refusal {
    /// A 400 that blames `param`.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(Fault::new(400, "invalid_request", message).with_param(param))
    }

    /// A 400 for a parameter or content that the target cannot take.
    pub fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unsupported(Fault::new(400, "unsupported", message).with_param(param))
    }

    /// Leaves the request to another engine.
    pub fn decline(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Decline(Fault::new(400, reason, message))
    }

    /// What to tell the client.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Invalid(fault) | Self::Unsupported(fault) | Self::Decline(fault) => fault,
        }
    }
}

/// What kind of failure a provider's answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The provider answered with an error, as its status says.
    Status,
    /// An error object or event inside a successful answer.
    InBand,
    /// The stream or body ended before the answer was complete.
    Truncated,
    /// The answer is not what the dialect says.
    Malformed,
    /// The answer grew over a limit.
    TooLarge,
    /// The host gave up waiting.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// The client left.
    Disconnected,
}

impl FailureKind {
    /// Stable snake_case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::InBand => "in_band",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Disconnected => "disconnected",
        }
    }
}

/// A provider's failure, as data: it is rendered to the client, retried or logged, never raised.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamError {
    /// The kind of failure.
    pub failure: FailureKind,
    /// The provider's HTTP status, or the one that the failure stands for.
    pub status: u16,
    /// The provider's error type, where it sent one.
    pub kind: Option<String>,
    /// The provider's error code, where it sent one.
    pub code: Option<String>,
    /// The request field that the provider blames.
    pub param: Option<String>,
    /// The provider's message, verbatim.
    pub message: String,
    /// The body as it came.
    pub raw: Bytes,
    /// How long the provider asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Whether content had reached the client before.
    pub committed: bool,
}

impl UpstreamError {
    /// An error with nothing known but these three.
    pub fn new(failure: FailureKind, status: u16, message: impl Into<String>) -> Self {
        Self {
            failure,
            status,
            kind: None,
            code: None,
            param: None,
            message: message.into(),
            raw: Bytes::new(),
            retry_after_ms: None,
            committed: false,
        }
    }

    /// Whether another try may end better: LiteLLM's classes (408, 409, 429, 5xx and lost connections), before commit.
    #[must_use]
    pub fn retry(&self) -> bool {
        let worth = match self.failure {
            FailureKind::Disconnected | FailureKind::TooLarge => false,
            FailureKind::Timeout
            | FailureKind::Connection
            | FailureKind::Truncated
            | FailureKind::Malformed => true,
            FailureKind::Status | FailureKind::InBand => {
                matches!(self.status, 408 | 409 | 429) || self.status >= 500
            }
        };
        worth && !self.committed
    }
}
