"""Requests that the gateway answers by itself: bad input, bad keys, unknown paths."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from rig import (
    CHAT,
    KEY,
    MESSAGES,
    Running,
    Upstream,
    config_document,
)

BAD_INPUT: list[tuple[str, bytes, dict[str, str], set[int]]] = [
    ("invalid JSON", b'{"model":', {}, {400}),
    ("not an object", b"[]", {}, {400}),
    ("a text", b'"x"', {}, {400}),
    ("empty", b"", {}, {400}),
    ("not UTF-8", b'{"model":"gpt-4o","messages":[{"role":"user","content":"\xff"}]}', {}, {400}),
    ("no model", b'{"messages":[]}', {}, {400}),
    ("model of a wrong type", b'{"model":7,"messages":[]}', {}, {400}),
    ("unknown model", b'{"model":"nope","messages":[{"role":"user","content":"x"}]}', {}, {400}),
    ("deep nesting", b'{"model":"gpt-4o","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, {400}),
    ("duplicate keys", b'{"model":"gpt-4o","model":"gpt-4o","messages":[{"role":"user","content":"x"}]}', {}, {400}),
    ("form", b"model=gpt-4o", {"content-type": "application/x-www-form-urlencoded"}, {415}),
    ("multipart", b"--a--", {"content-type": "multipart/form-data; boundary=a"}, {415}),
    ("charset", b"{}", {"content-type": "application/json; charset=utf-16"}, {415}),
    ("compressed", b"\x1f\x8b", {"content-encoding": "gzip"}, {415}),
]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(("name", "body", "headers", "statuses"), BAD_INPUT, ids=[row[0] for row in BAD_INPUT])
def test_bad_input_is_refused_before_any_upstream_call(
    gateway: Running, upstream: Upstream, path: str, name: str, body: bytes, headers: dict[str, str], statuses: set[int]
) -> None:
    headers = {"content-type": "application/json", **headers}
    reply = gateway.request("POST", path, body, **headers)
    assert reply.status in statuses, reply.body
    error = reply.json()["error"]
    assert error["message"] and error["type"]
    if path == "/v1/messages":
        assert reply.json()["type"] == "error"
    else:
        assert error["code"] == str(reply.status)
    assert upstream.received == []


@pytest.mark.parametrize(("key", "status", "kind"), [(None, 401, "auth_error"), ("sk-wrong", 400, "no_db_connection")])
def test_keys(gateway: Running, upstream: Upstream, key: str | None, status: int, kind: str) -> None:
    reply = gateway.request("POST", "/v1/chat/completions", CHAT, key=key)
    assert (reply.status, reply.json()["error"]["type"]) == (status, kind)
    assert gateway.request("GET", "/v1/models", key=key).status == status
    assert gateway.request("POST", "/v1/messages", MESSAGES, key=key).json()["type"] == "error"
    assert upstream.received == []


def test_body_over_the_limit(upstream: Upstream, tmp_path: Path) -> None:
    settings = {"master_key": KEY, "max_request_size_mb": 1}
    with Running(config_document(upstream.url, general_settings=settings), tmp_path) as gateway:
        reply = gateway.chat(padding="x" * 2_000_000)
        assert (reply.status, upstream.received) == (413, [])
        assert gateway.chat(user="x" * 900_000).status == 200


def test_wrong_method_unknown_path_and_health(gateway: Running) -> None:
    assert gateway.request("GET", "/v1/chat/completions").status == 405
    reply = gateway.request("POST", "/v1/embeddings", {"model": "x"})
    assert reply.status == 501 and "LiteLLM" in reply.json()["error"]["message"]
    assert gateway.request("POST", "/v1/messages/count_tokens", {}).json()["type"] == "error"
    assert gateway.request("GET", "/health/liveliness", key=None).body == b'"I\'m alive!"'
    assert gateway.request("GET", "/health/readiness", key=None).json()["status"] == "healthy"
    assert [model["id"] for model in gateway.request("GET", "/v1/models").json()["data"]] == ["gpt-4o", "claude", "ocr"]


def test_expectations_are_answered_before_the_body(upstream: Upstream, tmp_path: Path) -> None:
    settings = {"master_key": KEY, "max_request_size_mb": 1}
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nexpect: 100-continue\r\n"
    with Running(config_document(upstream.url, general_settings=settings), tmp_path) as gateway:
        for length, status in ((len(json.dumps(CHAT)), b"100"), (2_000_000, b"413")):
            with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
                client.sendall(f"{head}content-length: {length}\r\n\r\n".encode())
                assert client.makefile("rb").readline().split()[1] == status
    assert upstream.received == []
