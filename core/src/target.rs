//! Where a request goes.

use std::sync::Arc;

use bytes::Bytes;

use crate::capabilities::Capabilities;
use crate::error::Refusal;
use crate::http::Headers;
use crate::provider::Provider;

/// What the host knows about authentication. A hint, never the secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// The host holds a key for this deployment.
    #[default]
    ApiKey,
    /// The deployment is open.
    None,
}

/// Whether LiteLLM's rewrites (`policy/`) are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compat {
    /// As LiteLLM does.
    #[default]
    LiteLlm,
    /// Only what the provider needs.
    None,
}

/// A deployment: a model at a provider, with the settings that belong to it. Built once, shared by all attempts.
#[derive(Debug, Clone)]
pub struct Target {
    /// Who serves.
    pub provider: Provider,
    /// The provider's name of the model.
    pub model: String,
    /// The deployment's own base URL, without a slash at its end; `None` for the provider's.
    pub base_url: Option<String>,
    /// Whether there is a credential.
    pub credential: Credential,
    /// What the model can do.
    pub capabilities: Arc<Capabilities>,
    /// Drop unsupported parameters (each a loss) instead of refusing the request.
    pub drop_params: bool,
    /// Whether LiteLLM's rewrites are applied.
    pub compat: Compat,
    /// A JSON object of parameters for requests that do not set them; empty for none.
    pub defaults: Bytes,
    /// Headers to add to every request.
    pub extra_headers: Headers,
    /// The host's id of the deployment. Ids of responses carry it, so that what refers to them finds its way back.
    pub deployment: Option<Arc<str>>,
}

impl Target {
    /// A deployment of `model` at the provider of that name.
    ///
    /// # Errors
    /// [`Refusal::Decline`] for a provider that this core does not know, [`Refusal::Invalid`] for one that has no place of
    /// its own where `base_url` is missing.
    pub fn new(provider: &str, model: &str, base_url: Option<&str>) -> Result<Self, Refusal> {
        let provider = Provider::from_name(provider)?;
        let base_url = base_url.map(|url| url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty());
        if base_url.is_none() && provider.base_url().is_none() {
            let variable = provider.base_variable().unwrap_or("api_base");
            let message =
                format!("provider '{}' needs a base URL: set api_base or {variable}", provider.name());
            return Err(Refusal::invalid("api_base", message));
        }
        Ok(Self {
            provider,
            model: model.to_owned(),
            base_url,
            credential: Credential::default(),
            capabilities: Arc::new(provider.capabilities(model)),
            drop_params: false,
            compat: Compat::default(),
            defaults: Bytes::new(),
            extra_headers: Headers::new(),
            deployment: None,
        })
    }
}
