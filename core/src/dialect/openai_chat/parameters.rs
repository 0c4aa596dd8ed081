//! Which parameters a target takes, and what becomes of the others.

use super::edit::{Editor, Present};
use super::wire::{OPT_IN, is_checked};
use crate::edit::Decision;
use crate::error::Refusal;
use crate::json::{Node, Text};
use crate::loss::Report;
use crate::provider::OpenAiFamily;

fn is_in(list: &[&str], name: &[u8]) -> bool {
    list.iter().any(|known| known.as_bytes() == name)
}

impl Editor<'_> {
    /// Decides about a parameter that the target may not take; `None` where it does.
    pub(super) fn parameter(
        &self,
        key: &Text<'_>,
        value: Node<'_>,
        present: &Present<'_>,
        report: &mut Report,
    ) -> Result<Option<Decision>, Refusal> {
        let name = &*key.name();
        if name == b"user" {
            if self.rules.user {
                return Ok(None);
            }
            report.lose("user", "unsupported_parameter");
            return Ok(Some(Decision::Remove));
        }
        if name == b"temperature" && self.openai {
            return self.temperature(value, present, report);
        }
        // These models always reason.
        let always =
            matches!(self.family, OpenAiFamily::Reasoning(..)) && !self.target.capabilities.none_effort;
        if name == b"reasoning_effort" && value.is_text("none") && always {
            return self.unsupported("reasoning_effort", report).map(Some);
        }
        if !is_checked(name) || self.takes(name, present) {
            return Ok(None);
        }
        if name == b"n" && value.u64() == Some(1) {
            return Ok(Some(Decision::Remove));
        }
        if name == b"stream_options" {
            // Asks for nothing that a host without it could refuse to do: LiteLLM leaves it out as well.
            report.lose("stream_options", "unsupported_parameter");
            return Ok(Some(Decision::Remove));
        }
        self.unsupported(&key.unescape(), report).map(Some)
    }

    fn takes(&self, name: &[u8], present: &Present<'_>) -> bool {
        let of_model =
            |(part, names): &(&str, &[&str])| is_in(names, name) && self.target.model.contains(part);
        if is_in(self.rules.unsupported, name) || self.rules.by_model.iter().any(of_model) {
            return false;
        }
        if name == b"tool_choice" && self.rules.gated_tool_choice {
            return self.target.capabilities.tool_choice;
        }
        if self.openai {
            return !is_in(self.family.unsupported(self.is_unreasoned(present)), name);
        }
        if is_in(OPT_IN, name) {
            return is_in(self.rules.supported, name)
                || (name == b"reasoning_effort" && self.target.capabilities.reasoning);
        }
        true
    }

    /// Whether the model does not reason about this request.
    fn is_unreasoned(&self, present: &Present<'_>) -> bool {
        let unreasoned = match present.effort {
            Some(effort) => effort.is_text("none"),
            None => self.family.rests_by_default(),
        };
        self.target.capabilities.none_effort && unreasoned
    }

    fn unsupported(&self, name: &str, report: &mut Report) -> Result<Decision, Refusal> {
        if self.target.drop_params {
            report.lose(name, "unsupported_parameter");
            return Ok(Decision::Remove);
        }
        let provider = self.target.provider.name();
        Err(Refusal::unsupported(
            name,
            format!("{provider} does not support parameters: ['{name}'], for model={}", self.target.model),
        ))
    }

    /// Reasoning models take no temperature but 1.
    fn temperature(
        &self,
        value: Node<'_>,
        present: &Present<'_>,
        report: &mut Report,
    ) -> Result<Option<Decision>, Refusal> {
        let free = self.family == OpenAiFamily::Gpt || self.is_unreasoned(present);
        if free || value.f64() == Some(1.0) {
            return Ok(None);
        }
        self.unsupported("temperature", report).map(Some)
    }
}
