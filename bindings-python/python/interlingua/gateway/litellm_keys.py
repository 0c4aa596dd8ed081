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
        "default_max_internal_user_budget",
        "default_team_settings",
        "default_team_params",
        "default_key_generate_params",
        "internal_user_budget_duration",
        "key_alias_pattern",
        "max_internal_user_budget",
        "max_ui_session_budget",
        "suppress_startup_output",
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
    [
        "allow_unmanaged_response_ids",
        "database_url",
        "disable_responses_id_security",
        "litellm_key_header_name",
        "master_key",
        "max_request_size_mb",
        "max_response_size_mb",
    ]
)
GENERAL_HARMLESS: Final = frozenset(
    [
        "accounting_capture",
        "accounting_sync_ack",
        "accounting_sync_ack_failure_policy",
        "accounting_sync_ack_timeout_seconds",
        "alert_to_webhook_url",
        "alert_type_config",
        "alert_types",
        "alerting",
        "alerting_args",
        "alerting_threshold",
        "allow_cli_sso_verification_uri_complete",
        "allow_public_health_readiness_details",
        "allow_requests_on_db_unavailable",
        "auto_redirect_ui_login_to_sso",
        "background_health_check_model_groups",
        "background_health_checks",
        "cancel_on_disconnect",
        "claude_code_gateway_managed_settings",
        "claude_code_marketplace_auth_required",
        "control_plane_url",
        "coordination_redis",
        "custom_sso",
        "custom_ui_sso_sign_in_handler",
        "dangerously_permit_weak_or_unset_master_key",
        "database_args",
        "database_connect_timeout",
        "database_connection_pool_limit",
        "database_connection_pool_timeout",
        "database_connection_timeout",
        "database_disable_prepared_statements",
        "database_extra_connection_params",
        "database_max_idle_connection_lifetime",
        "database_socket_timeout",
        "database_type",
        "disable_auto_add_proxy_admin_to_teams",
        "disable_batch_input_file_rate_limiting",
        "disable_bedrock_agent_runtime_passthrough",
        "disable_env_credential_login",
        "disable_master_key_return",
        "disable_model_info_refresh",
        "disable_password_login_when_sso_enabled",
        "disable_prisma_schema_update",
        "disable_requester_ip_address_logging",
        "disable_reset_budget",
        "disable_spend_logs",
        "disable_spend_updates",
        "drain_endpoint_token",
        "enable_claude_code_gateway",
        "enable_drain_endpoint",
        "enable_mcp_registry",
        "enable_openai_websocket_passthrough",
        "enable_public_model_hub",
        "failed_login_block_seconds",
        "failed_login_window_seconds",
        "health_check_concurrency",
        "health_check_details",
        "health_check_ignore_transient_errors",
        "health_check_interval",
        "health_check_skip_disabled_background_models",
        "health_check_staleness_threshold",
        "hide_default_credentials_hint",
        "litellm_license",
        "max_batch_file_records",
        "max_batch_file_size_mb",
        "max_batch_file_uploads_per_day",
        "max_failed_login_attempts_per_source",
        "max_failed_login_attempts_per_source_overrides",
        "max_file_downloads_per_minute",
        "max_file_size_mb",
        "maximum_autorouter_session_retention_period",
        "maximum_daily_tag_spend_retention_period",
        "maximum_health_check_retention_period",
        "maximum_spend_logs_cleanup_batch_size",
        "maximum_spend_logs_cleanup_batch_timeout",
        "maximum_spend_logs_cleanup_cron",
        "maximum_spend_logs_cleanup_max_batches",
        "maximum_spend_logs_cleanup_run_budget",
        "maximum_spend_logs_cleanup_target_size",
        "maximum_spend_logs_retention_interval",
        "maximum_spend_logs_retention_period",
        "maximum_spend_logs_size",
        "maximum_spend_logs_size_check_interval",
        "model_list_healthy_only",
        "pass_through_endpoints",
        "pass_through_request_timeout",
        "passthrough_managed_object_ids",
        "password_policy_check_breached_passwords",
        "password_policy_min_length",
        "password_policy_require_lowercase",
        "password_policy_require_numbers",
        "password_policy_require_special_characters",
        "password_policy_require_uppercase",
        "plugins",
        "proxy_batch_polling_interval",
        "proxy_batch_write_at",
        "proxy_budget_rescheduler_max_time",
        "proxy_budget_rescheduler_min_time",
        "proxy_config_reload_interval_seconds",
        "responses_websocket_session_limit_seconds",
        "return_wildcard_routes",
        "scheduled_job_stagger",
        "self_serve_budget_policy",
        "skip_batch_input_file_rate_limiting_for_models",
        "skip_batch_input_file_rate_limiting_for_providers",
        "spend_capture_rate_check",
        "spend_logs_metadata_fields",
        "spend_report_frequency",
        "supported_db_objects",
        "track_unmanaged_batch_cost",
        "transcribe_media_buckets",
        "trusted_proxy_ranges",
        "ui_access_mode",
        "use_redis_transaction_buffer",
        "use_shared_health_check",
        "use_spend_logs_partitioning",
        "use_x_forwarded_for",
        "user_api_key_cache_max_size",
        "user_api_key_cache_ttl",
        "user_mcp_management_mode",
        "vertex_ai_pass_through_drop_anthropic_betas",
    ]
)
"""Databases, budgets and logs of LiteLLM's, its web page, and paths that are relayed to it anyway."""

TOP_LEVEL_SERVED: Final = frozenset(
    [
        "model_list",
        "litellm_settings",
        "general_settings",
        "router_settings",
        "environment_variables",
        "credential_list",
        "include",
        "migration",
    ]
)
GROUP_FALLBACKS: Final = frozenset(["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"])
"""They concern the groups that they name."""

TOP_LEVEL_TO_PYTHON: Final = frozenset(["guardrails", "callback_settings", "policies", "policy_attachments", "prompts"])
TOP_LEVEL_RELAYED: Final = frozenset(
    [
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

LITELLM_KEY_VARIABLES: Final = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "voyage": ("VOYAGE_API_KEY",),
}
"""Where LiteLLM looks for the keys of providers that the core does not have; none where there are other ways in."""

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
