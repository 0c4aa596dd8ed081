"""Switches and the gate: which engine serves a (route, provider), or one model group of it.

A mode is ``python``, ``shadow``, ``canary=N``, ``rust`` or ``auto``. The gate holds, per pair, the features that the
parity suite has proven; ``auto`` and a canary go to the core only for requests that use no other feature.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from interlingua.gateway.modes import ModeError, canary_percent, candidates, read_mode, read_pattern
from interlingua.gateway.store import StoredSwitch, Trip

GATE_FILE: Final = Path(__file__).resolve().parent.parent / "gate.json"
MAX_REMEMBERED: Final = 4096


class SwitchError(Exception):
    """A switch cannot be set like this. Says why and what to do."""


class Proof(NamedTuple):
    """What the parity suite says of a pair."""

    features: tuple[str, ...] = ()
    cases: int = 0
    date: str | None = None
    oracle: str | None = None
    """LiteLLM's version."""
    corpora: tuple[Any, ...] = ()


class Gate:
    """What the parity suite has proven: features per ``route/provider``."""

    def __init__(self, proven: Mapping[str, Iterable[str]], proofs: Mapping[str, Proof] | None = None) -> None:
        self._proven = {pair: frozenset(features) for pair, features in proven.items()}
        self._proofs = proofs or {}

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
        entries = {pair: entry for pair, entry in routes.items() if isinstance(entry, dict)}
        proofs = {
            pair: Proof(
                features=tuple(sorted(entry.get("features", []))),
                cases=entry.get("cases", 0),
                date=entry.get("date"),
                oracle=document.get("ocr_oracle" if pair.startswith("mistral_ocr/") else "oracle"),
                corpora=tuple(entry.get("corpora", [])),
            )
            for pair, entry in entries.items()
        }
        return cls({pair: proof.features for pair, proof in proofs.items()}, proofs)

    def is_open(self, pair: str) -> bool:
        """Some answer is proven for this pair; how its errors look is not enough."""
        return bool(self._proven.get(pair, frozenset()) - {"errors"})

    def missing(self, pair: str, features: Iterable[str]) -> list[str]:
        """Features in use that are not proven for this pair."""
        proven = self._proven.get(pair, frozenset())
        return [feature for feature in features if feature not in proven]

    def pairs(self) -> dict[str, list[str]]:
        return {pair: sorted(features) for pair, features in sorted(self._proven.items())}

    def proof(self, pair: str) -> Proof:
        return self._proofs.get(pair) or Proof(tuple(sorted(self._proven.get(pair, ()))))


class Decision(NamedTuple):
    """Which engine, and why not the core if it is LiteLLM."""

    engine: str
    mode: str
    ungated: bool = False
    why: str = ""
    shadowed: bool = False
    """LiteLLM serves, and the core may be compared with it."""

    @property
    def holds(self) -> bool:
        """It is the same for every request that looks like this one: no canary chooses among them."""
        return not self.mode.startswith("canary=")


class Switch(NamedTuple):
    """A switch in force."""

    pattern: str
    mode: str
    source: str
    """``config`` or ``stored``."""
    forced: bool = False
    since: float | None = None
    by: str | None = None
    note: str | None = None
    trip: Trip | None = None


Place = Callable[[], float]


def nowhere() -> float:
    """Where nobody asks for a place: before any percentage."""
    return 0.0


