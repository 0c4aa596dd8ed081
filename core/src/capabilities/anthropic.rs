//! Claude models: what LiteLLM's cost map says about each family, and what the version alone says about new ones.

use super::Capabilities;

impl Capabilities {
    /// What is known about a Claude model, by its name. Dates and prefixes around the family do not matter.
    pub(crate) fn of_claude(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let Some(family) = Family::of(&name) else {
            return Self {
                max_output_tokens: Some(UNKNOWN_OUTPUT),
                reasoning: name.contains("claude-3-7-sonnet"),
                vision: true,
                ..Self::default()
            };
        };
        let known = KNOWN.iter().find(|row| row.name == family.name && row.version == family.version);
        known.map_or_else(|| family.guess(), |row| row.capabilities(family))
    }
}

/// Most output tokens of a model that the table does not know.
const UNKNOWN_OUTPUT: u64 = 128_000;

/// The versions since which the API has a feature.
const ADAPTIVE_SINCE: (u32, u32) = (4, 6);
const MID_SYSTEM_SINCE: (u32, u32) = (4, 8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family<'m> {
    name: &'m str,
    /// `None` for a preview without a number.
    version: Option<(u32, u32)>,
}

impl<'m> Family<'m> {
    /// `claude-<name>-<major>[-<minor>]`, anywhere in the model's name.
    fn of(model: &'m str) -> Option<Self> {
        let rest = model.split_once("claude-")?.1;
        let letters = rest.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(letters);
        let rest = rest.strip_prefix('-').filter(|_| !name.is_empty())?;
        if rest.starts_with("preview") {
            return Some(Self { name, version: None });
        }
        let (major, rest) = leading_number(rest)?;
        let minor = rest.strip_prefix(['-', '.', '_']).and_then(leading_number);
        // Longer numbers are release dates.
        let minor = minor.filter(|(minor, _)| *minor < 100).map_or(0, |(minor, _)| minor);
        Some(Self { name, version: Some((major, minor)) })
    }

    /// A version that the table does not have yet: what every Claude can do, and what its version says.
    fn guess(self) -> Capabilities {
        let since =
            |first: (u32, u32)| self.version.is_some_and(|version| version >= first && version.0 < 10);
        Capabilities {
            max_output_tokens: Some(UNKNOWN_OUTPUT),
            response_schema: true,
            reasoning: true,
            vision: true,
            assistant_prefill: true,
            adaptive_thinking: since(ADAPTIVE_SINCE),
            legacy_thinking: self.version == Some(ADAPTIVE_SINCE),
            mid_conversation_system: since(MID_SYSTEM_SINCE),
            thinking_always_on: matches!(self.name, "fable" | "mythos"),
            ..Capabilities::default()
        }
    }
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// What the cost map says about a family beyond its version.
struct Known {
    name: &'static str,
    version: Option<(u32, u32)>,
    max_output_tokens: u64,
    output_config: bool,
    sampling_params: bool,
    forced_tool_use: bool,
    always_thinks: bool,
    xhigh_effort: bool,
    speed: bool,
}

impl Known {
    /// A model with the output limit and the sampling parameters of the 4.5 generation.
    const fn early(name: &'static str, output_config: bool) -> Self {
        Self {
            name,
            version: Some((4, 5)),
            max_output_tokens: 64_000,
            output_config,
            sampling_params: true,
            forced_tool_use: true,
            always_thinks: false,
            xhigh_effort: false,
            speed: false,
        }
    }

    /// A model since 4.6, which has `output_config` and 128,000 output tokens.
    const fn late(name: &'static str, major: u32, minor: u32) -> Self {
        let newer = major > 4 || minor > 6;
        Self {
            name,
            version: Some((major, minor)),
            max_output_tokens: 128_000,
            output_config: true,
            sampling_params: !newer,
            forced_tool_use: true,
            always_thinks: false,
            xhigh_effort: newer,
            speed: false,
        }
    }

    const fn fast(self) -> Self {
        Self { speed: true, ..self }
    }

    const fn always_thinking(self) -> Self {
        Self { always_thinks: true, ..self }
    }

    /// Without forced tool calls, which would skip the thinking.
    const fn unforced(self) -> Self {
        Self { forced_tool_use: false, ..self }
    }

    fn capabilities(&self, family: Family<'_>) -> Capabilities {
        let guess = family.guess();
        let adaptive = self.version.is_none() || guess.adaptive_thinking;
        Capabilities {
            max_output_tokens: Some(self.max_output_tokens),
            native_structured_output: true,
            adaptive_thinking: adaptive,
            output_config: self.output_config,
            sampling_params: self.sampling_params,
            forced_tool_use: self.forced_tool_use,
            thinking_always_on: self.always_thinks,
            xhigh_effort: self.xhigh_effort,
            max_effort: adaptive,
            assistant_prefill: !adaptive,
            web_search: true,
            speed: self.speed,
            ..guess
        }
    }
}

const KNOWN: &[Known] = &[
    Known::early("haiku", false),
    Known::early("sonnet", false),
    Known::early("opus", true),
    Known::late("sonnet", 4, 6),
    Known::late("opus", 4, 6).fast(),
    Known::late("opus", 4, 7),
    Known::late("opus", 4, 8).fast(),
    Known::late("sonnet", 5, 0),
    Known::late("sonnet", 5, 5).always_thinking().unforced(),
    Known::late("opus", 5, 0).fast(),
    Known::late("opus", 5, 5).always_thinking().unforced().fast(),
    Known::late("haiku", 5, 5),
    Known::late("fable", 5, 0).always_thinking(),
    Known::late("fable", 5, 1).always_thinking().unforced(),
    Known::late("mythos", 5, 0).always_thinking(),
    Known::late("mythos", 5, 1).always_thinking().unforced(),
    Known { version: None, ..Known::late("mythos", 5, 0).always_thinking() },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_name_whatever_surrounds_them() {
        let sonnet = Capabilities::of_claude("claude-sonnet-4-5-20250929");
        assert_eq!(sonnet, Capabilities::of_claude("claude-sonnet-4.5"));
        assert_eq!(sonnet.max_output_tokens, Some(64_000));
        assert!(sonnet.native_structured_output && sonnet.reasoning && !sonnet.adaptive_thinking);

        let opus = Capabilities::of_claude("claude-opus-4-6");
        assert!(opus.adaptive_thinking && opus.legacy_thinking && opus.speed && opus.sampling_params);
        assert!(!opus.mid_conversation_system && !opus.xhigh_effort);

        let mythos = Capabilities::of_claude("claude-mythos-preview");
        assert!(mythos.adaptive_thinking && mythos.thinking_always_on && !mythos.mid_conversation_system);
    }

    #[test]
    fn dates_are_not_minor_versions() {
        let four = Capabilities::of_claude("claude-opus-4-20250514");
        assert!(four.reasoning && !four.adaptive_thinking && !four.native_structured_output);
        assert_eq!(four.max_output_tokens, Some(128_000));
    }

    #[test]
    fn old_and_unheard_of_models_get_what_their_name_says() {
        assert!(!Capabilities::of_claude("claude-3-5-sonnet-20241022").reasoning);
        assert!(Capabilities::of_claude("claude-3-7-sonnet-20250219").reasoning);
        let future = Capabilities::of_claude("claude-newfamily-6-2");
        assert!(
            future.adaptive_thinking && future.mid_conversation_system && !future.native_structured_output
        );
    }
}
