"""Decisions that are kept for requests like one: taken once, and never for a request that is not like it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import CHAT, KEY, MESSAGES, STREAM, STREAM_HEAD, Running, Upstream, chunked, config_document, http_answer


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    document = config_document(upstream.url)
    document["migration"]["python"] = {"url": upstream.url}
    with Running(document, tmp_path) as running:
        yield running


@pytest.fixture
def decided(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models for which a decision was taken."""
    models: list[str] = []
    find = gateway.app.groups.find

    def counted(name: str) -> Any:
        models.append(name)
        return find(name)

    monkeypatch.setattr(gateway.app.groups, "find", counted)
    return models


def post(client: http.client.HTTPConnection, body: dict[str, Any], **headers: str) -> http.client.HTTPResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request("POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {KEY}", **names})
    response = client.getresponse()
    response.read()
    return response


def test_decided_once_whatever_else_the_heads_say(gateway: Running, decided: list[str]) -> None:
    client = gateway.connect()
    for number in range(5):
        assert post(client, CHAT, traceparent=f"00-{number}").status == 200
        assert gateway.chat(user=f"u{number}").status == 200
    assert decided == ["gpt-4o"]


def test_long_bodies_too(gateway: Running, decided: list[str], upstream: Upstream) -> None:
    for number in range(3):
        text = str(number) * 1_000_000
        assert gateway.chat(messages=[{"role": "user", "content": text}]).status == 200
        assert upstream.received[-1].json()["messages"][0]["content"] == text
    assert decided == ["gpt-4o"]


def test_what_makes_a_difference_is_decided_anew(gateway: Running, decided: list[str], upstream: Upstream) -> None:
    client = gateway.connect()
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    post(client, CHAT)
    post(client, {**CHAT, "tools": [tool]})
    post(client, {**CHAT, "model": "groq/x"})
    post(client, {**CHAT, "num_retries": 1})
    post(client, {**CHAT, "num_retries": 1})
    post(client, CHAT, x_litellm_timeout="5")
    upstream.answers = [STREAM_HEAD + b"".join(chunked(part) for part in STREAM) + b"0\r\n\r\n"]
    post(client, {**CHAT, "stream": True})
    assert decided == ["gpt-4o", "gpt-4o", "groq/x", "gpt-4o", "gpt-4o", "gpt-4o", "gpt-4o"]


def test_timeout_of_one_request_is_not_the_next_ones(gateway: Running, upstream: Upstream) -> None:
    import asyncio

    async def slowly(_: Any, __: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.8)
        writer.write(http_answer(200, json.dumps({"id": "x", "choices": []}).encode()))

    upstream.answers = [slowly]
    client = gateway.connect()
    assert post(client, CHAT).status == 200
    assert post(client, CHAT, x_litellm_timeout="0.2").status == 408
    assert post(client, CHAT).status == 200


def test_switch_that_is_set_holds_for_the_next_request_of_a_kept_connection(
    gateway: Running, upstream: Upstream
) -> None:
    client = gateway.connect()
    assert post(client, CHAT).getheader("x-litellm-model-id")
    assert upstream.received[-1].header("authorization") == "Bearer sk-up-openai"
    assert gateway.request("PUT", "/interlingua/switches", {"openai_chat/openai": "python"}).status == 200
    post(client, CHAT)
    assert upstream.received[-1].header("authorization") == f"Bearer {KEY}", "relayed to LiteLLM, as it came"
    assert gateway.request("PUT", "/interlingua/switches", {"openai_chat/openai": "rust"}).status == 200
    post(client, CHAT)
    assert upstream.received[-1].header("authorization") == "Bearer sk-up-openai"


def test_provider_headers_of_one_client_are_not_anothers(gateway: Running, upstream: Upstream) -> None:
    answer: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "stop_reason": "end_turn",
    }
    upstream.answers = [
        http_answer(200, json.dumps({**answer, "usage": {"input_tokens": 1, "output_tokens": 1}}).encode())
    ]
    for beta in ("one-2025", "two-2025", None, "one-2025"):
        named = {} if beta is None else {"anthropic_beta": beta}
        assert gateway.request("POST", "/v1/messages", MESSAGES, **named).status == 200
        assert beta is None or beta in str(upstream.received[-1].header("anthropic-beta"))
        assert beta is not None or "2025" not in str(upstream.received[-1].header("anthropic-beta") or "")


def test_many_models_never_fill_memory(gateway: Running) -> None:
    for number in range(400):
        gateway.chat(model=f"groq/{number}")
    assert gateway.chat().status == 200
    assert gateway.chat(model="groq/399").status == 200
