//! Dialects: how the bytes of one API operation look.
//!
//! Every dialect has the same six files: `mod` (its names and documentation), `wire` (constants and small readers of its
//! JSON), `request`, `response`, `stream` and `error`, each in both directions. A file that a dialect needs nothing in is
//! absent. [`Dialect`] and the matches below are the whole list.

pub(crate) mod anthropic_messages;
pub(crate) mod mistral_ocr;
pub(crate) mod openai_chat;
pub(crate) mod openai_responses;
mod place;

use std::sync::Arc;

use crate::capabilities::Capabilities;
use crate::error::{Refusal, UpstreamError};
use crate::http::Headers;
use crate::ir::chat::{Event, Request, Response};
use crate::json::{Node, Writer};
use crate::loss::Report;
use crate::target::Target;

/// The format of one API operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// [OpenAI chat completions](https://platform.openai.com/docs/api-reference/chat).
    OpenAiChat,
    /// [Anthropic messages](https://docs.anthropic.com/en/api/messages).
    AnthropicMessages,
    /// [OpenAI responses](https://platform.openai.com/docs/api-reference/responses).
    OpenAiResponses,
    /// [Mistral OCR](https://docs.mistral.ai/api/#tag/ocr).
    MistralOcr,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 4] =
        [Self::OpenAiChat, Self::AnthropicMessages, Self::OpenAiResponses, Self::MistralOcr];

    /// Its name, as in fixtures, configuration and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::OpenAiResponses => "openai_responses",
            Self::MistralOcr => "mistral_ocr",
        }
    }

    /// The dialect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// What a request encoder knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestContext<'c> {
    pub(crate) target: &'c Target,
    /// Headers of the client's request (`anthropic-beta` …).
    pub(crate) headers: &'c Headers,
}

impl RequestContext<'_> {
    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.target.capabilities
    }
}

/// What a request encoder hands on, beside the body.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Headers that the body needs (`anthropic-beta` …).
    pub(crate) headers: Headers,
    /// What the answer's encoder has to know.
    pub(crate) hints: AnswerHints,
    /// The provider answers in one piece where the client asked for a stream.
    pub(crate) whole: bool,
}

/// What a request's translation did that its answer's translation has to undo.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct AnswerHints {
    /// Tool names that were changed: `(as the provider knows it, as the client knows it)`.
    pub(crate) tool_names: Vec<(String, String)>,
    /// The answer's form was asked for as a tool of this name, so its arguments are the text.
    pub(crate) json_tool: Option<&'static str>,
    /// The client's names of tools that take free text, which the provider knows as functions.
    pub(crate) custom_tools: Vec<String>,
    /// Functions with a namespace, which the provider knows as part of their names.
    pub(crate) namespaces: Vec<Namespaced>,
}

/// A function in a namespace of the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespaced {
    /// Its name with its namespace.
    pub(crate) qualified: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl AnswerHints {
    /// The client's name of a tool that was renamed for the provider.
    pub(crate) fn client_tool_name(&self, name: &str) -> Option<&str> {
        self.tool_names.iter().find(|(sent, _)| sent == name).map(|(_, client)| client.as_str())
    }

    /// The namespace and the name in it of a function that the provider knows by both.
    pub(crate) fn namespaced(&self, name: &str) -> Option<(&str, &str)> {
        let found = self.namespaces.iter().find(|function| function.qualified == name)?;
        Some((&found.namespace, &found.name))
    }
}

/// What an answer encoder knows.
#[derive(Debug, Clone)]
pub(crate) struct AnswerContext {
    /// The name by which the client asked for the model.
    pub(crate) requested_model: String,
    /// The current time in Unix seconds.
    pub(crate) now_unix: u64,
    /// Makes ids that the provider did not give.
    pub(crate) id_seed: u128,
    /// The client asked for a usage chunk in the stream (`stream_options.include_usage`).
    pub(crate) include_usage: bool,
    /// The dialect that the provider answers in.
    pub(crate) upstream: Dialect,
    /// The provider, by its name.
    pub(crate) provider: &'static str,
    /// The host's id of the deployment, for ids that lead back to it.
    pub(crate) deployment: Option<Arc<str>>,
    /// What an answer of `openai_responses` repeats of its request.
    pub(crate) echo: openai_responses::request::Echo,
    pub(crate) hints: AnswerHints,
}

