//! Which dialect a request takes at a provider.

use crate::dialect::Dialect;
use crate::error::Refusal;
use crate::features::Features;
use crate::provider::Provider;

/// The dialect in which `provider` is asked when a client speaks `client`, as LiteLLM decides it.
///
/// # Errors
/// [`Refusal::Decline`] where LiteLLM takes a dialect that this core does not speak yet, [`Refusal::Unsupported`] where
/// there is no way at all.
pub fn upstream_dialect(client: Dialect, provider: Provider, features: Features) -> Result<Dialect, Refusal> {
    // The responses API has no stop sequences, so those requests stay with chat.
    let chat = features.has("stop");
    if client == Dialect::AnthropicMessages && provider.name() == "openai" && !chat {
        return Err(Refusal::decline(
            "responses_dialect",
            "messages for openai go through /v1/responses, which is not built yet",
        ));
    }
    if provider.speaks(client) {
        return Ok(client);
    }
    let other = match client {
        Dialect::OpenAiChat => Dialect::AnthropicMessages,
        Dialect::AnthropicMessages => Dialect::OpenAiChat,
        Dialect::MistralOcr => {
            return Err(Refusal::decline(
                "no_ocr",
                format!("this core has no OCR at provider '{}'", provider.name()),
            ));
        }
    };
    if provider.speaks(other) {
        return Ok(other);
    }
    Err(Refusal::decline(
        "no_dialect",
        format!("provider '{}' speaks no dialect that {} translates to", provider.name(), client.name()),
    ))
}

/// Every pair that is translated: client dialect, provider, upstream dialect.
pub fn table() -> impl Iterator<Item = (Dialect, Provider, Dialect)> {
    Dialect::ALL.into_iter().flat_map(|client| {
        Provider::all().filter_map(move |provider| {
            Some((client, provider, upstream_dialect(client, provider, Features::default()).ok()?))
        })
    })
}
