"""What has happened to each pair in the last ten minutes, in buckets of ten seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

from interlingua.gateway.windows import (
    MISMATCHES,
    PYTHON,
    REQUESTS,
    RUST,
    Slice,
    Sums,
    add,
    by_pair,
    errors,
    latencies,
    milliseconds,
)

SECONDS: Final = 10
LENGTH: Final = 60

Row: TypeAlias = list[float | None]
"""When the bucket begins; the requests of both engines, rust first, and their errors; mismatches; both medians in
milliseconds."""


class History:
    """The last buckets. Those that are over are kept as the rows that they become."""

    def __init__(self) -> None:
        self._over: deque[tuple[int, dict[str, Row]]] = deque(maxlen=LENGTH - 1)
        self._start = 0
        self._now: Slice = {}

    def push(self, now: float, slice_: Slice) -> None:
        start = int(now) // SECONDS * SECONDS
        if start != self._start:
            if self._start:
                self._over.append((self._start, _rows(self._start, self._now)))
            self._start, self._now = start, {}
        add(self._now, slice_)

    def rows(self) -> Iterator[tuple[int, dict[str, Row]]]:
        """Of each bucket when it begins, and the row of each pair that something has happened to."""
        yield from self._over
        if self._start:
            yield self._start, _rows(self._start, self._now)


def nothing_since(start: int) -> Row:
    """The row of a pair that nobody has asked for."""
    return [start, 0, 0, 0, 0, 0, None, None]


def _rows(start: int, slice_: Slice) -> dict[str, Row]:
    return {pair: _row(start, sums) for pair, sums in by_pair(slice_).items()}


def _row(start: int, sums: Sums) -> Row:
    counted = [sums[RUST + REQUESTS], sums[PYTHON + REQUESTS], errors(sums, RUST), errors(sums, PYTHON)]
    medians = [milliseconds(latencies(sums, engine), 0.5) for engine in (RUST, PYTHON)]
    return [start, *counted, sums[MISMATCHES], *medians]
