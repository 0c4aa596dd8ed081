"""Our own server as a client may treat it: requests that two parsers could read differently, slow and endless ones,
several in a row, and bytes that are no HTTP at all.

The requests are ours, after the published kinds of request smuggling: CL.CL, CL.TE, TE.CL, TE.TE, folded and padded
headers, bare line ends, odd chunk sizes.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from interlingua.gateway import client_connection, waiting
from rig import CHAT, CHAT_ANSWER, KEY, Running, Upstream, config_document

BODY = json.dumps(CHAT).encode()
AUTH = f"authorization: Bearer {KEY}".encode()


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path) as running:
        yield running


def head(*lines: bytes, start: bytes = b"POST /v1/chat/completions HTTP/1.1", host: bytes = b"host: x") -> bytes:
    return b"\r\n".join([start, *([host] if host else []), AUTH, *lines]) + b"\r\n\r\n"


def talk(gateway: Running, *parts: bytes, seconds: float = 5.0, pause: float = 0.0) -> bytes:
    """Send the parts, and read until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", gateway.port), seconds) as client:
        try:
            for part in parts:
                client.sendall(part)
                if pause:
                    time.sleep(pause)
        except OSError:
            pass  # the server has had enough
        received = b""
        try:
            while data := client.recv(65536):
                received += data
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", received)]


LENGTH = b"content-length: %d" % len(BODY)
CHUNKED = b"transfer-encoding: chunked"
SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"

