"""LiteLLM configs as people write them, and what the gateway makes of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from interlingua.gateway.config import Config, ConfigError, build_config
from interlingua.gateway.groups import Groups

ONE = {"model_name": "gpt-4o", "litellm_params": {"model": "openai/gpt-4o", "api_key": "os.environ/OPENAI_API_KEY"}}


def build(text: str, **environment: str) -> Config:
    return build_config(yaml.safe_load(text), "config.yaml", None, environment)


def said(config: Config) -> list[str]:
    return [notice.message for notice in config.notices]


def only_reasons(config: Config) -> tuple[str, ...]:
    (deployment,) = config.deployments
    return deployment.python_reasons


def test_quick_start() -> None:
    config = build(
        """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 60
general_settings:
  master_key: sk-abc
""",
        OPENAI_API_KEY="sk-up",
    )
    (deployment,) = config.deployments
    assert (deployment.provider, deployment.model, deployment.api_key) == ("openai", "gpt-4o", "sk-up")
    assert deployment.python_reasons == () and config.python_reasons == ()
    assert said(config) == ["without effect on what the gateway serves itself: litellm_params.rpm"]
    assert (config.master_key, config.num_retries, config.timeout) == ("sk-abc", 2, 6000.0)


def test_model_id_is_the_one_that_litellm_derives() -> None:
    config = build(
        """
model_list:
  - model_name: ocr
    litellm_params: {model: mistral/mistral-ocr-latest, api_key: sk-up3, api_base: "http://127.0.0.1:4422/v1"}
  - model_name: named
    litellm_params: {model: openai/gpt-4o}
    model_info: {id: my-id}
"""
    )
    assert config.deployments[0].model_id == "f467255a138292d09dd576ad5e0c38930e6ff325f5b0524d1e5fb359332a180c"
    assert config.deployments[1].model_id == "my-id"
    assert len(hashlib.sha256().hexdigest()) == len(config.deployments[0].model_id)


def test_timeouts_retries_and_drop_params() -> None:
    config = build(
        """
model_list:
  - model_name: a
    litellm_params: {model: groq/llama, timeout: 12, stream_timeout: 3.5, num_retries: 5, drop_params: false}
  - model_name: b
    litellm_params: {model: groq/llama, timeout: "30"}
litellm_settings: {drop_params: true, num_retries: 1, request_timeout: 99}
router_settings: {num_retries: 4, timeout: 60, retry_after: 2}
"""
    )
    a, b = config.deployments
    assert (a.timeout, a.stream_timeout, a.num_retries, a.drop_params) == (12, 3.5, 5, False)
    assert (b.timeout, b.stream_timeout, b.num_retries, b.drop_params) == (30, None, None, True)
    assert (config.num_retries, config.timeout, config.retry_after) == (4, 60, 2)


def test_defaults_headers_and_organization() -> None:
    config = build(
        """
model_list:
  - model_name: a
    litellm_params:
      model: openai/gpt-4o
      organization: org-1
      temperature: 0.2
      max_tokens: 300
      extra_headers: {X-Team: search, x-trace: os.environ/TRACE}
      input_cost_per_token: 0.00001
""",
        TRACE="t1",
    )
    (deployment,) = config.deployments
    assert deployment.defaults == b'{"temperature": 0.2, "max_tokens": 300}'
    assert dict(deployment.extra_headers) == {"X-Team": "search", "x-trace": "t1", "OpenAI-Organization": "org-1"}
    assert deployment.python_reasons == ()


def test_wildcards_and_bare_names() -> None:
    config = build(
        """
model_list:
  - {model_name: "openai/*", litellm_params: {model: "openai/*", api_key: k1}}
  - {model_name: "openai/gpt-*", litellm_params: {model: "openai/gpt-*", api_key: k2}}
  - {model_name: "fast-*", litellm_params: {model: "groq/llama-*", api_key: k3}}
  - {model_name: "*", litellm_params: {model: "*"}}
  - {model_name: claude, litellm_params: {model: claude-sonnet-4-5}}
