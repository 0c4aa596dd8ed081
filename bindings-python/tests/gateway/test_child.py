"""LiteLLM as a child process of the gateway: started when it is needed, once, and ended with it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import CHAT, KEY, Running, Upstream, config_document
from test_relay import TOY, toy_config

LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """A gateway whose python engine is a child."""
    with Running(toy_config(), tmp_path) as running:
        yield running


def test_child_is_started_when_needed_and_ended(gateway: Running) -> None:
    assert not gateway.app.python.running
    assert gateway.request("GET", "/health/liveliness").status == 200
    assert not gateway.app.python.running
    reply = gateway.request("POST", "/v1/embeddings?a=1&b=%20", {"model": "m", "input": "x"}, x_custom="y")
    assert reply.status == 200
    echoed = reply.json()
    assert (echoed["method"], echoed["path"], echoed["query"]) == ("POST", "/v1/embeddings", "a=1&b=%20")
    assert echoed["headers"]["x-custom"] == "y"
    assert echoed["headers"]["authorization"] == f"Bearer {KEY}"
    assert json.loads(echoed["body"]) == {"model": "m", "input": "x"}
    child = gateway.app.python._child
    assert child is not None
    gateway.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    events = [line["event"] for line in gateway.logs()]
    assert "python_engine_starting" in events and "python_engine_ready" in events


def test_strangers_cannot_start_the_child(gateway: Running) -> None:
    for key in (None, "sk-wrong"):
        assert gateway.request("GET", "/ui/", key=key).status in (400, 401)
    assert not gateway.app.python.running


def test_many_requests_start_one_child(gateway: Running) -> None:
    async def all_at_once() -> set[str]:
        python = gateway.app.python
        return set(await asyncio.gather(*(python.base_url() for _ in range(20))))

    async def once() -> set[str]:
        try:
            return await all_at_once()
        finally:
            await gateway.app.python.close()

    assert len(asyncio.run(once())) == 1


def test_who_asks_while_the_child_starts_waits_for_it(gateway: Running) -> None:
    python = gateway.app.python

    async def one_after_the_other() -> None:
        first = asyncio.ensure_future(python.base_url())
        while not python.running:
            await asyncio.sleep(0)
        second = asyncio.ensure_future(python.base_url())
        done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        assert first in done
        assert await first == await second

    async def twice() -> None:
        try:
            await one_after_the_other()
            child = python._child
            assert child is not None
            child.kill()
            await child.wait()
            await one_after_the_other()
        finally:
            await python.close()

    asyncio.run(twice())


def test_child_that_dies_is_reported_and_restarted(gateway: Running) -> None:
    assert gateway.request("GET", "/one").status == 200
    child = gateway.app.python._child
    assert child is not None
    os.kill(child.pid, 9)
    time.sleep(0.3)
    assert gateway.request("GET", "/two").status == 200


def test_child_that_cannot_start(tmp_path: Path) -> None:
    with Running(toy_config([sys.executable, str(TOY), "broken", "{port}"]), tmp_path) as gateway:
        reply = gateway.request("POST", "/v1/embeddings", {})
        assert reply.status == 503 and "code 7" in reply.json()["error"]["message"]
        assert gateway.request("POST", "/v1/embeddings", {}).status == 503  # without another start
    assert [line["event"] for line in gateway.logs()].count("python_engine_starting") == 1


def test_command_that_does_not_exist(tmp_path: Path) -> None:
    with Running(toy_config(["no-such-command-here"]), tmp_path) as gateway:
        assert gateway.request("POST", "/v1/embeddings", {}).status == 503


@pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")
def test_real_litellm_as_child(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LITELLM
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no network
    document = config_document(
        upstream.url,
        migration={"python": {"command": [LITELLM, "-m", "litellm.proxy.proxy_cli"]}, "switches": {"*": "python"}},
    )
    with Running(document, tmp_path) as gateway:
        connection = gateway.connect()
        connection.timeout = 120  # LiteLLM starts slowly
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(CHAT),
            {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        )
        response = connection.getresponse()
        body = json.loads(response.read())
        assert (response.status, body["choices"][0]["message"]["content"]) == (200, "hi")
        assert response.getheader("x-litellm-version")
        assert gateway.request("GET", "/v1/model/info").status == 200
        assert gateway.request("GET", "/routes", key=None).status in (200, 401)
    assert upstream.received[0].header("authorization") == "Bearer sk-up-openai"
