"""Switches: modes, patterns, the gate, and who is in a canary."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

import pytest
from interlingua.gateway import stickiness
from interlingua.gateway.modes import ModeError, canary_percent, read_mode, read_pattern, route_named, share_of_core
from interlingua.gateway.store import StoredSwitch, Trip
from interlingua.gateway.switches import Gate, SwitchError, Switches

GATE = Gate(
    {
        "openai_chat/anthropic": ["streaming", "tools"],
        "anthropic_messages/anthropic": ["system"],
        "mistral_ocr/mistral": ["errors"],
    }
)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("python", "python"),
        ("shadow", "shadow"),
        ("rust", "rust"),
        ("auto", "auto"),
        ("canary=10", "canary=10"),
        ("canary=10.50", "canary=10.5"),
        ("canary 10%", "canary=10"),
        ("canary=0.000001", "canary=0.000001"),
        ("canary=100", "canary=100"),
    ],
)
def test_modes(text: str, mode: str) -> None:
    assert read_mode(text) == mode
    assert read_mode(read_mode(text)) == mode


@pytest.mark.parametrize(
    "text", ["fast", "", "canary", "canary=", "canary=0", "canary=100.1", "canary=-1", "canary=nan", "Rust", None, 10]
)
def test_no_modes(text: object) -> None:
    with pytest.raises(ModeError, match=r"modes are python, shadow, canary=N|percentage"):
        read_mode(text)


@pytest.mark.parametrize(
    "text", ["x", "nowhere/x", "openai_chat/", "", "/x", "@g", "*@", "openai_chat/x@", "a\n/b", "*/" + "x" * 600]
)
def test_no_patterns(text: str) -> None:
    with pytest.raises(ModeError):
        read_pattern(text)


def test_patterns_of_groups_may_hold_anything() -> None:
    assert read_pattern("openai_chat/groq@groq/*@home") == ("openai_chat/groq", "groq/*@home")
    assert read_pattern("*") == ("*", None)


def test_routes_by_their_paths() -> None:
    assert route_named("chat/completions") == route_named("/v1/chat/completions") == "openai_chat"
    assert (route_named("messages"), route_named("mistral_ocr"), route_named("*")) == (
        "anthropic_messages",
        "mistral_ocr",
        "*",
    )
    assert route_named("completions") is None


def test_share_of_the_core() -> None:
    modes = ("python", "shadow", "canary=2.5", "rust", "auto")
    assert [share_of_core(mode) for mode in modes] == [0, 0, 0.025, 1, 1]


def test_auto_follows_the_gate() -> None:
    switches = Switches(GATE)
    assert switches.decide("openai_chat", "anthropic", None, ("tools",)).engine == "rust"
    assert switches.decide("openai_chat", "anthropic", "any", ()).engine == "rust"
    unproven = switches.decide("openai_chat", "anthropic", None, ("tools", "audio"))
    assert (unproven.engine, unproven.why) == ("python", "parity is not proven for: audio")
    assert switches.decide("openai_chat", "groq", None, ()).engine == "python"
    assert switches.decide("anthropic_messages", "anthropic", None, ()).engine == "rust"
    assert switches.decide("mistral_ocr", "mistral", None, ()).engine == "python"  # only its errors are proven


def test_the_most_specific_switch_and_any_with_a_group_before_any_without() -> None:
    patterns = [
        f"{pair}{group}"
        for group in ("", "@claude")
        for pair in ("*", "*/*", "*/anthropic", "openai_chat/*", "openai_chat/anthropic")
    ]
    switches = Switches(GATE)
    for count in range(1, len(patterns) + 1):
        # The later ones are the more specific ones; the order in which they stand does not matter.
        stored = {pattern: StoredSwitch("python") for pattern in random.Random(count).sample(patterns[:count], count)}
        switches.follow(stored)
        found = switches.find("openai_chat", "anthropic", "claude")
        assert found is not None and found.pattern == patterns[count - 1]
        without = switches.find("openai_chat", "anthropic", "another")
        assert without is not None and without.pattern == patterns[min(count, 5) - 1]
        elsewhere = switches.find("mistral_ocr", "mistral", "another")
        assert elsewhere is not None and elsewhere.pattern in ("*", "*/*")
    assert switches.groups == {"claude"}


def test_what_is_stored_counts_above_the_config() -> None:
    switches = Switches(GATE, [("openai_chat/*", "python"), ("openai_chat/anthropic", "rust")])
    before = switches.version
    switches.follow({"openai_chat/anthropic": StoredSwitch("python", by="api")})
    assert switches.version is not before
    assert switches.decide("openai_chat", "anthropic", None, ()).engine == "python"
    assert switches.in_force()["openai_chat/anthropic"].source == "stored"
    switches.follow({})
    assert switches.decide("openai_chat", "anthropic", None, ()).engine == "rust"
    assert switches.in_force()["openai_chat/anthropic"].source == "config"


@pytest.mark.parametrize("pattern", ["openai_chat/groq", "*", "openai_chat/*", "*@claude"])
def test_rust_needs_an_open_gate(pattern: str) -> None:
    with pytest.raises(SwitchError, match="allow_ungated"):
        Switches(GATE, [(pattern, "rust")])
    allowed = Switches(GATE, [(pattern, "rust")], allow_ungated=True)
    assert allowed.decide("openai_chat", "groq", "claude", ()).ungated
    assert allowed.ungated() == [pattern]
    forced = Switches(GATE)
    assert forced.checked(pattern, "rust", forced=True) == (pattern, "rust")
    forced.follow({pattern: StoredSwitch("rust", forced=True)})
    assert forced.decide("openai_chat", "groq", "claude", ()).ungated
    assert forced.ungated() == [pattern]


def test_force_is_for_one_switch_only() -> None:
    switches = Switches(GATE)
    switches.follow({"openai_chat/groq": StoredSwitch("rust", forced=True), "*": StoredSwitch("auto")})
    assert switches.decide("openai_chat", "groq", None, ("audio",)).ungated
    assert switches.decide("openai_chat", "mistral", None, ()).engine == "python"
    assert switches.decide("openai_chat", "anthropic", None, ("audio",)).engine == "python"


def test_stored_rust_whose_gate_has_closed_is_auto() -> None:
    switches = Switches(GATE)
    switches.follow(
        {"openai_chat/groq": StoredSwitch("rust"), "nonsense": StoredSwitch("rust"), "*": StoredSwitch("x")}
    )
    assert switches.decide("openai_chat", "groq", None, ()).mode == "auto"
    assert len(switches.notices) == 3


@pytest.mark.parametrize(("pattern", "mode"), [("openai_chat/x", "fast"), ("nowhere/x", "auto"), ("x", "auto")])
def test_bad_switches(pattern: str, mode: str) -> None:
    with pytest.raises(SwitchError):
        Switches(GATE).checked(pattern, mode)


def test_canaries_of_what_is_not_proven() -> None:
    with pytest.raises(SwitchError, match="gate of openai_chat/groq is closed"):
        Switches(GATE).checked("openai_chat/groq", "canary=10")
    switches = Switches(GATE, [("*", "canary=100")])
    left = switches.decide("openai_chat", "groq", None, (), lambda: 0.0)
    assert (left.engine, left.shadowed) == ("python", True)
    assert switches.decide("openai_chat", "anthropic", None, ("audio",), lambda: 0.0).engine == "python"
    assert switches.decide("openai_chat", "anthropic", None, ("tools",), lambda: 0.99).engine == "rust"


def test_canary_decides_about_each_request() -> None:
    switches = Switches(GATE, [("openai_chat/anthropic", "canary=10")])
    inside = switches.decide("openai_chat", "anthropic", None, (), lambda: 0.0999)
    outside = switches.decide("openai_chat", "anthropic", None, (), lambda: 0.1)
    assert (inside.engine, inside.shadowed, inside.holds) == ("rust", False, False)
    assert (outside.engine, outside.shadowed, outside.holds) == ("python", True, False)
    switches = Switches(GATE, [("*", "auto")])
    assert switches.decide("openai_chat", "anthropic", None, ()).holds


def test_only_canaries_ask_for_a_place() -> None:
    def place() -> float:
        raise AssertionError("nobody may ask")

    for mode in ("python", "shadow", "rust", "auto"):
        Switches(GATE, [("openai_chat/anthropic", mode)]).decide("openai_chat", "anthropic", None, (), place)


def test_shadow_serves_by_python() -> None:
    decision = Switches(GATE, [("*", "shadow")]).decide("openai_chat", "anthropic", None, ())
    assert (decision.engine, decision.mode, decision.shadowed) == ("python", "shadow", True)
    assert not Switches(GATE, [("*", "python")]).decide("openai_chat", "anthropic", None, ()).shadowed


# -- who is in a canary ------------------------------------------------------------------------------------


def clients() -> Iterator[bytes]:
    source = random.Random(7)
    for _ in range(20_000):
        yield source.randbytes(32)


@pytest.mark.parametrize("salt", [b"", b"salt", b"x" * 16])
def test_places_are_spread_evenly_and_a_larger_canary_keeps_those_that_were_in(salt: bytes) -> None:
    places = [stickiness.place(client, salt) for client in clients()]
    assert all(0 <= place < 1 for place in places)
    inside: set[int] = set()
    for percent in (0.5, 1, 5, 10, 25, 50, 75, 99, 100):
        switches = Switches(GATE, [("openai_chat/anthropic", f"canary={percent:g}")])
        now = {
            number
            for number, place in enumerate(places)
            if switches.decide("openai_chat", "anthropic", None, (), lambda place=place: place).engine == "rust"
        }
        assert inside <= now
        share, wanted = len(now) / len(places), percent / 100
        # Five standard deviations.
        assert abs(share - wanted) <= 5 * (wanted * (1 - wanted) / len(places)) ** 0.5
        inside = now
    assert len(inside) == len(places)


def test_places_are_the_same_everywhere_for_one_salt_only() -> None:
    sample = [next(clients()) for _ in range(3)] + [b"a", b"b"]
    assert [stickiness.place(one, b"s") for one in sample] == [stickiness.place(one, b"s") for one in sample]
    assert stickiness.place(b"a", b"s") != stickiness.place(b"a", b"t")


def test_key_then_user_then_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    draws: list[float] = []

    def drawn() -> float:
        draws.append(0.5)
        return 0.5

    monkeypatch.setattr(random, "random", drawn)

    def place(key: bytes | None, dialect: str, **body: object) -> float:
        return stickiness.place_of(key, dialect, json.dumps(body).encode(), b"salt")

    by_key = place(b"key", "openai_chat", user="ann")
    assert by_key == place(b"key", "anthropic_messages", user="bob", metadata={"user_id": "cy"})
    ann = place(None, "openai_chat", user="ann")
    assert ann == place(None, "openai_responses", user="ann", input="x")
    assert ann == place(None, "openai_chat", safety_identifier="ann")
    assert ann == place(None, "anthropic_messages", metadata={"user_id": "ann"}, user="bob")
    assert len({by_key, ann, place(None, "openai_chat", user="bob"), place(b"ann", "openai_chat")}) == 4
    assert draws == []
    for body in ({"user": ""}, {"user": 7}, {"messages": [{"role": "user", "user": "deep"}]}, {}):
        assert place(None, "openai_chat", **body) == 0.5
    assert place(None, "anthropic_messages", user="ann") == 0.5
    for odd in (b"\xff", b'{"user": ', b'{"user": "\\ud800"}', b'[{"user": "a"}]', b'"user" : ' + b"[" * 100_000):
        stickiness.place_of(None, "openai_chat", odd, b"")


def test_percentages_of_canaries_stay_what_they_are() -> None:
    source = random.Random(3)
    for _ in range(1000):
        percent = round(source.uniform(0.000001, 100), source.randrange(7))
        if 0 < percent <= 100:
            mode = read_mode(f"canary={percent:.6f}")
            assert canary_percent(mode) == percent
            assert re.fullmatch(r"canary=[0-9.]+", mode)


def test_stored_switches_and_what_is_none() -> None:
    switch = StoredSwitch("canary=1", True, 12.5, "api", "why", Trip(1.0, "r", "rust", True, 2.0, 3.0, True))
    assert StoredSwitch.of(json.loads(json.dumps(switch.as_json()))) == switch
