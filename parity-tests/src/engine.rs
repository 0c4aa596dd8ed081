//! The core's side of a case. Only this file knows the core's API.

use serde_json::Value;

use crate::case::{Answer, Case};

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
    Refused { kind: RefusalKind, status: u16, message: String },
}

/// What the core did with a case.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) request: OurRequest,
    /// What the client receives, if the case has an answer and the request was sent.
    pub(crate) answer: Option<Answer>,
}

/// Runs a case through the core.
pub(crate) fn run(_case: &Case) -> Ours {
    Ours {
        request: OurRequest::Refused {
            kind: RefusalKind::Decline,
            status: 501,
            message: "the core is not connected yet".to_owned(),
        },
        answer: None,
    }
}
