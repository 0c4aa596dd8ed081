"""The ``migration`` section of the config: which engine serves what, and where the ``python`` engine is.

::

    migration:
      python:                       # LiteLLM; without this the litellm command beside the gateway, if there is one
        url: http://127.0.0.1:4001  # one that runs already, or:
        command: litellm            # one to start when needed; --config, --host and --port are added
        start_timeout: 120
      switches:                     # route/provider, either may be *; the most specific one counts; default: auto
        openai_chat/anthropic: rust
        openai_chat/anthropic@claude: canary=10   # only this model group
        anthropic_messages/*: shadow
        "*": python
      allow_ungated: false          # true: rust also where parity is not proven; marked in answers and metrics
      state: switches.db            # what is set while the gateway runs; or redis://…; default: config.interlingua.db
      trip:                         # when a switch goes back to python by itself
        window: 60                  # seconds
        min_requests: 20
        errors: 0.05                # null: never for this reason
        p95_ratio: 3.0
        mismatches: 0.01
        retry_after: null           # seconds until it is tried again
        retry_share: 1              # percent
        retry_requests: 20
      gate_file: gate.json          # instead of the packaged gate
      shadow:                       # comparing what LiteLLM serves with what the core would do
        sample: 0.05                # the share of requests
        max_queue: 64               # how many may wait to be compared,
        max_bytes: 33554432         # and how much memory they may take; more are dropped, and counted
        content: false              # true: differences are stored with their values instead of types and lengths
      keys: {ttl: 30, negative_ttl: 5, max: 10000}   # of LiteLLM, as far as clients may use them here
      shutdown_seconds: 30          # how long exchanges in flight may still take

File names are relative to the config.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Final

from interlingua.gateway.config_file import Fields
from interlingua.gateway.modes import ModeError, read_mode, read_pattern
from interlingua.gateway.pool import locate
from interlingua.gateway.shadow import ShadowSettings, read_shadow

_KEYS: Final = (
    *("allow_ungated", "gate_file", "keys", "python", "shadow", "shutdown_seconds", "state", "switches", "trip"),
)
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class PythonEngine:
    """A LiteLLM proxy: one that runs already (``url``), or one that the gateway starts (``command``)."""

    url: str | None = None
    command: tuple[str, ...] | None = None
    start_timeout: float = 120.0
    arguments: tuple[str, ...] = ()
    """More of the command line, which the gateway was given as well."""


@dataclass(frozen=True, slots=True)
class TripRules:
    """When a switch trips back to ``python``, and when it is tried again."""

    window: float = 60.0
    min_requests: int = 20
    errors: float | None = 0.05
    """The share of core-side errors that is still borne; ``None``: this is no reason."""
    p95_ratio: float | None = 3.0
    """How many times as long as LiteLLM's the core's answers may take, at the 95th percentile."""
    mismatches: float | None = 0.01
    """The share of compared requests that differ."""
    retry_after: float | None = None
    retry_share: float = 1.0
    """The percentage that the core gets while it is tried again."""
    retry_requests: int = 20


@dataclass(frozen=True, slots=True)
class Keys:
    """How long what LiteLLM says of clients' keys is taken for true."""

    ttl: float = 30.0
    negative_ttl: float = 5.0
    """For keys that LiteLLM does not know, and for look-ups that failed."""
    most: int = 10_000
    """How many answers are remembered."""


@dataclass(frozen=True, slots=True)
class Migration:
    """How far the migration has come."""

    python: PythonEngine = field(default_factory=PythonEngine)
    keys: Keys = field(default_factory=Keys)
    switches: tuple[tuple[str, str], ...] = ()
    """``(pattern, mode)``, see ``modes``."""
    allow_ungated: bool = False
    gate_file: Path | None = None
    state: str | None = field(default=None, repr=False)
    """Where switches that are set live are kept: a file or a Redis; ``None``: nowhere but in memory."""
    trip: TripRules = field(default_factory=TripRules)
    shutdown_seconds: float = 30.0
    shadow: ShadowSettings = field(default_factory=ShadowSettings)


