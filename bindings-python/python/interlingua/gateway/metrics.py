"""Counters in Prometheus' text format. Labels hold configured names and words of the core only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from interlingua._native import Tally
from interlingua.gateway.shadow import ShadowCounts

BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
"""Seconds. The core's own answers take less than a millisecond."""


MAX_TALLIES = 4096
"""A deployment of all providers lets clients name them; those beyond this are counted together."""

OTHER = "other"

Snapshot: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str, str, str, int, str, str]
"""Route, provider, engine, outcome, status, gate, and the model group if it has a switch of its own."""


class Metrics:
    """What happened since the start."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.recorder: dict[str, int] = {}
        """Exchanges that were written and dropped, if there is a recorder."""
        self.shadow = ShadowCounts()
        self._tallies: dict[Key, Tally] = {}
        """Per way of ending: how many took up to each of the ``BUCKETS``, how many longer, and all their seconds."""
        self._retries: Counter[tuple[str, str]] = Counter()
        self._losses: Counter[tuple[str, str]] = Counter()

    def record(
        self,
        route: str,
        provider: str,
        engine: str,
        outcome: str,
        status: int,
        seconds: float,
        gate: str = "",
        group: str = "",
    ) -> None:
        self.tally(route, provider, engine, outcome, status, gate, group).count(seconds)

    def tally(
        self, route: str, provider: str, engine: str, outcome: str, status: int, gate: str = "", group: str = ""
    ) -> Tally:
        """Where exchanges that end in this way are counted."""
        key = (route, provider, engine, outcome, status, gate, group)
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= MAX_TALLIES and provider != OTHER:
                return self.tally(route, OTHER, engine, outcome, status, gate)
            found = self._tallies[key] = Tally(BUCKETS)
        return found

    def _rows(self) -> list[tuple[Key, list[float]]]:
        rows = [(key, tally.row) for key, tally in self._tallies.items()]
        return [(key, row) for key, row in rows if any(row)]

    def retried(self, route: str, provider: str, times: int) -> None:
        self._retries[(route, provider)] += times

    def lost(self, route: str, provider: str, losses: Sequence[tuple[str, str]]) -> None:
        for _, code in losses:
            self._losses[(f"{route}/{provider}", code)] += 1

    def snapshot(self) -> Snapshot:
        """All counts, as JSON can carry them."""
        return {
            "in_flight": self.in_flight,
            "requests": [[list(key), row] for key, row in self._rows()],
            "retries": [[list(key), count] for key, count in self._retries.items()],
            "losses": [[list(key), count] for key, count in self._losses.items()],
            "recorder": dict(self.recorder),
            "shadow": self.shadow.snapshot(),
        }

    def add(self, other: Snapshot) -> None:
        """Add another process's counts."""
        self.in_flight += other["in_flight"]
        for key, row in other["requests"]:
            self.tally(*key).add(row)
        for (route, provider), count in other["retries"]:
            self._retries[(route, provider)] += count
        for (pair, code), count in other["losses"]:
            self._losses[(pair, code)] += count
        for what, count in other["recorder"].items():
            self.recorder[what] = self.recorder.get(what, 0) + count
        self.shadow.add(other["shadow"])

    @classmethod
    def of(cls, snapshot: Snapshot) -> Metrics:
        made = cls()
        made.add(snapshot)
        return made

    def _latency(self) -> dict[tuple[str, str, str, str], list[float]]:
        sums: dict[tuple[str, str, str, str], list[float]] = {}
        for (route, provider, engine, _, _, _, group), row in self._rows():
            key = (route, provider, engine, group)
            known = sums.setdefault(key, [0] * len(row))
            sums[key] = [one + other for one, other in zip(known, row, strict=True)]
        return sums

    def render(
        self,
        *,
        idle_connections: int,
        ungated: Sequence[str] = (),
        tripped: Sequence[str] = (),
        python_running: bool,
        store_failing: bool = False,
    ) -> bytes:
        """The text that ``/metrics`` answers with."""
        lines = [
            "# HELP interlingua_requests_total Exchanges by how they ended.",
            "# TYPE interlingua_requests_total counter",
        ]
        for (route, provider, engine, outcome, status, gate, group), row in sorted(self._rows()):
            count = int(sum(row[:-1]))
            labels = _labels(
                route=route,
                provider=provider,
                engine=engine,
                outcome=outcome,
                status=str(status),
                gate=gate,
                **_of_group(group),
            )
            lines.append(f"interlingua_requests_total{labels} {count}")
        lines += [
            "# HELP interlingua_request_seconds From the request's head to the end of its answer.",
            "# TYPE interlingua_request_seconds histogram",
        ]
        for (route, provider, engine, group), row in sorted(self._latency().items()):
            lines += _histogram(_pairs(route=route, provider=provider, engine=engine, **_of_group(group)), row)
        lines += [
            "# HELP interlingua_retries_total Second and further tries.",
            "# TYPE interlingua_retries_total counter",
        ]
        for (route, provider), count in sorted(self._retries.items()):
            lines.append(f"interlingua_retries_total{_labels(route=route, provider=provider)} {count}")
        lines += [
            "# HELP interlingua_losses_total What translations could not carry.",
            "# TYPE interlingua_losses_total counter",
        ]
        for (pair, code), count in sorted(self._losses.items()):
            lines.append(f"interlingua_losses_total{_labels(pair=pair, code=code)} {count}")
        lines += [
            "# HELP interlingua_ungated_switch Switches that serve without proof of parity.",
            "# TYPE interlingua_ungated_switch gauge",
            *(f"interlingua_ungated_switch{_labels(switch=name)} 1" for name in ungated),
            "# HELP interlingua_switch_tripped Switches that went back to python by themselves, or are tried again.",
            "# TYPE interlingua_switch_tripped gauge",
            *(f"interlingua_switch_tripped{_labels(switch=name)} 1" for name in tripped),
            "# HELP interlingua_store_failing The store of the switches cannot be read or written.",
            "# TYPE interlingua_store_failing gauge",
            f"interlingua_store_failing {int(store_failing)}",
            *self.shadow.lines(_labels),
            "# TYPE interlingua_in_flight gauge",
            f"interlingua_in_flight {self.in_flight}",
            "# TYPE interlingua_idle_upstream_connections gauge",
            f"interlingua_idle_upstream_connections {idle_connections}",
            "# TYPE interlingua_python_engine_running gauge",
            f"interlingua_python_engine_running {int(python_running)}",
        ]
        for what, count in sorted(self.recorder.items()):
            lines += [f"# TYPE interlingua_recorder_{what}_total counter", f"interlingua_recorder_{what}_total {count}"]
        return ("\n".join(lines) + "\n").encode()


def _of_group(group: str) -> dict[str, str]:
    return {"group": group} if group else {}


def _histogram(pairs: str, row: list[float]) -> list[str]:
    lines, total = [], 0
    for bound, count in zip((*BUCKETS, "+Inf"), row, strict=False):
        total += int(count)
        lines.append(f'interlingua_request_seconds_bucket{{{pairs},le="{bound}"}} {total}')
    lines.append(f"interlingua_request_seconds_sum{{{pairs}}} {row[-1]:.6f}")
    lines.append(f"interlingua_request_seconds_count{{{pairs}}} {total}")
    return lines


def _pairs(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels.items()
    )
    return ",".join(f'{name}="{value}"' for name, value in escaped)


def _labels(**labels: str) -> str:
    return f"{{{_pairs(**labels)}}}"
