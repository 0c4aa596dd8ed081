"""Sums over sliding windows of the metrics' counts, and the history that is made of them."""

from __future__ import annotations

import random

import pytest
from interlingua.gateway.history import History
from interlingua.gateway.metrics import BUCKETS, Metrics
from interlingua.gateway.windows import ERRORS, PYTHON, REQUESTS, RUST, Differences, Unit, Window, nothing, quantile


def test_window_is_the_sum_of_its_slices() -> None:
    source = random.Random(5)
    units = [Unit("openai_chat", name, "") for name in "abc"]
    window, slices = Window(7), list[dict[Unit, list[int]]]()
    for turn in range(300):
        slice_ = {unit: [source.randrange(3) for _ in nothing()] for unit in units if source.random() < 0.4}
        slices.append(slice_)
        window.push(slice_)
        if turn % 50 == 49:
            window.forget(units[0])
            for one in slices:
                one.pop(units[0], None)
        expected: dict[Unit, list[int]] = {}
        for one in slices[-7:]:
            for unit, sums in one.items():
                known = expected.get(unit, nothing())
                expected[unit] = [a + b for a, b in zip(known, sums, strict=True)]
        assert {unit: sums for unit, sums in window.total.items() if any(sums)} == {
            unit: sums for unit, sums in expected.items() if any(sums)
        }


def test_quantiles_are_interpolated() -> None:
    counts = [0] * (len(BUCKETS) + 1)
    assert quantile(counts, 0.5) is None
    counts[0] = 100
    assert quantile(counts, 0.5) == pytest.approx(0.00025)
    counts[1] = 100
    assert quantile(counts, 0.75) == pytest.approx(0.00075)
    counts[-1] = 10_000
    assert quantile(counts, 0.95) == BUCKETS[-1]


def test_processes_that_come_and_go() -> None:
    differences, unit = Differences(), Unit("openai_chat", "openai", "")
    one, other = Metrics(), Metrics()
    one.record("openai_chat", "openai", "rust", "answered", 200, 0.01)
    assert differences.of({1: one.snapshot()}, ())[unit][RUST + REQUESTS] == 1
    assert differences.of({1: one.snapshot()}, ()) == {}
    for _ in range(3):
        other.record("openai_chat", "openai", "python", "relayed", 502, 0.01)
    sums = differences.of({1: one.snapshot(), 2: other.snapshot()}, ())[unit]
    assert (sums[RUST + REQUESTS], sums[PYTHON + REQUESTS], sums[PYTHON + ERRORS]) == (0, 3, 3)
    # The second one has ended, and another one has begun at nothing.
    new = Metrics()
    new.record("openai_chat", "openai", "python", "relayed", 200, 0.01)
    sums = differences.of({1: one.snapshot(), 3: new.snapshot()}, ())[unit]
    assert (sums[PYTHON + REQUESTS], sums[PYTHON + ERRORS]) == (1, 0)
    assert set(differences._rows) == set(differences._shadow) == {1, 3}, "nothing grows with each restart"


def test_history_is_bounded_and_in_buckets_of_ten_seconds() -> None:
    history = History()
    for second in range(1005, 3000):
        history.push(second, {Unit("openai_chat", "openai", ""): [1, *nothing()[1:]]})
    rows = list(history.rows())
    assert [start for start, _ in rows] == list(range(2400, 3000, 10))
    assert {tuple(row["openai_chat/openai"][1:]) for _, row in rows} == {(10, 0, 0, 0, 0, None, None)}
