"""What ``GET /interlingua/status`` tells: every pair with its mode, proof, traffic, errors and history."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import interlingua
from interlingua import _native
from interlingua.gateway.engine_python import PythonEngine
from interlingua.gateway.groups import Groups
from interlingua.gateway.history import Row, nothing_since
from interlingua.gateway.keeper import Keeper
from interlingua.gateway.metrics import OTHER, Metrics
from interlingua.gateway.modes import ROUTE_DIALECTS, ROUTE_PATHS, share_of_core
from interlingua.gateway.store import Trip
from interlingua.gateway.switches import Switch, Switches
from interlingua.gateway.watch import Watch
from interlingua.gateway.windows import (
    PYTHON,
    REQUESTS,
    RUST,
    Slice,
    Sums,
    by_pair,
    errors,
    latencies,
    milliseconds,
    nothing,
)

MAX_PAIRS: Final = 500
_TRANSLATED: Final = frozenset((route, provider) for route, provider, _ in _native.routes())


def status(watch: Watch, switches: Switches, keeper: Keeper, groups: Groups, python: PythonEngine) -> dict[str, Any]:
    """The whole document."""
    total = Metrics()
    for snapshot in watch.last.values():
        total.shadow.add(snapshot["shadow"])
    lately = by_pair(watch.window.total)
    history = list(watch.history.rows())
    return {
        "time": round(time.time(), 3),
        "version": interlingua.__version__,
        "workers": max(1, len(watch.last)),
        "python_engine": {"description": python.description, "running": python.running},
        "store": keeper.store.description,
        "store_failing": keeper.failing,
        "pairs": [
            {
                **_described_pair(route, provider, switches),
                "groups": names,
                "engines": _engines(lately.get(f"{route}/{provider}")),
                "shadow": total.shadow.of(f"{route}/{provider}"),
                "history": _history(history, f"{route}/{provider}"),
            }
            for (route, provider), names in _pairs(groups, switches, watch.window.total).items()
        ],
        "switches": [described(switch) for switch in switches.in_force().values()],
    }


def _pairs(groups: Groups, switches: Switches, lately: Slice) -> dict[tuple[str, str], list[str]]:
    """What the config has groups for, what a switch names, and what has been asked for lately: with the groups."""
    of_provider: dict[str, dict[str, None]] = {}
    for choice in groups.choices():
        of_provider.setdefault(choice.provider, {})[choice.group] = None
    for deployment in groups.wildcards():
        if deployment.provider != "*":
            of_provider.setdefault(deployment.provider, {})[deployment.group] = None
    seen = {(unit.route, unit.provider): None for unit in lately if unit.provider != OTHER}
    for pattern in switches.in_force():
        route, _, provider = pattern.partition("@")[0].partition("/")
        if provider and "*" not in (route, provider):
            seen[(route, provider)] = None
    configured = [
        (route, provider)
        for provider in sorted(of_provider)
        for route in ROUTE_DIALECTS
        if (route, provider) in _TRANSLATED or route == "openai_chat"
    ]
    pairs = dict.fromkeys([*configured, *(pair for pair in seen if pair[0] in ROUTE_DIALECTS)])
    return {(route, provider): list(of_provider.get(provider, ())) for route, provider in list(pairs)[:MAX_PAIRS]}


def _described_pair(route: str, provider: str, switches: Switches) -> dict[str, Any]:
    pair = f"{route}/{provider}"
    switch = switches.find(route, provider)
    mode = "auto" if switch is None else switch.mode
    return {
        "pair": pair,
        "route": route,
        "path": ROUTE_PATHS[route],
        "provider": provider,
        "translated": (route, provider) in _TRANSLATED,
        "mode": mode,
        "by": "default" if switch is None else switch.pattern,
        "source": "default" if switch is None else switch.source,
        "forced": switch is not None and switch.forced,
        "tripped": None if switch is None else _told(switch.trip),
        "share": share_of_core(mode),
        "gate": proof(switches, pair),
    }


def _engines(sums: Sums | None) -> dict[str, Any]:
    known = nothing() if sums is None else sums
    return {"rust": _engine(known, RUST), "python": _engine(known, PYTHON)}


def _engine(sums: Sums, engine: int) -> dict[str, Any]:
    counts = latencies(sums, engine)
    return {
        "requests": sums[engine + REQUESTS],
        "errors": errors(sums, engine),
        "p50_ms": milliseconds(counts, 0.5),
        "p95_ms": milliseconds(counts, 0.95),
    }


def _history(buckets: list[tuple[int, dict[str, Row]]], pair: str) -> list[Row]:
    """Nothing at all of a pair that nobody has asked for."""
    if not any(pair in rows for _, rows in buckets):
        return []
    return [rows.get(pair) or nothing_since(start) for start, rows in buckets]


def proof(switches: Switches, pair: str) -> Mapping[str, Any]:
    """What the gate says of a pair."""
    return {"open": switches.gate.is_open(pair), **switches.gate.proof(pair)._asdict()}


def _told(trip: Trip | None) -> dict[str, Any] | None:
    if trip is None:
        return None
    return {
        "at": trip.at,
        "reason": trip.reason,
        "from": trip.mode,
        "retry_at": trip.retry_at,
        "half_open": trip.half_open,
    }


def described(switch: Switch) -> dict[str, Any]:
    """A switch as the admin API tells it."""
    return {
        "pattern": switch.pattern,
        "mode": switch.mode,
        "source": switch.source,
        "forced": switch.forced,
        "tripped": _told(switch.trip),
        "since": switch.since,
        "by": switch.by,
        "note": switch.note,
    }
