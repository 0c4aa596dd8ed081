"""The ``migration`` section of the config: which engine serves what, and where the ``python`` engine is.

::

    migration:
      python:                       # LiteLLM; without this the litellm command beside the gateway, if there is one
        url: http://127.0.0.1:4001  # one that runs already, or:
        command: litellm            # one to start when needed; --config, --host and --port are added
        start_timeout: 120
      switches:                     # route/provider, either may be *; the most specific one counts; default: auto
        openai_chat/anthropic: rust
        anthropic_messages/*: auto
        "*": python
      allow_ungated: false          # true: rust also where parity is not proven; marked in answers and metrics
      state_file: switches.json     # keeps what PUT /interlingua/switches has changed
      gate_file: gate.json          # instead of the packaged gate
      shutdown_seconds: 30          # how long exchanges in flight may still take

File names are relative to the config.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from interlingua.gateway.config_file import Fields
from interlingua.gateway.pool import locate

MODES: Final = ("python", "rust", "auto")
ROUTE_PATHS: Final = {
    "openai_chat": "/chat/completions",
    "anthropic_messages": "/messages",
    "openai_responses": "/responses",
    "mistral_ocr": "/ocr",
}
"""Where each route is, with and without ``/v1``."""
ROUTE_DIALECTS: Final = tuple(ROUTE_PATHS)


@dataclass(frozen=True, slots=True)
class PythonEngine:
    """A LiteLLM proxy: one that runs already (``url``), or one that the gateway starts (``command``)."""

    url: str | None = None
    command: tuple[str, ...] | None = None
    start_timeout: float = 120.0


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
    """``(pattern, mode)``: a pattern is ``route/provider``, either of them may be ``*``."""
    allow_ungated: bool = False
    gate_file: Path | None = None
    state_file: Path | None = None
    shutdown_seconds: float = 30.0


def check_pattern(pattern: str) -> str | None:
    """What is wrong with a switch's name, if anything."""
    if pattern == "*":
        return None
    route, slash, provider = pattern.partition("/")
    if not slash or not provider:
        return f"name a switch as route/provider, for example openai_chat/anthropic, not {pattern!r}"
    if route != "*" and route not in ROUTE_DIALECTS:
        return f"there is no route {route!r}; routes are {', '.join(ROUTE_DIALECTS)}"
    return None


def read_migration(fields: Fields, directory: Path) -> Migration:
    """Raises ``ConfigError``."""
    known = {"python", "keys", "switches", "allow_ungated", "gate_file", "state_file", "shutdown_seconds"}
    for key in fields.section:
        if key not in known:
            raise fields.error(key, f"is not known here; the section takes {', '.join(sorted(known))}")
    switches = fields.inner("switches")
    pairs: list[tuple[str, str]] = []
    for pattern, mode in switches.section.items():
        wrong = check_pattern(pattern)
        if wrong:
            raise switches.error(pattern, wrong)
        if mode not in MODES:
            raise switches.error(pattern, f"must be one of {', '.join(MODES)}")
        pairs.append((pattern, str(mode)))
    gate, state = fields.text("gate_file"), fields.text("state_file")
    grace = fields.number("shutdown_seconds")
    return Migration(
        python=_read_python(fields.inner("python")),
        keys=_read_keys(fields.inner("keys")),
        switches=tuple(pairs),
        allow_ungated=fields.flag("allow_ungated") or False,
        gate_file=directory / gate if gate else None,
        state_file=directory / state if state else None,
        shutdown_seconds=30.0 if grace is None else grace,
    )


def _read_keys(fields: Fields) -> Keys:
    known = {"ttl", "negative_ttl", "max"}
    for key in fields.section:
        if key not in known:
            raise fields.error(key, f"is not known here; the section takes {', '.join(sorted(known))}")
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
    known = {"url", "command", "start_timeout"}
    for key in fields.section:
        if key not in known:
            raise fields.error(key, f"is not known here; the section takes {', '.join(sorted(known))}")
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
