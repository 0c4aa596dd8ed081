"""The upstream transport against servers that split, stall, lie and hang up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from interlingua.gateway.connection import HIGH_WATER
from interlingua.gateway.faults import (
    BadAnswer,
    ConnectFailed,
    ConnectionLost,
    UpstreamTimeout,
)
from interlingua.gateway.pool import locate
from interlingua.gateway.transport import Timeouts, Transport
from rig import Received, Upstream, http_answer, until_closed
from wire import ask, fetch, get, with_transport

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n"
)


def test_request_as_sent(upstream: Upstream) -> None:
    get(upstream, body=b'{"a":1}', headers=[(b"x-one", b"1")])
    request = upstream.received[0]
    assert (request.method, request.target, request.body) == ("POST", "/v1/x", b'{"a":1}')
    assert request.header("host") == f"127.0.0.1:{upstream.port}"
    assert request.header("x-one") == "1"


@pytest.mark.parametrize("position", range(1, len(CHUNKED)))
def test_any_split_of_the_answer(upstream: Upstream, position: int) -> None:
    upstream.answers = [[CHUNKED[:position], CHUNKED[position:]]]
    status, headers, body = get(upstream)
    assert (status, body) == (200, b"hello world")
    assert headers[b"x-a"] == b"b"
    assert b"x-trailer" not in headers


def test_answer_byte_by_byte(upstream: Upstream) -> None:
    upstream.answers = [[bytes((byte,)) for byte in CHUNKED]]
    assert get(upstream)[2] == b"hello world"


def test_interim_answers_are_skipped(upstream: Upstream) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    upstream.answers = [b"HTTP/1.1 100 Continue\r\n\r\n" + early + http_answer(201, b"done")]
    status, headers, body = get(upstream)
    assert (status, body) == (201, b"done")
    assert b"link" not in headers


def test_body_delimited_by_close(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.1 200 OK\r\n\r\nuntil the end"]
    upstream.close_after_answer = True
    assert get(upstream)[2] == b"until the end"


def test_http_1_0(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"]
    upstream.close_after_answer = True
    assert get(upstream)[2] == b"ok"


def test_no_content(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.1 204 No Content\r\n\r\n"]
    assert get(upstream)[::2] == (204, b"")


def test_answer_to_head_has_no_body(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"]
    assert get(upstream, method="HEAD", body=b"")[::2] == (200, b"")


def test_connections_are_reused(upstream: Upstream) -> None:
    async def use(transport: Transport) -> None:
        for _ in range(5):
            await fetch(transport, f"{upstream.url}/a")
        assert transport.pool.idle_count() == 1

    with_transport(use)
    assert upstream.connections == 1


def test_connection_close_is_honoured(upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, b"{}", "connection: close")]
    with_transport(lambda transport: _twice(transport, upstream))
    assert upstream.connections == 2


async def _twice(transport: Transport, upstream: Upstream) -> None:
    for _ in range(2):
        await fetch(transport, f"{upstream.url}/a")


def test_closed_reused_connection_is_retried_once(upstream: Upstream) -> None:
    async def hang_up(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    upstream.answers = [http_answer(200, b"1"), hang_up, http_answer(200, b"2")]

    async def use(transport: Transport) -> None:
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"1"
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"2"

    with_transport(use)
    assert upstream.connections == 2
    assert len(upstream.received) == 3


def test_fresh_connection_that_closes_is_not_retried(upstream: Upstream) -> None:
    async def hang_up(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    upstream.answers = [hang_up]
    with pytest.raises(ConnectionLost):
        get(upstream)
    assert len(upstream.received) == 1


def test_reused_connection_that_answered_a_byte_is_not_retried(upstream: Upstream) -> None:
    async def half(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 2")
        await writer.drain()
        writer.close()

    upstream.answers = [http_answer(200, b"1"), half]
    with pytest.raises(ConnectionLost):
        with_transport(lambda transport: _twice(transport, upstream))
    assert len(upstream.received) == 2


def test_truncated_body(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"]
    upstream.close_after_answer = True
    with pytest.raises(ConnectionLost):
        get(upstream)


def test_truncated_chunked_body(upstream: Upstream) -> None:
    upstream.answers = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"]
    upstream.close_after_answer = True
    with pytest.raises(ConnectionLost):
        get(upstream)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_answers_that_are_not_http(upstream: Upstream, answer: bytes) -> None:
    upstream.answers = [answer]
    with pytest.raises(BadAnswer):
        get(upstream)


def test_second_answer_in_one_packet_spoils_the_connection(upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, b"mine") + http_answer(200, b"smuggled")]

    async def use(transport: Transport) -> None:
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"mine"
        assert transport.pool.idle_count() == 0

    with_transport(use)


def test_bytes_on_an_idle_connection_spoil_it(upstream: Upstream) -> None:
    async def late(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http_answer(200, b"mine"))
        await asyncio.sleep(0.05)
        writer.write(http_answer(200, b"smuggled"))

    upstream.answers = [late, http_answer(200, b"next")]

    async def use(transport: Transport) -> None:
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"mine"
        await asyncio.sleep(0.2)
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"next"

    with_transport(use)


def test_nobody_listens() -> None:
    with pytest.raises(ConnectFailed):
        with_transport(lambda transport: fetch(transport, "http://127.0.0.1:1/x"))


def test_silence_before_the_head(upstream: Upstream) -> None:
    upstream.answers = [until_closed]
    with pytest.raises(UpstreamTimeout):
        get(upstream, timeouts=Timeouts(read=0.1))
    assert upstream.closed_by_client.wait(2)


def test_silence_in_the_body(upstream: Upstream) -> None:
    async def stall(_: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
        await until_closed(_, reader, writer)

    upstream.answers = [stall]
    with pytest.raises(UpstreamTimeout):
        get(upstream, timeouts=Timeouts(read=0.1))


def test_slow_but_steady_answer_is_no_timeout(upstream: Upstream) -> None:
    async def drip(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
        for _index in range(6):
            await asyncio.sleep(0.25)
            writer.write(b"x")
            await writer.drain()

    upstream.answers = [drip]
    assert get(upstream, timeouts=Timeouts(read=1.0))[2] == b"xxxxxx"


def test_slow_reader_stops_the_sender(upstream: Upstream) -> None:
    sent = 0

    async def flood(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _index in range(1000):
            writer.write(b"z" * 100_000)
            await writer.drain()
            sent += 100_000

    upstream.answers = [flood]

    async def use(transport: Transport) -> int:
        answer = await ask(transport, f"{upstream.url}/a")
        await asyncio.sleep(0.5)
        stalled = sent
        size = 0
        while (data := await answer.chunk()) is not None:
            size += len(data)
        assert size == 100_000_000
        answer.release()
        return stalled

    # What the kernel holds on both sides comes on top of our own buffer.
    assert with_transport(use) < HIGH_WATER + 16_000_000


def test_cancelling_closes_the_connection(upstream: Upstream) -> None:
    upstream.answers = [until_closed]

    async def use(transport: Transport) -> None:
        task = asyncio.create_task(fetch(transport, f"{upstream.url}/a"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_transport(use)
    assert upstream.closed_by_client.wait(2)


def test_streamed_request_body(upstream: Upstream) -> None:
    async def body() -> AsyncIterator[bytes]:
        for part in (b"one", b"", b"two" * 50_000):
            yield part

    get(upstream, body=body())
    assert upstream.received[0].body == b"one" + b"two" * 50_000
    assert upstream.received[0].header("transfer-encoding") == "chunked"


def test_release_before_the_end_drains_a_short_rest(upstream: Upstream) -> None:
    upstream.answers = [[b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc", b"def"], http_answer(200, b"2")]

    async def use(transport: Transport) -> None:
        answer = await ask(transport, f"{upstream.url}/a")
        answer.release()
        await asyncio.sleep(0.4)
        assert transport.pool.idle_count() == 1
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"2"

    with_transport(use)
    assert upstream.connections == 1


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"x y", b"a"), (b"x", b"\0"), (b"", b"a")])
def test_headers_cannot_smuggle(upstream: Upstream, header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="header"):
        get(upstream, headers=[header])
    assert upstream.received == []


@pytest.mark.parametrize(
    "url", ["ftp://a/b", "/relative", "http://", "http://u:p@host/", "http://a b/", "http://h/\r\n"]
)
def test_bad_urls(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        locate(url)


def test_urls() -> None:
    found = locate("https://Example.com/a%20b?x=1#frag")
    assert (str(found.origin), found.target) == ("https://example.com", b"/a%20b?x=1")
    assert locate("http://[::1]:8080/").origin.authority == "[::1]:8080"
