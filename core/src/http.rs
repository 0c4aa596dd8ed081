//! HTTP as plain data: the core describes requests and answers, the host moves them.

use std::borrow::Cow;

use bytes::Bytes;

/// Headers, names in lower case, in order.
pub type Headers = Vec<(String, String)>;

/// The first value of header `name` (in lower case).
#[must_use]
pub fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What of the client's HTTP request matters to a translation, beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHead {
    /// The query string, without `?`.
    pub query: String,
    /// The headers that the host wants considered (`anthropic-beta` …), without credentials.
    pub headers: Headers,
}

/// How a host authenticates a request. The core never sees the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// A header: `name: prefix + secret`.
    Header {
        /// Header name, in lower case.
        name: &'static str,
        /// What precedes the secret, such as `Bearer `.
        prefix: &'static str,
    },
    /// A query parameter.
    Query {
        /// Parameter name.
        name: &'static str,
    },
}

/// A request that the host is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: &'static str,
    /// The whole URL without credentials.
    pub url: String,
    /// Headers, names in lower case; the host adds authentication, `host` and `content-length`.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// Which credentials to add, and where; none for an open server.
    pub auth: Vec<Auth>,
    /// The body in pieces: large values are slices of the client's body, not copies.
    pub body: Vec<Bytes>,
}

impl HttpRequest {
    /// The body in one piece; copies only if it has several.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        match self.body.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

/// A whole answer for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl ClientResponse {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.into() }
    }
}