""",
        GROQ_API_KEY="env-groq",
    )
    groups = Groups(config)
    found = {name: groups.find(name) for name in ("openai/o3", "openai/gpt-5", "fast-3.3", "groq/x", "claude")}
    assert {name: (choice.provider, choice.model, choice.api_key) for name, choice in found.items() if choice} == {
        "openai/o3": ("openai", "o3", "k1"),
        "openai/gpt-5": ("openai", "gpt-5", "k2"),
        "fast-3.3": ("groq", "llama-3.3", "k3"),
        "groq/x": ("groq", "x", "env-groq"),
        "claude": ("anthropic", "claude-sonnet-4-5", None),
    }
    assert groups.names() == ["claude"]


def test_wildcard_names_from_clients_never_fill_memory() -> None:
    groups = Groups(build("model_list: [{model_name: 'groq/*', litellm_params: {model: 'groq/*'}}]"))
    for number in range(3000):
        groups.find(f"groq/{number}")
    assert len(groups._remembered) <= 1024
    assert groups.find("groq/" + "x" * 100_000) is None


def test_several_deployments_stay_on_python() -> None:
    config = build_config({"model_list": [ONE, ONE]}, "c", None, {})
    assert all("2 deployments" in deployment.python_reasons[0] for deployment in config.deployments)


def test_fallbacks_concern_their_group_only() -> None:
    config = build(
        """
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-4o}}
  - {model_name: b, litellm_params: {model: openai/gpt-4o-mini}}
litellm_settings: {fallbacks: [{a: [b]}]}
"""
    )
    a, b = config.deployments
    assert a.python_reasons == ("litellm_settings.fallbacks",) and b.python_reasons == ()


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ("litellm_settings: {callbacks: [langfuse]}", "litellm_settings.callbacks"),
        ("litellm_settings: {success_callback: [s3]}", "litellm_settings.success_callback"),
        ("litellm_settings: {cache: true, cache_params: {type: redis}}", "litellm_settings.cache"),
        ("litellm_settings: {modify_params: true}", "litellm_settings.modify_params"),
        ("litellm_settings: {default_fallbacks: [b]}", "litellm_settings.default_fallbacks"),
        ("router_settings: {enable_pre_call_checks: true}", "router_settings.enable_pre_call_checks"),
        ("router_settings: {retry_policy: {TimeoutErrorRetries: 1}}", "router_settings.retry_policy"),
        ("general_settings: {custom_auth: my.auth}", "general_settings.custom_auth"),
        ("guardrails: [{guardrail_name: pii}]", "guardrails"),
    ],
)
def test_what_is_not_built_is_named_and_stays_on_python(section: str, reason: str) -> None:
    config = build(f"model_list: [{{model_name: a, litellm_params: {{model: openai/x}}}}]\n{section}")
    assert config.python_reasons == (reason,)
    assert any(reason in notice for notice in said(config))


@pytest.mark.parametrize(
    "section",
    [
        "litellm_settings: {cache: false, callbacks: []}",
        "litellm_settings: {set_verbose: true, json_logs: true}",
        "router_settings: {routing_strategy: simple-shuffle, allowed_fails: 3}",
        "general_settings: {max_request_size_mb: 5}",
    ],
)
def test_what_is_off_or_harmless_changes_nothing(section: str) -> None:
    config = build(f"model_list: [{{model_name: a, litellm_params: {{model: openai/x}}}}]\n{section}")
    assert config.python_reasons == ()


@pytest.mark.parametrize(
    "key", ["mock_response", "litellm_credential_name", "aws_region_name", "max_parallel_requests"]
)
def test_unknown_deployment_keys_keep_the_deployment_on_python(key: str) -> None:
    config = build(f"model_list: [{{model_name: a, litellm_params: {{model: openai/x, {key}: yes-please}}}}]")
    assert only_reasons(config) == (f"litellm_params.{key}",)


def test_credentials_are_applied_below_what_a_deployment_says() -> None:
    config = build(
        """
model_list:
  - {model_name: a, litellm_params: {model: openai/x, litellm_credential_name: main, api_base: "http://mine/v1"}}
  - {model_name: b, litellm_params: {model: openai/x, litellm_credential_name: in-the-database}}
credential_list:
  - credential_name: main
    credential_values: {api_key: os.environ/MAIN, api_base: "http://theirs/v1"}
""",
        MAIN="sk-main",
    )
    a, b = config.deployments
    assert (a.api_key, a.base_url, a.python_reasons) == ("sk-main", "http://mine/v1", ())
    assert (b.api_key, b.python_reasons) == (None, ("litellm_params.litellm_credential_name",))


def test_azure_and_friends_stay_on_python() -> None:
    config = build(
        """
