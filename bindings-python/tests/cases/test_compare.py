"""The comparer that hosts call, over the fixtures read as case folders."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from interlingua import _native
from interlingua.cases import case

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
CHAT = FIXTURES / "openai_chat/anthropic/cache_usage_stream"


def compare(exchange: dict[str, Any]) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads(_native.compare(json.dumps(exchange).encode()))
    return verdict


def test_no_fixture_is_unexplained() -> None:
    classes: Counter[str] = Counter()
    for directory in case.find(FIXTURES):
        verdict = compare(case.read(directory))
        classes[verdict["class"]] += 1
        assert verdict["class"] != "unexplained", (directory, verdict["note"], verdict["differences"])
        assert verdict["class"] != "unjudged", directory
    assert classes["identical"] > 100 and classes["explained"] > 100, classes


@pytest.mark.parametrize("half", ["provider_request", "client_response"])
def test_one_changed_leaf_is_seen(half: str) -> None:
    exchange = case.read(CHAT)
    body = base64.b64decode(exchange[half]["body_b64"])
    changed = body.replace(b"Oslo", b"Bergen", 1) if b"Oslo" in body else body.replace(b'"model"', b'"modal"', 1)
    assert changed != body
    exchange[half]["body_b64"] = base64.b64encode(changed).decode()
    verdict = compare(exchange)
    assert verdict["class"] == "unexplained"
    layer = {"provider_request": "request", "client_response": "answer"}[half]
    assert {found["layer"] for found in verdict["differences"]} == {layer}
    first = verdict["differences"][0]
    assert first["path"].startswith(("body.", "stream.")) and first.get("ours") != first.get("theirs")
    assert verdict["layers"][layer]["ours"] != verdict["layers"][layer]["theirs"]


def test_an_exchange_without_litellms_half_is_not_judged_but_checked() -> None:
    exchange = case.read(CHAT)
    exchange["provider_request"] = exchange["client_response"] = None
    verdict = compare(exchange)
    assert verdict["class"] == "unjudged"
    assert (verdict["checks"]["request"], verdict["checks"]["answer"]) == ("accepted", "read")
    exchange["provider_response"]["body_b64"] = base64.b64encode(b"<html>").decode()
    exchange["provider_response"]["headers"] = {"content-type": "application/json"}
    assert compare(exchange)["checks"]["answer"] == "unreadable"


def test_the_deployments_settings_count() -> None:
    exchange = case.read(FIXTURES / "openai_chat/xai/seed_user_unknown")
    assert compare(exchange)["class"] in ("identical", "explained")
    exchange["defaults"] = {"temperature": 0.5}
    exchange["extra_headers"] = {"x-team": "blue"}
    exchange["api_base"] = "https://elsewhere.test/v1"
    paths = {found["path"] for found in compare(exchange)["differences"]}
    assert {"body.temperature", "headers.x-team", "url"} <= paths


def test_keys_are_not_compared_and_not_told() -> None:
    exchange = case.read(CHAT)
    exchange["provider_request"]["headers"]["x-api-key"] = "sk-ant-real"
    verdict = _native.compare(json.dumps(exchange).encode())
    assert json.loads(verdict)["class"] in ("identical", "explained")
    assert b"sk-ant-real" not in verdict


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"route": 1}', b'{"route": "openai_chat", "request": {}}', b"\xff"]
)
def test_what_is_malformed_is_a_clear_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        _native.compare(text)


def test_a_request_of_strange_types_does_not_stop_the_comparison() -> None:
    exchange = case.read(FIXTURES / "openai_responses/custom_openai/parameters_openai")
    for member in ("text", "reasoning", "tools", "tool_choice", "input", "metadata", "include", "stream"):
        for value in ([1], {"a": [1]}, "x", 3, None, True):
            asked = {**json.loads(base64.b64decode(exchange["request"]["body_b64"])), member: value}
            exchange["request"]["body_b64"] = base64.b64encode(json.dumps(asked).encode()).decode()
            assert "panicked" not in compare(exchange)["note"], (member, value)
