"""When a switch goes back to ``python`` by itself, and when it is tried again. Rules without a clock or a store.

A switch that trips is ``python`` for the pair (and model group) where the trouble is. After ``retry_after`` it is
half-open: a small canary. That many good requests bring the former mode back; an error trips it again, for twice as
long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from interlingua.gateway.keeper import audit_entry
from interlingua.gateway.metrics import OTHER
from interlingua.gateway.migration import TripRules
from interlingua.gateway.modes import canary, read_pattern, share_of_core
from interlingua.gateway.store import Entry, StoredSwitch, Trip
from interlingua.gateway.switches import Switch, Switches
from interlingua.gateway.windows import (
    COMPARED,
    DOUBTFUL,
    ERRORS,
    MISMATCHES,
    PYTHON,
    REQUESTS,
    RUST,
    Slice,
    Sums,
    Unit,
    Window,
    latencies,
    milliseconds,
    nothing,
    plus,
)

MAX_WAIT: Final = 3600.0
"""Waits double up to this, or up to ``retry_after`` if that is longer."""
SUDDEN_SECONDS: Final = 5
SUDDEN_STEP: Final = 0.05
"""Seconds: after an alarm, what went well a moment before must not hide what fails now."""
SUDDEN_ERRORS: Final = 0.5
"""When this share of the last requests fails, nobody waits until it is too large a share of the window."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done about a switch."""

    event: str
    """``switch_tripped``, ``switch_half_open`` or ``switch_recovered``."""
    pattern: str
    switch: StoredSwitch | None
    entry: Entry
    reason: str


def fault(sums: Sums, rules: TripRules, *, least: int, compares_latency: bool) -> str | None:
    """What is wrong with the core in these sums, if anything. ``least`` is how many it takes to judge."""
    served = sums[RUST + REQUESTS]
    if rules.errors is not None and served >= least:
        rate = sums[RUST + ERRORS] / served + max(0.0, _doubtful(sums, RUST) - _usually_doubtful(sums, least))
        if rate > rules.errors:
            return f"core-side errors: {rate:.1%} of {served} requests, over {rules.errors:.1%}"
    if rules.mismatches is not None and sums[COMPARED] >= least:
        rate = sums[MISMATCHES] / sums[COMPARED]
        if rate > rules.mismatches:
            return f"mismatches: {rate:.1%} of {sums[COMPARED]} compared requests, over {rules.mismatches:.1%}"
    ours, theirs = latencies(sums, RUST), latencies(sums, PYTHON)
    if rules.p95_ratio is not None and compares_latency and min(sum(ours), sum(theirs)) >= least:
        our_p95, their_p95 = milliseconds(ours, 0.95) or 0.0, milliseconds(theirs, 0.95) or 0.0
        if our_p95 > rules.p95_ratio * their_p95:
            return f"latency: {our_p95:g} ms at p95, over {rules.p95_ratio:g} times LiteLLM's {their_p95:g} ms"
    return None


def _doubtful(sums: Sums, engine: int) -> float:
    return sums[engine + DOUBTFUL] / sums[engine + REQUESTS]


def _usually_doubtful(sums: Sums, least: int) -> float:
    """How many requests are refused by the provider when LiteLLM sends them: those are the clients' own mistakes."""
    return _doubtful(sums, PYTHON) if sums[PYTHON + REQUESTS] >= least else 0.0