model_list:
  - model_name: az
    litellm_params:
      {model: azure/gpt-4o-eu, api_base: "https://x.openai.azure.com", api_version: 2024-10-21, api_key: k}
"""
    )
    (choice,) = Groups(config).choices()
    assert choice.target is None or choice.python_reasons
    assert "litellm_params.api_version" in choice.python_reasons


def test_missing_variables_are_named_not_fatal() -> None:
    config = build_config({"model_list": [ONE], "general_settings": {"master_key": "sk"}}, "c", None, {})
    assert config.deployments[0].api_key is None
    assert said(config) == ["the environment variable OPENAI_API_KEY is not set"]


def test_environment_variables_section_and_master_key_variable() -> None:
    config = build(
        """
environment_variables: {OPENAI_API_KEY: os.environ/REAL, EXTRA: 1}
model_list: [{model_name: a, litellm_params: {model: openai/x, api_key: os.environ/OPENAI_API_KEY}}]
""",
        REAL="sk-real",
        LITELLM_MASTER_KEY="sk-env-master",
    )
    assert config.deployments[0].api_key == "sk-real"
    assert config.master_key == "sk-env-master"


def test_no_master_key_is_said_aloud() -> None:
    assert any("no master key" in notice for notice in said(build("model_list: []")))


@pytest.mark.parametrize(
    ("general", "environment", "expected"),
    [
        ("{master_key: sk-1234}", {}, True),
        ("{}", {}, True),
        ("{master_key: sk-of-our-own}", {}, False),
        ("{master_key: sk-1234, dangerously_permit_weak_or_unset_master_key: true}", {}, False),
        ("{master_key: sk-1234}", {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}, False),
    ],
)
def test_a_master_key_that_litellm_refuses(general: str, environment: dict[str, str], expected: bool) -> None:
    notices = said(build(f"general_settings: {general}", **environment))
    assert any("LiteLLM does not start" in notice for notice in notices) is expected


def test_environment_that_changes_what_is_served(tmp_path: Path) -> None:
    config = build("model_list: []", DATABASE_URL="postgres://x", HTTPS_PROXY="http://p", LITELLM_MASTER_KEY="sk")
    assert config.virtual_keys and config.database and config.python_reasons == ()
    assert any("forward proxy" in notice for notice in said(config))
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    for text, verify in (("False", False), ("true", True), (str(bundle), str(bundle))):
        assert build("model_list: []", SSL_VERIFY=text).ssl_verify == verify
    assert build("litellm_settings: {ssl_verify: false}", SSL_VERIFY="true").ssl_verify is False
    with pytest.raises(ConfigError, match="ssl_verify"):
        build("litellm_settings: {ssl_verify: /no/such/file.pem}")


def test_unknown_top_level_keys_are_named() -> None:
    assert any(
        "modell_list" in notice and "did you mean model_list" in notice for notice in said(build("modell_list: []"))
    )


def test_aliases() -> None:
    config = build(
        """
model_list: [{model_name: a, litellm_params: {model: openai/x}}]
router_settings: {model_group_alias: {gpt-4: a, hidden: {model: a, hidden: true}}}
"""
    )
    groups = Groups(config)
    choice = groups.find("gpt-4")
    assert choice is not None and choice.model == "x"


def test_environment_key_that_goes_elsewhere_is_said_aloud() -> None:
    text = """
model_list:
  - {model_name: here, litellm_params: {model: openai/x}}
  - {model_name: there, litellm_params: {model: openai/x, api_base: "http://vllm:8000/v1"}}
  - {model_name: own, litellm_params: {model: openai/x, api_base: "http://vllm:8000/v1", api_key: k}}
"""
    notices = [choice.notice for choice in Groups(build(text, OPENAI_API_KEY="sk-env")).choices()]
    assert notices[0] is None and notices[2] is None
    assert notices[1] is not None and "OPENAI_API_KEY" in notices[1] and "sk-env" not in notices[1]


def test_no_secret_in_reprs() -> None:
    document: dict[str, Any] = {
        "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/x", "api_key": "sk-planted"}}],
        "general_settings": {"master_key": "sk-planted"},
    }
    config = build_config(document, "c", None, {"OTHER": "sk-planted"})
    assert "sk-planted" not in repr(config)
    assert "sk-planted" not in repr(Groups(config).choices())
