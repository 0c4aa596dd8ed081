//! The ledger: every intended difference from the oracle, as a rule that computes our exact value.
//!
//! A rule sees the oracle's value and the recorded bytes (the client's request, the provider's answer), never our output.
//! It changes the oracle's value into what is right; after all rules both sides must be equal.

mod anthropic_answers;
mod chat_streams;
mod contents;
mod documents;
mod errors;
mod failures;
mod headers;
mod request_tools;
mod requests;
mod responses_answers;
mod responses_items;
mod responses_media;
mod responses_narration;
mod responses_provider;
mod responses_reasoning;
mod responses_requests;
mod responses_streams;
mod same_dialect;
mod usage;

use serde_json::Value;

use crate::case::{Case, OracleRequest, Route};

/// What shows that the oracle is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The provider documents it.
    ProviderDocs,
    /// The provider's own types reject the oracle's value.
    ProviderTypes,
    /// The value stands in the recorded bytes and is missing from the oracle's.
    RecordedBytes,
}

impl Evidence {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ProviderDocs => "provider docs",
            Self::ProviderTypes => "provider types",
            Self::RecordedBytes => "recorded bytes",
        }
    }
}

/// Which of a case's comparisons it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The request to the provider.
    Request,
    /// The answer to the client.
    Answer,
}

/// What a rule may look at, beside the oracle's value.
pub(crate) struct Context<'c> {
    pub(crate) case: &'c Case,
    pub(crate) layer: Layer,
    /// The provider's answer, observed in its own dialect.
    pub(crate) provider: Option<&'c Value>,
}

impl Context<'_> {
    /// Whether the client asked for a stream.
    pub(crate) fn streams(&self) -> bool {
        self.case.question.body["stream"] == Value::Bool(true)
    }

    /// The dialect that the provider of the case speaks, among those built.
    pub(crate) fn upstream(&self) -> Route {
        upstream(self.case)
    }
}

/// The dialect that the provider of `case` speaks, among those built.
pub(crate) fn upstream(case: &Case) -> Route {
    if let Some(OracleRequest::Sent(sent)) = &case.oracle_request
        && let Some(dialect) = sent["url"].as_str().and_then(Route::of_url)
    {
        return dialect;
    }
    if let Some(dialect) = case.answer_dialect {
        return dialect;
    }
    match (case.question.route, case.question.provider.as_str()) {
        (Route::MistralOcr, _) => Route::MistralOcr,
        (Route::OpenAiResponses, "openai") => Route::OpenAiResponses,
        (_, "anthropic") => Route::AnthropicMessages,
        _ => Route::OpenAiChat,
    }
}

/// One intended difference.
pub(crate) struct Rule {
    /// Stable snake_case name.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) why: &'static str,
    pub(crate) evidence: Evidence,
    /// Changes the oracle's value; returns how many leaves it changed.
    pub(crate) apply: fn(&Context<'_>, &mut Value) -> usize,
}

/// All rules, in the order in which they apply.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    let groups = [
        headers::RULES,
        contents::RULES,
        documents::RULES,
        requests::RULES,
        request_tools::RULES,
        responses_requests::RULES,
        responses_media::RULES,
        responses_answers::RULES,
        responses_items::RULES,
        responses_provider::RULES,
        responses_reasoning::RULES,
        responses_streams::RULES,
        failures::RULES,
        errors::RULES,
        same_dialect::RULES,
        usage::RULES,
        anthropic_answers::RULES,
        chat_streams::RULES,
        responses_narration::RULES,
    ];
    groups.into_iter().flatten()
}

/// Applies all rules; returns those that changed something, with how many leaves.
pub(crate) fn apply(context: &Context<'_>, oracle: &mut Value) -> Vec<(&'static str, usize)> {
    rules().map(|rule| (rule.code, (rule.apply)(context, oracle))).filter(|(_, leaves)| *leaves > 0).collect()
}

/// The ledger for people: `docs/ledger.md`.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# The ledger\n\nEvery intended difference from LiteLLM ([how it works](parity.md)). Written by `parity ledger`.\n\n\
         | rule | why | evidence |\n|---|---|---|\n",
    );
    for rule in rules() {
        out += &format!("| `{}` | {} | {} |\n", rule.code, rule.why, rule.evidence.name());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_snake_case() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(seen.insert(rule.code), "{}", rule.code);
            assert!(rule.code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{}", rule.code);
            assert!(rule.why.ends_with('.'), "{}", rule.code);
        }
    }

    #[test]
    fn the_documented_ledger_is_this_one() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ledger.md");
        assert_eq!(std::fs::read_to_string(file).unwrap(), markdown(), "run: parity ledger > docs/ledger.md");
    }
}
