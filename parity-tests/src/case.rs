//! A case: one client request, what the oracle makes of it, and what the oracle makes of the provider's answer to it.

use serde_json::{Value, json};

/// The endpoint that the client calls; it speaks one dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Route {
    OpenAiChat,
    AnthropicMessages,
    OpenAiResponses,
    MistralOcr,
}

impl Route {
    pub(crate) const ALL: [Self; 4] =
        [Self::OpenAiChat, Self::AnthropicMessages, Self::OpenAiResponses, Self::MistralOcr];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::OpenAiResponses => "openai_responses",
            Self::MistralOcr => "mistral_ocr",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.name() == name)
    }

    /// The dialect of a request to this URL, if one of these.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let path = url.split('?').next().unwrap_or_default();
        let endings = [
            ("/chat/completions", Self::OpenAiChat),
            ("/messages", Self::AnthropicMessages),
            ("/responses", Self::OpenAiResponses),
            ("/ocr", Self::MistralOcr),
        ];
        endings.into_iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, dialect)| dialect)
    }

    /// The LiteLLM release that is the oracle of this route: OCR left Python after 1.103.11.
    pub(crate) fn oracle_version(self) -> &'static str {
        if self == Self::MistralOcr { "1.103.11" } else { "1.109.1" }
    }
}

/// What the client asks, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) route: Route,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) api_base: Option<String>,
    pub(crate) drop_params: bool,
    pub(crate) headers: Vec<(String, String)>,
    /// Without `model`.
    pub(crate) body: Value,
    /// What only a live exchange says.
    pub(crate) live: Option<Live>,
}

/// What a host adds to a question: its deployment's settings, and the client's request byte for byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) requested_model: String,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    pub(crate) has_credential: bool,
    /// A JSON object each; empty for none.
    pub(crate) defaults: Vec<u8>,
    pub(crate) capabilities: Vec<u8>,
    pub(crate) extra_headers: Vec<(String, String)>,
}

impl Question {
    /// The name that the client asks for.
    pub(crate) fn group(&self) -> String {
        self.live
            .as_ref()
            .map_or_else(|| format!("{}/{}", self.provider, self.model), |live| live.requested_model.clone())
    }

    /// The question as the oracle worker is asked.
    pub(crate) fn operation(&self, op: &str) -> Value {
        let mut told = json!({
            "op": op,
            "route": self.route.name(),
            "provider": self.provider,
            "model": self.model,
            "body": self.body,
        });
        if !self.headers.is_empty() {
            told["headers"] = json!(self.headers);
        }
        if let Some(base) = &self.api_base {
            told["api_base"] = json!(base);
        }
        if self.drop_params {
            told["drop_params"] = json!(true);
        }
        told
    }
}

/// What the provider answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What the oracle did with the request.
#[derive(Debug, Clone)]
pub(crate) enum OracleRequest {
    /// `{"method", "url", "headers", "body"}`
    Sent(Value),
    /// Refused before sending; no status if it crashed.
    Refused { status: Option<u16>, message: String },
    /// The worker could not say.
    Fault(String),
}

/// What a client of the oracle received.
#[derive(Debug, Clone)]
pub(crate) enum OracleAnswer {
    Received(Answer),
    Fault(String),
}

/// One case, with everything that the oracle has to say.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
    pub(crate) question: Question,
    pub(crate) answer: Option<Answer>,
    /// The dialect of the answer, where no request says it.
    pub(crate) answer_dialect: Option<Route>,
    /// `None`: this layer is not part of the case.
    pub(crate) oracle_request: Option<OracleRequest>,
    pub(crate) oracle_answer: Option<OracleAnswer>,
}
