"""A LiteLLM ``config.yaml`` as the gateway understands it.

What the gateway does not build yet is never ignored: it is named at start, and what it governs stays on the
``python`` engine.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from interlingua.gateway import litellm_keys as keys
from interlingua.gateway.config_file import ConfigError, Environment, Fields, Section, read_config
from interlingua.gateway.migration import Migration, read_migration
from interlingua.gateway.pool import locate

DEFAULT_REQUEST_TIMEOUT = 6000.0
DEFAULT_NUM_RETRIES = 2
MEGABYTE = 1024 * 1024

_BARE_MODEL_PROVIDERS = (
    (("gpt-", "o1", "o3", "o4", "chatgpt-"), "openai"),
    (("claude",), "anthropic"),
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of ``model_list``."""

    group: str
    """``model_name``; may hold ``*``."""
    provider: str
    model: str
    """The provider's name of the model; may hold ``*``, for what the group's ``*`` stood for."""
    model_id: str
    api_key: str | None = field(repr=False)
    base_url: str | None
    timeout: float | None
    stream_timeout: float | None
    num_retries: int | None
    drop_params: bool
    extra_headers: tuple[tuple[str, str], ...] = field(repr=False)
    defaults: bytes | None = field(repr=False)
    python_reasons: tuple[str, ...]
    """Why this deployment is served by LiteLLM only; empty if the core may serve it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the gateway needs to know."""

    path: Path | None
    deployments: tuple[Deployment, ...]
    aliases: Mapping[str, str]
    master_key: str | None = field(repr=False)
    key_header: str | None
    metrics_need_key: bool
    virtual_keys: bool
    """Keys other than the master key may be valid; only LiteLLM knows them."""
    num_retries: int
    retry_after: float
    timeout: float
    stream_timeout: float | None
    max_request_bytes: int
    max_response_bytes: int
    ssl_verify: bool | str
    migration: Migration
    python_reasons: tuple[str, ...]
    """Settings that keep every request on LiteLLM."""
    notices: tuple[str, ...]
    """What to tell at start."""
    environment: Environment = field(repr=False)


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Raises ``ConfigError``."""
    return build_config(read_config(path), str(path), path, environment)


def build_config(document: Section, file: str, path: Path | None, base: Mapping[str, str] | None = None) -> Config:
    """Make a ``Config`` of a parsed file."""
    env = Environment(base)
    variables = Fields(file, "environment_variables", document.get("environment_variables"))
    env.add(variables.section)
    migration = read_migration(
        Fields(file, "migration", env.resolve(document.get("migration"))), path.parent if path else Path()
    )
    general = Fields(file, "general_settings", env.resolve(document.get("general_settings")))
    litellm = Fields(file, "litellm_settings", env.resolve(document.get("litellm_settings")))
    router = Fields(file, "router_settings", env.resolve(document.get("router_settings")))
    notices: list[str] = []
    reasons = _global_reasons(document, general, litellm, router)
    if env.get("DATABASE_URL") is not None:
        reasons.append("the environment variable DATABASE_URL")
    notices += _unknown_keys(document, general)
    if reasons:
        notices.append(f"not built yet, so every request stays on the python engine: {', '.join(reasons)}")
    deployments = _deployments(Fields(file, "", document), env, litellm, router)
    for variable in env.missing:
        notices.append(f"the environment variable {variable} is not set")
    first = _first(router.count("num_retries"), litellm.count("num_retries"))
    verify = litellm.section.get("ssl_verify")
    if verify is None:
        verify = _ssl_verify(env.get("SSL_VERIFY"))
    if isinstance(verify, str) and not Path(verify).is_file():
        raise litellm.error("ssl_verify", f"{verify} is no file; name a file with CA certificates, or use true")
    master_key = general.text("master_key") or env.get("LITELLM_MASTER_KEY")
    if any(env.get(name) or env.get(name.lower()) for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")):
        notices.append("a forward proxy is set in the environment; the rust engine connects without it")
    if master_key is None:
        notices.append("no master key is set: every client may use this gateway, and the admin endpoint is off")
    return Config(
        path=path,
        deployments=tuple(deployments),
        aliases=_aliases(router),
        master_key=master_key,
        key_header=(general.text("litellm_key_header_name") or "").lower() or None,
        metrics_need_key=litellm.flag("require_auth_for_metrics_endpoint") or False,
        virtual_keys=any(general.section.get(name) for name in ("database_url", "custom_auth", "enable_jwt_auth"))
        or env.get("DATABASE_URL") is not None,
        num_retries=DEFAULT_NUM_RETRIES if first is None else first,
        retry_after=router.number("retry_after") or 0.0,
        timeout=_first(router.number("timeout"), litellm.number("request_timeout"), DEFAULT_REQUEST_TIMEOUT) or 0.0,
        stream_timeout=router.number("stream_timeout"),
        max_request_bytes=int((general.number("max_request_size_mb") or 100) * MEGABYTE),
        max_response_bytes=int((general.number("max_response_size_mb") or 256) * MEGABYTE),
        ssl_verify=verify if isinstance(verify, bool | str) else True,
        migration=migration,
        python_reasons=tuple(reasons),
        notices=tuple(notices),
        environment=env,
    )


Number = TypeVar("Number", int, float)


def _first(*values: Number | None) -> Number | None:
    return next((value for value in values if value is not None), None)


def _global_reasons(document: Section, general: Fields, litellm: Fields, router: Fields) -> list[str]:
    """Settings that may change any answer and are not built here."""
    reasons = [f"litellm_settings.{key}" for key in _odd_settings(litellm)]
    reasons += [f"router_settings.{key}" for key in _odd_router(router)]
    for prefix, section, names in (
        ("general_settings.", general.section, keys.GENERAL_TO_PYTHON),
        ("", document, keys.TOP_LEVEL_TO_PYTHON),
    ):
        reasons += [f"{prefix}{key}" for key, value in section.items() if key in names and keys.is_set(value)]
    return reasons


def _unknown_keys(document: Section, general: Fields) -> list[str]:
    known = keys.TOP_LEVEL_SERVED | keys.TOP_LEVEL_RELAYED | keys.TOP_LEVEL_TO_PYTHON
    unknown = [key for key in document if key not in known]
    unknown += [
        f"general_settings.{key}" for key in keys.odd_keys(general.section, keys.GENERAL_SERVED, keys.GENERAL_TO_PYTHON)
    ]
    return [f"{key} is not known and has no effect here" for key in unknown]


def _ssl_verify(text: str | None) -> bool | str | None:
    """``SSL_VERIFY`` is a truth value, or the path of a file with certificates."""
    if text is None or text.lower() in ("true", "false"):
        return None if text is None else text.lower() == "true"
    return text


def _odd_settings(litellm: Fields) -> list[str]:
    odd = keys.odd_keys(litellm.section, keys.SETTINGS_SERVED, keys.SETTINGS_HARMLESS)
    return [key for key in odd if key not in _GROUP_FALLBACKS]


def _odd_router(router: Fields) -> list[str]:
    odd = keys.odd_keys(router.section, keys.ROUTER_SERVED, keys.ROUTER_HARMLESS)
    return [key for key in odd if key not in _GROUP_FALLBACKS]


_GROUP_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def _fallback_groups(*sections: Fields) -> dict[str, str]:
    """Groups that have fallbacks; ``*`` means all."""
    groups: dict[str, str] = {}
    for section in sections:
        for name in _GROUP_FALLBACKS:
            for entry in section.items(name):
                if not isinstance(entry, dict):
                    raise section.error(name, "each entry must be a mapping of a group to a list of groups")
                for group in entry:
                    groups[str(group)] = f"{section.key}.{name}"
    return groups


def _aliases(router: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    for alias, value in router.inner("model_group_alias").section.items():
        target = value.get("model") if isinstance(value, dict) else value
        if not isinstance(target, str):
            raise router.error(f"model_group_alias.{alias}", "must name a model group")
        found[alias] = target
    return found


def _deployments(root: Fields, env: Environment, litellm: Fields, router: Fields) -> list[Deployment]:
    fallbacks = _fallback_groups(litellm, router)
    entries = root.items("model_list")
    sizes = Counter(str(entry.get("model_name")) for entry in entries if isinstance(entry, dict))
    deployments = []
    for index, entry in enumerate(entries):
        fields = Fields(root.file, f"model_list[{index}]", env.resolve(entry))
        group = fields.text("model_name")
        if group is None:
            raise fields.error("model_name", "is missing; it is the name that clients ask for")
        reasons = []
        if sizes[group] > 1:
            reasons.append(f"{sizes[group]} deployments in one group")
        fallback = fallbacks.get(group) or fallbacks.get("*")
        if fallback:
            reasons.append(fallback)
        deployments.append(_deployment(fields, group, reasons, env, litellm))
    return deployments


def _deployment(fields: Fields, group: str, reasons: list[str], env: Environment, litellm: Fields) -> Deployment:
    params = fields.inner("litellm_params")
    named = params.text("model")
    if named is None:
        raise params.error("model", "is missing; write provider/model, for example anthropic/claude-sonnet-4-5")
    provider, model = split_model(named, params.text("custom_llm_provider"))
    odd = keys.odd_keys(params.section, keys.DEPLOYMENT_SERVED, keys.DEPLOYMENT_HARMLESS, keys.DEPLOYMENT_DEFAULTS)
    reasons += [f"litellm_params.{key}" for key in odd if not keys.is_price(key)]
    base_url = params.text("api_base") or params.text("base_url") or base_from_environment(provider, env)
    if base_url is not None:
        try:
            locate(base_url)
        except ValueError as error:
            raise params.error("api_base", str(error)) from None
    if provider == "*" and params.section.get("api_key"):
        reasons.append("one api_key for every provider")
    defaults = {
        key: value for key, value in params.section.items() if key in keys.DEPLOYMENT_DEFAULTS and keys.is_set(value)
    }
    drop = params.flag("drop_params")
    info = fields.inner("model_info")
    identity = info.section.get("id")
    return Deployment(
        group=group,
        provider=provider,
        model=model,
        model_id=str(identity) if identity is not None else _model_id(group, params.section),
        api_key=_api_key(params),
        base_url=base_url,
        timeout=params.number("timeout")
        if params.section.get("timeout") is not None
        else params.number("request_timeout"),
        stream_timeout=params.number("stream_timeout"),
        num_retries=params.count("num_retries"),
        drop_params=(litellm.flag("drop_params") or False) if drop is None else drop,
        extra_headers=_extra_headers(params, provider),
        defaults=json.dumps(defaults, ensure_ascii=False, default=str).encode() if defaults else None,
        python_reasons=tuple(reasons),
    )


def split_model(named: str, given_provider: str | None) -> tuple[str, str]:
    """``provider/model`` in two; a bare name only where the name leaves no doubt."""
    if given_provider is not None:
        return given_provider, named.removeprefix(f"{given_provider}/")
    provider, slash, model = named.partition("/")
    if slash:
        return provider, model
    for prefixes, known in _BARE_MODEL_PROVIDERS:
        if named.startswith(prefixes):
            return known, named
    return ("*", "*") if named == "*" else ("", named)


def _api_key(params: Fields) -> str | None:
    key = params.text("api_key")
    if key is not None and (not key.isascii() or any(character < " " for character in key)):
        raise params.error("api_key", "holds a character that an HTTP header cannot carry; check for a line break")
    return key


def base_from_environment(provider: str, env: Environment) -> str | None:
    """The base URL that ``<PROVIDER>_API_BASE`` or ``<PROVIDER>_BASE_URL`` names."""
    if not provider.isidentifier():
        return None
    stem = provider.upper()
    return env.get(f"{stem}_API_BASE") or env.get(f"{stem}_BASE_URL")


def _extra_headers(params: Fields, provider: str) -> tuple[tuple[str, str], ...]:
    headers: dict[str, str] = {}
    for name in ("headers", "extra_headers"):
        for key, value in params.inner(name).section.items():
            text = str(value)
            if "\r" in text or "\n" in text or not text.isascii() or not key.isascii():
                raise params.error(f"{name}.{key}", "holds a character that an HTTP header cannot carry")
            headers[key] = text
    organization = params.text("organization")
    if organization is not None and provider == "openai":
        headers["OpenAI-Organization"] = organization
    return tuple(headers.items())


def _model_id(group: str, params: Mapping[str, object]) -> str:
    """The id that LiteLLM gives a deployment without ``model_info.id``, so that dashboards keep their series."""
    parts = [group]
    for key, value in params.items():
        for item in (key, value):
            parts.append(item if isinstance(item, str) else json.dumps(item) if isinstance(item, dict) else str(item))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


__all__ = ["Config", "ConfigError", "Deployment", "base_from_environment", "build_config", "load_config", "split_model"]
