"""What the gateway makes of each key of a LiteLLM config.

``SERVED`` keys are honoured here, ``HARMLESS`` ones change nothing that the gateway does (prices, weights of a
single deployment, log levels …). Every other key may change an answer, so what it governs stays on LiteLLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEPLOYMENT_SERVED: Final = frozenset(
    [
        "model",
        "api_key",
        "api_base",
        "base_url",
        "custom_llm_provider",
        "timeout",
        "stream_timeout",
        "request_timeout",
        "num_retries",
        "drop_params",
        "extra_headers",
        "headers",
        "organization",
    ]
)
DEPLOYMENT_HARMLESS: Final = frozenset(
    [
        "rpm",
        "tpm",
        "itpm",
        "otpm",
        "rpd",
        "tpd",
        "weight",
        "order",
        "cooldown_time",
        "max_retries",
        "use_in_pass_through",
        "max_file_size_mb",
    ]
)
DEPLOYMENT_DEFAULTS: Final = frozenset(
    [
        "temperature",
        "top_p",
        "top_k",
        "n",
        "stop",
        "seed",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "user",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "thinking",
        "service_tier",
        "stream_options",
        "system",
        "stop_sequences",
        "metadata",
        "extra_body",
        "verbosity",
        "store",
        "pages",
        "include_image_base64",
        "image_limit",
        "image_min_size",
    ]
)
"""Request fields that a deployment may set for requests that do not."""

SETTINGS_SERVED: Final = frozenset(
    ["drop_params", "num_retries", "request_timeout", "ssl_verify", "require_auth_for_metrics_endpoint"]
)
SETTINGS_HARMLESS: Final = frozenset(
    [
        "set_verbose",
        "json_logs",
        "telemetry",
        "turn_off_message_logging",
        "suppress_debug_info",
        "redact_user_api_key_info",
        "log_raw_request_response",
        "redact_messages_in_exceptions",
        "allowed_fails",
        "cache_params",
        "enable_json_schema_validation_warnings",
        "force_ipv4",
        "disable_end_user_cost_tracking",
        "disable_hf_tokenizer_download",
        "disable_token_counter",
        "store_audit_logs",
        "global_prompt_directory",
        "default_internal_user_params",
        "upperbound_key_generate_params",
        "ui_theme_config",
        "public_model_groups",
        "public_model_groups_links",
        "prometheus_initialize_budget_metrics",
        "key_generation_settings",
    ]
)
ROUTER_SERVED: Final = frozenset(["num_retries", "timeout", "stream_timeout", "retry_after", "model_group_alias"])
ROUTER_HARMLESS: Final = frozenset(
    [
        "routing_strategy",
        "routing_strategy_args",
        "allowed_fails",
        "cooldown_time",
        "disable_cooldowns",
        "redis_host",
        "redis_port",
        "redis_password",
        "redis_url",
        "redis_db",
        "set_verbose",
        "debug_level",
        "max_fallbacks",
        "client_ttl",
        "cache_kwargs",
        "default_priority",
        "polling_interval",
    ]
)
GENERAL_SERVED: Final = frozenset(
    ["master_key", "litellm_key_header_name", "max_request_size_mb", "max_response_size_mb"]
)
GENERAL_TO_PYTHON: Final = frozenset(
    [
        "database_url",
        "custom_auth",
        "enable_jwt_auth",
        "enable_oauth2_auth",
        "allowed_ips",
        "ip_allowlist",
        "max_parallel_requests",
        "global_max_parallel_requests",
        "forward_client_headers_to_llm_api",
        "enforce_user_param",
        "always_include_stream_usage",
        "store_model_in_db",
        "user_header_name",
        "user_header_mappings",
        "custom_key_generate",
        "reject_clientside_metadata_tags",
        "infer_model_from_keys",
        "use_azure_key_vault",
        "use_google_kms",
        "key_management_system",
        "pass_through_request_headers",
        "store_prompts_in_spend_logs",
        "allow_client_side_credentials",
    ]
)
"""Settings whose effect is on every request: who may send it, and what is made of it."""

TOP_LEVEL_SERVED: Final = frozenset(
    [
        "model_list",
        "litellm_settings",
        "general_settings",
        "router_settings",
        "environment_variables",
        "include",
        "migration",
    ]
)
TOP_LEVEL_TO_PYTHON: Final = frozenset(["guardrails", "callback_settings", "policies", "policy_attachments", "prompts"])
TOP_LEVEL_RELAYED: Final = frozenset(
    [
        "credential_list",
        "mcp_servers",
        "mcp_tools",
        "agents",
        "agent_list",
        "search_tools",
        "sandbox_tools",
        "vector_store_registry",
        "default_vertex_config",
        "assistant_settings",
        "files_settings",
        "finetune_settings",
        "worker_registry",
    ]
)
"""Sections for paths that are relayed to LiteLLM anyway."""

CONTROLS_SERVED: Final = frozenset(["num_retries", "timeout", "stream_timeout", "request_timeout", "metadata", "tags"])
CONTROLS_HARMLESS: Final = frozenset(
    [
        "litellm_metadata",
        "litellm_call_id",
        "litellm_trace_id",
        "litellm_session_id",
        "no-log",
        "turn_off_message_logging",
        "verbose",
        "max_retries",
        "max_fallbacks",
        "disable_fallbacks",
        "routing_strategy",
        "rpm",
        "tpm",
        "weight",
        "model_info",
        "id",
        "mock_response",  # LiteLLM's proxy ignores these two as well
        "mock_timeout",
    ]
)
"""Fields of a request that are meant for the host; any other one keeps the request on LiteLLM."""


def is_price(key: str) -> bool:
    """Prices are for bookkeeping only."""
    return "_cost" in key or key.startswith("cost_") or key.endswith("_price")


def is_set(value: object) -> bool:
    """A key that is there but switched off or empty asks for nothing."""
    return value is not None and value is not False and value != [] and value != {} and value != ""


def odd_keys(section: Mapping[str, object], *known: frozenset[str]) -> list[str]:
    """The keys that are set and that none of ``known`` holds."""
    return [key for key, value in section.items() if is_set(value) and not any(key in names for names in known)]
