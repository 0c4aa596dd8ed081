//! The head of a provider's answer, and what of it the client is owed.

use crate::http::Headers;

/// Status and headers that are owed to the client.
#[derive(Debug, Clone, Copy)]
pub struct AnswerHead<'a> {
    /// HTTP status.
    pub status: u16,
    own: OwnHeaders,
    provider: &'a ProviderHeaders,
}

impl<'a> AnswerHead<'a> {
    pub(super) fn new(own: OwnHeaders, provider: &'a ProviderHeaders) -> Self {
        Self { status: 200, own, provider }
    }

    /// The headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.own.iter().copied().chain(self.provider.passed_on())
    }

    /// The same, owned.
    #[must_use]
    pub fn to_headers(&self) -> Headers {
        self.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Headers of our own.
pub(super) type OwnHeaders = &'static [(&'static str, &'static str)];

/// Those of an answer in one piece.
pub(super) const WHOLE: OwnHeaders = &[("content-type", "application/json")];

/// Those of a stream.
pub(super) const STREAM: OwnHeaders = &[
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
];

/// What LiteLLM's clients find before the name of every header of a provider.
const PREFIX: &str = "llm_provider-";

/// A provider's headers: one text in which they all lie, each `llm_provider-` + name + value, so that handing them on
/// under either name copies nothing.
#[derive(Debug, Default)]
pub(super) struct ProviderHeaders {
    text: String,
    list: Vec<Place>,
}

/// Where one header lies in the text.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    value: usize,
    end: usize,
}

impl ProviderHeaders {
    /// Takes over what a host hands in.
    pub(super) fn read<N: AsRef<str>, V: AsRef<str>>(headers: &[(N, V)]) -> Self {
        let length = |(name, value): &(N, V)| PREFIX.len() + name.as_ref().len() + value.as_ref().len();
        let mut text = String::with_capacity(headers.iter().map(length).sum());
        let mut list = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let start = text.len();
            text.push_str(PREFIX);
            text.push_str(name.as_ref());
            let at = text.len();
            text[start..].make_ascii_lowercase();
            text.push_str(value.as_ref());
            list.push(Place { start, value: at, end: text.len() });
        }
        Self { text, list }
    }

    fn name(&self, place: Place) -> &str {
        &self.text[place.start + PREFIX.len()..place.value]
    }

    /// The first value of the header of that name (in lower case).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let place = self.list.iter().find(|place| self.name(**place) == name)?;
        Some(&self.text[place.value..place.end])
    }

    /// `retry-after-ms`, or `retry-after` in seconds. A date is left to the host, which has a clock.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        let number = |name| self.get(name)?.trim().parse::<f64>().ok().filter(|n| (0.0..1e9).contains(n));
        number("retry-after-ms")
            .or_else(|| number("retry-after").map(|seconds| seconds * 1000.0))
            .map(|ms| ms as u64)
    }

    /// What clients get, as LiteLLM hands it on: all with the prefix `llm_provider-`, rate limits and request ids bare as
    /// well, and `retry-after` always.
    pub(super) fn passed_on(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().filter(|place| !is_hop(self.name(**place))).flat_map(|&place| {
            let (name, value) = (self.name(place), &self.text[place.value..place.end]);
            let familiar = familiar_names(name).filter(|(known, _)| self.get(known).is_none());
            let names = [
                Some(name).filter(|name| is_known_bare(name)),
                familiar.map(|(known, _)| known),
                familiar.map(|(_, prefixed)| prefixed),
                Some(&self.text[place.start..place.value]),
            ];
            names.into_iter().flatten().map(move |name| (name, value))
        })
    }
}

/// Headers that describe the hop to the provider and mean nothing to the client.
fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-encoding"
            | "content-length"
            | "keep-alive"
            | "proxy-authenticate"
            | "set-cookie"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn is_known_bare(name: &str) -> bool {
    name.starts_with("x-ratelimit-") || matches!(name, "request-id" | "retry-after" | "retry-after-ms")
}

/// The name by which OpenAI's clients look for what other providers send under theirs, bare and with the prefix.
fn familiar_names(name: &str) -> Option<(&'static str, &'static str)> {
    macro_rules! both {
        ($name:literal) => {
            Some(($name, concat!("llm_provider-", $name)))
        };
    }
    match name {
        "x-request-id" => both!("request-id"),
        "anthropic-ratelimit-requests-limit" => both!("x-ratelimit-limit-requests"),
        "anthropic-ratelimit-requests-remaining" => both!("x-ratelimit-remaining-requests"),
        "anthropic-ratelimit-tokens-limit" => both!("x-ratelimit-limit-tokens"),
        "anthropic-ratelimit-tokens-remaining" => both!("x-ratelimit-remaining-tokens"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_every_header_under_the_names_that_they_know() {
        let headers = ProviderHeaders::read(&[
            ("X-Request-Id", "req_1"),
            ("Content-Length", "2"),
            ("anthropic-ratelimit-tokens-limit", "9"),
            ("x-ratelimit-limit-tokens", "8"),
        ]);
        let passed: Vec<_> = headers.passed_on().collect();
        let expected = [
            ("request-id", "req_1"),
            ("llm_provider-request-id", "req_1"),
            ("llm_provider-x-request-id", "req_1"),
            ("llm_provider-anthropic-ratelimit-tokens-limit", "9"),
            ("x-ratelimit-limit-tokens", "8"),
            ("llm_provider-x-ratelimit-limit-tokens", "8"),
        ];
        assert_eq!(passed, expected);
    }

    #[test]
    fn retry_after_is_read_in_both_units() {
        let read = |name, value| ProviderHeaders::read(&[(name, value)]).retry_after_ms();
        assert_eq!(read("Retry-After", "2"), Some(2000));
        assert_eq!(read("retry-after-ms", "800"), Some(800));
        assert_eq!(read("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(read("retry-after", "-1"), None);
    }
}
