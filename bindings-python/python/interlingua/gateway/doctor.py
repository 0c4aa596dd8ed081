"""``interlingua doctor``: what a config means, per model group and route, and what is wrong with it.

Everything here is asked of the gateway itself: its ``Config``, ``Groups`` and ``Switches`` as ``serve`` has them, and
the core with a small request for each route.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import interlingua
from interlingua import _native
from interlingua.gateway import litellm_keys as keys
from interlingua.gateway.application import Gateway
from interlingua.gateway.config import Deployment, config_of
from interlingua.gateway.config_file import ConfigError, ConfigFile, Place, references
from interlingua.gateway.findings import Finding, Kind, key_findings, variable_findings
from interlingua.gateway.groups import Choice
from interlingua.gateway.modes import ROUTE_DIALECTS, canary_percent

_SCHEMA: Final = {"type": "object", "properties": {}}
_QUESTION: Final = [{"role": "user", "content": "Hi"}]
PROBES: Final[Mapping[str, Mapping[str, object]]] = {
    "openai_chat": {"messages": _QUESTION},
    "anthropic_messages": {"messages": _QUESTION, "max_tokens": 16},
    "openai_responses": {"input": "Hi"},
    "mistral_ocr": {"document": {"type": "document_url", "document_url": "https://example.com/page.pdf"}},
}
"""The smallest request of each route."""
TOOL_PROBES: Final[Mapping[str, Mapping[str, object]]] = {
    "openai_chat": {"tools": [{"type": "function", "function": {"name": "look_up", "parameters": _SCHEMA}}]},
    "anthropic_messages": {"tools": [{"name": "look_up", "input_schema": _SCHEMA}]},
    "openai_responses": {"tools": [{"type": "function", "name": "look_up", "parameters": _SCHEMA}]},
}
"""What makes some providers be asked in another dialect."""


@dataclass(frozen=True, slots=True)
class RouteReport:
    """What becomes of a plain request to one route for one group."""

    route: str
    mode: str
    engine: str
    """``rust``; ``python``; ``canary``: both; ``refused``: the switch says ``rust``, which cannot serve it;
    ``depends``: on the name."""
    upstream: str | None
    """The dialect that the core would ask the provider in; ``None`` if it cannot."""
    upstream_with_tools: str | None
    why: tuple[str, ...]
    """All that keeps it from the core."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """A model group."""

    name: str
    aliases: tuple[str, ...]
    deployments: tuple[Deployment, ...]
    routes: tuple[RouteReport, ...]

    @property
    def on_core(self) -> bool:
        return any(route.engine in ("rust", "canary", "depends") for route in self.routes)


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and its line."""

    finding: Finding
    place: Place | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that the doctor has to say."""

    config: str
    python_engine: str
    groups: tuple[GroupReport, ...]
    pairs: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    """Features that are proven and not proven, per route/provider that the core translates."""
    findings: tuple[Located, ...]
    notices: tuple[str, ...]
    """What ``serve`` says at start."""

    @property
    def needs_attention(self) -> bool:
        return any(located.finding.kind.needs_attention for located in self.findings)


def diagnose(path: Path, environment: Mapping[str, str] | None = None) -> Report:
    """Raises ``ConfigError``, ``SwitchError`` or ``StoreError`` if the gateway would not start with the config."""
    file = ConfigFile(path)
    gateway = Gateway(config_of(file, environment))
    if not gateway.control.keeper.store.remote:  # no connection is opened here
        gateway.control.load()
    return _Doctor(file, gateway).report()


class _Doctor:
    def __init__(self, file: ConfigFile, gateway: Gateway) -> None:
        self._file = file
        self._gateway = gateway
        self._config = gateway.config
        self._vocabulary = interlingua.features()

    def report(self) -> Report:
        groups = tuple(self._groups())
        findings = [*self._of_file(), *self._of_deployments(), *self._of_groups(groups), *self._notices()]
        located = [Located(finding, self._file.find(finding.key)) for finding in findings]
        return Report(
            config=str(self._file.path),
            python_engine=self._gateway.python.description,
            groups=groups,
            pairs=self._pairs(groups),
            findings=tuple(sorted([*located, *self._duplicates()], key=_order)),
            notices=tuple(self._gateway.notices()),
        )

    def _groups(self) -> Iterator[GroupReport]:
        by_name: dict[str, list[Deployment]] = {}
        for deployment in self._config.deployments:
            by_name.setdefault(deployment.group, []).append(deployment)
        for name, deployments in by_name.items():
            choice = self._gateway.groups.of(deployments[0])
            yield GroupReport(
                name=name,
                aliases=tuple(alias for alias, group in self._config.aliases.items() if group == name),
                deployments=tuple(deployments),
                routes=tuple(self._route(route, choice) for route in ROUTE_DIALECTS),
            )

    def _route(self, route: str, choice: Choice) -> RouteReport:
        switches = self._gateway.switches
        mode = switches.mode(route, choice.provider, choice.group)
        reasons = choice.python_reasons
        if choice.provider == "*":
            reasons = (*self._config.python_reasons, *choice.deployment.python_reasons)
            if mode not in ("python", "shadow") and not reasons:
                name_decides = "the provider stands in the name that a client asks for"
                return RouteReport(route, mode, "depends", None, None, (name_decides,))
        plain = _probe(route, choice, {})
        decision = switches.settle(route, choice.provider, choice.group, plain.features, reasons)
        why = [f"its switch is set to {mode}"] if mode in ("python", "shadow") else []
        why += reasons
        if choice.target is not None:
            if plain.declined is not None:
                why.append(plain.declined)
            elif not decision.ungated and not switches.gate.is_open(f"{route}/{choice.provider}"):
                why.append("parity is not proven for this provider")
        on_core = decision.engine == "rust" and plain.declined is None
        engine = "rust" if on_core else "refused" if mode == "rust" else "python"
        if on_core and canary_percent(mode) is not None:
            engine = "canary"
        tools = _probe(route, choice, TOOL_PROBES.get(route, {}))
        return RouteReport(
            route=route,
            mode=mode,
            engine=engine,
            upstream=plain.upstream,
            upstream_with_tools=tools.upstream,
            why=() if on_core else tuple(why),
        )

    def _pairs(self, groups: tuple[GroupReport, ...]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        gate = self._gateway.switches.gate
        proven = gate.pairs()
        found: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for group in groups:
            for route in group.routes:
                if route.upstream is None:
                    continue
                pair = f"{route.route}/{group.deployments[0].provider}"
                # A request to OCR has no features.
                vocabulary = self._vocabulary if route.route != "mistral_ocr" else []
                found[pair] = (tuple(proven.get(pair, ())), tuple(gate.missing(pair, vocabulary)))
        return dict(sorted(found.items()))

    def _of_file(self) -> Iterator[Finding]:
        document, env = self._file.document, self._config.environment
        yield from key_findings(document, env, self._config.credentials)
        yield from variable_findings(document, env)
        for key, path in self._file.replaced:
            message = f"is replaced as a whole by {path}, as in LiteLLM; only lists grow"
            yield Finding(Kind.REPLACED_KEY, key, key, message)

    def _duplicates(self) -> Iterator[Located]:
        for name, place in self._file.duplicates():
            message = "stands twice in one mapping; only the last one counts"
            yield Located(Finding(Kind.DUPLICATE_KEY, "", name, message), place)

    def _of_deployments(self) -> Iterator[Finding]:
        referring = {key for key, _, _ in references(self._file.document.get("model_list"), "model_list")}
        for deployment in self._config.deployments:
            key = f"{deployment.key}.litellm_params"
            choice = self._gateway.groups.of(deployment)
            variable = self._missing_variable(choice)
            if variable is not None and f"{key}.api_key" not in referring:
                message = f"group {deployment.group} has no api_key, and the environment variable {variable} is not set"
                yield Finding(Kind.MISSING_VARIABLE, key, variable, message)
            if choice.notice is not None:
                yield Finding(Kind.NOTICE, key, "api_key", choice.notice)

    def _missing_variable(self, choice: Choice) -> str | None:
        if choice.api_key is not None:
            return None
        if choice.target is not None:
            return choice.key_variable if self._gateway.groups.lacks_key(choice) else None
        variables = keys.LITELLM_KEY_VARIABLES.get(choice.provider, ())
        if not variables or any(self._config.environment.get(variable) for variable in variables):
            return None
        return variables[0]

    def _of_groups(self, groups: tuple[GroupReport, ...]) -> Iterator[Finding]:
        python = self._gateway.python.available
        for group in groups:
            refused = [route for route in group.routes if route.engine == "refused"]
            key = group.deployments[0].key
            if group.on_core or (python and not refused):
                continue
            if refused:
                message = f"{group.name} cannot be served: a switch is set to rust, and the core has no way"
            else:
                message = (
                    f"{group.name} needs LiteLLM, and there is none: install litellm[proxy], or set migration.python"
                )
            yield Finding(Kind.UNSERVED_GROUP, key, group.name, message)
        yield from self._unknown_groups()

    def _unknown_groups(self) -> Iterator[Finding]:
        for alias, group in self._config.aliases.items():
            if self._gateway.groups.find(group) is None:
                message = f"there is no group {group!r} for the alias {alias!r}"
                yield Finding(Kind.UNKNOWN_GROUP, f"router_settings.model_group_alias.{alias}", group, message)
        for section in ("litellm_settings", "router_settings"):
            settings = self._file.document.get(section)
            for name in sorted({*keys.GROUP_FALLBACKS, "default_fallbacks"}):
                value = settings.get(name) if isinstance(settings, dict) else None
                for group in sorted(set(_named_groups(value))):
                    if group != "*" and self._gateway.groups.find(group) is None:
                        yield Finding(Kind.UNKNOWN_GROUP, f"{section}.{name}", group, f"there is no group {group!r}")

    def _notices(self) -> Iterator[Finding]:
        for finding in self._config.notices:
            if finding.kind is Kind.NOTICE:
                yield finding
        for pattern, message in self._gateway.control.notices():
            yield Finding(Kind.NOTICE, "migration.switches", pattern, message)
        for pattern, message in self._gateway.control.lost_groups():
            yield Finding(Kind.UNKNOWN_GROUP, f"migration.switches.{pattern}", pattern, message)


def _order(located: Located) -> tuple[bool, str, int]:
    place = located.place
    return (True, "", 0) if place is None else (False, place.file, place.line)


def _named_groups(value: object) -> Iterator[str]:
    """The names in a list of groups, or of mappings of groups to lists of groups."""
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict):
            for group, others in entry.items():
                yield str(group)
                yield from _named_groups(others)


@dataclass(frozen=True, slots=True)
class _Probe:
    """What the core says to a request."""

    features: tuple[str, ...] = ()
    upstream: str | None = None
    declined: str | None = None


def _probe(route: str, choice: Choice, extra: Mapping[str, object]) -> _Probe:
    body = json.dumps({"model": choice.group, **PROBES[route], **extra}).encode()
    request = _native.Request(route, body)
    if choice.target is None:
        return _Probe(request.features)
    try:
        attempt = request.attempt(choice.target, now_unix=0, id_seed=0)
    except _native.InterlinguaError as error:
        return _Probe(request.features, declined=str(error))
    return _Probe(request.features, attempt.upstream_dialect)


def as_json(report: Report) -> dict[str, object]:
    """The report for machines; ``docs/configuration.md`` says what stands where."""
    return {
        "format": 1,
        "config": report.config,
        "needs_attention": report.needs_attention,
        "python_engine": report.python_engine,
        "groups": [_group_json(group) for group in report.groups],
        "pairs": {
            pair: {"proven": list(proven), "missing": list(missing)} for pair, (proven, missing) in report.pairs.items()
        },
        "findings": [
            {
                "kind": located.finding.kind.value,
                "needs_attention": located.finding.kind.needs_attention,
                "key": located.finding.key or None,
                "name": located.finding.name or None,
                "message": located.finding.message,
                "file": located.place.file if located.place else None,
                "line": located.place.line if located.place else None,
            }
            for located in report.findings
        ],
        "notices": list(report.notices),
    }


def failure_as_json(path: Path, error: Exception) -> dict[str, object]:
    """The report on a config that the gateway would not start with."""
    place = error.place if isinstance(error, ConfigError) else None
    return {
        "format": 1,
        "config": str(path),
        "needs_attention": True,
        "error": {
            "key": (error.key or None) if isinstance(error, ConfigError) else None,
            "message": error.message if isinstance(error, ConfigError) else str(error),
            "file": place.file if place else str(path),
            "line": place.line if place else None,
        },
    }


def _group_json(group: GroupReport) -> dict[str, object]:
    return {
        "group": group.name,
        "aliases": list(group.aliases),
        "deployments": [
            {"key": deployment.key, "provider": deployment.provider or None, "model": deployment.model}
            for deployment in group.deployments
        ],
        "routes": {
            route.route: {
                "mode": route.mode,
                "engine": route.engine,
                "upstream": route.upstream,
                "upstream_with_tools": route.upstream_with_tools,
                "why": list(route.why),
            }
            for route in group.routes
        },
    }


__all__ = ["GroupReport", "Located", "Report", "RouteReport", "as_json", "diagnose", "failure_as_json"]
