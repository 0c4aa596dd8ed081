"""When a switch goes back to python by itself, and when it is tried again: seconds are simulated, the store is real."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from interlingua.gateway.migration import TripRules
from interlingua.gateway.store import StoredSwitch, StoreError, open_store
from simulated import PAIR, Simulated


def test_core_side_errors_trip() -> None:
    simulated = Simulated()
    simulated.serve(19)
    simulated.serve(1, "malformed", 502)
    simulated.pass_seconds()
    assert simulated.mode == "rust", "5 % are borne"
    simulated.serve(1, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "python"
    trip = simulated.switches.tripped()[PAIR]
    assert trip.reason.startswith("core-side errors: 9.5% of 21 requests") and trip.mode == "rust"
    assert trip.retry_at is None
    (entry,) = simulated.store.audit(9)
    assert (entry["by"], entry["pattern"], entry["from"], entry["to"]) == ("trip", PAIR, "rust", "python")
    assert entry["note"] == trip.reason
    assert simulated.events() == ["switch_tripped"]
    simulated.pass_seconds(200)
    assert simulated.mode == "python" and simulated.events() == ["switch_tripped"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("status", 429),
        ("status", 500),
        ("status", 503),
        ("status", 401),
        ("status", 404),
        ("in_band", 500),
        ("timeout", 504),
        ("connection", 502),
        ("too_large", 502),
        ("disconnected", 499),
        ("shutdown", 200),
    ],
)
def test_what_is_not_the_cores_fault(outcome: str, status: int) -> None:
    simulated = Simulated()
    simulated.serve(100, outcome, status)
    simulated.pass_seconds(3)
    assert simulated.mode == "rust"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("bug", 500),
        ("malformed", 502),
        ("truncated", 502),
        ("unserved", 400),
        ("unsupported", 400),
        ("remote_media", 400),
        ("status", 400),
        ("status", 422),
    ],
)
def test_what_is(outcome: str, status: int) -> None:
    simulated = Simulated()
    simulated.serve(100, outcome, status)
    simulated.pass_seconds()
    assert simulated.mode == "python"


def test_too_few_requests_are_no_proof() -> None:
    simulated = Simulated()
    simulated.serve(19, "bug", 500)
    simulated.pass_seconds(3)
    assert simulated.mode == "rust"


def test_old_errors_are_forgotten() -> None:
    simulated = Simulated(TripRules(window=10, errors=0.5))
    simulated.serve(10, "bug", 500)
    simulated.pass_seconds(10)
    simulated.serve(15)
    simulated.pass_seconds()
    assert simulated.mode == "rust", "the ten errors have left the window"
    simulated.serve(16, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "python"


def test_sudden_failure_is_not_waited_out() -> None:
    """A minute of good requests does not hide that everything fails now."""
    simulated = Simulated()
    for _ in range(60):
        simulated.serve(100)
        simulated.pass_seconds()
    simulated.serve(60)
    simulated.serve(40, "bug", 500)
    simulated.pass_seconds()
    simulated.serve(19, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "rust", "not yet half of the last ones, and too few by themselves"
    simulated.serve(1, "bug", 500)
    simulated.pass_seconds()
    assert simulated.switches.tripped()[PAIR].reason == "core-side errors: 100.0% of 20 requests, over 50.0%"


def test_requests_that_providers_refuse_from_litellm_too() -> None:
    """A client's own mistakes are not the core's: as many of them come back through LiteLLM."""
    simulated = Simulated(switches=[(PAIR, "canary=50")])
    for engine in ("rust", "python"):
        simulated.serve(80, engine=engine)
        simulated.serve(20, "status" if engine == "rust" else "relayed", 400, engine=engine)
    simulated.pass_seconds()
    assert simulated.mode == "canary=50"
    simulated.serve(20, "status", 400)
    simulated.pass_seconds()
    assert simulated.mode == "python"


@pytest.mark.parametrize(("mode", "trips"), [("canary=50", True), ("rust", True), ("auto", False)])
def test_latency_beside_litellms(mode: str, trips: bool) -> None:
    simulated = Simulated(switches=[(PAIR, mode)])
    simulated.serve(50, engine="python", seconds=0.02)
    simulated.serve(50, seconds=0.04)
    simulated.pass_seconds()
    assert simulated.mode == mode
    simulated.serve(50, seconds=2.0)
    simulated.pass_seconds()
    assert simulated.mode == ("python" if trips else mode)
    if trips:
        assert simulated.switches.tripped()[PAIR].reason.startswith("latency: ")


def test_latency_of_few_is_no_proof() -> None:
    simulated = Simulated()
    simulated.serve(5, engine="python", seconds=0.001)
    simulated.serve(100, seconds=9.0)
    simulated.pass_seconds()
    assert simulated.mode == "rust"


@pytest.mark.parametrize(("mode", "trips"), [("canary=50", True), ("shadow", False), ("python", False)])
def test_mismatches(mode: str, trips: bool) -> None:
    simulated = Simulated(switches=[(PAIR, mode)])
    simulated.metrics.shadow.count(PAIR, "gpt-4o", "sampled", "compared", times=99)
    simulated.metrics.shadow.count(PAIR, "gpt-4o", "mismatches", times=1)
    simulated.pass_seconds()
    simulated.metrics.shadow.count(PAIR, "gpt-4o", "sampled", "compared", "mismatches")
    simulated.pass_seconds()
    assert simulated.mode == ("python" if trips else mode)


def test_reasons_can_be_left_out() -> None:
    simulated = Simulated(TripRules(errors=None, p95_ratio=None, mismatches=None))
    simulated.serve(100, "bug", 500)
    simulated.serve(100, seconds=9.0)
    simulated.serve(100, engine="python", seconds=0.001)
    simulated.metrics.shadow.count(PAIR, "g", "compared", "mismatches", times=100)
    simulated.pass_seconds(2)
    assert simulated.mode == "rust"


def test_only_the_pair_trips_where_a_switch_is_about_many() -> None:
    simulated = Simulated(switches=[("*", "auto")])
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    assert simulated.switches.modes() == {"*": "auto", PAIR: "python"}


def test_only_the_group_trips_that_has_a_switch_of_its_own() -> None:
    simulated = Simulated(switches=[(PAIR, "rust"), ("*@mini", "canary=10")])
    simulated.serve(30, "bug", 500, group="mini")
    simulated.serve(300)
    simulated.pass_seconds()
    assert simulated.mode == "rust"
    assert simulated.switches.mode("openai_chat", "openai", "mini") == "python"
    assert list(simulated.switches.tripped()) == [f"{PAIR}@mini"]


def test_without_litellm_there_is_nothing_to_go_back_to() -> None:
    simulated = Simulated(has_python=False)
    simulated.serve(100, "bug", 500)
    simulated.pass_seconds(3)
    assert simulated.mode == "rust"


def test_switch_that_is_set_again_begins_anew() -> None:
    simulated = Simulated()
    simulated.serve(100, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "python"
    simulated.set("rust")
    simulated.pass_seconds(2)
    assert simulated.mode == "rust" and not simulated.switches.tripped()
    simulated.serve(30)
    simulated.pass_seconds()
    assert simulated.mode == "rust"
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "python"


RETRY = TripRules(retry_after=30, retry_share=5)


@pytest.mark.parametrize("live", [False, True])
def test_tried_again_and_recovered(live: bool) -> None:
    simulated = Simulated(RETRY)
    if live:
        simulated.set("canary=20")
    former = simulated.mode
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    simulated.pass_seconds(29)
    assert simulated.mode == "python"
    simulated.pass_seconds(2)
    assert simulated.mode == "canary=5" and simulated.switches.tripped()[PAIR].half_open
    simulated.serve(19)
    simulated.serve(500, engine="python")
    simulated.pass_seconds(100)
    assert simulated.mode == "canary=5"
    simulated.serve(1)
    simulated.pass_seconds()
    assert simulated.mode == former and not simulated.switches.tripped()
    found = simulated.switches.find("openai_chat", "openai")
    assert found is not None and found.source == ("stored" if live else "config")
    assert simulated.events() == ["switch_tripped", "switch_half_open", "switch_recovered"]
    assert [entry["by"] for entry in simulated.store.audit(9)] == ["half-open", "half-open", "trip"]


def test_a_failed_trial_waits_twice_as_long_and_not_for_ever() -> None:
    simulated = Simulated(RETRY)
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    waits = []
    for _ in range(10):
        trip = simulated.switches.tripped()[PAIR]
        assert trip.wait is not None and trip.retry_at is not None
        waits.append(trip.wait)
        simulated.now = trip.retry_at
        simulated.pass_seconds()
        assert simulated.mode == "canary=5"
        simulated.serve(5)
        simulated.serve(1, "bug", 500)
        simulated.pass_seconds()
        assert simulated.mode == "python"
    assert waits[:4] == [30, 60, 120, 240] and waits[-1] == 3600
    assert simulated.switches.tripped()[PAIR].mode == "rust"


def test_trial_with_too_many_refusals_or_slow_answers() -> None:
    for odd in ({"outcome": "status", "status": 400}, {"seconds": 50.0}):
        simulated = Simulated(RETRY)
        simulated.serve(30, "bug", 500)
        simulated.pass_seconds(32)
        assert simulated.mode == "canary=5"
        simulated.serve(30, engine="python")
        simulated.serve(15)
        simulated.serve(5, **odd)
        simulated.pass_seconds()
        assert simulated.mode == "python"


def test_trial_goes_on_after_a_restart() -> None:
    simulated = Simulated(RETRY)
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds(10)
    restarted = Simulated(RETRY, store=simulated.store)
    assert restarted.mode == "python"
    restarted.now = simulated.now
    restarted.pass_seconds(22)
    assert restarted.mode == "canary=5"


class Broken:
    """A store that cannot be written for a while."""

    def __init__(self) -> None:
        self.real = open_store(None)
        self.broken = False
        self.broken_calls: tuple[str, ...] = ("change", "version", "switches")

    def __getattr__(self, name: str) -> Any:
        if self.broken and name in self.broken_calls:

            def fail(*_: object) -> None:
                raise StoreError("gone")

            return fail
        return getattr(self.real, name)


def test_trip_holds_although_it_cannot_be_stored_and_is_stored_later() -> None:
    store = Broken()
    simulated = Simulated(store=store)
    told: list[Any] = []
    simulated.keeper.on_decided = told.append
    store.broken = True
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    asyncio.run(simulated.keeper.look())
    asyncio.run(simulated.keeper.look())
    assert simulated.mode == "python" and simulated.keeper.failing
    assert told[-1][PAIR]["mode"] == "python"
    # A worker that hears of it follows.
    worker = Simulated()
    worker.keeper.take_unstored(json.loads(json.dumps(told[-1])))
    assert worker.mode == "python"
    store.broken = False
    asyncio.run(simulated.keeper.look())
    assert not simulated.keeper.failing and told[-1] == {}
    assert store.real.switches()[1][PAIR].mode == "python"
    assert simulated.mode == "python"
    assert simulated.events() == ["store_failed", "switch_tripped", "store_back"]
    assert [entry["by"] for entry in store.real.audit(9)] == ["trip"]


def test_what_others_store_is_followed_where_nothing_can_be_written() -> None:
    store = Broken()
    simulated = Simulated(store=store)
    store.broken = True
    simulated.serve(30, "bug", 500)
    simulated.pass_seconds()
    assert simulated.mode == "python"
    store.broken_calls = ("change",)
    store.real.change({"openai_chat/groq": StoredSwitch("shadow", since=2.0, by="api")}, [])
    asyncio.run(simulated.keeper.look())
    assert simulated.switches.mode("openai_chat", "groq") == "shadow"
    assert simulated.mode == "python" and simulated.keeper.failing


def test_somebody_who_was_quicker_is_heard() -> None:
    simulated = Simulated()
    simulated.serve(30, "bug", 500)
    simulated.store.change({PAIR: StoredSwitch("shadow", since=2.0, by="api")}, [])
    simulated.pass_seconds()
    assert simulated.mode == "shadow" and simulated.events() == []


def test_store_that_has_lost_everything_is_told_again() -> None:
    simulated, other = Simulated(), Simulated()
    simulated.set("canary=7")
    simulated.switches.season(b"salt")
    empty = open_store(None)
    for one in (simulated, other):
        one.keeper.store = empty
        asyncio.run(one.keeper.look())
        assert one.mode == "canary=7"
        assert one.switches.salt == empty.salt() == b"salt"
    assert [entry["by"] for entry in empty.audit(9)] == ["restored"]


def test_what_went_well_a_moment_ago_does_not_hide_what_fails_now() -> None:
    simulated = Simulated()
    simulated.serve(5000)
    simulated.pass_seconds()
    simulated.serve(2500)
    simulated.serve(20, "bug", 500)
    simulated.look_after(0.9)
    assert simulated.mode == "rust", "20 of 2,520 since the last look are no failure of everything"
    simulated.serve(140, "bug", 500)
    simulated.look_after(0.06)
    assert simulated.mode == "python"
    assert simulated.switches.tripped()[PAIR].reason.startswith("core-side errors: 100.0% of 140 requests")
