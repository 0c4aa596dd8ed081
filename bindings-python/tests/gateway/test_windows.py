"""Sums over sliding windows of the metrics' counts, and the history that is made of them."""

from __future__ import annotations

import random

import pytest
from interlingua.gateway.history import History
from interlingua.gateway.metrics import BUCKETS, Metrics
from interlingua.gateway.windows import ERRORS, PYTHON, REQUESTS, RUST, Differences, Unit, Window, nothing, quantile


@pytest.mark.parametrize(("seconds", "step"), [(7, 1.0), (5, 0.25)])
def test_window_is_the_sum_of_its_slices(seconds: int, step: float) -> None:
    source = random.Random(5)
    units = [Unit("openai_chat", name, "") for name in "abc"]
    window, slices = Window(seconds, step=step), list[tuple[float, dict[Unit, list[int]]]]()
    now = 0.0
    for turn in range(300):
        slice_ = {unit: [source.randrange(3) for _ in nothing()] for unit in units if source.random() < 0.4}
        now += source.choice([0.01, 0.3, 1.0, 3.0])
        slices.append((now // step, slice_))
        window.push(now, slice_)
        if turn % 50 == 49:
            window.forget(units[0])
            for _, one in slices:
                one.pop(units[0], None)
        expected: dict[Unit, list[int]] = {}
        for one in (one for number, one in slices if now // step - number < seconds / step):
            for unit, sums in one.items():
                known = expected.get(unit, nothing())
                expected[unit] = [a + b for a, b in zip(known, sums, strict=True)]
        assert {unit: sums for unit, sums in window.total.items() if any(sums)} == {
            unit: sums for unit, sums in expected.items() if any(sums)
        }


def test_window_whose_clock_is_put_back_begins_anew() -> None:
    window, unit = Window(60), Unit("openai_chat", "openai", "")
    for now in (5000.0, 5001.0, 1000.0):
        window.push(now, {unit: [1, *nothing()[1:]]})
    assert window.total[unit][REQUESTS] == 1
    window.push(1060.0, {})
    assert window.total == {}


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
