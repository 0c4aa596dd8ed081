"""Switches and the gate: which engine serves a (route, provider).

A mode is ``python``, ``rust`` or ``auto``. The gate holds, per pair, the features that the parity suite has
proven; ``auto`` goes to the core only for requests that use no other feature.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from interlingua.gateway.migration import MODES, check_pattern

GATE_FILE: Final = Path(__file__).resolve().parent.parent / "gate.json"


class SwitchError(Exception):
    """A switch cannot be set like this. Says why and what to do."""


class Gate:
    """What the parity suite has proven: features per ``route/provider``."""

    def __init__(self, proven: Mapping[str, Iterable[str]]) -> None:
        self._proven = {pair: frozenset(features) for pair, features in proven.items()}

    @classmethod
    def read(cls, path: Path | None = None) -> Gate:
        """The packaged gate, or the one at ``path``. No file means that nothing is proven."""
        try:
            document = json.loads((path or GATE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            if path is not None:
                raise SwitchError(f"{path}: no such gate file") from None
            return cls({})
        except ValueError:
            raise SwitchError(f"{path or GATE_FILE}: the gate file is not valid JSON; build it again") from None
        routes = document.get("routes") if isinstance(document, dict) else None
        if not isinstance(routes, dict):
            raise SwitchError(f"{path or GATE_FILE}: the gate file has no routes; build it again")
        return cls({pair: entry.get("features", []) for pair, entry in routes.items() if isinstance(entry, dict)})

    def is_open(self, pair: str) -> bool:
        """Some answer is proven for this pair; how its errors look is not enough."""
        return bool(self._proven.get(pair, frozenset()) - {"errors"})

    def missing(self, pair: str, features: Iterable[str]) -> list[str]:
        """Features in use that are not proven for this pair."""
        proven = self._proven.get(pair, frozenset())
        return [feature for feature in features if feature not in proven]

    def pairs(self) -> dict[str, list[str]]:
        return {pair: sorted(features) for pair, features in sorted(self._proven.items())}


class Decision(NamedTuple):
    """Which engine, and why not the core if it is LiteLLM."""

    engine: str
    mode: str
    ungated: bool = False
    why: str = ""
    shadowed: bool = False
    """LiteLLM serves, and some of it is compared with what the core would do."""


class Switches:
    """The modes in force. May be changed while requests run."""

    def __init__(
        self,
        gate: Gate,
        initial: Iterable[tuple[str, str]] = (),
        *,
        allow_ungated: bool = False,
        state_file: Path | None = None,
    ) -> None:
        self.gate = gate
        self.allow_ungated = allow_ungated
        self._state_file = state_file
        self.version = object()
        """Another one whenever a switch is set: what was decided before is to be forgotten."""
        self._modes: dict[str, str] = {}
        self._cache: dict[tuple[str, str], str] = {}
        self._decisions: dict[tuple[str, str, tuple[str, ...]], Decision] = {}
        for pattern, mode in [*initial, *self._read_state()]:
            self._check(pattern, mode)
            self._modes[pattern] = mode

    def modes(self) -> dict[str, str]:
        return dict(self._modes)

    def set(self, pattern: str, mode: str) -> None:
        """Raises ``SwitchError``; takes effect for the next request."""
        self.follow(pattern, mode)
        self._write_state()

    def follow(self, pattern: str, mode: str) -> None:
        """Set a switch that another worker has set and stored."""
        self._check(pattern, mode)
        self._modes[pattern] = mode
        self.version = object()
        self._cache.clear()
        self._decisions.clear()

    def check_all(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Raises ``SwitchError`` if one of them could not be set."""
        for pattern, mode in pairs:
            self._check(pattern, mode)

    def mode(self, route: str, provider: str) -> str:
        """The most specific switch that names this pair, else ``auto``."""
        key = (route, provider)
        found = self._cache.get(key)
        if found is None:
            names = (f"{route}/{provider}", f"{route}/*", f"*/{provider}", "*/*", "*")
            found = next((self._modes[name] for name in names if name in self._modes), "auto")
            if len(self._cache) < 4096:
                self._cache[key] = found
        return found

    def decide(self, route: str, provider: str, features: tuple[str, ...]) -> Decision:
        """The engine for a request with these features."""
        key = (route, provider, features)
        found = self._decisions.get(key)
        if found is None:
            found = self._decide(route, provider, features)
            if len(self._decisions) < 4096:
                self._decisions[key] = found
        return found

    def settle(self, route: str, provider: str, features: tuple[str, ...], reasons: tuple[str, ...]) -> Decision:
        """``decide``, where ``reasons`` say what is not built in the core. ``python`` under ``rust`` is a refusal."""
        mode = self.mode(route, provider)
        if reasons and mode != "python":
            return Decision("python", mode, why=f"not built in the rust engine: {'; '.join(reasons)}")
        return self.decide(route, provider, features)

    def _decide(self, route: str, provider: str, features: tuple[str, ...]) -> Decision:
        mode = self.mode(route, provider)
        if mode == "python":
            return Decision("python", mode, why="its switch is set to python")
        if mode == "shadow":
            return Decision("python", mode, why="its switch is set to shadow", shadowed=True)
        pair = f"{route}/{provider}"
        missing = self.gate.missing(pair, features) if self.gate.is_open(pair) else None
        if missing == []:
            return Decision("rust", mode)
        if mode == "rust" and self.allow_ungated:
            return Decision("rust", mode, ungated=True)
        if missing is None:
            return Decision("python", mode, why="parity is not proven for this provider")
        return Decision("python", mode, why=f"parity is not proven for: {', '.join(missing)}")

    def ungated(self) -> list[str]:
        """Switches that send traffic to the core without proof."""
        if not self.allow_ungated:
            return []
        return [name for name, mode in self._modes.items() if mode == "rust" and not self.gate.is_open(name)]

    def _check(self, pattern: str, mode: str) -> None:
        wrong = check_pattern(pattern)
        if wrong:
            raise SwitchError(wrong)
        if mode not in MODES:
            raise SwitchError(f"{mode!r} is no mode; modes are {', '.join(MODES)}")
        if mode == "rust" and not self.allow_ungated and not self.gate.is_open(pattern):
            raise SwitchError(
                f"the gate of {pattern} is closed: parity is not proven. Use auto or python,"
                " or set migration.allow_ungated: true to serve without proof"
            )

    def _read_state(self) -> list[tuple[str, str]]:
        if self._state_file is None or not self._state_file.exists():
            return []
        try:
            stored = json.loads(self._state_file.read_text(encoding="utf-8"))
            return [(str(pattern), str(mode)) for pattern, mode in stored.items()]
        except (ValueError, AttributeError, OSError):
            raise SwitchError(f"{self._state_file}: cannot be read as stored switches; remove it") from None

    def _write_state(self) -> None:
        if self._state_file is None:
            return
        temporary = self._state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._modes, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self._state_file)
