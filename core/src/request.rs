//! A client's request, parsed once.

use std::sync::Arc;

use bytes::Bytes;

use crate::attempt::{Attempt, AttemptOptions};
use crate::controls;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::features::Features;
use crate::http::ClientHead;
use crate::json::{JsonError, Limits, Node, Text, Tokens, WORTH_SHARING, Writer};
use crate::target::Target;

/// A client's request: its body, validated and indexed once, for any number of attempts.
#[derive(Debug, Clone)]
pub struct Request {
    dialect: Dialect,
    head: ClientHead,
    body: Bytes,
    tokens: Tokens,
    facts: Facts,
}

/// What a host has to know of a request to route it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The model that the client asks for.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// How many alternatives are asked for.
    pub n: u64,
    /// The fields meant for the host (`num_retries`, `fallbacks` …), as one JSON object; they are not sent on.
    pub host_controls: Bytes,
    /// The response that the request goes on from, by the id under which the client knows it.
    pub previous_response_id: Option<String>,
    /// The features that the request uses, as far as the gate distinguishes them.
    pub features: Features,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything that no engine would accept: not JSON, not an object, no model, a field twice, a
    /// field that clients may not set, nesting or size over the limits.
    pub fn read(dialect: Dialect, head: &ClientHead, body: Bytes, limits: &Limits) -> Result<Self, Refusal> {
        let mut tokens = Tokens::default();
        let root = tokens.parse(&body, limits).map_err(not_json)?;
        if !root.is_object() {
            return Err(Refusal::invalid("", "the request body must be a JSON object"));
        }
        let facts = facts(dialect, root)?;
        Ok(Self { dialect, head: head.clone(), body, tokens, facts })
    }

    /// The dialect that the client speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What a host has to know of the request to route it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Translates the request for one target and gets ready for its answer.
    ///
    /// # Errors
    /// See [`Refusal`]: what is wrong with the request, what this target cannot take, or what another engine has to do.
    pub fn attempt(&self, target: &Arc<Target>, options: AttemptOptions) -> Result<Attempt, Refusal> {
        if let Some(merged) = self.with_defaults(target)? {
            return Attempt::new(&merged, target, options);
        }
        Attempt::new(self, target, options)
    }

    pub(crate) fn root(&self) -> Node<'_> {
        self.tokens.root(&self.body)
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// About how many bytes of a translation are not slices of this request's body.
    pub(crate) fn own_bytes(&self) -> usize {
        let long = if self.body.len() < WORTH_SHARING { 0 } else { self.tokens.long_strings(WORTH_SHARING) };
        self.body.len() - long + 1024
    }

    pub(crate) fn head(&self) -> &ClientHead {
        &self.head
    }

    /// The request with the target's defaults for the fields that it does not set; `None` where there are none.
    fn with_defaults(&self, target: &Target) -> Result<Option<Self>, Refusal> {
        if target.defaults.is_empty() {
            return Ok(None);
        }
        let mut default_tokens = Tokens::default();
        let defaults = default_tokens.parse(&target.defaults, &Limits::default()).map_err(not_json)?;
        let root = self.root();
        let added: Vec<_> =
            defaults.entries().filter(|(key, _)| root.some(&key.unescape()).is_none()).collect();
        if added.is_empty() {
            return Ok(None);
        }
        let mut body = Vec::with_capacity(self.body.len() + target.defaults.len());
        let mut w = Writer::new(&mut body);
        w.begin_object();
        for (key, value) in root.entries().chain(added) {
            w.key_text(&key).node(value);
        }
        w.end_object();
        let body = Bytes::from(body);
        let mut tokens = Tokens::default();
        tokens.parse(&body, &Limits::default()).map_err(not_json)?;
        Ok(Some(Self { body, tokens, ..self.clone() }))
    }
}

fn not_json(error: JsonError) -> Refusal {
    Refusal::invalid("", format!("the request body is not valid JSON: {error}"))
}

