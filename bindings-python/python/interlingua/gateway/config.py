"""A LiteLLM ``config.yaml`` as the gateway understands it.

What the gateway does not build yet is never ignored: it is named at start, and what it governs stays on the
``python`` engine.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from interlingua.gateway import litellm_keys as keys
from interlingua.gateway.config_file import ConfigError, ConfigFile, Environment, Fields, Section
from interlingua.gateway.credentials import Credentials
from interlingua.gateway.findings import Finding, Kind, key_findings, summed_up
from interlingua.gateway.migration import Migration, read_migration
from interlingua.gateway.pool import locate
from interlingua.gateway.verdicts import odd_keys

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

    key: str
    """Where it stands in the config: ``model_list[3]``."""
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
    database: bool
    """LiteLLM has one: budgets and limits may stand there."""
    virtual_keys: bool
    """Keys other than the master key may be valid; only LiteLLM knows them."""
    open_response_ids: bool
    """LiteLLM takes ids of responses that it has not made from holders of virtual keys too."""
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
    notices: tuple[Finding, ...]
    """What to tell at start."""
    environment: Environment = field(repr=False)
    credentials: Credentials = field(repr=False)


Overrides: TypeAlias = Mapping[str, Mapping[str, object]]
"""Keys of sections that the command line sets."""


def load_config(path: Path, environment: Mapping[str, str] | None = None, overrides: Overrides | None = None) -> Config:
    """Raises ``ConfigError``."""
    return config_of(ConfigFile(path), environment, overrides)


def config_of(
    file: ConfigFile, environment: Mapping[str, str] | None = None, overrides: Overrides | None = None
) -> Config:
    """Make a ``Config`` of a file that is read."""
    document = dict(file.document)
    for section, values in (overrides or {}).items():
        given = document.get(section)
        document[section] = {**(given if isinstance(given, dict) else {}), **values}
    try:
        return build_config(document, str(file.path), file.path, environment)
    except ConfigError as error:
        raise error.at(file.find(error.key)) from None


def build_config(document: Section, file: str, path: Path | None, base: Mapping[str, str] | None = None) -> Config:
    """Make a ``Config`` of a parsed file."""
    env = Environment(base)
    variables = Fields(file, "environment_variables", document.get("environment_variables"))
    env.add(variables.section)
    migration = read_migration(
        Fields(file, "migration", env.resolve(document.get("migration"))),
        path.parent if path else Path(),
        path.with_name(f"{path.stem}.interlingua.db") if path else None,
    )
    general = Fields(file, "general_settings", env.resolve(document.get("general_settings")))
    litellm = Fields(file, "litellm_settings", env.resolve(document.get("litellm_settings")))
    router = Fields(file, "router_settings", env.resolve(document.get("router_settings")))
    notices: list[str] = []
    reasons = _global_reasons(document, general, litellm, router)
    root = Fields(file, "", document)
    credentials = Credentials(root, env)
    deployments = _deployments(root, env, litellm, router, credentials)
    of_keys = [
        *summed_up(key_findings(document, env, credentials)),
        *_kept_on_python(reasons),
        *(
            Finding(Kind.MISSING_VARIABLE, "", name, f"the environment variable {name} is not set")
            for name in env.missing
        ),
    ]
    first = _first(router.count("num_retries"), litellm.count("num_retries"))
    database = bool(general.section.get("database_url")) or env.get("DATABASE_URL") is not None
    verify = litellm.section.get("ssl_verify")
    if verify is None:
        verify = _ssl_verify(env.get("SSL_VERIFY"))
    if isinstance(verify, str) and not Path(verify).is_file():
        raise litellm.error("ssl_verify", f"{verify} is no file; name a file with CA certificates, or use true")
    master_key = general.text("master_key") or env.get("LITELLM_MASTER_KEY")
    if any(env.get(name) or env.get(name.lower()) for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")):
        notices.append("a forward proxy is set in the environment; the rust engine connects without it")
    notices += _master_key_notices(master_key, general, env)
    return Config(
        path=path,
        deployments=tuple(deployments),
        aliases=_aliases(router),
        master_key=master_key,
        key_header=(general.text("litellm_key_header_name") or "").lower() or None,
        metrics_need_key=litellm.flag("require_auth_for_metrics_endpoint") or False,
        credentials=credentials,
        database=database,
        virtual_keys=database
        or migration.python.url is not None
        or any(general.section.get(name) for name in ("custom_auth", "enable_jwt_auth")),
        open_response_ids=any(
            general.flag(name) for name in ("allow_unmanaged_response_ids", "disable_responses_id_security")
        ),
        num_retries=DEFAULT_NUM_RETRIES if first is None else first,
        retry_after=router.number("retry_after") or 0.0,
        timeout=_first(router.number("timeout"), litellm.number("request_timeout"), DEFAULT_REQUEST_TIMEOUT) or 0.0,
        stream_timeout=router.number("stream_timeout"),
        max_request_bytes=int((general.number("max_request_size_mb") or 100) * MEGABYTE),
        max_response_bytes=int((general.number("max_response_size_mb") or 256) * MEGABYTE),
        ssl_verify=verify if isinstance(verify, bool | str) else True,
        migration=migration,
        python_reasons=tuple(reasons),
        notices=(*of_keys, *(Finding(Kind.NOTICE, "", "", notice) for notice in notices)),
        environment=env,
    )


Number = TypeVar("Number", int, float)


def _first(*values: Number | None) -> Number | None:
    return next((value for value in values if value is not None), None)


def _global_reasons(document: Section, general: Fields, litellm: Fields, router: Fields) -> list[str]:
    """Settings that may change any answer and are not built here."""
    reasons = [
        f"{section.key}.{key}"
        for section in (litellm, router, general)
        for key in odd_keys(section.key, section.section)
        if key not in keys.GROUP_FALLBACKS
    ]
    return reasons + [key for key, value in document.items() if key in keys.TOP_LEVEL_TO_PYTHON and keys.is_set(value)]


def _kept_on_python(reasons: Sequence[str]) -> Iterator[Finding]:
    if reasons:
        message = f"not built yet, so every request stays on the python engine: {', '.join(reasons)}"
        yield Finding(Kind.PYTHON_KEY, "", "", message)


def _master_key_notices(master_key: str | None, general: Fields, env: Environment) -> Iterator[str]:
    if master_key is None:
        yield "no master key is set: every client may use this gateway, and the admin endpoint is off"
    permitted = general.section.get("dangerously_permit_weak_or_unset_master_key") is True
    permitted = permitted or env.get("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY") is not None
    if master_key in (None, "sk-1234") and not permitted:
        yield "LiteLLM does not start without a master key that is its own: sk-1234 stands in its documentation"


def _ssl_verify(text: str | None) -> bool | str | None:
    """``SSL_VERIFY`` is a truth value, or the path of a file with certificates."""
    if text is None or text.lower() in ("true", "false"):
        return None if text is None else text.lower() == "true"
    return text


def _fallback_groups(*sections: Fields) -> dict[str, str]:
    """Groups that have fallbacks; ``*`` means all."""
    groups: dict[str, str] = {}
    for section in sections:
        for name in sorted(keys.GROUP_FALLBACKS):
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


def _deployments(
    root: Fields, env: Environment, litellm: Fields, router: Fields, credentials: Credentials
) -> list[Deployment]:
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
        deployments.append(_deployment(fields, group, reasons, env, litellm, credentials))
    return deployments


def _deployment(
    fields: Fields, group: str, reasons: list[str], env: Environment, litellm: Fields, credentials: Credentials
) -> Deployment:
    written = fields.inner("litellm_params")
    params = Fields(fields.file, written.key, credentials.applied(written.section))
    named = params.text("model")
    if named is None:
        raise params.error("model", "is missing; write provider/model, for example anthropic/claude-sonnet-4-5")
    provider, model = split_model(named, params.text("custom_llm_provider"))
    reasons += [f"litellm_params.{key}" for key in odd_keys("litellm_params", params.section)]
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
        key=fields.key,
        group=group,
        provider=provider,
        model=model,
        model_id=str(identity) if identity is not None else _model_id(group, written.section),
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
