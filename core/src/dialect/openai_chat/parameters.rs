//! Which parameters a target takes, and what becomes of the others.

use super::edit::{Editor, Present};
use super::wire::{CHECKED, OPT_IN};
use crate::edit::Decision;
use crate::error::Refusal;
use crate::json::Node;
use crate::loss::Report;
use crate::provider::OpenAiFamily;

impl Editor<'_> {
    /// Decides about a parameter that the target may not take; `None` where it does.
    pub(super) fn parameter(
        &self,
        name: &str,
        value: Node<'_>,
        present: &Present<'_>,
        report: &mut Report,
    ) -> Result<Option<Decision>, Refusal> {
        if name == "user" {
            if self.rules.user {
                return Ok(None);
            }
            report.lose(name, "unsupported_parameter");
            return Ok(Some(Decision::Remove));
        }
        if name == "temperature" && self.openai {
            return self.temperature(value, present, report);
        }
        // These models always reason.
        let always =
            matches!(self.family, OpenAiFamily::Reasoning(..)) && !self.target.capabilities.none_effort;
        if name == "reasoning_effort" && value.is_text("none") && always {
            return self.unsupported(name, report).map(Some);
        }
        if !CHECKED.contains(&name) || self.takes(name) {
            return Ok(None);
        }
        if name == "n" && value.u64() == Some(1) {
            return Ok(Some(Decision::Remove));
        }
        if name == "stream_options" {
            // Asks for nothing that a host without it could refuse to do: LiteLLM leaves it out as well.
            report.lose(name, "unsupported_parameter");
            return Ok(Some(Decision::Remove));
        }
        self.unsupported(name, report).map(Some)
    }

    fn takes(&self, name: &str) -> bool {
        let of_model =
            |(part, names): &(&str, &[&str])| self.target.model.contains(part) && names.contains(&name);
        if self.rules.unsupported.contains(&name) || self.rules.by_model.iter().any(of_model) {
            return false;
        }
        if name == "tool_choice" && self.rules.gated_tool_choice {
            return self.target.capabilities.tool_choice;
        }
        if self.openai {
            return !self.family.unsupported(self.target.capabilities.none_effort).contains(&name);
        }
        if OPT_IN.contains(&name) {
            return self.rules.supported.contains(&name)
                || (name == "reasoning_effort" && self.target.capabilities.reasoning);
        }
        true
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
        let no_effort = present.effort.is_some_and(|effort| effort.is_text("none"));
        let free = self.family == OpenAiFamily::Gpt || (self.target.capabilities.none_effort && no_effort);
        if free || value.f64() == Some(1.0) {
            return Ok(None);
        }
        self.unsupported("temperature", report).map(Some)
    }
}
