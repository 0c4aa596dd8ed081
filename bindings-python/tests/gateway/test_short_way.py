"""The short way: it is really taken, nobody can tell, and whatever is unusual goes on in the handler."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comparing import Answers, hang_up, post, slowly, then_hang_up, timeless, told
from interlingua.gateway.engine_rust import RustEngine
from interlingua.gateway.pool import locate
from interlingua.gateway.short_way import ShortWay
from rig import (
    CHAT,
    CHAT_ANSWER,
    KEY,
    STREAM,
    STREAM_HEAD,
    Received,
    Running,
    Upstream,
    chat_answer,
    chunked,
    config_document,
    http_answer,
    until_closed,
    within,
)

BODY = json.dumps(CHAT).encode()
CLAUDE = {**CHAT, "model": "claude"}
CLAUDE_ANSWER = http_answer(
    200,
    json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "hi", "citations": [{"type": "odd", "cited_text": "x"}]}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    ).encode(),
    "request-id: req_1",
    "anthropic-ratelimit-requests-limit: 9",
)
PLAIN = chat_answer()
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
    % (KEY.encode(), len(BODY), BODY)
)


@pytest.fixture
def in_full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exchanges that took the handler's way, or went on in it."""
    groups: list[str] = []
    serve = RustEngine.serve

    async def noted(self: RustEngine, exchange: Any, ready: Any, underway: Any) -> None:
        groups.append(ready[0].choice.group)
        await serve(self, exchange, ready, underway)

    monkeypatch.setattr(RustEngine, "serve", noted)
    return groups


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path) as running:
        yield running


@pytest.mark.parametrize(("model", "answer"), [("gpt-4o", PLAIN), ("claude", CLAUDE_ANSWER)])
def test_taken_from_the_second_request_on(
    gateway: Running, upstream: Upstream, in_full: list[str], model: str, answer: bytes
) -> None:
    upstream.answers = [answer]
    client = gateway.connect()
    first = timeless(post(client, {**CHAT, "model": model}))
    for _ in range(5):
        assert timeless(post(client, {**CHAT, "model": model})) == first
    assert in_full == [model]
    assert len(upstream.received) == 6 and upstream.connections == 1
    assert len({tuple(request.headers) for request in upstream.received}) == 1


def test_bodies_of_any_length_and_models_by_turns(gateway: Running, upstream: Upstream, in_full: list[str]) -> None:
    upstream.answers = [PLAIN]
    client = gateway.connect()
    for size in (1, 10, 1000, 30_000, 5):
        assert post(client, {**CHAT, "user": "u" * size})[0] == 200
        assert upstream.received[-1].json()["user"] == "u" * size
    assert in_full == ["gpt-4o"]
    post(client, {**CHAT, "model": "groq/x"})
    post(client, CHAT)
    post(client, {**CHAT, "model": "groq/x"})
    assert in_full == ["gpt-4o", "groq/*"]
    for size in (60_000, 70_000, 300_000, 5):  # the longest are not waited for, whether they are there or not
        assert post(client, {**CHAT, "user": "u" * size})[0] == 200
        assert upstream.received[-1].json()["user"] == "u" * size


def with_length(body: bytes, *headers: str) -> bytes:
    return http_answer(200, body, *headers)


_JSON = json.dumps(CHAT_ANSWER).encode()
_CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
_RATE = http_answer(429, b'{"error":{"message":"slow down","type":"t"}}', "retry-after: 0")

