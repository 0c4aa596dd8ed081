"""Switches of gateways that run: they trip, and the status tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from interlingua.gateway import control
from rig import CHAT, KEY, MESSAGES, Reply, Running, Upstream, http_answer, within
from switch_rig import engine, migrating


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 0.1)


def test_fault_of_the_core_trips_and_it_is_tried_again(
    hasty: None, upstream: Upstream, litellm: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trip = {"min_requests": 10, "retry_after": 1, "retry_share": 100, "retry_requests": 3}
    document = migrating(upstream, litellm, tmp_path, trip=trip)
    with Running(document, tmp_path) as gateway:
        rust = gateway.app.dispatcher._rust
        begin = rust.begin
        monkeypatch.setattr(rust, "begin", lambda *_: 1 / 0)
        failed = 0
        while gateway.app.switches.mode("openai_chat", "openai") == "auto":
            reply = gateway.chat()
            failed += reply.status == 500
        assert failed >= 10
        line = gateway.wait_for_log("switch_tripped")
        assert line["switch"] == "openai_chat/openai" and "core-side errors" in line["reason"]
        assert engine(gateway.chat()) == "python"
        assert b'interlingua_switch_tripped{switch="openai_chat/openai"} 1' in gateway.request("GET", "/metrics").body
        status = gateway.request("GET", "/interlingua/status").json()
        tripped = next(pair["tripped"] for pair in status["pairs"] if pair["pair"] == "openai_chat/openai")
        assert tripped["from"] == "auto" and tripped["retry_at"] > tripped["at"]
        monkeypatch.setattr(rust, "begin", begin)
        within(5, lambda: gateway.app.switches.mode("openai_chat", "openai") == "canary=100")
        within(5, lambda: engine(gateway.chat()) == "rust" and not gateway.app.switches.tripped())
        assert gateway.app.switches.mode("openai_chat", "openai") == "auto"
        gateway.wait_for_log("switch_recovered")
        trail = gateway.request("GET", "/interlingua/audit").json()["audit"]
        assert [entry["by"] for entry in trail] == ["half-open", "half-open", "trip"]


def test_answers_that_the_core_cannot_read_trip(
    hasty: None, upstream: Upstream, litellm: Upstream, tmp_path: Path
) -> None:
    document = migrating(upstream, litellm, tmp_path, trip={"min_requests": 10})
    with Running(document, tmp_path) as gateway:
        client = gateway.connect()
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

        def ask() -> Reply:
            client.request("POST", "/v1/chat/completions", json.dumps(CHAT), headers)
            return Reply(client.getresponse())

        assert {ask().status for _ in range(20)} == {200}
        upstream.answers = [http_answer(200, b'{"choices": 7}')]
        within(10, lambda: ask().json().get("id") == "from-litellm")
        assert "core-side errors" in gateway.wait_for_log("switch_tripped")["reason"]


def test_many_faults_are_looked_at_at_once(
    upstream: Upstream, litellm: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 3600.0)
    document = migrating(upstream, litellm, tmp_path, trip={"min_requests": 10})
    with Running(document, tmp_path) as gateway:
        upstream.answers = [http_answer(200, b'{"choices": 7}')]
        assert {gateway.chat().status for _ in range(9)} == {500}
        within(5, lambda: gateway.chat().json().get("id") == "from-litellm")


def test_providers_own_failures_do_not(hasty: None, upstream: Upstream, litellm: Upstream, tmp_path: Path) -> None:
    document = migrating(upstream, litellm, tmp_path, trip={"min_requests": 10})
    with Running(document, tmp_path) as gateway:
        for status in (429, 500, 529):
            upstream.answers = [http_answer(status, b'{"error": {"message": "no"}}')]
            for _ in range(20):
                gateway.chat()

        def looked() -> bool:
            pairs = gateway.request("GET", "/interlingua/status").json()["pairs"]
            pair = next(pair for pair in pairs if pair["pair"] == "openai_chat/openai")
            return bool(pair["engines"]["rust"]["requests"] == 60)

        within(5, looked)
        assert gateway.app.switches.tripped() == {}


def test_what_the_switch_refuses_counts_against_it(
    hasty: None, upstream: Upstream, litellm: Upstream, tmp_path: Path
) -> None:
    switches = {"openai_chat/openai": "rust"}
    document = migrating(upstream, litellm, tmp_path, trip={"min_requests": 10}, switches=switches)
    with Running(document, tmp_path) as gateway:
        replies = [gateway.chat(stream=True) for _ in range(10)]
        assert {reply.status for reply in replies} == {400}
        assert "not proven for: streaming" in replies[0].json()["error"]["message"]
        within(5, lambda: gateway.chat(stream=True).status == 200)
        text = gateway.request("GET", "/metrics").body.decode()
        assert 'provider="openai",engine="rust",outcome="unserved",status="400"' in text


def test_status(hasty: None, upstream: Upstream, litellm: Upstream, tmp_path: Path) -> None:
    document = migrating(upstream, litellm, tmp_path, switches={"openai_chat/openai": "rust"})
    with Running(document, tmp_path) as gateway:
        for _ in range(5):
            gateway.chat()
        gateway.request("POST", "/v1/messages", MESSAGES)
        gateway.app.metrics.shadow.count("openai_chat/openai", "gpt-4o", "sampled", "compared", "identical")

        def pairs() -> dict[str, Any]:
            return {pair["pair"]: pair for pair in gateway.request("GET", "/interlingua/status").json()["pairs"]}

        within(5, lambda: pairs()["anthropic_messages/anthropic"]["engines"]["python"]["requests"] == 1)
        status = gateway.request("GET", "/interlingua/status").json()
        assert status["python_engine"] == {"description": litellm.url, "running": True}
        assert (status["workers"], status["store_failing"]) == (1, False)
        assert status["store"].startswith("sqlite ")
        pair = pairs()["openai_chat/openai"]
        assert (pair["route"], pair["path"], pair["provider"]) == ("openai_chat", "/chat/completions", "openai")
        assert (pair["mode"], pair["by"], pair["source"], pair["share"]) == (
            "rust",
            "openai_chat/openai",
            "config",
            1.0,
        )
        assert pair["groups"] == ["gpt-4o"] and pair["translated"] and pair["tripped"] is None
        assert pair["gate"] == {
            "open": True,
            "features": ["sampling", "system", "user"],
            "cases": 12,
            "date": "2026-11-01",
            "oracle": "1.109.1",
            "corpora": [],
        }
        rust = pair["engines"]["rust"]
        assert (rust["requests"], rust["errors"]) == (5, 0) and 0 < rust["p50_ms"] <= rust["p95_ms"]
        assert pair["shadow"]["identical"] == 1 and pair["shadow"]["mismatches"] == 0
        bucket = pair["history"][-1] if pair["history"][-1][1] else pair["history"][-2]
        assert len(bucket) == 8 and bucket[0] % 10 == 0 and bucket[1] + bucket[2] >= 1
        messages = pairs()["anthropic_messages/anthropic"]
        assert (messages["mode"], messages["by"], messages["source"]) == ("auto", "default", "default")
        assert not messages["gate"]["open"]
        (switch,) = status["switches"]
        assert (switch["pattern"], switch["mode"], switch["source"]) == ("openai_chat/openai", "rust", "config")
