//! OpenAI: model families and what each of them takes.

use super::Row;
use super::rules::{ChatRules, MaxTokens};
use super::table::CHAT_AND_RESPONSES;
use crate::capabilities::Capabilities;

pub(super) const ROW: Row = Row {
    name: "openai",
    base_url: Some("https://api.openai.com/v1"),
    key_variable: Some("OPENAI_API_KEY"),
    base_variable: Some("OPENAI_BASE_URL"),
    endpoints: CHAT_AND_RESPONSES,
    chat: ChatRules { max_tokens: MaxTokens::Keep, user: true, include_usage: true, ..ChatRules::DEFAULT },
};

/// The families of OpenAI's chat models, as far as their parameters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// gpt-4o and everything else without reasoning.
    Gpt,
    /// o1, o3, o4 …
    OSeries,
    /// gpt-5 and later, by version.
    Reasoning(u32, u32),
    /// gpt-5 search models.
    Search,
}

impl Family {
    /// The family of a model, by its name.
    pub(crate) fn of(model: &str) -> Self {
        let start = memchr::memrchr(b'/', model.as_bytes()).map_or(0, |slash| slash + 1);
        let name = &model[start..];
        if matches!(name.as_bytes(), [b'o', b'1' | b'3' | b'4'] | [b'o', b'1' | b'3' | b'4', b'-', ..]) {
            return Self::OSeries;
        }
        // Most names say that they are none of these: a look at each place is cheaper than a search.
        let newer = |place: &[u8]| place == b"gpt-5" || place == b"gpt-6";
        if !name.as_bytes().windows(5).any(newer) || name.contains("gpt-5-chat") {
            return Self::Gpt;
        }
        if name.contains("search") {
            return Self::Search;
        }
        let (major, minor) = version(name).unwrap_or((5, 0));
        Self::Reasoning(major, minor)
    }

    /// The parameters of `openai_chat` that the family does not take, beyond what its provider does not take.
    pub(crate) fn unsupported(self, none_effort: bool) -> &'static [&'static str] {
        const PLAIN: &[&str] = &["reasoning_effort", "verbosity", "thinking"];
        const O_SERIES: &[&str] = &[
            "frequency_penalty",
            "logprobs",
            "parallel_tool_calls",
            "presence_penalty",
            "top_logprobs",
            "top_p",
            "verbosity",
            "thinking",
        ];
        const REASONING: &[&str] = &[
            "audio",
            "frequency_penalty",
            "logit_bias",
            "modalities",
            "prediction",
            "presence_penalty",
            "stop",
            "web_search_options",
            "thinking",
        ];
        const REASONING_ALWAYS: &[&str] = &[
            "audio",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "modalities",
            "prediction",
            "presence_penalty",
            "stop",
            "top_logprobs",
            "top_p",
            "web_search_options",
            "thinking",
        ];
        match self {
            Self::Gpt => PLAIN,
            Self::OSeries => O_SERIES,
            Self::Reasoning(..) if none_effort => REASONING,
            Self::Reasoning(..) | Self::Search => REASONING_ALWAYS,
        }
    }

    /// Whether the family counts `max_completion_tokens` instead of `max_tokens`.
    pub(crate) fn max_completion_tokens(self) -> bool {
        self != Self::Gpt
    }

    /// Whether LiteLLM sends the `developer` role on; the other families hear `system` from it.
    pub(crate) fn developer_role(self) -> bool {
        self == Self::OSeries
    }

    /// Whether the responses API alone serves the model.
    pub(crate) fn is_responses_only(model: &str) -> bool {
        let name = model.rsplit('/').next().unwrap_or(model);
        let reasons = matches!(Self::of(name), Self::OSeries | Self::Reasoning(..));
        reasons && ["-codex", "-pro", "-deep-research"].iter().any(|part| ends_word(name, part))
            || name.starts_with("gpt-daybreak-")
    }

    /// Whether the family does not reason unless it is asked to.
    pub(crate) fn rests_by_default(self) -> bool {
        matches!(self, Self::Reasoning(5, 1..=4))
    }

    /// Whether LiteLLM sends requests with tools for this family to the responses API.
    pub(crate) fn tools_by_responses(self) -> bool {
        matches!(self, Self::Reasoning(major, minor) if (major, minor) >= (5, 4))
    }
}

/// Whether `part` stands in `name` before its end or another part.
fn ends_word(name: &str, part: &str) -> bool {
    name.split_once(part).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('-'))
}

fn version(name: &str) -> Option<(u32, u32)> {
    let rest = name.strip_prefix("gpt-")?;
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = digits(rest);
    let minor = rest[major.len()..].strip_prefix('.').map(digits).unwrap_or_default();
    Some((major.parse().ok()?, minor.parse().unwrap_or(0)))
}

/// What is known about an OpenAI model.
pub(super) fn capabilities(model: &str) -> Capabilities {
    let family = Family::of(model);
    let reasoning = matches!(family, Family::OSeries | Family::Reasoning(..));
    let (pro, codex) = (model.contains("-pro"), model.contains("codex"));
    Capabilities {
        reasoning,
        response_schema: true,
        native_structured_output: true,
        vision: true,
        none_effort: matches!(family, Family::Reasoning(major, minor) if (major, minor) >= (5, 1))
            && !pro
            && !codex,
        minimal_effort: matches!(family, Family::Reasoning(5, 0)) || (reasoning && pro),
        xhigh_effort: matches!(family, Family::Reasoning(major, minor) if (major, minor) >= (5, 2)),
        max_effort: matches!(family, Family::Reasoning(6.., _)),
        ..Capabilities::default()
    }
}

/// Whether this is a place of OpenAI's own.
pub(super) fn is_openai_host(base_url: &str) -> bool {
    let host = match base_url.split_once(':') {
        Some((_, rest)) if rest.starts_with("//") => &rest[2..],
        _ => base_url,
    };
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host.strip_suffix("openai.com").is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_name() {
        assert_eq!(Family::of("gpt-4o"), Family::Gpt);
        assert_eq!(Family::of("o3-mini"), Family::OSeries);
        assert_eq!(Family::of("gpt-5"), Family::Reasoning(5, 0));
        assert_eq!(Family::of("gpt-5.4-mini"), Family::Reasoning(5, 4));
        assert_eq!(Family::of("gpt-5-chat-latest"), Family::Gpt);
        assert_eq!(Family::of("omni-moderation"), Family::Gpt);
        assert_eq!(Family::of("gpt-5-search-api"), Family::Search);
        assert!(Family::of("gpt-5.4").tools_by_responses());
        assert!(!Family::of("gpt-5.2").tools_by_responses());
    }

    #[test]
    fn hosts_are_told_by_name_and_not_by_prefix() {
        assert!(is_openai_host("https://api.openai.com/v1"));
        assert!(is_openai_host("https://eu.api.openai.com/v1"));
        assert!(is_openai_host("api.openai.com:443"));
        assert!(!is_openai_host("https://notopenai.com/v1"));
        assert!(!is_openai_host("https://api.openai.com.evil.test/v1"));
        assert!(!is_openai_host("http://127.0.0.1:8000/v1"));
    }
}
