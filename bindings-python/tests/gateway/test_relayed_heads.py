"""What requests with the same head become on their way to LiteLLM is found out once, and never kept too long."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from interlingua import litellm_plugin
from interlingua.gateway import relay
from rig import CHAT, KEY, Running, Upstream, config_document

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}


@pytest.fixture
def found_out(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The targets of requests whose heads were looked at."""
    targets: list[bytes] = []
    target_path = relay.target_path

    def noted(raw_target: bytes) -> str:
        targets.append(raw_target)
        return target_path(raw_target)

    monkeypatch.setattr(relay, "target_path", noted)
    return targets


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    migration = {"python": {"url": upstream.url}, "switches": {"*": "shadow"}, "shadow": {"sample": 0.5}}
    with Running(config_document("http://127.0.0.1:9", migration=migration), tmp_path) as running:
        running.app.shadow.sampler._draw = lambda: 0.9
        yield running


def post(client: http.client.HTTPConnection, path: str, said: str, **headers: str) -> None:
    chat = {**CHAT, "messages": [{"role": "user", "content": said}]}
    client.request("POST", path, json.dumps(chat), {**HEADERS, **headers})
    reply = client.getresponse()
    reply.read()
    assert reply.status == 200


def test_the_same_head_is_looked_at_once(gateway: Running, upstream: Upstream, found_out: list[bytes]) -> None:
    client, path = gateway.connect(), "/v1/chat/completions?a=%20"
    for said in ("one", "and a longer one", "three"):
        post(client, path, said)
    assert found_out == [path.encode()]
    assert [request.json()["messages"][0]["content"] for request in upstream.received] == [
        "one",
        "and a longer one",
        "three",
    ]
    heads = [[pair for pair in request.headers if pair[0] != "content-length"] for request in upstream.received]
    assert heads[0] == heads[1] == heads[2]


def test_another_head_is_another_request(gateway: Running, upstream: Upstream) -> None:
    client = gateway.connect()
    for number in ("1", "2"):
        post(client, "/v1/chat/completions", "x", **{"x-custom": number})
        post(client, f"/v1/chat/completions?n={number}", "x", **{"x-custom": number})
    assert [request.header("x-custom") for request in upstream.received] == ["1", "1", "2", "2"]
    assert [request.target for request in upstream.received] == [
        "/v1/chat/completions",
        "/v1/chat/completions?n=1",
        "/v1/chat/completions",
        "/v1/chat/completions?n=2",
    ]


def test_litellm_at_another_place_is_found_there(gateway: Running, upstream: Upstream) -> None:
    client = gateway.connect()
    post(client, "/v1/chat/completions", "x")
    with Upstream() as restarted:
        gateway.app.python._url = restarted.url
        post(client, "/v1/chat/completions", "x")
        assert restarted.received[0].header("host") == f"127.0.0.1:{restarted.port}"
    assert len(upstream.received) == 1


def test_a_mark_is_for_its_own_request_only(gateway: Running, upstream: Upstream) -> None:
    draws = itertools.cycle((0.9, 0.1))
    gateway.app.shadow.sampler._draw = lambda: next(draws)
    client = gateway.connect()
    for _ in range(4):
        post(client, "/v1/chat/completions", "x")
    marks = [request.header(litellm_plugin.HEADER) is not None for request in upstream.received]
    assert marks == [False, True, False, True]
