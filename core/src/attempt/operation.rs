//! What else a client may want of `/v1/responses`: stored responses, compaction, token counts.

use std::sync::Arc;

use bytes::Bytes;

use super::prepare;
use super::{Attempt, AttemptOptions};
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::http::ClientHead;
use crate::json::Limits;
use crate::request::Request;
use crate::response_id::ResponseId;
use crate::target::Target;

/// An operation of [the responses API](https://platform.openai.com/docs/api-reference/responses) beside making one. It is
/// passed on to the provider that keeps the response, or that serves the model.
#[derive(Debug, Clone)]
pub struct Operation {
    kind: Kind,
    query: String,
}

#[derive(Debug, Clone)]
enum Kind {
    /// On a stored response: method, id as the client knows it, what follows the id.
    Stored { method: &'static str, id: String, rest: &'static str },
    /// On a request that is like one for a response.
    Asked { path: &'static str, request: Box<Request> },
}

impl Operation {
    /// Reads an operation; `path` is what follows `/responses`. `None` if the API has no such operation.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where the body is no request, or the id cannot be one.
    pub fn read(
        method: &str,
        path: &str,
        head: &ClientHead,
        body: Bytes,
        limits: &Limits,
    ) -> Result<Option<Self>, Refusal> {
        let query = head.query.clone();
        let asked = match path {
            "/compact" => Some("/compact"),
            "/input_tokens" => Some("/input_tokens"),
            _ => None,
        };
        if let Some(path) = asked {
            if method != "POST" {
                return Ok(None);
            }
            let request = Box::new(Request::read(Dialect::OpenAiResponses, head, body, limits)?);
            return Ok(Some(Self { kind: Kind::Asked { path, request }, query }));
        }
        let Some(path) = path.strip_prefix('/') else { return Ok(None) };
        let (id, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let (method, rest) = match (method, rest) {
            ("GET", "") => ("GET", ""),
            ("DELETE", "") => ("DELETE", ""),
            ("POST", "/cancel") => ("POST", "/cancel"),
            ("GET", "/input_items") => ("GET", "/input_items"),
            _ => return Ok(None),
        };
        Ok(Some(Self { kind: Kind::Stored { method, id: id.to_owned(), rest }, query }))
    }

    /// What the id of the stored response says; `None` for one that a provider made, or where there is no id.
    #[must_use]
    pub fn response_id(&self) -> Option<ResponseId> {
        match &self.kind {
            Kind::Stored { id, .. } => ResponseId::decode(id),
            Kind::Asked { .. } => None,
        }
    }

    /// The request, for operations on one.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        match &self.kind {
            Kind::Stored { .. } => None,
            Kind::Asked { request, .. } => Some(request),
        }
    }

    /// Whether the answer is a stream.
    #[must_use]
    pub fn streams(&self) -> bool {
        matches!(self.kind, Kind::Stored { method: "GET", rest: "", .. })
            && self.query.split('&').any(|pair| pair == "stream=true")
    }

    /// Gets ready to ask `target`, and for its answer.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn attempt(&self, target: &Arc<Target>, options: AttemptOptions) -> Result<Attempt, Refusal> {
        match &self.kind {
            Kind::Asked { path, request } => prepare::asked(request, path, &self.query, target, options),
            Kind::Stored { method, id, rest } => {
                let id = ResponseId::decode(id).map_or_else(|| id.clone(), |decoded| decoded.id);
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
                if id.is_empty() || !id.bytes().all(plain) || id.starts_with('.') {
                    return Err(Refusal::invalid("response_id", "this is not the id of a response"));
                }
                let path = format!("/{id}{rest}");
                prepare::stored(method, &path, &self.query, self.streams(), target, options)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{Outcome, Step};

    fn target() -> Arc<Target> {
        let mut target = Target::new("openai", "gpt-5", None).unwrap();
        target.deployment = Some("d1".into());
        Arc::new(target)
    }

    fn operation(method: &str, path: &str, query: &str, body: &str) -> Option<Operation> {
        let head = ClientHead { query: query.to_owned(), headers: Vec::new() };
        Operation::read(method, path, &head, Bytes::copy_from_slice(body.as_bytes()), &Limits::default())
            .unwrap()
    }

    #[test]
    fn a_stored_response_is_asked_for_by_the_providers_id_and_told_by_the_clients() {
        let id = ResponseId::encode("openai", "d1", "resp_abc");
        for (method, rest, query, url) in [
            ("GET", "", "include=x", "https://api.openai.com/v1/responses/resp_abc?include=x"),
            ("DELETE", "", "", "https://api.openai.com/v1/responses/resp_abc"),
            ("POST", "/cancel", "", "https://api.openai.com/v1/responses/resp_abc/cancel"),
            (
                "GET",
                "/input_items",
                "limit=2",
                "https://api.openai.com/v1/responses/resp_abc/input_items?limit=2",
            ),
        ] {
            let operation = operation(method, &format!("/{id}{rest}"), query, "").unwrap();
            assert_eq!(operation.response_id().unwrap().deployment.as_deref(), Some("d1"));
            let options =
                AttemptOptions { requested_model: Some("mine".to_owned()), ..AttemptOptions::default() };
            let mut attempt = operation.attempt(&target(), options).unwrap();
            let Step::Send(sent) = attempt.step() else { panic!("nothing to send") };
            assert_eq!((sent.method, sent.url.as_str(), sent.body.len()), (method, url, 0));
            let mut out = Vec::new();
            attempt.head(200, &[("content-type", "application/json")]);
            attempt.body(br#"{"id":"resp_abc","object":"response","model":"gpt-5-1","output":[]}"#, &mut out);
            attempt.end(&mut out);
            let told = format!(r#"{{"id":"{id}","object":"response","model":"mine","output":[]}}"#);
            assert_eq!(String::from_utf8(out).unwrap(), told);
            assert_eq!(attempt.step(), Step::Done(Outcome::Answered));
        }
    }

    #[test]
    fn lists_pass_as_they_are_and_other_paths_are_no_operations() {
        let operation = operation("GET", "/resp_abc/input_items", "", "").unwrap();
        let mut attempt = operation.attempt(&target(), AttemptOptions::default()).unwrap();
        let list = br#"{"object":"list","data":[{"id":"msg_1"}],"first_id":"msg_1"}"#;
        let mut out = Vec::new();
        attempt.step();
        attempt.head(200, &[("content-type", "application/json")]);
        attempt.body(list, &mut out);
        attempt.end(&mut out);
        assert_eq!(out, list);
        for (method, path) in [("GET", "/compact"), ("PUT", "/resp_1"), ("GET", "/resp_1/x"), ("GET", "")] {
            assert!(self::operation(method, path, "", "{}").is_none(), "{method} {path}");
        }
        let evil = self::operation("GET", "/..", "", "").unwrap();
        assert!(evil.attempt(&target(), AttemptOptions::default()).is_err());
    }

    #[test]
    fn compaction_and_counting_are_edited_like_requests() {
        let operation =
            operation("POST", "/compact", "", r#"{"model":"mine","input":"Hi","metadata":null}"#).unwrap();
        assert_eq!(operation.request().unwrap().facts().model, "mine");
        let mut attempt = operation.attempt(&target(), AttemptOptions::default()).unwrap();
        let Step::Send(sent) = attempt.step() else { panic!("nothing to send") };
        assert_eq!(sent.url, "https://api.openai.com/v1/responses/compact");
        assert_eq!(&*sent.body_bytes(), br#"{"model":"gpt-5","input":"Hi","metadata":null}"#);
    }
}