def read_migration(fields: Fields, directory: Path, default_state: Path | None) -> Migration:
    """``default_state`` is the file for what is set live, if the config names none. Raises ``ConfigError``."""
    fields.check_keys(_KEYS)
    switches = fields.inner("switches")
    pairs: list[tuple[str, str]] = []
    for pattern, mode in switches.section.items():
        try:
            pairs.append((read_pattern(str(pattern)).text, read_mode(mode)))
        except ModeError as error:
            raise switches.error(str(pattern), str(error)) from None
    gate = fields.text("gate_file")
    grace = fields.number("shutdown_seconds")
    return Migration(
        python=_read_python(fields.inner("python")),
        keys=_read_keys(fields.inner("keys")),
        switches=tuple(pairs),
        allow_ungated=fields.flag("allow_ungated") or False,
        gate_file=directory / gate if gate else None,
        state=_read_state(fields, directory, default_state),
        trip=_read_trip(fields.inner("trip")),
        shutdown_seconds=30.0 if grace is None else grace,
        shadow=read_shadow(fields.inner("shadow")),
    )


def _read_state(fields: Fields, directory: Path, default: Path | None) -> str | None:
    state = fields.text("state")
    if state is None:
        return None if default is None else str(default)
    if state.startswith(REDIS_SCHEMES):
        return state
    if "://" in state:
        raise fields.error("state", f"must be a file, or a URL that begins with {', '.join(REDIS_SCHEMES)}")
    return str(directory / state)


def _read_trip(fields: Fields) -> TripRules:
    known = {rule.name: rule for rule in dataclass_fields(TripRules)}
    fields.check_keys(known)
    given: dict[str, Any] = {}
    for name, rule in known.items():
        if name not in fields.section:
            continue
        counted = name.endswith("_requests")
        value = fields.count(name) if counted else fields.number(name)
        if value is None and rule.default is not None and name not in ("errors", "p95_ratio", "mismatches"):
            raise fields.error(name, "must be a number")
        given[name] = value
    rules = TripRules(**given)
    for name, lowest, highest in (
        ("window", 1, 3600),
        ("min_requests", 1, 1_000_000),
        ("errors", 0, 1),
        ("p95_ratio", 1, 1_000_000),
        ("mismatches", 0, 1),
        ("retry_after", 1, 30 * 86400),
        ("retry_share", 0.000001, 100),
        ("retry_requests", 1, 1_000_000),
    ):
        value = getattr(rules, name)
        if value is not None and not lowest <= value <= highest:
            raise fields.error(name, f"must be between {lowest:g} and {highest:g}")
    return rules


def _read_keys(fields: Fields) -> Keys:
    fields.check_keys(("max", "negative_ttl", "ttl"))
    ttl, negative, most = fields.number("ttl"), fields.number("negative_ttl"), fields.count("max")
    if most == 0:
        raise fields.error("max", "must be 1 or more")
    default = Keys()
    return Keys(
        default.ttl if ttl is None else ttl,
        default.negative_ttl if negative is None else negative,
        default.most if most is None else most,
    )


def _read_python(fields: Fields) -> PythonEngine:
    fields.check_keys(("command", "start_timeout", "url"))
    url = fields.text("url")
    if url is not None:
        try:
            locate(url)
        except ValueError as error:
            raise fields.error("url", str(error)) from None
    raw = fields.section.get("command")
    command: tuple[str, ...] | None = None
    if isinstance(raw, str):
        command = tuple(shlex.split(raw))
    elif isinstance(raw, list) and raw and all(isinstance(part, str) for part in raw):
        command = tuple(raw)
    elif raw is not None:
        raise fields.error("command", "must be a command line, as a text or as a list of texts")
    if url is not None and command is not None:
        raise fields.error("url", "give either url (a proxy that runs) or command (one to start), not both")
    return PythonEngine(url.rstrip("/") if url else None, command, fields.number("start_timeout") or 120.0)