AMBIGUOUS = {
    "CL.CL": (head(LENGTH, b"content-length: 4") + BODY, 400),
    "CL.CL, the same": (head(LENGTH, LENGTH) + BODY, 400),
    "CL list": (head(b"content-length: 4, 4") + b"abcd", 400),
    "CL.TE": (head(b"content-length: 6", CHUNKED) + SMUGGLED, 400),
    "TE.CL": (head(CHUNKED, b"content-length: 6") + SMUGGLED, 400),
    "TE.TE": (head(CHUNKED, b"transfer-encoding: identity") + SMUGGLED, 400),
    "TE list": (head(b"transfer-encoding: chunked, chunked") + SMUGGLED, 501),
    "TE unknown": (head(b"transfer-encoding: xchunked") + SMUGGLED, 501),
    "TE gzip": (head(b"transfer-encoding: gzip, chunked") + SMUGGLED, 501),
    "TE with a tab in its name": (head(b"transfer-encoding\t: chunked") + SMUGGLED, 400),
    "TE in HTTP/1.0": (head(CHUNKED, start=b"POST /v1/chat/completions HTTP/1.0") + SMUGGLED, 400),
    "TE behind a vertical tab": (head(b"transfer-encoding:\x0bchunked") + SMUGGLED, 400),
    "space before the colon": (head(b"content-length : 3") + b"abc", 400),
    "folded header": (head(b"x-a: b\r\n content-length: 3") + b"abc", 400),
    "header without a colon": (head(b"content-length 3") + b"abc", 400),
    "header without a name": (head(b": 3") + b"abc", 400),
    "NUL in a value": (head(b"x-a: a\x00b") + BODY, 400),
    "bare LF": (b"POST /v1/chat/completions HTTP/1.1\nhost: x\n\n", 400),
    "bare LF in the middle": (head(b"x-a: b\ncontent-length: 3") + b"abc", 400),
    "bare CR in a value": (head(b"x-a: b\rcontent-length: 3") + b"abc", 400),
    "plus in a length": (head(b"content-length: +3") + b"abc", 400),
    "minus in a length": (head(b"content-length: -3") + b"abc", 400),
    "hexadecimal length": (head(b"content-length: 0x3") + b"abc", 400),
    "space in a length": (head(b"content-length: 1 0") + b"abc", 400),
    "no length": (head(b"content-length:") + b"abc", 400),
    "enormous length": (head(b"content-length: 99999999999999999999") + b"abc", 400),
    "no host": (head(LENGTH, host=b"") + BODY, 400),
    "two hosts": (head(b"host: y", LENGTH) + BODY, 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (head(start=b"GET / HTTP/1.2"), 505),
    "two spaces": (head(start=b"GET  / HTTP/1.1"), 400),
    "space in the target": (head(start=b"GET /a b HTTP/1.1"), 400),
    "no method": (head(start=b" / HTTP/1.1"), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "chunk size with a sign": (head(CHUNKED) + b"+3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with 0x": (head(CHUNKED) + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with a space in front": (head(CHUNKED) + b" 3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with an underscore": (head(CHUNKED) + b"1_0\r\nabc\r\n0\r\n\r\n", 400),
    "chunk without a size": (head(CHUNKED) + b"\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size beyond all numbers": (head(CHUNKED) + b"f" * 17 + b"\r\n", 400),
    "chunk longer than its size": (head(CHUNKED) + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "chunk that ends with LF": (head(CHUNKED) + b"3\nabc\r\n0\r\n\r\n", 400),
    "chunk extension without end": (head(CHUNKED) + b"3;" + b"a" * 5000, 400),
    "trailers without end": (head(CHUNKED) + b"0\r\n" + b"x: y\r\n" * 5000, 431),
    "too many headers": (head(*[b"x: y"] * 300), 431),
    "head without end": (head(b"x: " + b"y" * 100_000), 431),
    "another expectation": (head(b"content-length: 5000", b"expect: 200-ok"), 417),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_not_one_clear_request(gateway: Running, upstream: Upstream, name: str) -> None:
    request, status = AMBIGUOUS[name]
    received = talk(gateway, request + head(LENGTH) + BODY)
    assert statuses(received) == [status], received[:200]
    answer, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in answer and json.loads(body)["error"]["message"]
    assert upstream.received == []
    assert gateway.wait_for_log("bad_request")["status"] == status


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_the_same_in_any_pieces(gateway: Running, upstream: Upstream, name: str) -> None:
    request, status = AMBIGUOUS[name]
    request = request[:3000]
    cut = random.Random(name).randrange(1, len(request))
    if status in (431, 417) or len(AMBIGUOUS[name][0]) > 3000:
        pytest.skip("the whole of it is the point")
    received = talk(gateway, request[:cut], request[cut:], head(LENGTH), pause=0.02)
    assert statuses(received) == [status]
    assert upstream.received == []


def test_every_split_of_good_requests(gateway: Running, upstream: Upstream) -> None:
    half = len(BODY) // 2
    chunks = b"%x;ext\r\n%b\r\n%X\r\n%b\r\n0\r\nx-trailer: t\r\n\r\n" % (
        half,
        BODY[:half],
        len(BODY) - half,
        BODY[half:],
    )
    stream = head(LENGTH) + BODY + head(CHUNKED) + chunks + head(LENGTH, b"connection: close") + BODY
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in stream[:-1]:
            client.sendall(bytes([byte]))
        client.sendall(stream[-1:])
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert statuses(received) == [200, 200, 200]
    assert [request.json()["messages"] for request in upstream.received] == [CHAT["messages"]] * 3
    for cut in range(1, len(stream), 7):
        assert statuses(talk(gateway, stream[:cut], stream[cut:])) == [200, 200, 200], cut


def test_pipelined_requests_are_answered_in_order(gateway: Running, upstream: Upstream) -> None:
    models = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + AUTH + b"\r\n\r\n"
    alive = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n\r\n"
    last = head(LENGTH, b"connection: close") + BODY
    received = talk(gateway, (head(LENGTH) + BODY + models + alive) * 20 + last)
    assert statuses(received) == [200] * 61
    assert received.count(b"I'm alive!") == 20
    assert len(upstream.received) == 21


def test_pipelined_requests_never_fill_memory(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [lambda *_: asyncio.sleep(30)]
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        client.setblocking(False)
        sent = 0
        request = head(LENGTH) + BODY
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            try:
                sent += client.send(request * 100)
            except BlockingIOError:
                time.sleep(0.05)
    assert sent < 16_000_000  # what the kernel holds, and a little more


def test_heads_that_are_the_same_but_for_their_length(gateway: Running, upstream: Upstream) -> None:
    longer = json.dumps({**CHAT, "user": "x" * 1000}).encode()
    wrong = head(LENGTH).replace(KEY.encode(), b"sk-wrong-key-of-it")
    parts = (
        head(LENGTH) + BODY + head(b"content-length: %d" % len(longer)) + longer + wrong + BODY + head(LENGTH) + BODY
    )
    received = talk(gateway, parts + head(LENGTH, b"connection: close") + BODY)
    assert statuses(received) == [200, 200, 400, 200, 200]
    assert upstream.received[1].json()["user"] == "x" * 1000


def test_http_1_0(gateway: Running, upstream: Upstream) -> None:
    start = b"POST /v1/chat/completions HTTP/1.0"
    received = talk(gateway, head(LENGTH, start=start, host=b"") + BODY)
    assert statuses(received) == [200] and b"connection: close" in received
    kept = head(LENGTH, b"connection: keep-alive", start=start) + BODY
    assert statuses(talk(gateway, kept + head(LENGTH, start=start) + BODY)) == [200, 200]


def test_stream_to_http_1_0_ends_with_the_connection(gateway: Running, upstream: Upstream) -> None:
    from rig import STREAM, STREAM_HEAD, chunked

    upstream.answers = [STREAM_HEAD + b"".join(chunked(part) for part in STREAM) + b"0\r\n\r\n"]
    body = json.dumps({**CHAT, "stream": True}).encode()
    length = b"content-length: %d" % len(body)
    received = talk(
        gateway, head(length, b"connection: keep-alive", start=b"POST /v1/chat/completions HTTP/1.0") + body
    )
    assert received.endswith(b"data: [DONE]\n\n") and b"transfer-encoding" not in received


def test_absolute_and_odd_targets(gateway: Running) -> None:
    for target, status in (
        (b"http://elsewhere/v1/models?a=1", 200),
        (b"/v1/mod%65ls", 200),
        (b"*", 501),
        (b"//v1/models", 501),
        (b"/%ff%00", 501),
    ):
        request = b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%b\r\n\r\n" % (target, AUTH)
        assert statuses(talk(gateway, request)) == [status], target


def test_head_requests_have_no_body(gateway: Running) -> None:
    received = talk(gateway, b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + AUTH + b"\r\n\r\n")
    assert statuses(received) == [405] and received.endswith(b"\r\n\r\n")


def test_expectation_is_met_when_the_body_is_wanted(gateway: Running, upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        client.sendall(head(LENGTH, b"expect: 100-continue", b"connection: close"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert b"200 OK" in client.makefile("rb").read()


def test_refused_upload_is_not_waited_for(gateway: Running) -> None:
    """The answer comes at once, and the client can read it though it is still sending."""
    request = head(b"content-length: 50000000").replace(KEY.encode(), b"wrong")
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        client.sendall(request)
        client.sendall(b"x" * 200_000)
        received = client.makefile("rb").read()
    assert statuses(received) == [400] and b"connection: close" in received


def test_head_of_a_relayed_stream_does_not_wait_for_its_first_byte(upstream: Upstream, tmp_path: Path) -> None:
    async def silent(_: object, __: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.sleep(10)

    upstream.answers = [silent]
    document = config_document("http://127.0.0.1:9", migration={"python": {"url": upstream.url}})
    with (
        Running(document, tmp_path, shutdown_seconds=0) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port), 3) as client,
    ):
        client.sendall(b"GET /sse HTTP/1.1\r\nhost: x\r\n" + AUTH + b"\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")


class TestSlowness:
    """Deadlines, shortened."""

    @pytest.fixture(autouse=True)
    def shortened(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HEAD_SECONDS", "BODY_SECONDS", "IDLE_SECONDS", "LINGER_SECONDS"):
            monkeypatch.setattr(client_connection, name, 0.3)
        monkeypatch.setattr(waiting, "TICK_SECONDS", 0.05)

    def test_head_in_drops(self, gateway: Running) -> None:
        started = time.monotonic()
        received = talk(gateway, *(bytes([byte]) for byte in head(LENGTH)), pause=0.05)
        assert statuses(received) == [408] and time.monotonic() - started < 30

    def test_body_that_stops(self, gateway: Running, upstream: Upstream) -> None:
        assert statuses(talk(gateway, head(LENGTH) + BODY[:5])) == [408]
        assert gateway.wait_for_log("bad_request")["status"] == 408
        assert gateway.app.metrics.in_flight == 0

    def test_idle_connection_is_closed(self, gateway: Running) -> None:
        assert talk(gateway) == b""
        assert statuses(talk(gateway, head(LENGTH) + BODY)) == [200]

    def test_client_that_sends_on_after_a_refusal(self, gateway: Running) -> None:
        received = talk(gateway, b"nonsense\r\n\r\n", *[b"x" * 1000] * 200, pause=0.005)
        assert statuses(received) in ([400], [])  # it may have been reset before it could read


def test_client_that_leaves_in_the_middle_of_its_body(gateway: Running, upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as client:
        client.sendall(head(LENGTH) + BODY[:5])
        time.sleep(0.1)
    assert gateway.wait_for_log("request")["outcome"] == "disconnected"
    assert gateway.app.metrics.in_flight == 0 and upstream.received == []


def test_large_bodies_both_ways(gateway: Running, upstream: Upstream) -> None:
    text = "x" * 8_000_000
    answer = json.dumps({**CHAT_ANSWER, "choices": [{**CHAT_ANSWER["choices"][0], "message": {"content": text}}]})
    upstream.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer.encode())]
    reply = gateway.chat(messages=[{"role": "user", "content": text}])
    assert reply.json()["choices"][0]["message"]["content"] == text
    assert upstream.received[0].json()["messages"][0]["content"] == text


def test_noise(gateway: Running) -> None:
    source = random.Random(7)
    good = head(LENGTH) + BODY
    for _ in range(150):
        data = bytearray(good)
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.randrange(256)
        talk(gateway, bytes(data), seconds=0.05)
    assert gateway.chat().status == 200
    assert [line for line in gateway.logs() if line["event"] == "bug"] == []
