//! Anthropic.

use super::rules::ChatRules;
use super::{Auth, Dialect, Endpoint, Row};
use crate::capabilities::Capabilities;

pub(super) const ROW: Row = Row {
    name: "anthropic",
    base_url: Some("https://api.anthropic.com"),
    key_variable: Some("ANTHROPIC_API_KEY"),
    base_variable: Some("ANTHROPIC_API_BASE"),
    endpoints: &[Endpoint {
        dialect: Dialect::AnthropicMessages,
        base_url: None,
        path: "/v1/messages",
        auth: Auth::Header { name: "x-api-key", prefix: "" },
    }],
    chat: ChatRules::DEFAULT,
};

/// What is known about a Claude model.
pub(super) fn capabilities(model: &str) -> Capabilities {
    Capabilities::of_claude(model)
}