/// Decodes a request body into the IR. `report` takes what the IR cannot hold.
pub(crate) fn decode_chat_request<'a>(
    dialect: Dialect,
    root: Node<'a>,
    report: &mut Report,
) -> Result<Request<'a>, Refusal> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::request::decode(root, report),
        Dialect::AnthropicMessages => anthropic_messages::request::decode(root, report),
        Dialect::OpenAiResponses => openai_responses::request::decode(root, report),
        Dialect::MistralOcr => Err(not_chat(dialect)),
    }
}

/// Encodes a request for a provider that speaks `dialect`.
pub(crate) fn encode_chat_request(
    dialect: Dialect,
    request: Request<'_>,
    context: RequestContext<'_>,
    w: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Encoded, Refusal> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::request::encode(request, context, w, report),
        Dialect::AnthropicMessages => anthropic_messages::request::encode(request, context, w, report),
        Dialect::OpenAiResponses => openai_responses::request::encode(request, context, w, report),
        Dialect::MistralOcr => Err(not_chat(dialect)),
    }
}

fn not_chat(dialect: Dialect) -> Refusal {
    Refusal::decline("not_a_chat_dialect", format!("{} is not a chat dialect", dialect.name()))
}

/// Decodes a whole answer. An `Err` is the provider's fault: an error object in a 200, or not this dialect at all.
pub(crate) fn decode_chat_response(dialect: Dialect, root: Node<'_>) -> Result<Response<'_>, UpstreamError> {
    match dialect {
        Dialect::AnthropicMessages => anthropic_messages::response::decode(root),
        Dialect::OpenAiResponses => openai_responses::response::decode(root),
        Dialect::OpenAiChat | Dialect::MistralOcr => openai_chat::response::decode(root),
    }
}

/// Encodes a whole answer for a client that speaks `dialect`.
pub(crate) fn encode_chat_response(
    dialect: Dialect,
    response: &Response<'_>,
    context: &AnswerContext,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    match dialect {
        Dialect::AnthropicMessages => anthropic_messages::response::encode(response, context, out, report),
        Dialect::OpenAiResponses => openai_responses::response::encode(response, context, out, report),
        Dialect::OpenAiChat | Dialect::MistralOcr => {
            openai_chat::response::encode(response, context, out, report);
        }
    }
}

/// Reads a provider's stream, frame by frame. Any number of events comes out of a frame; exactly one of [`Event::End`]
/// and [`Event::Failed`] comes out in all, and nothing after it.
pub(crate) trait StreamDecoder {
    /// Reads one frame: its name and its data.
    fn frame(&mut self, name: &[u8], root: Node<'_>, sink: &mut dyn FnMut(Event<'_>));
    /// The provider said `[DONE]`.
    fn done(&mut self, _sink: &mut dyn FnMut(Event<'_>)) {}
    /// The stream cannot be read on.
    fn fail(&mut self, error: &UpstreamError, sink: &mut dyn FnMut(Event<'_>));
    /// The stream ended.
    fn end(&mut self, sink: &mut dyn FnMut(Event<'_>));
}

/// Writes a client's stream, event by event.
pub(crate) trait StreamEncoder {
    /// Writes what this event means to the client, which may be nothing (yet).
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>);
    /// Why the encoder ended the stream itself, if it did: it has told the client.
    fn take_failure(&mut self) -> Option<UpstreamError> {
        None
    }
    /// What was lost so far.
    fn report(&mut self) -> &mut Report;
}

/// A decoder for the streams of providers that speak `dialect`.
pub(crate) fn stream_decoder(dialect: Dialect) -> Box<dyn StreamDecoder + Send + Sync> {
    match dialect {
        Dialect::AnthropicMessages => Box::<anthropic_messages::stream::Decoder>::default(),
        Dialect::OpenAiResponses => Box::<openai_responses::stream::Decoder>::default(),
        Dialect::OpenAiChat | Dialect::MistralOcr => Box::<openai_chat::stream::Decoder>::default(),
    }
}

/// An encoder for the streams of clients that speak `dialect`.
pub(crate) fn stream_encoder(
    dialect: Dialect,
    context: &AnswerContext,
) -> Box<dyn StreamEncoder + Send + Sync> {
    match dialect {
        Dialect::AnthropicMessages => Box::new(anthropic_messages::stream::Encoder::new(context.clone())),
        Dialect::OpenAiResponses => Box::new(openai_responses::stream::Encoder::new(context.clone())),
        Dialect::OpenAiChat | Dialect::MistralOcr => {
            Box::new(openai_chat::stream::Encoder::new(context.clone()))
        }
    }
}
