//! Which dialect a request takes at a provider.

use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::features::Features;
use crate::provider::{OpenAiFamily, Provider, is_own_host};

/// The dialect in which `provider` is asked for `model` at its own hosts when a client speaks `client`, as LiteLLM
/// decides it.
///
/// # Errors
/// [`Refusal::Decline`] where there is no way, or none that this core speaks.
pub fn upstream_dialect(
    client: Dialect,
    provider: Provider,
    model: &str,
    features: Features,
) -> Result<Dialect, Refusal> {
    upstream_dialect_at(client, provider, None, model, features)
}

/// The same at `base_url`.
pub(crate) fn upstream_dialect_at(
    client: Dialect,
    provider: Provider,
    base_url: Option<&str>,
    model: &str,
    features: Features,
) -> Result<Dialect, Refusal> {
    if provider.speaks(Dialect::OpenAiResponses)
        && takes_responses(client, provider, base_url, model, features)
    {
        return Ok(Dialect::OpenAiResponses);
    }
    if client == Dialect::OpenAiResponses && OWN_RESPONSES.contains(&provider.name()) {
        return Err(Refusal::decline(
            "responses_dialect",
            format!("the responses API of {} is not built yet", provider.name()),
        ));
    }
    let ways: &[Dialect] = match client {
        Dialect::OpenAiChat => &[Dialect::OpenAiChat, Dialect::AnthropicMessages],
        Dialect::AnthropicMessages => &[Dialect::AnthropicMessages, Dialect::OpenAiChat],
        Dialect::OpenAiResponses => {
            &[Dialect::OpenAiResponses, Dialect::OpenAiChat, Dialect::AnthropicMessages]
        }
        Dialect::MistralOcr => &[Dialect::MistralOcr],
    };
    let spoken = ways.iter().copied().find(|dialect| provider.speaks(*dialect));
    spoken.ok_or_else(|| {
        Refusal::decline(
            "no_dialect",
            format!("provider '{}' speaks no dialect that {} translates to", provider.name(), client.name()),
        )
    })
}

/// Providers whose own form of the responses API LiteLLM speaks and this core does not.
const OWN_RESPONSES: &[&str] = &["xai", "perplexity", "fireworks_ai"];

/// Whether LiteLLM sends the request of a chat or messages client to the provider's responses API.
fn takes_responses(
    client: Dialect,
    provider: Provider,
    base_url: Option<&str>,
    model: &str,
    features: Features,
) -> bool {
    if matches!(client, Dialect::OpenAiResponses | Dialect::MistralOcr) {
        return false;
    }
    if model.starts_with("responses/") {
        return true;
    }
    if provider.name() != "openai" {
        return false;
    }
    OpenAiFamily::is_responses_only(model)
        || match client {
            // The responses API has no stop sequences, so those requests stay with chat.
            Dialect::AnthropicMessages => !features.has("stop"),
            _ => chat_refuses(provider, base_url, model, features),
        }
}

/// Whether the chat API refuses what the responses API takes: functions while the model reasons, and search among tools.
fn chat_refuses(provider: Provider, base_url: Option<&str>, model: &str, features: Features) -> bool {
    if !features.functions() && !features.tool_search() {
        return false;
    }
    let own_host = is_own_host(provider, base_url);
    let family = OpenAiFamily::of(model);
    let (said, none) = features.effort();
    // A model that does not know the effort `none` reasons all the same.
    let reasons = !none || !provider.capabilities(model).none_effort;
    let functions = features.functions() && reasons && family.tools_by_responses() && (said || own_host);
    functions || (features.tool_search() && own_host && matches!(family, OpenAiFamily::Reasoning(..)))
}

/// Every pair that is translated: client dialect, provider, upstream dialect.
pub fn table() -> impl Iterator<Item = (Dialect, Provider, Dialect)> {
    Dialect::ALL.into_iter().flat_map(|client| {
        Provider::all().filter_map(move |provider| {
            Some((client, provider, upstream_dialect(client, provider, "", Features::default()).ok()?))
        })
    })
}