fn facts(dialect: Dialect, root: Node<'_>) -> Result<Facts, Refusal> {
    let mut keys = Keys::default();
    let (mut model, mut stream, mut n, mut previous) = (None, false, 1, None);
    let mut controls = Vec::new();
    let mut entries = root.entries();
    while let Some((key, value)) = entries.next_with_key() {
        let Some(name) = key.text() else { continue };
        if keys.has(root, key, &name) {
            let name = name.unescape();
            return Err(Refusal::invalid(name.clone(), format!("duplicate field '{name}'")));
        }
        match &*name.name() {
            b"model" => model = value.str().filter(|model| !model.is_empty()),
            b"stream" if value.is_null() => {}
            b"stream" => {
                stream =
                    value.bool().ok_or_else(|| Refusal::invalid("stream", "stream must be a boolean"))?;
            }
            b"n" => n = value.u64().unwrap_or(1),
            b"previous_response_id" if dialect == Dialect::OpenAiResponses => previous = value.text(),
            // On these routes `metadata` is the provider's.
            b"metadata" if matches!(dialect, Dialect::AnthropicMessages | Dialect::OpenAiResponses) => {}
            name if controls::is_usual(name) => {}
            banned if controls::is_banned(banned) => {
                let name = name.unescape();
                let message = format!("'{name}' is not allowed in the request body");
                return Err(Refusal::invalid(name, message));
            }
            control if controls::is_host_control(control) => controls.push((name.clone(), value)),
            _ => {}
        }
    }
    let model =
        model.ok_or_else(|| Refusal::invalid("model", "model is required and must be a non-empty string"))?;
    let model = model.into_owned();
    let features = Features::of(dialect, root);
    let previous_response_id = previous.map(|id| id.unescape().into_owned());
    Ok(Facts { model, stream, n, host_controls: object(&controls), previous_response_id, features })
}

fn object(members: &[(Text<'_>, Node<'_>)]) -> Bytes {
    if members.is_empty() {
        return Bytes::from_static(b"{}");
    }
    let mut json = Vec::new();
    let mut w = Writer::new(&mut json);
    w.begin_object();
    for (key, value) in members {
        w.key_text(key).node(*value);
    }
    w.end_object();
    Bytes::from(json)
}

/// The keys of an object so far, well enough to know that most are new.
#[derive(Default)]
struct Keys(u64);

impl Keys {
    /// Whether `name`, the key at `key`, stands in `root` before. It is noted.
    fn has(&mut self, root: Node<'_>, key: Node<'_>, name: &Text<'_>) -> bool {
        let name = name.name();
        let mix = |ends: (Option<&u8>, Option<&u8>)| {
            usize::from(*ends.0.unwrap_or(&0)) * 7 + usize::from(*ends.1.unwrap_or(&0)) + name.len() * 31
        };
        let bit = 1 << (mix((name.first(), name.last())) % 64);
        let maybe = self.0 & bit != 0;
        self.0 |= bit;
        maybe && {
            let mut entries = root.entries();
            std::iter::from_fn(|| entries.next_with_key())
                .take_while(|(earlier, _)| earlier.span().start < key.span().start)
                .any(|(earlier, _)| earlier.text().is_some_and(|earlier| earlier.name() == name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_stands_twice_is_refused_however_it_is_spelled() {
        let read = |body: String| {
            Request::read(Dialect::OpenAiChat, &ClientHead::default(), body.into(), &Limits::default())
        };
        let mut members: Vec<String> = (0..200).map(|number| format!(r#""field{number}":1"#)).collect();
        members.push(r#""model":"m""#.to_owned());
        assert!(read(format!("{{{}}}", members.join(","))).is_ok());
        for again in [r#""field7":1"#, r#""f\u0069eld7":1"#, r#""model":"m""#] {
            let body = format!("{{{},{again}}}", members.join(","));
            let Err(Refusal::Invalid(fault)) = read(body) else { panic!("{again} was taken") };
            assert!(fault.message.contains("duplicate field"), "{again}");
        }
    }
}
