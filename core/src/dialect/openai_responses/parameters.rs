//! What OpenAI takes of `openai_responses`, a function for each rule: whoever asks, in whichever dialect.

use crate::capabilities::Capabilities;
use crate::provider::OpenAiFamily;
use crate::target::Target;

/// Fewest output tokens that the API lets a client ask for.
const LEAST_OUTPUT_TOKENS: u64 = 16;

/// The name by which the provider knows the model: without the prefix that chose this dialect.
pub(crate) fn model(target: &Target) -> &str {
    target.model.strip_prefix("responses/").unwrap_or(&target.model)
}

/// What a limit is raised to, where the API would refuse it.
pub(crate) fn raised_limit(tokens: Option<u64>) -> Option<u64> {
    tokens.filter(|tokens| (1..LEAST_OUTPUT_TOKENS).contains(tokens)).map(|_| LEAST_OUTPUT_TOKENS)
}

/// The rules of one model. Other providers have none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'t> {
    model: &'t str,
    family: OpenAiFamily,
    capabilities: &'t Capabilities,
    checked: bool,
}

impl<'t> Rules<'t> {
    pub(crate) fn of(target: &'t Target) -> Self {
        let model = model(target);
        Self {
            model,
            family: OpenAiFamily::of(model),
            capabilities: &target.capabilities,
            checked: target.provider.name() == "openai",
        }
    }

    /// Whether the model's name says that it reasons, in the way of gpt-5 and later.
    fn reasons(&self) -> bool {
        self.checked && matches!(self.family, OpenAiFamily::Reasoning(..))
    }

    /// Why the model does not take this effort, if it does not.
    pub(crate) fn refused_effort(&self, effort: &str) -> Option<String> {
        let model = self.model;
        if self.checked && !self.capabilities.reasoning && OpenAiFamily::is_known_plain(model) {
            return Some(format!("{model} does not reason, so it takes no reasoning effort"));
        }
        let known = match effort {
            "none" => self.capabilities.none_effort,
            "minimal" => self.capabilities.minimal_effort,
            "xhigh" => self.capabilities.xhigh_effort,
            _ => true,
        };
        let refused = self.reasons() && !known && OpenAiFamily::has_listed_efforts(model);
        refused.then(|| format!("{model} does not support a reasoning effort of {effort}"))
    }

    /// Why the model does not take this temperature beside this effort, if it does not.
    pub(crate) fn refused_temperature(
        &self,
        temperature: Option<f64>,
        effort: Option<&str>,
    ) -> Option<String> {
        if temperature == Some(1.0) || !self.reasons() || self.is_unreasoned(effort) {
            return None;
        }
        Some(format!("{} takes no temperature but 1 while it reasons", self.model))
    }

    /// Why the model takes no `top_p` beside this effort, if it does not.
    pub(crate) fn refused_top_p(&self, effort: Option<&str>) -> Option<String> {
        if !self.reasons() || self.is_unreasoned(effort) {
            return None;
        }
        Some(format!("{} takes no top_p while it reasons", self.model))
    }

    /// Whether the model does not reason with this effort.
    fn is_unreasoned(&self, effort: Option<&str>) -> bool {
        match effort {
            Some(effort) => self.capabilities.none_effort && effort == "none",
            None => self.capabilities.none_effort && self.capabilities.default_no_effort,
        }
    }

    /// The strongest effort that the model takes, up to this one.
    pub(crate) fn nearest_effort<'e>(&self, effort: &'e str) -> &'e str {
        match effort {
            "max" if self.capabilities.max_effort => "max",
            "max" | "xhigh" if self.capabilities.xhigh_effort => "xhigh",
            "max" | "xhigh" => "high",
            "minimal" if !self.capabilities.minimal_effort => "low",
            effort => effort,
        }
    }
}
