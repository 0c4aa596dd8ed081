//! One exact translation between every LLM API, without any I/O.
//!
//! ```text
//!  client ──bytes──▶ host ──bytes──▶ Request::read ─▶ decode ─▶ IR ─▶ encode ──HttpRequest──▶ host signs, sends ──▶ provider
//!  client ◀──bytes── host ◀──bytes── Attempt::body ◀─ encode ◀─ IR ◀─ decode ◀──bytes, any split── host ◀────────── provider
//! ```
//!
//! The host owns sockets, clocks and secrets; this crate owns what the bytes mean. A client's [`Request`] is parsed once.
//! For each [`Target`] that is tried, [`Request::attempt`] makes an [`Attempt`]: a state machine that says what to send,
//! takes the provider's bytes in any split, and appends the client's bytes to a buffer.
//!
//! # The loop
//!
//! ```
//! use std::sync::Arc;
//! use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Outcome, Request, Step, Target};
//!
//! # fn main() -> Result<(), interlingua::Refusal> {
//! let body = Bytes::from_static(br#"{"model":"claude","messages":[{"role":"user","content":"Hi"}]}"#);
//! let request = Request::read(Dialect::OpenAiChat, &ClientHead::default(), body, &Limits::default())?;
//! let target = Arc::new(Target::new("anthropic", "claude-sonnet-4-5", None)?);
//! let mut attempt = request.attempt(&target, AttemptOptions::default())?;
//! let mut out = Vec::new();
//! let outcome = loop {
//!     match attempt.step() {
//!         Step::Send(request) => {
//!             assert_eq!(request.url, "https://api.anthropic.com/v1/messages");
//!             // The host signs and sends it; here is what came back.
//!             attempt.head(200, &[("content-type", "application/json")]);
//!             attempt.body(br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","#, &mut out);
//!             attempt.body(br#""content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn","#, &mut out);
//!             attempt.body(br#""usage":{"input_tokens":8,"output_tokens":3}}"#, &mut out);
//!             attempt.end(&mut out);
//!         }
//!         Step::Done(outcome) => break outcome,
//!         _ => {}
//!     }
//! };
//! assert_eq!(outcome, Outcome::Answered);
//! assert!(String::from_utf8_lossy(&out).contains(r#""content":"Hello!""#));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod attempt;
mod capabilities;
mod controls;
mod dialect;
mod edit;
mod error;
mod features;
pub mod frame;
mod http;
mod ids;
pub mod ir;
pub mod json;
mod loss;
mod policy;
mod provider;
mod request;
mod response_id;
pub mod route;
mod target;
mod tool_names;
mod translate;
mod usage;

pub use bytes::Bytes;

pub use crate::attempt::{AnswerHead, Attempt, AttemptOptions, Operation, Outcome, Step, render_error};
pub use crate::capabilities::Capabilities;
pub use crate::dialect::Dialect;
pub use crate::error::{FailureKind, Fault, Refusal, UpstreamError};
pub use crate::features::Features;
pub use crate::http::{Auth, ClientHead, ClientResponse, Headers, HttpRequest, header};
pub use crate::json::Limits;
pub use crate::loss::{Loss, Report, Rewrite};
pub use crate::provider::Provider;
pub use crate::request::{Facts, Request};
pub use crate::response_id::ResponseId;
pub use crate::target::{Compat, Credential, Target};
pub use crate::translate::{translate_request, translate_response};
pub use crate::usage::Usage;