class Trips:
    """What has been seen of each switch since it was set."""

    def __init__(self, rules: TripRules, switches: Switches) -> None:
        self._rules = rules
        self._switches = switches
        self._window = Window(max(1, round(rules.window)))
        self._latest = Window(min(SUDDEN_SECONDS, max(1, round(rules.window))), step=SUDDEN_STEP)
        self._known: dict[Unit, object] = {}
        """The switch that was in force at the last look."""
        self._trials: dict[str, Sums] = {}
        """What half-open switches have seen."""

    def look(self, slice_: Slice, now: float, *, can_trip: bool) -> Iterator[Verdict]:
        """Judge, with what has happened since the last look. Without LiteLLM no switch can trip."""
        self._window.push(now, slice_)
        self._latest.push(now, slice_)
        in_force = self._switches.in_force()
        for unit in list(self._window.total):
            switch = self._switches.find(unit.route, unit.provider, unit.group or None)
            known = None if switch is None else (switch.pattern, switch.mode, switch.since)
            if self._known.get(unit, known) != known:
                self._window.forget(unit)
                self._latest.forget(unit)
            self._known[unit] = known
            if unit in self._window.total and can_trip and unit.provider != OTHER:
                yield from self._judged(unit, switch, now)
        for unit in [unit for unit in self._known if unit not in self._window.total]:
            # What is forgotten here comes again with the next request; a switch that was set meanwhile is seen then.
            del self._known[unit]
        yield from self._tried(in_force, slice_, now)

    def _judged(self, unit: Unit, switch: Switch | None, now: float) -> Iterator[Verdict]:
        """Trip the switch that is in force for a unit, if it must."""
        mode = "auto" if switch is None else switch.mode
        if not share_of_core(mode) or (switch is not None and switch.trip is not None):
            return
        # Under auto the engines serve requests of different kinds: nothing follows of how long these take.
        reason = fault(
            self._window.total[unit],
            self._rules,
            least=self._rules.min_requests,
            compares_latency=mode != "auto",
        )
        if reason is None and self._rules.errors is not None:
            reason = self._sudden(unit, self._rules.errors)
        if reason is not None:
            grouped = switch is not None and read_pattern(switch.pattern).group is not None
            pattern = unit.pattern if grouped else unit.pair
            stored = switch is not None and switch.source == "stored" and switch.pattern == pattern
            yield self._trip(pattern, mode, reason, now, self._rules.retry_after, switch=switch, stored=stored)

    def _sudden(self, unit: Unit, borne: float) -> str | None:
        """What is wrong with the last requests, as few as it takes to judge."""
        rules = TripRules(errors=max(SUDDEN_ERRORS, borne), mismatches=None)
        least = self._rules.min_requests
        return fault(self._latest.newest(unit, least), rules, least=least, compares_latency=False)

    def _trip(
        self,
        pattern: str,
        mode: str,
        reason: str,
        now: float,
        wait: float | None,
        *,
        switch: Switch | None,
        stored: bool,
        old: str | None = None,
    ) -> Verdict:
        forced = switch is not None and switch.forced
        trip = Trip(now, reason, mode, stored, None if wait is None else now + wait, wait)
        entry = audit_entry("trip", pattern, old or mode, "python", forced=forced, note=reason)
        tripped = StoredSwitch("python", forced, now, "trip", reason, trip)
        return Verdict("switch_tripped", pattern, tripped, entry, reason)

    def _tried(self, in_force: dict[str, Switch], slice_: Slice, now: float) -> Iterator[Verdict]:
        """Open switches half whose time has come, and judge those that are."""
        for pattern in [pattern for pattern in self._trials if not _half_open(in_force.get(pattern))]:
            del self._trials[pattern]
        for pattern, switch in in_force.items():
            trip = switch.trip
            if trip is None:
                continue
            if not trip.half_open:
                if trip.retry_at is not None and now >= trip.retry_at:
                    yield self._half_opened(switch, trip, now)
                continue
            seen = self._trials.get(pattern) or nothing()
            for unit, sums in slice_.items():
                governing = self._switches.find(unit.route, unit.provider, unit.group or None)
                if governing is not None and governing.pattern == pattern:
                    seen = plus(seen, sums)
            self._trials[pattern] = seen
            yield from self._tested(switch, trip, seen, now)

    def _half_opened(self, switch: Switch, trip: Trip, now: float) -> Verdict:
        mode = canary(self._rules.retry_share)
        half_open = StoredSwitch(mode, switch.forced, now, "half-open", switch.note, replace(trip, half_open=True))
        reason = f"tried again after: {trip.reason}"
        entry = audit_entry("half-open", switch.pattern, "python", mode, forced=switch.forced, note=reason)
        return Verdict("switch_half_open", switch.pattern, half_open, entry, reason)

    def _tested(self, switch: Switch, trip: Trip, seen: Sums, now: float) -> Iterator[Verdict]:
        enough = seen[RUST + REQUESTS] >= self._rules.retry_requests
        reason = None
        if seen[RUST + ERRORS]:
            reason = f"core-side errors while it was tried again: {seen[RUST + ERRORS]} of {seen[RUST + REQUESTS]}"
        elif enough:
            reason = fault(seen, self._rules, least=self._rules.retry_requests, compares_latency=True)
        if reason is not None:
            usual = self._rules.retry_after or trip.wait or MAX_WAIT
            wait = min(2 * (trip.wait or usual), max(MAX_WAIT, usual))
            yield self._trip(
                switch.pattern, trip.mode, reason, now, wait, switch=switch, stored=trip.stored, old=switch.mode
            )
        elif enough:
            reason = f"{seen[RUST + REQUESTS]} good requests"
            recovered = StoredSwitch(trip.mode, switch.forced, now, "half-open", reason) if trip.stored else None
            entry = audit_entry("half-open", switch.pattern, switch.mode, trip.mode, forced=switch.forced, note=reason)
            yield Verdict("switch_recovered", switch.pattern, recovered, entry, reason)


def _half_open(switch: Switch | None) -> bool:
    return switch is not None and switch.trip is not None and switch.trip.half_open
