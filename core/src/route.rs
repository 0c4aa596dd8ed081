//! Which dialect a request takes at a provider.

use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::features::Features;
use crate::provider::{OpenAiFamily, Provider};

/// The dialect in which `provider` is asked for `model` when a client speaks `client`, as LiteLLM decides it.
///
/// # Errors
/// [`Refusal::Decline`] where there is no way, or none that this core speaks.
pub fn upstream_dialect(
    client: Dialect,
    provider: Provider,
    model: &str,
    features: Features,
) -> Result<Dialect, Refusal> {
    if provider.speaks(Dialect::OpenAiResponses) && takes_responses(client, provider, model, features) {
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
fn takes_responses(client: Dialect, provider: Provider, model: &str, features: Features) -> bool {
    if provider.name() != "openai" {
        return false;
    }
    match client {
        Dialect::OpenAiChat => features.has("tools") && OpenAiFamily::of(model).tools_by_responses(),
        // The responses API has no stop sequences, so those requests stay with chat.
        Dialect::AnthropicMessages => !features.has("stop"),
        Dialect::OpenAiResponses | Dialect::MistralOcr => false,
    }
}

/// Every pair that is translated: client dialect, provider, upstream dialect.
pub fn table() -> impl Iterator<Item = (Dialect, Provider, Dialect)> {
    Dialect::ALL.into_iter().flat_map(|client| {
        Provider::all().filter_map(move |provider| {
            Some((client, provider, upstream_dialect(client, provider, "", Features::default()).ok()?))
        })
    })
}
