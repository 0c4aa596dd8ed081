//! Top-level request fields that are meant for the host, not for the provider.

/// Whether LiteLLM keeps the field for itself (retries, caches, tags, guardrails …): it is removed from what is sent and
/// handed to the host.
#[must_use]
pub(crate) fn is_host_control(name: &[u8]) -> bool {
    !is_usual(name) && (is_in(CONTROLS, name) || is_price(name))
}

/// Whether a client may not set the field at all: it would choose where the operator's keys are sent.
#[must_use]
pub(crate) fn is_banned(name: &[u8]) -> bool {
    !is_usual(name) && (is_in(BANNED, name) || is_price(name))
}

/// The fields of nearly every request, told apart from the lists at once.
pub(crate) fn is_usual(name: &[u8]) -> bool {
    matches!(
        name,
        b"model"
            | b"messages"
            | b"max_tokens"
            | b"stream"
            | b"stop"
            | b"stop_sequences"
            | b"system"
            | b"temperature"
            | b"tool_choice"
            | b"tools"
            | b"top_p"
            | b"input"
            | b"instructions"
            | b"max_output_tokens"
    )
}

fn is_in(sorted: &[&str], name: &[u8]) -> bool {
    sorted.binary_search_by(|known| known.as_bytes().cmp(name)).is_ok()
}

fn is_price(name: &[u8]) -> bool {
    name.starts_with(b"input_cost_per_")
        || name.starts_with(b"output_cost_per_")
        || name.starts_with(b"cache_creation_input_")
        || name.starts_with(b"cache_read_input_")
}

/// Sorted, for binary search.
const CONTROLS: &[&str] = &[
    "additional_drop_params",
    "allowed_openai_params",
    "assistant_continue_message",
    "cache",
    "caching",
    "context_window_fallback_dict",
    "custom_llm_provider",
    "disable_fallbacks",
    "drop_params",
    "enable_json_schema_validation",
    "ensure_alternating_roles",
    "extra_headers",
    "fallbacks",
    "force_timeout",
    "guardrails",
    "headers",
    "id",
    "litellm_call_id",
    "litellm_credential_name",
    "litellm_metadata",
    "litellm_session_id",
    "litellm_system_prompt",
    "litellm_trace_id",
    "max_fallbacks",
    "max_retries",
    "merge_reasoning_content_in_choices",
    "metadata",
    "mock_response",
    "mock_timeout",
    "model_info",
    "no-log",
    "num_retries",
    "prompt_id",
    "prompt_label",
    "prompt_variables",
    "prompt_version",
    "provider_specific_header",
    "request_timeout",
    "retry_policy",
    "retry_strategy",
    "routing_strategy",
    "rpm",
    "silent_model",
    "stream_timeout",
    "supports_system_message",
    "tags",
    "timeout",
    "tpm",
    "ttl",
    "turn_off_message_logging",
    "user_continue_message",
    "verbose",
    "weight",
];

/// Sorted, for binary search. LiteLLM's proxy refuses these in a request body (`proxy/auth/auth_utils.py`).
const BANNED: &[&str] = &[
    "agentcore_runtime_session_id",
    "anthropic-workspace-id",
    "anthropic_workspace_id",
    "api_base",
    "api_key",
    "aws_bedrock_control_plane_endpoint",
    "aws_bedrock_project_id",
    "aws_bedrock_runtime_endpoint",
    "aws_external_id",
    "aws_profile_name",
    "aws_role_name",
    "aws_session_name",
    "aws_session_tags",
    "aws_sts_endpoint",
    "aws_web_identity_token",
    "aws_workspace_id",
    "azure_ad_token",
    "base_url",
    "bedrock_tags",
    "deployment_url",
    "fireworks_forward_user_id",
    "github_copilot_auth_type",
    "github_copilot_host",
    "github_copilot_user_session",
    "langfuse_host",
    "langfuse_public_key",
    "langfuse_secret",
    "langfuse_secret_key",
    "langsmith_api_key",
    "langsmith_base_url",
    "model_list",
    "nvcf_function_id",
    "riva_offline",
    "rust",
    "s3_endpoint_url",
    "sagemaker_base_url",
    "use_ssl",
    "user_config",
    "user_provider_credentials",
    "vertex_ai_credentials",
    "vertex_credentials",
    "workspace_id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(CONTROLS.is_sorted());
        assert!(BANNED.is_sorted());
    }

    #[test]
    fn endpoint_overrides_are_banned_and_retries_are_controls() {
        assert!(is_banned(b"api_base") && is_banned(b"input_cost_per_token"));
        assert!(is_host_control(b"num_retries") && is_host_control(b"metadata"));
        assert!(!is_host_control(b"temperature") && !is_banned(b"temperature"));
    }
}
