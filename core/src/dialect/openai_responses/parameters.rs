//! Which parameters a model takes: LiteLLM's rules for /v1/responses (`llms/openai/responses/transformation.py`).

use std::borrow::Cow;

use super::wire::sent_model;
use crate::error::Refusal;
use crate::json::{Node, Text};
use crate::loss::Report;
use crate::provider::OpenAiFamily;
use crate::target::Target;

/// The API takes no lower `max_output_tokens`; clients that ask for one token only want to see whether the model answers.
const LEAST_OUTPUT_TOKENS: u64 = 16;

/// The least limit that the API takes, if `limit` is lower.
pub(super) fn raised_limit(limit: u64) -> Option<u64> {
    (1..LEAST_OUTPUT_TOKENS).contains(&limit).then_some(LEAST_OUTPUT_TOKENS)
}

/// What a model does not take.
pub(super) struct Rules<'t> {
    target: &'t Target,
    model: &'t str,
    family: OpenAiFamily,
    /// The model is one of OpenAI's, wherever it runs.
    of_openai: bool,
}

impl<'t> Rules<'t> {
    pub(super) fn of(target: &'t Target) -> Self {
        let model = sent_model(target);
        let of_openai = !model.contains('/') || model.starts_with("openai/");
        Self { target, model, family: OpenAiFamily::of(model), of_openai }
    }

    /// Why the model takes no reasoning effort at all.
    pub(super) fn refuses_reasoning(&self) -> Option<String> {
        let model = self.model;
        let never = ["gpt-4", "gpt-3.5", "chatgpt-4o"].iter().any(|prefix| model.starts_with(prefix));
        (never && self.target.provider.name() == "openai" && !self.target.capabilities.reasoning)
            .then(|| format!("{model} does not support reasoning.effort. To drop it, set drop_params"))
    }

    /// Why the model does not take this effort.
    pub(super) fn refuses_effort(&self, effort: &Text<'_>) -> Option<String> {
        let listed = self.target.provider.name() == "openai" && !self.model.contains("codex");
        if !self.always_reasons() || !listed {
            return None;
        }
        let capabilities = &self.target.capabilities;
        let taken = match &*effort.name() {
            b"none" => capabilities.none_effort,
            b"minimal" => capabilities.minimal_effort,
            b"xhigh" => capabilities.xhigh_effort,
            _ => true,
        };
        (!taken).then(|| {
            let (model, effort) = (self.model, effort.unescape());
            format!("{model} does not support reasoning.effort={effort:?}. To drop it, set drop_params")
        })
    }

    /// Why the model does not take this value of `temperature` or `top_p`: while it reasons, it samples as it thinks best.
    pub(super) fn refuses_sampling(
        &self,
        name: &str,
        value: Node<'_>,
        effort: Option<&Text<'_>>,
    ) -> Option<String> {
        if !self.always_reasons() || (name == "temperature" && value.f64() == Some(1.0)) {
            return None;
        }
        let none = match effort {
            Some(effort) => effort.is("none"),
            None => self.family.rests_by_default(),
        };
        if none && self.target.capabilities.none_effort {
            return None;
        }
        let model = self.model;
        Some(format!("{model} takes {name} only with reasoning.effort 'none'. To drop it, set drop_params"))
    }

    /// The same for clients of `openai_chat`, whose o-series LiteLLM checks as well.
    pub(super) fn refuses_chat_sampling(
        &self,
        name: &str,
        value: Node<'_>,
        effort: Option<&Text<'_>>,
    ) -> Option<String> {
        let temperature = name == "temperature" && value.f64() != Some(1.0);
        if temperature && self.of_openai && self.family == OpenAiFamily::OSeries {
            return Some(format!("{} takes no temperature but 1. To drop it, set drop_params", self.model));
        }
        self.refuses_sampling(name, value, effort)
    }

    /// The strongest effort that the model takes, up to this one.
    pub(super) fn nearest_effort<'e>(&self, effort: &'e str) -> &'e str {
        let capabilities = &self.target.capabilities;
        match effort {
            "max" if capabilities.max_effort => "max",
            "max" | "xhigh" if capabilities.xhigh_effort => "xhigh",
            "max" | "xhigh" => "high",
            "minimal" if !capabilities.minimal_effort => "low",
            effort => effort,
        }
    }

    fn always_reasons(&self) -> bool {
        self.of_openai && matches!(self.family, OpenAiFamily::Reasoning(..))
    }

    /// What becomes of something that the model does not take: a loss, or the request is refused.
    pub(super) fn drop_or_refuse(
        &self,
        path: &str,
        why: impl Into<Cow<'static, str>>,
        report: &mut Report,
    ) -> Result<(), Refusal> {
        if !self.target.drop_params {
            return Err(Refusal::unsupported(path.to_owned(), why.into().into_owned()));
        }
        report.lose(path, "unsupported_parameter");
        Ok(())
    }
}
