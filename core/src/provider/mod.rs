//! Providers: who serves. Where the bytes go, how the host authenticates, and what is odd there.

mod anthropic;
mod openai;
mod rules;
mod table;

pub(crate) use rules::{ChatRules, MaxTokens};

use crate::capabilities::Capabilities;
use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::http::Auth;

/// A provider, as a row of the registry.
#[derive(Clone, Copy)]
pub struct Provider(&'static Row);

/// What the registry knows about a provider.
pub(crate) struct Row {
    /// LiteLLM's name (`model: name/…`).
    pub(crate) name: &'static str,
    /// Where it is, without a slash at the end; `None` where every deployment has its own place.
    pub(crate) base_url: Option<&'static str>,
    /// The environment variable that conventionally holds its key.
    pub(crate) key_variable: Option<&'static str>,
    /// The environment variable that conventionally holds its base URL.
    pub(crate) base_variable: Option<&'static str>,
    /// The dialects that it speaks.
    pub(crate) endpoints: &'static [Endpoint],
    /// What it takes of `openai_chat`.
    pub(crate) chat: ChatRules,
}

/// Where and how a provider speaks one dialect.
pub(crate) struct Endpoint {
    pub(crate) dialect: Dialect,
    /// Its base URL, where it is not the provider's.
    pub(crate) base_url: Option<&'static str>,
    /// The path after the base URL.
    pub(crate) path: &'static str,
    pub(crate) auth: Auth,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Provider").field(&self.0.name).finish()
    }
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Provider {}

impl Provider {
    /// The provider of that name.
    ///
    /// # Errors
    /// [`Refusal::Decline`] where this core does not know it.
    pub fn from_name(name: &str) -> Result<Self, Refusal> {
        table::ROWS.iter().find(|row| row.name == name).map(Self).ok_or_else(|| {
            Refusal::decline("unknown_provider", format!("provider '{name}' is not known to this core"))
        })
    }

    /// Every provider.
    pub fn all() -> impl Iterator<Item = Self> {
        table::ROWS.iter().map(Self)
    }

    /// LiteLLM's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Where it is; `None` where every deployment has its own place.
    #[must_use]
    pub fn base_url(self) -> Option<&'static str> {
        self.0.base_url
    }

    /// The environment variable that conventionally holds its key.
    #[must_use]
    pub fn key_variable(self) -> Option<&'static str> {
        self.0.key_variable
    }

    /// The environment variable that conventionally holds its base URL.
    #[must_use]
    pub fn base_variable(self) -> Option<&'static str> {
        self.0.base_variable
    }

    /// Whether it speaks `dialect`.
    #[must_use]
    pub fn speaks(self, dialect: Dialect) -> bool {
        self.endpoint(dialect).is_some()
    }

    pub(crate) fn endpoint(self, dialect: Dialect) -> Option<&'static Endpoint> {
        self.0.endpoints.iter().find(|endpoint| endpoint.dialect == dialect)
    }

    pub(crate) fn chat_rules(self) -> &'static ChatRules {
        &self.0.chat
    }

    /// What is known about `model` without being told.
    #[must_use]
    pub fn capabilities(self, model: &str) -> Capabilities {
        match self.0.name {
            "anthropic" => anthropic::capabilities(model),
            "openai" => openai::capabilities(model),
            _ => table::capabilities(self.0.name, model),
        }
    }
}

pub(crate) use openai::Family as OpenAiFamily;

/// Whether requests go to the provider's own hosts rather than to something that speaks alike.
pub(crate) fn is_own_host(provider: Provider, base_url: Option<&str>) -> bool {
    base_url.is_none_or(|base_url| {
        provider.base_url() == Some(base_url)
            || (provider.name() == "openai" && openai::is_openai_host(base_url))
    })
}
