"""The words of the switches: modes, and the patterns that say what a switch is about."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

ROUTE_PATHS: Final = {
    "openai_chat": "/chat/completions",
    "anthropic_messages": "/messages",
    "openai_responses": "/responses",
    "mistral_ocr": "/ocr",
}
"""Where each route is, with and without ``/v1``."""
ROUTE_DIALECTS: Final = tuple(ROUTE_PATHS)
MODES: Final = "python, shadow, canary=N (N percent), rust, auto"
MAX_PATTERN: Final = 512
_PLAIN: Final = ("python", "shadow", "rust", "auto")
_CANARY: Final = re.compile(r"canary ?[= ] ?([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%?", re.ASCII)


class ModeError(ValueError):
    """No mode, or no pattern. Says what there is."""


def read_mode(text: object) -> str:
    """A mode as it is written everywhere: ``canary=10`` for ``canary=10.0`` or ``canary 10%``. Raises ``ModeError``."""
    if isinstance(text, str) and text in _PLAIN:
        return text
    match = _CANARY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ModeError(f"{str(text)[:100]!r} is no mode; modes are {MODES}")
    percent = float(match[1])
    if not 0 < percent <= 100:
        raise ModeError(f"{match[0]}: the percentage of a canary is above 0 and at most 100")
    return canary(percent)


def canary(percent: float) -> str:
    return f"canary={percent:.6f}".rstrip("0").rstrip(".")


def canary_percent(mode: str) -> float | None:
    """The percentage of a canary; ``None`` for another mode."""
    return float(mode[7:]) if mode.startswith("canary=") else None


def share_of_core(mode: str) -> float:
    """The part of the traffic that a mode sends to the core where the gate is open: 0 to 1."""
    percent = canary_percent(mode)
    if percent is not None:
        return percent / 100
    return 1.0 if mode in ("rust", "auto") else 0.0


class Pattern(NamedTuple):
    """What a switch is about."""

    pair: str
    """``route/provider``, either may be ``*``; or ``*`` alone."""
    group: str | None
    """The only model group, as the config has its name."""

    @property
    def text(self) -> str:
        return self.pair if self.group is None else f"{self.pair}@{self.group}"


def read_pattern(text: str) -> Pattern:
    """Raises ``ModeError``."""
    if len(text) > MAX_PATTERN or not text.isprintable():
        raise ModeError(f"a pattern has at most {MAX_PATTERN} characters, all of them printable")
    pair, at, group = text.partition("@")
    if at and not group:
        raise ModeError(f"name the model group behind the @, not {text!r}")
    if pair != "*":
        route, slash, provider = pair.partition("/")
        if not slash or not provider or "/" in provider:
            raise ModeError(f"name a switch as route/provider, for example openai_chat/anthropic, not {text!r}")
        if route != "*" and route not in ROUTE_DIALECTS:
            raise ModeError(f"there is no route {route!r}; routes are {', '.join(ROUTE_DIALECTS)}")
    return Pattern(pair, group or None)


def candidates(route: str, provider: str, group: str | None) -> tuple[str, ...]:
    """The patterns that are about this, the most specific first: any with a group stands before any without."""
    pairs = (f"{route}/{provider}", f"{route}/*", f"*/{provider}", "*/*", "*")
    return pairs if group is None else (*(f"{pair}@{group}" for pair in pairs), *pairs)


def route_named(name: str) -> str | None:
    """The route that somebody means by its dialect or its path: ``chat/completions``, ``/v1/messages``, ``*``."""
    if name == "*" or name in ROUTE_DIALECTS:
        return name
    path = "/" + name.strip("/").removeprefix("v1/")
    return next((dialect for dialect, known in ROUTE_PATHS.items() if known == path), None)
