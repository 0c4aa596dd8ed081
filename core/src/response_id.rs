//! Ids of responses that lead back to the deployment that made them, spelled as LiteLLM spells them:
//! `resp_` and the base64 of `litellm:custom_llm_provider:<provider>;model_id:<deployment>;response_id:<id>`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

const PREFIX: &str = "resp_";
const PROVIDER: &str = "litellm:custom_llm_provider:";
const DEPLOYMENT: &str = ";model_id:";
const ID: &str = ";response_id:";

/// What an id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseId {
    /// Who made the response.
    pub provider: String,
    /// The host's id of the deployment, if the host gave one.
    pub deployment: Option<String>,
    /// The provider's id of the response.
    pub id: String,
}

impl ResponseId {
    /// Reads an id; `None` for one that a provider made.
    #[must_use]
    pub fn decode(id: &str) -> Option<Self> {
        let encoded = id.strip_prefix(PREFIX)?;
        let bytes = STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (provider, rest) = text.strip_prefix(PROVIDER)?.split_once(DEPLOYMENT)?;
        let (deployment, id) = rest.split_once(ID)?;
        let deployment = Some(deployment).filter(|name| !matches!(*name, "" | "None")).map(str::to_owned);
        Some(Self { provider: provider.to_owned(), deployment, id: id.to_owned() })
    }

    /// The id for clients.
    #[must_use]
    pub fn encode(provider: &str, deployment: &str, id: &str) -> String {
        let text = [PROVIDER, provider, DEPLOYMENT, deployment, ID, id].concat();
        let mut encoded = String::with_capacity(PREFIX.len() + text.len().div_ceil(3) * 4);
        encoded.push_str(PREFIX);
        STANDARD.encode_string(text, &mut encoded);
        encoded
    }
}

/// The id under which a client knows the response `id`: with the deployment in it, where there is one to go back to.
pub(crate) fn for_client(provider: &str, deployment: Option<&str>, id: &str) -> String {
    match deployment {
        Some(deployment) => ResponseId::encode(provider, deployment, id),
        None if id.starts_with(PREFIX) => id.to_owned(),
        None => [PREFIX, id].concat(),
    }
}

/// The provider's id of the response that a client knows as `id`.
pub(crate) fn for_provider(id: &str) -> Option<String> {
    ResponseId::decode(id).map(|decoded| decoded.id)
}

/// Whether only the LiteLLM proxy that made the id can read it: it encrypts those that it hands out, and providers' own
/// are far shorter (`litellm/proxy/hooks/responses_id_security.py`).
pub(crate) fn is_sealed(id: &str) -> bool {
    const LONGEST_OF_PROVIDERS: usize = 160;
    id.starts_with(PREFIX) && id.len() > LONGEST_OF_PROVIDERS && ResponseId::decode(id).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_litellm_writes_and_what_we_write() {
        let id = "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDpOb25lO3Jlc3BvbnNlX2lkOnJlc3BfYWJj";
        let decoded = ResponseId::decode(id).unwrap();
        assert_eq!(
            (decoded.provider.as_str(), decoded.deployment, decoded.id.as_str()),
            ("openai", None, "resp_abc")
        );
        for id in ["resp_abc", "chatcmpl-1", "with;semicolon", "é"] {
            let decoded = ResponseId::decode(&ResponseId::encode("azure", "d1", id)).unwrap();
            assert_eq!((decoded.deployment.as_deref(), decoded.id.as_str()), (Some("d1"), id));
        }
    }

    #[test]
    fn what_a_litellm_proxy_encrypts_is_sealed() {
        let sealed = format!("resp_{}", "PUyulCKw8KC2gsjulja8xKRR5Wk04AuC".repeat(10));
        let ours = ResponseId::encode("openai", &"d".repeat(64), &format!("resp_{}", "0".repeat(50)));
        assert!(is_sealed(&sealed) && !is_sealed(&ours) && !is_sealed(&format!("resp_{}", "0".repeat(50))));
    }

    #[test]
    fn ids_of_providers_stay() {
        for id in ["resp_abc", "resp_0123456789abcdef", "", "resp_", "msg_1", "resp_bGl0ZWxsbTo="] {
            assert_eq!(ResponseId::decode(id), None, "{id}");
        }
        assert_eq!(for_client("openai", None, "resp_abc"), "resp_abc");
        assert_eq!(for_client("groq", None, "chatcmpl-1"), "resp_chatcmpl-1");
    }
}