UNUSUAL: dict[str, tuple[Answers, bool]] = {
    # What the upstream does, the usual before and after it; and whether it is for the handler to go on.
    "nothing": ([PLAIN], False),
    "chunked": ([_CHUNKED + chunked(_JSON) + b"0\r\n\r\n"], False),
    "several chunks": ([_CHUNKED + chunked(_JSON[:9]) + chunked(_JSON[9:]) + b"0\r\nx: y\r\n\r\n"], False),
    "another 2xx": ([http_answer(201, _JSON)], False),
    "odd headers": (
        [with_length(_JSON, "X-Request-Id: r", "set-cookie: a=b", "x-odd:  \xe9 ", "Retry-After: 3")],
        False,
    ),
    "in two reads": ([slowly(PLAIN[:200], PLAIN[200:])], True),
    "chunks in two reads": ([slowly(_CHUNKED + chunked(_JSON), b"0\r\n\r\n")], True),
    "head in two reads": ([slowly(PLAIN[:20], PLAIN[20:])], True),
    "interim answers": ([b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\n" + PLAIN], True),
    "no content": ([http_answer(204, b"")], True),
    "gzip": ([with_length(gzip.compress(_JSON), "content-encoding: gzip")], True),
    "broken gzip": ([with_length(_JSON, "content-encoding: gzip")], True),
    "odd coding": ([with_length(_JSON, "content-encoding: zz")], True),
    "until the end": ([then_hang_up(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + _JSON)], True),
    "connection: close": ([with_length(_JSON, "connection: close")], True),
    "HTTP/1.0": ([PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0")], True),
    "bytes behind the answer": ([PLAIN + b"HTTP/1.1 200 OK\r\n"], True),
    "rate limit": ([_RATE], True),
    "rate limit, then fine": ([_RATE, PLAIN], True),
    "bad request": ([http_answer(400, b'{"error":{"message":"no","param":"x","code":"c"}}')], True),
    "broken status": ([http_answer(500, b"<html>", content_type="text/html")], True),
    "redirect": ([http_answer(302, b"", "location: http://elsewhere/")], True),
    "no JSON": ([with_length(b"hello")], True),
    "no JSON, then fine": ([with_length(b"hello"), PLAIN], True),
    "no choices": ([with_length(b"{}")], True),
    "error in a 200": ([with_length(b'{"error":{"message":"m","code":429}}')], True),
    "no HTTP": ([b"SSH-2.0\r\n\r\n"], True),
    "two lengths": ([PLAIN.replace(b"content-length", b"content-length: 1\r\ncontent-length", 1)], True),
    "bad chunk": ([_CHUNKED + b"zz\r\n"], True),
    "hangs up": ([hang_up, PLAIN], True),
    "hangs up in the head": ([then_hang_up(PLAIN[:20])], True),
    "hangs up in the body": ([then_hang_up(PLAIN[:-9])], True),
    "silence": ([until_closed], True),
    "silence in the body": ([slowly(PLAIN[:-9], b"", pause=2.0)], True),
}


def exchanges(
    upstream: Upstream, folder: Path, answers: Answers, retries: int, body: Any, *, timeout: str = "10"
) -> tuple[Any, ...]:
    """What a client, the upstream, the metrics and the log see of a usual exchange, an unusual one, and two more."""
    document = config_document(upstream.url)
    document["litellm_settings"] = {"num_retries": retries}
    usual = CLAUDE_ANSWER if body is CLAUDE else PLAIN
    del upstream.received[:]
    with Running(document, folder) as gateway:
        client = gateway.connect()
        seen = []
        for script in ([usual], answers, [usual], [usual]):
            upstream.answers = [*script]
            seen.append(post(client, body, x_litellm_timeout=timeout))
        sent = [(one.method, one.target, one.headers, one.body) for one in upstream.received]
        return seen, sent, *told(gateway)


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("name", UNUSUAL)
def test_nobody_can_tell(
    upstream: Upstream,
    tmp_path: Path,
    in_full: list[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    retries: int,
) -> None:
    answers, goes_on = UNUSUAL[name]
    monkeypatch.setattr("interlingua.gateway.retries.JITTER", 0.0)
    monkeypatch.setattr("interlingua.gateway.retries.FIRST_WAIT", 0.01)
    timeout = "1" if name.startswith("silence") else "10"  # a busy machine must not look like a silent upstream
    short = exchanges(upstream, tmp_path / "short", answers, retries, CHAT, timeout=timeout)
    # The unusual one is gone on with; the next ones are short again, once there is an idle connection.
    assert in_full[1:] == ["gpt-4o"] * len(in_full[1:]) and bool(in_full[1:]) == goes_on and len(in_full) < 4
    monkeypatch.setattr(ShortWay, "begin", lambda *_: False)
    del in_full[:]
    assert exchanges(upstream, tmp_path / "full", answers, retries, CHAT, timeout=timeout) == short
    assert len(in_full) == 4


@pytest.mark.parametrize("status", [200, 429])
def test_nobody_can_tell_of_a_translation(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answers: Answers = [CLAUDE_ANSWER.replace(b"200 X", b"%d X" % status)]
    # What Claude does not take is lost, and counted.
    short = exchanges(upstream, tmp_path / "short", answers, 0, CLAUDE)
    monkeypatch.setattr(ShortWay, "begin", lambda *_: False)
    full = exchanges(upstream, tmp_path / "full", answers, 0, CLAUDE)
    assert timeless(short) == timeless(full)


def test_losses_are_counted(upstream: Upstream, tmp_path: Path, in_full: list[str]) -> None:
    upstream.answers = [CLAUDE_ANSWER]
    with Running(config_document(upstream.url, litellm_settings={"drop_params": True}), tmp_path) as gateway:
        client = gateway.connect()
        for _ in range(3):
            assert post(client, {**CLAUDE, "seed": 7})[0] == 200
        metrics, _ = told(gateway)
    counts = [line for line in metrics if line.startswith("interlingua_losses_total{")]
    assert len(in_full) == 1 and counts and all(line.endswith(" 3") for line in counts)


def test_request_in_pieces_and_ahead_of_its_answer(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [slowly(PLAIN)]
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        received = b""

        def until(answers: int) -> None:
            nonlocal received
            while received.count(b"chat.completion") < answers:
                received += client.recv(65536)

        client.sendall(REQUEST)
        until(1)
        for cut in range(1, len(REQUEST), 37):
            client.sendall(REQUEST[:cut])
            time.sleep(0.002)
            client.sendall(REQUEST[cut:])
            client.sendall(REQUEST[:cut])  # of the next one, while this one is in hand
            time.sleep(0.01)
            client.sendall(REQUEST[cut:] + REQUEST + REQUEST)
            until(received.count(b"chat.completion") + 4)
        done = len(upstream.received)
        assert received.count(b"HTTP/1.1 200 OK") == done == 1 + 4 * len(range(1, len(REQUEST), 37))
    assert all(one.json() == CHAT for one in upstream.received)


def test_client_that_leaves(gateway: Running, upstream: Upstream) -> None:
    client = gateway.connect()
    post(client, CHAT)
    upstream.answers = [until_closed]
    client.request("POST", "/v1/chat/completions", BODY, {"authorization": f"Bearer {KEY}"})
    within(5, lambda: gateway.app.metrics.in_flight == 1)
    client.close()
    assert upstream.closed_by_client.wait(3)
    _, log = told(gateway)
    assert gateway.app.metrics.in_flight == 0
    assert (log[-1]["outcome"], log[-1]["status"]) == ("disconnected", 499)


def test_shutdown_waits_for_the_answer(upstream: Upstream, tmp_path: Path) -> None:
    with Running(config_document(upstream.url), tmp_path) as gateway:
        client = gateway.connect()
        post(client, CHAT)

        async def stopping(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            stop = asyncio.get_running_loop().run_in_executor(None, gateway.stop)
            await asyncio.sleep(0.3)
            writer.write(PLAIN)
            await writer.drain()
            await stop

        upstream.answers = [stopping]
        status, headers, _ = post(client, CHAT)
        assert status == 200 and ("connection", "close") in headers


def test_client_that_does_not_read_its_answers(upstream: Upstream, tmp_path: Path, in_full: list[str]) -> None:
    upstream.answers = [chat_answer(system_fingerprint="x" * 60_000)]
    running = Running(config_document(upstream.url), tmp_path)
    running._server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # type: ignore[union-attr]
    with running as gateway, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5)
        client.connect(("127.0.0.1", gateway.port))
        for _ in range(6):
            client.sendall(REQUEST)
            time.sleep(0.1)
        within(5, lambda: gateway.app.metrics.in_flight == 1)  # the one that is not read
        received = b""
        while received.count(b"chat.completion") < 6 or not received.endswith(b"}"):
            received += client.recv(65536)
        assert received.count(b"HTTP/1.1 200 OK") == 6
        metrics, _ = told(gateway)
    assert any(line.endswith(" 6") for line in metrics if line.startswith("interlingua_requests_total"))


def test_bug_is_answered_and_logged(gateway: Running, upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        clock = gateway.app.clock

        def ask() -> bytes:
            client.sendall(REQUEST)
            return client.recv(65536)

        assert b" 200 OK" in ask()
        gateway.app.clock = lambda: 1 / 0
        answer = ask()
        assert b" 500 Internal" in answer and b"the gateway failed" in answer
        assert gateway.wait_for_log("bug")["error"] == "ZeroDivisionError"
        gateway.app.clock = clock
        assert b" 200 OK" in ask()


def test_panic_speaks_against_its_pair(gateway: Running, upstream: Upstream) -> None:
    class Panic(BaseException):
        """As the core's are: no Exception."""

    class Reader:
        def answer(self, *_: object) -> bytes:
            raise Panic

    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:

        def ask() -> bytes:
            client.sendall(REQUEST)
            return client.recv(65536)

        assert b" 200 OK" in ask()
        idle = gateway.app.transport.pool.idle(locate(upstream.url).origin)
        connection = idle.take()
        assert connection is not None
        connection.reader = Reader()  # type: ignore[assignment]
        idle.give_back(connection)
        assert b" 500 Internal" in ask()
        metrics = gateway.request("GET", "/metrics").body.decode()
        assert 'provider="openai",engine="rust",outcome="bug",status="500"' in metrics
        assert b" 200 OK" in ask()


def test_streams_and_other_models_in_between(gateway: Running, upstream: Upstream) -> None:
    client = gateway.connect()
    for _ in range(3):
        upstream.answers = [PLAIN]
        assert post(client, CHAT)[0] == 200
        upstream.answers = [STREAM_HEAD + b"".join(chunked(part) for part in STREAM) + b"0\r\n\r\n"]
        assert post(client, {**CHAT, "stream": True})[2].endswith(b"data: [DONE]\n\n")
        assert post(client, {**CHAT, "model": "unknown"})[0] == 400
        assert post(client, b"{}")[0] == 400
        assert post(client, b"no JSON, and so")[0] == 400


def test_body_that_does_not_come(gateway: Running, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlingua.gateway.client_connection.BODY_SECONDS", 0.3)
    for ends in (True, False):
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
            client.sendall(REQUEST)
            client.recv(65536)
            client.sendall(REQUEST[:-5])
            within(5, lambda: gateway.app.metrics.in_flight == 1)
            if ends:
                assert b" 408 Request Timeout" in client.recv(65536)
        _, log = told(gateway)
        assert gateway.app.metrics.in_flight == 0
        assert log[-1]["outcome"] == "disconnected"
    assert len(upstream.received) == 2


def test_switch_that_is_set_in_between(gateway: Running, upstream: Upstream, in_full: list[str]) -> None:
    client = gateway.connect()
    for mode in ("rust", "auto", "rust"):
        assert gateway.request("PUT", "/interlingua/switches", {"*": mode}).status == 200
        statuses = {post(client, CHAT)[0] for _ in range(3)}
        assert statuses == ({200} if mode == "rust" else {501}), mode


def test_head_in_two_reads_and_then_nothing(
    gateway: Running, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlingua.gateway.client_connection.IDLE_SECONDS", 0.3)
    for cut in (20, len(REQUEST) - 5):
        with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
            for part in (REQUEST, REQUEST[:cut], REQUEST[cut:]):
                client.sendall(part)
                time.sleep(0.1)
            received = b"".join(iter(lambda client=client: client.recv(65536), b""))  # type: ignore[misc]
            assert received.count(b"HTTP/1.1 ") == received.count(b"HTTP/1.1 200 OK") == 2


def test_answers_over_the_limit(upstream: Upstream, tmp_path: Path) -> None:
    document = config_document(upstream.url)
    document["general_settings"]["max_response_size_mb"] = 0.001
    upstream.answers = [chat_answer(), chat_answer(), chat_answer(system_fingerprint="x" * 2000)]
    with Running(document, tmp_path) as gateway:
        client = gateway.connect()
        assert [post(client, CHAT)[0] for _ in range(3)] == [200, 200, 500]
