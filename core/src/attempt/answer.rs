//! Whole answers.

use super::{Attempt, Outcome, head, replay};
use crate::dialect::{
    Dialect, anthropic_messages, decode_chat_response, encode_chat_response, mistral_ocr, openai_chat,
    openai_responses, stream_encoder,
};
use crate::edit::Patch;
use crate::error::{FailureKind, UpstreamError};
use crate::json::{Limits, Node, Tokens};
use crate::usage::Usage;

impl Attempt {
    pub(super) fn whole(&mut self, body: Vec<u8>, out: &mut Vec<u8>) {
        let mut tokens = Tokens::default();
        let limits = Limits { max_bytes: self.max_answer_bytes, ..Limits::lenient() };
        let root = match tokens.parse(&body, &limits) {
            Ok(root) => root,
            Err(error) => {
                let message = format!("the provider's answer is not JSON: {error}");
                return self.fail(UpstreamError::new(FailureKind::Malformed, 500, message));
            }
        };
        let start = out.len();
        // Answers grow by little: by names of fields, and by what escaping adds.
        out.reserve(body.len() + body.len() / 16 + 512);
        match self.translate_whole(root, &body, out) {
            Ok(usage) => {
                self.usage = usage;
                self.owed = Some(if self.streaming { head::STREAM } else { head::WHOLE });
                self.outcome = Some(Outcome::Answered);
            }
            Err(error) => {
                out.truncate(start);
                self.fail(error);
            }
        }
    }

    fn translate_whole(
        &mut self,
        root: Node<'_>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Usage>, UpstreamError> {
        if self.whole {
            let response = decode_chat_response(self.upstream, root)?;
            let mut encoder = stream_encoder(self.client, &self.context);
            replay::replay(&response, |event| encoder.event(event, out));
            self.report.losses.append(&mut encoder.report().losses);
            return Ok(response.usage);
        }
        if self.streaming {
            self.refuse_whole(root)?;
        }
        if self.client != self.upstream {
            let response = decode_chat_response(self.upstream, root)?;
            encode_chat_response(self.client, &response, &self.context, out, &mut self.report);
            return Ok(response.usage);
        }
        let mut patch = Patch::default();
        let usage = match self.client {
            Dialect::OpenAiChat => {
                openai_chat::error::in_band(root, root.some("error"))?;
                if !root.some("choices").is_some_and(Node::is_array) {
                    return Err(malformed("the provider's answer has no choices"));
                }
                openai_chat::response::edit(root, &self.context, &mut patch);
                root.some("usage").map(openai_chat::wire::usage)
            }
            Dialect::AnthropicMessages => {
                let response = anthropic_messages::response::decode(root)?;
                anthropic_messages::edit::answer(root, &self.context, &mut patch);
                response.usage
            }
            Dialect::OpenAiResponses if self.stored => {
                openai_responses::edit::stored(root, &self.context, &mut patch);
                None
            }
            Dialect::OpenAiResponses => {
                openai_responses::error::in_band(root)?;
                if !root.some("output").is_some_and(Node::is_array) {
                    return Err(malformed("the provider's answer has no output"));
                }
                openai_responses::edit::answer(root, &self.context, &mut patch);
                root.some("usage").map(openai_responses::wire::usage)
            }
            Dialect::MistralOcr => {
                mistral_ocr::response::edit(root, &self.context, &mut patch)?;
                None
            }
        };
        patch.write(body, out);
        Ok(usage)
    }

    /// A stream was asked for and one JSON body came: an error, or not what the dialect says.
    fn refuse_whole(&self, root: Node<'_>) -> Result<(), UpstreamError> {
        match self.upstream {
            Dialect::AnthropicMessages if root.some("error").is_some() => {
                Err(anthropic_messages::error::in_band(root))
            }
            Dialect::OpenAiResponses
                if root.some("status").is_some_and(|status| status.is_text("failed")) =>
            {
                Err(openai_responses::error::of_response(Some(root)))
            }
            _ => {
                openai_chat::error::in_band(root, root.some("error"))?;
                Err(malformed("the provider answered a stream request with one JSON body"))
            }
        }
    }
}

fn malformed(message: &str) -> UpstreamError {
    UpstreamError::new(FailureKind::Malformed, 500, message)
}
