"""What has happened lately, per (route, provider) and model group: sums over sliding windows of the metrics' counts.

At each look the difference of the counts is taken, and added up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from interlingua.gateway.metrics import BUCKETS, Snapshot

NOT_THE_CORES: Final = frozenset(
    ["answered", "status", "in_band", "timeout", "connection", "too_large", "disconnected", "shutdown"]
)
"""Ways of ending that say nothing against the core. All others are its errors: it failed, or could not read what the
provider said, or refused what LiteLLM might have served."""
DOUBTFUL_STATUSES: Final = frozenset([400, 405, 415, 422])
"""A provider that says this may have been asked wrongly, by the client or by us."""


def speaks_against_core(outcome: str, status: int) -> bool:
    """Whether an exchange that the core served, and that ended like this, may have to trip its switch."""
    return outcome not in NOT_THE_CORES or (outcome == "status" and status in DOUBTFUL_STATUSES)


REQUESTS, ERRORS, DOUBTFUL = range(3)
"""Of an engine: what it has served, what went wrong for certain, and what may have."""
_ENGINE: Final = 3 + len(BUCKETS) + 1
RUST, PYTHON = 0, _ENGINE
COMPARED, MISMATCHES = 2 * _ENGINE, 2 * _ENGINE + 1
_WIDTH: Final = 2 * _ENGINE + 2

Sums: TypeAlias = list[int]
"""Of the ``RUST`` engine, of the ``PYTHON`` engine (each with the latencies of its good answers), and of shadow."""


class Unit(NamedTuple):
    """What is counted apart."""

    route: str
    provider: str
    group: str
    """Empty for all model groups that have no switch of their own."""

    @property
    def pair(self) -> str:
        return f"{self.route}/{self.provider}"

    @property
    def pattern(self) -> str:
        return f"{self.pair}@{self.group}" if self.group else self.pair


Slice: TypeAlias = dict[Unit, Sums]


def nothing() -> Sums:
    return [0] * _WIDTH


def plus(one: Sums, other: Sums) -> Sums:
    return [a + b for a, b in zip(one, other, strict=True)]


def latencies(sums: Sums, engine: int) -> Sums:
    """How many good answers of an engine took up to each of the ``BUCKETS``, and how many longer."""
    return sums[engine + 3 : engine + _ENGINE]


def quantile(counts: Sequence[int], part: float) -> float | None:
    """The seconds within which this part of all stays, interpolated; ``None`` of nothing."""
    total = sum(counts)
    if not total:
        return None
    wanted, lower = part * total, 0.0
    for bound, count in zip(BUCKETS, counts, strict=False):
        if count and wanted <= count:
            return lower + (bound - lower) * wanted / count
        wanted -= count
        lower = bound
    return lower


class Differences:
    """From the counts of processes to what has happened since the last look at each."""

    def __init__(self) -> None:
        self._rows: dict[object, dict[tuple[Any, ...], Sequence[float]]] = {}
        self._shadow: dict[object, dict[tuple[str, str], tuple[int, int]]] = {}

    def of(self, snapshots: Mapping[object, Snapshot], groups: Collection[str]) -> Slice:
        """``groups`` have a switch of their own. A process that is new has counted from nothing."""
        found: Slice = {}
        for source, snapshot in snapshots.items():
            rows, shadow = self._rows.setdefault(source, {}), self._shadow.setdefault(source, {})
            for parts, row in snapshot["requests"]:
                key = tuple(parts)
                known = rows.get(key)
                if known != row:
                    rows[key] = row
                    _add_row(found, key, row if known is None else [a - b for a, b in zip(row, known, strict=True)])
            for pair, group, counts in snapshot["shadow"]["counts"]:
                now = counts.get("compared", 0), counts.get("mismatches", 0)
                before = shadow.get((pair, group), (0, 0))
                if now != before:
                    shadow[(pair, group)] = now
                    route, _, provider = pair.partition("/")
                    sums = found.setdefault(Unit(route, provider, group if group in groups else ""), nothing())
                    sums[COMPARED] += now[0] - before[0]
                    sums[MISMATCHES] += now[1] - before[1]
        for gone in [source for source in self._rows if source not in snapshots]:
            del self._rows[gone], self._shadow[gone]
        return found


def _add_row(found: Slice, key: tuple[Any, ...], row: Sequence[float]) -> None:
    route, provider, engine, outcome, status, _, group = key
    if not provider or engine not in ("rust", "python"):
        return
    sums = found.setdefault(Unit(route, provider, group), nothing())
    at = RUST if engine == "rust" else PYTHON
    count = int(sum(row[:-1]))
    sums[at + REQUESTS] += count
    if outcome in ("answered", "relayed") and status < 400:
        for index, number in enumerate(row[:-1]):
            sums[at + 3 + index] += int(number)
    elif status in DOUBTFUL_STATUSES and outcome in ("status", "relayed"):
        sums[at + DOUBTFUL] += count
    elif engine == "python":
        sums[at + ERRORS] += count if status >= 500 or outcome not in ("relayed", "disconnected") else 0
    elif outcome not in NOT_THE_CORES:
        sums[at + ERRORS] += count


def add(total: Slice, slice_: Slice) -> None:
    """Add one to the other."""
    for unit, sums in slice_.items():
        known = total.get(unit)
        total[unit] = list(sums) if known is None else plus(known, sums)


class Window:
    """The sum of the last so many seconds."""

    def __init__(self, seconds: int, *, step: float = 1.0) -> None:
        """``step`` are the seconds that a slice holds at most."""
        self._length = round(seconds / step)
        self._step = step
        self._slices: deque[tuple[int, Slice]] = deque()
        """The latest last, numbered by their time."""
        self.total: Slice = {}

    def push(self, now: float, slice_: Slice) -> None:
        """Add what has happened since the last time."""
        number = int(now / self._step)
        # A clock that was put back leaves slices of a time to come: they go as well.
        while self._slices and not 0 <= number - self._slices[0][0] < self._length:
            self._drop_oldest()
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, {}))
        add(self._slices[-1][1], slice_)
        add(self.total, slice_)

    def _drop_oldest(self) -> None:
        for unit, sums in self._slices.popleft()[1].items():
            left = [a - b for a, b in zip(self.total[unit], sums, strict=True)]
            if any(left):
                self.total[unit] = left
            else:
                del self.total[unit]

    def newest(self, unit: Unit, least: int) -> Sums:
        """The sum of the newest slices that hold so many of the core's requests; of all, if these are fewer."""
        sums = nothing()
        for _, slice_ in reversed(self._slices):
            if unit in slice_:
                sums = plus(sums, slice_[unit])
            if sums[RUST + REQUESTS] >= least:
                break
        return sums

    def forget(self, unit: Unit) -> None:
        """What has happened to it so far does not count any more."""
        if self.total.pop(unit, None) is not None:
            for _, slice_ in self._slices:
                slice_.pop(unit, None)


def errors(sums: Sums, engine: int) -> int:
    return sums[engine + ERRORS] + sums[engine + DOUBTFUL]


def milliseconds(counts: Sums, part: float) -> float | None:
    seconds = quantile(counts, part)
    return None if seconds is None else round(seconds * 1000, 2)


def by_pair(slice_: Slice) -> dict[str, Sums]:
    """The sums of each pair, of all its groups together."""
    found: dict[str, Sums] = {}
    for unit, sums in slice_.items():
        known = found.get(unit.pair)
        found[unit.pair] = sums if known is None else plus(known, sums)
    return found