class Switches:
    """The modes in force. May be changed while requests run."""

    def __init__(self, gate: Gate, initial: Iterable[tuple[str, str]] = (), *, allow_ungated: bool = False) -> None:
        self.gate = gate
        self.allow_ungated = allow_ungated
        self.version = object()
        """Another one whenever a switch is set: what was decided before is to be forgotten."""
        self.salt = b""
        """Of clients' places in canaries."""
        self.groups: frozenset[str] = frozenset()
        """The model groups that have a switch of their own."""
        self.notices: tuple[str, ...] = ()
        """Stored switches that are not in force as they stand."""
        self._initial: dict[str, Switch] = {}
        self._in_force: dict[str, Switch] = {}
        self._found: dict[tuple[str, str, str], Switch | None] = {}
        self._decisions: dict[tuple[str, str, str, tuple[str, ...]], tuple[float, Decision, Decision]] = {}
        for pattern, mode in initial:
            name, mode = self.checked(pattern, mode)
            self._initial[name] = Switch(name, mode, "config")
        self.follow({})

    # -- setting ------------------------------------------------------------------------------------------

    def follow(self, stored: Mapping[str, StoredSwitch]) -> None:
        """Put what is stored in force, above what the config says. Takes effect for the next request."""
        in_force, notices = dict(self._initial), []
        for pattern, switch in stored.items():
            mode = switch.mode
            try:
                read_mode(mode)
                read_pattern(pattern)
            except ModeError as error:
                notices.append(f"a stored switch is not in force: {error}")
                continue
            if mode == "rust" and not self._may_be_open(pattern, forced=switch.forced):
                notices.append(f"the switch {pattern} is stored as rust, but its gate is closed: it is taken for auto")
                mode = "auto"
            in_force[pattern] = Switch(
                pattern, mode, "stored", switch.forced, switch.since, switch.by, switch.note, switch.trip
            )
        self.notices = tuple(notices)
        self._in_force = in_force
        named = (read_pattern(pattern).group for pattern in in_force)
        self.groups = frozenset(group for group in named if group is not None)
        self._forget()

    def season(self, salt: bytes) -> None:
        """Clients' places depend on this."""
        if salt != self.salt:
            self.salt = salt
            self._forget()

    def _forget(self) -> None:
        self.version = object()
        self._found = {}
        self._decisions = {}

    def checked(self, pattern: str, mode: object, *, forced: bool = False) -> tuple[str, str]:
        """Pattern and mode as they are stored. Raises ``SwitchError`` if they cannot be set."""
        try:
            name, wanted = read_pattern(pattern), read_mode(mode)
        except ModeError as error:
            raise SwitchError(str(error)) from None
        # A canary of everything leaves what is not proven to LiteLLM; one of an unproven pair would do nothing.
        needs_proof = wanted == "rust" or (canary_percent(wanted) is not None and "*" not in name.pair)
        if needs_proof and not self._may_be_open(name.pair, forced=forced):
            raise SwitchError(
                f"the gate of {name.pair} is closed: parity is not proven. Use auto, shadow or python; force this"
                " switch (force=true), or set migration.allow_ungated: true, to serve without proof"
            )
        return name.text, wanted

    def _may_be_open(self, pattern: str, *, forced: bool) -> bool:
        return forced or self.allow_ungated or self.gate.is_open(pattern.partition("@")[0])

    # -- asking -------------------------------------------------------------------------------------------

    def in_force(self) -> dict[str, Switch]:
        return dict(self._in_force)

    def modes(self) -> dict[str, str]:
        return {pattern: switch.mode for pattern, switch in self._in_force.items()}

    def find(self, route: str, provider: str, group: str | None = None) -> Switch | None:
        """The most specific switch about this; ``None`` means ``auto``."""
        named = group if group in self.groups else None
        key = (route, provider, named or "")
        if key in self._found:
            return self._found[key]
        names = candidates(route, provider, named)
        found = next((self._in_force[name] for name in names if name in self._in_force), None)
        if len(self._found) < MAX_REMEMBERED:
            self._found[key] = found
        return found

    def mode(self, route: str, provider: str, group: str | None = None) -> str:
        found = self.find(route, provider, group)
        return "auto" if found is None else found.mode

    def decide(
        self,
        route: str,
        provider: str,
        group: str | None,
        features: tuple[str, ...],
        place: Place = nowhere,
    ) -> Decision:
        """The engine for a request with these features. ``place`` tells where its client is; only canaries ask."""
        named = group if group is not None and group in self.groups else ""
        key = (route, provider, named, features)
        found = self._decisions.get(key)
        if found is None:
            found = self._decide(route, provider, group, features)
            if len(self._decisions) < MAX_REMEMBERED:
                self._decisions[key] = found
        share, inside, outside = found
        if inside is outside:
            return inside
        return inside if place() < share else outside

    def settle(
        self, route: str, provider: str, group: str | None, features: tuple[str, ...], reasons: tuple[str, ...]
    ) -> Decision:
        """``decide`` for the first that a canary would take, where ``reasons`` say what is not built in the core.
        ``python`` under ``rust`` is a refusal."""
        mode = self.mode(route, provider, group)
        if reasons and mode != "python":
            return Decision("python", mode, why=f"not built in the rust engine: {'; '.join(reasons)}")
        return self.decide(route, provider, group, features)

    def _decide(
        self, route: str, provider: str, group: str | None, features: tuple[str, ...]
    ) -> tuple[float, Decision, Decision]:
        """The share of a canary, and the decisions inside and outside of it: the same one if it does not matter."""
        switch = self.find(route, provider, group)
        mode = "auto" if switch is None else switch.mode
        forced = switch is not None and switch.forced
        if mode in ("python", "shadow"):
            left = Decision("python", mode, why=f"its switch is set to {mode}", shadowed=mode == "shadow")
            return 1.0, left, left
        inside = self._by_gate(f"{route}/{provider}", mode, features, ungated=mode != "auto" and forced)
        percent = canary_percent(mode)
        if percent is None:
            return 1.0, inside, inside
        if inside.engine == "python":
            inside = inside._replace(shadowed=True)
            return 1.0, inside, inside
        outside = Decision("python", mode, why=f"its switch is set to {mode}", shadowed=True)
        return percent / 100, inside, outside

    def _by_gate(self, pair: str, mode: str, features: tuple[str, ...], *, ungated: bool) -> Decision:
        missing = self.gate.missing(pair, features) if self.gate.is_open(pair) else None
        if missing == []:
            return Decision("rust", mode)
        if ungated or (mode != "auto" and self.allow_ungated):
            return Decision("rust", mode, ungated=True)
        if missing is None:
            return Decision("python", mode, why="parity is not proven for this provider")
        return Decision("python", mode, why=f"parity is not proven for: {', '.join(missing)}")

    def ungated(self) -> list[str]:
        """Switches that send traffic to the core without proof."""
        return [
            pattern
            for pattern, switch in self._in_force.items()
            if (switch.forced or self.allow_ungated)
            and (switch.mode == "rust" or canary_percent(switch.mode) is not None)
            and not self.gate.is_open(pattern.partition("@")[0])
        ]

    def tripped(self) -> dict[str, Trip]:
        """The switches that have gone back to ``python`` by themselves, or are being tried again."""
        return {pattern: switch.trip for pattern, switch in self._in_force.items() if switch.trip is not None}

    def has_canary(self) -> bool:
        return any(canary_percent(switch.mode) is not None for switch in self._in_force.values())
