"""Model groups: from the name that a client asks for to a deployment and the core's ``Target`` for it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from interlingua import _native
from interlingua.gateway.client import header_lines
from interlingua.gateway.config import Config, Deployment, base_from_environment, split_model
from interlingua.gateway.pool import Location, Origin, locate

MAX_REMEMBERED = 1024
MAX_NAME = 512


Heads: TypeAlias = dict[bytes, tuple[Location, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The deployment that serves a model name."""

    group: str
    """The configured group (a pattern for wildcards), safe to log."""
    requested: str
    deployment: Deployment
    provider: str
    model: str
    target: _native.Target | None
    api_key: str | None = field(repr=False)
    key_variable: str | None
    base_url: str | None
    """Where the provider is, if not at its public host."""
    origin: Origin | None
    """The only place that this deployment's key may be sent to."""
    python_reasons: tuple[str, ...]
    notice: str | None
    """What the operator should know of this deployment."""
    lines: bytes
    """The headers that tell a client who serves it."""
    heads: tuple[Heads, Heads] = field(default_factory=lambda: ({}, {}), repr=False)
    """Heads of requests to the provider, by what varies in them; those of streams stand second."""

    def as_case(self) -> dict[str, Any]:
        """What a case says of the deployment, apart from its headers."""
        return {
            "provider": self.provider,
            "model": self.model,
            "requested_model": self.requested,
            "api_base": self.base_url,
            "drop_params": self.deployment.drop_params,
            "defaults": json.loads(self.deployment.defaults) if self.deployment.defaults else {},
        }


class Groups:
    """All groups of a config. Exact names first, then patterns, the longest first, as LiteLLM does."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._hosts = {name: base for name, base, _ in _native.providers()}
        self._exact: dict[str, Choice] = {}
        self._patterns: list[tuple[re.Pattern[str], Deployment]] = []
        self._remembered: dict[str, Choice | None] = {}
        for deployment in config.deployments:
            if "*" in deployment.group:
                parts = (re.escape(part) for part in deployment.group.split("*"))
                self._patterns.append((re.compile("(.*)".join(parts), re.DOTALL), deployment))
            elif deployment.group not in self._exact:
                self._exact[deployment.group] = self._choose(
                    deployment, deployment.group, deployment.provider, deployment.model
                )
        self._by_deployment = {choice.deployment.model_id: choice for choice in self._exact.values()}
        self._patterns.sort(key=lambda pattern: len(pattern[1].group), reverse=True)
        for alias, group in config.aliases.items():
            aliased = self._exact.get(group) or self.find(group)
            if aliased is not None and alias not in self._exact:
                self._exact[alias] = aliased

    def names(self) -> list[str]:
        """What ``/v1/models`` lists: names that can be asked for as they stand."""
        return list(self._exact)

    def has(self, name: str) -> bool:
        """A group of the config is called so, or an alias; not merely matched by a pattern."""
        return name in self._exact

    def choices(self) -> list[Choice]:
        return list(self._exact.values())

    def of(self, deployment: Deployment) -> Choice:
        """What the config says of a deployment, whoever asks for it; of a wildcard's as it stands."""
        return self._choose(deployment, deployment.group, deployment.provider, deployment.model)

    def lacks_key(self, choice: Choice) -> bool:
        """The provider is asked at its own public host, and nothing says with which key."""
        home = self._hosts.get(choice.provider)
        if home is None or choice.api_key is not None or choice.key_variable is None:
            return False
        origin = locate(home).origin
        return choice.origin == origin and origin.scheme == "https"

    def wildcards(self) -> list[Deployment]:
        return [deployment for _, deployment in self._patterns]

    def of_deployment(self, identity: str) -> Choice | None:
        """The choice for a deployment, by its id. Wildcards have none before somebody asks for a model."""
        return self._by_deployment.get(identity)

    def find(self, name: str) -> Choice | None:
        """The choice for a model name; ``None`` if no group has it."""
        found = self._exact.get(name)
        if found is not None or not self._patterns or len(name) > MAX_NAME:
            return found
        if name in self._remembered:
            return self._remembered[name]
        found = self._match(name)
        if len(self._remembered) >= MAX_REMEMBERED:  # names come from clients: never let them fill memory
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[name] = found
        return found

    def _match(self, name: str) -> Choice | None:
        for pattern, deployment in self._patterns:
            match = pattern.fullmatch(name)
            if match is None:
                continue
            model, provider = deployment.model, deployment.provider
            if provider == "*":
                provider, model = split_model(name, None)
            else:
                for part in match.groups():
                    model = model.replace("*", part, 1)
            return self._choose(deployment, name, provider, model)
        return None

    def _choose(self, deployment: Deployment, requested: str, provider: str, model: str) -> Choice:
        env = self._config.environment
        base = deployment.base_url or base_from_environment(provider, env)
        reasons = [*self._config.python_reasons, *deployment.python_reasons]
        target: _native.Target | None = None
        key = deployment.api_key
        variable: str | None = None
        origin: Origin | None = None
        try:
            target = self._target(deployment, provider, model, base, has_credential=True)
            variable = target.key_variable
            if key is None and variable is not None:
                key = env.get(variable)
            if key is None:
                target = self._target(deployment, provider, model, base, has_credential=False)
            host = base or self._hosts.get(provider)
            origin = locate(host).origin if host else None
        except _native.InterlinguaError as error:
            target = None
            reasons.append(str(error))
        return Choice(
            group=deployment.group,
            requested=requested,
            deployment=deployment,
            provider=provider,
            model=model,
            target=target,
            api_key=key,
            key_variable=variable,
            base_url=base,
            origin=origin,
            python_reasons=tuple(reasons),
            notice=self._notice(deployment, provider, variable, key, origin),
            lines=_choice_lines(deployment, requested, f"{provider}/{model}"),
        )

    def _notice(
        self, deployment: Deployment, provider: str, variable: str | None, key: str | None, origin: Origin | None
    ) -> str | None:
        """LiteLLM sends the provider's key from the environment to whatever ``api_base`` says, and so do we."""
        home = self._hosts.get(provider)
        elsewhere = home is not None and origin is not None and origin != locate(home).origin
        if deployment.api_key is None and key is not None and elsewhere:
            return f"group {deployment.group} has no api_key: {variable} from the environment goes to {origin}"
        return None

    @staticmethod
    def _target(
        deployment: Deployment, provider: str, model: str, base: str | None, *, has_credential: bool
    ) -> _native.Target:
        return _native.Target(
            provider,
            model,
            base_url=base,
            has_credential=has_credential,
            drop_params=deployment.drop_params,
            defaults=deployment.defaults,
            extra_headers=deployment.extra_headers,
            deployment=deployment.model_id,
        )


def _choice_lines(deployment: Deployment, requested: str, model: str) -> bytes:
    pairs = (
        (b"x-litellm-model-id", deployment.model_id),
        (b"x-litellm-model-group", requested),
        (b"x-litellm-model-name", model),
    )
    # Wildcard names come from clients; one that a header cannot carry is left out.
    return header_lines((name, text.encode()) for name, text in pairs if text.isascii() and text.isprintable())
