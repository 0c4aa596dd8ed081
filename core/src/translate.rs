//! One-shot translation, for hosts that have everything at hand.

use std::sync::Arc;

use bytes::Bytes;

use crate::attempt::{AttemptOptions, Outcome, Step};
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::http::{ClientHead, ClientResponse, HttpRequest};
use crate::json::Limits;
use crate::loss::Loss;
use crate::request::Request;
use crate::target::Target;

/// Translates a request: what to send, and what was lost.
///
/// # Errors
/// See [`Refusal`].
pub fn translate_request(
    dialect: Dialect,
    body: Bytes,
    target: &Arc<Target>,
    options: AttemptOptions,
) -> Result<(HttpRequest, Vec<Loss>), Refusal> {
    let request = Request::read(dialect, &ClientHead::default(), body, &Limits::default())?;
    let mut attempt = request.attempt(target, options)?;
    match attempt.step() {
        Step::Send(http) => Ok((http, attempt.losses().to_vec())),
        _ => Err(Refusal::decline("no_request", "this attempt sends nothing")),
    }
}

/// Translates a provider's whole answer (streams too, as one body) to `request`, the client's request body.
///
/// # Errors
/// See [`Refusal`]: the request has to be translatable. A provider's failure is an answer as well.
pub fn translate_response(
    dialect: Dialect,
    request: Bytes,
    target: &Arc<Target>,
    answer: (u16, &[(String, String)], &[u8]),
    options: AttemptOptions,
) -> Result<(ClientResponse, Vec<Loss>), Refusal> {
    let request = Request::read(dialect, &ClientHead::default(), request, &Limits::default())?;
    let mut attempt = request.attempt(target, options)?;
    attempt.step();
    let (status, headers, body) = answer;
    let mut out = Vec::with_capacity(body.len() + 512);
    attempt.head(status, headers);
    attempt.body(body, &mut out);
    attempt.end(&mut out);
    let losses = attempt.losses().to_vec();
    let step = attempt.step();
    match (attempt.client_head(), step) {
        (None, Step::Done(Outcome::Failed(_))) => Ok((attempt.failure(), losses)),
        (head, _) => {
            let status = head.map_or(200, |head| head.status);
            let headers = head.map(|head| head.to_headers()).unwrap_or_default();
            Ok((ClientResponse { status, headers, body: Bytes::from(out) }, losses))
        }
    }
}
