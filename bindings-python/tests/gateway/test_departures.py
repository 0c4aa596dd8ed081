"""What happens when somebody leaves: the client, a client that does not read, the gateway itself."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from pathlib import Path

from rig import (
    CHAT,
    KEY,
    STREAM,
    STREAM_HEAD,
    Received,
    Running,
    Upstream,
    chunk,
    chunked,
    config_document,
    until_closed,
)


def test_client_that_leaves_cancels_the_upstream_call(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [until_closed]
    body = json.dumps(CHAT).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
            + KEY.encode()
            + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        time.sleep(0.3)
    assert upstream.closed_by_client.wait(3)
    line = gateway.wait_for_log("request")
    assert (line["outcome"], line["status"]) == ("disconnected", 499)
    assert gateway.app.metrics.in_flight == 0


def test_client_that_leaves_a_stream_cancels_the_upstream_call(gateway: Running, upstream: Upstream) -> None:
    async def endless(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunked(STREAM[0]))
            await writer.drain()
            await asyncio.sleep(0.01)

    upstream.answers = [endless]
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": f"Bearer {KEY}"}
    )
    connection.getresponse().read1(10)
    connection.close()
    assert upstream.closed_by_client.wait(3)


def test_client_that_does_not_read_stops_the_upstream(gateway: Running, upstream: Upstream) -> None:
    sent = 0

    async def flood(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(STREAM_HEAD)
        part = chunked(chunk(content="x" * 10_000))
        while True:
            writer.write(part)
            await writer.drain()
            sent += len(part)

    upstream.answers = [flood]
    body = json.dumps({**CHAT, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
            + KEY.encode()
            + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        time.sleep(2.0)
        first = sent
        time.sleep(1.0)
        # What the kernel holds for both connections, and no more.
        assert sent - first < 5_000_000
        assert sent < 40_000_000
    assert upstream.closed_by_client.wait(3)


def test_shutdown_lets_a_stream_finish(upstream: Upstream, tmp_path: Path) -> None:
    async def half_a_second(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]))
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.write(b"".join(chunked(part) for part in STREAM[1:]) + b"0\r\n\r\n")

    upstream.answers = [half_a_second]
    body = _stream_during_shutdown(upstream, tmp_path, 5)
    assert body.rstrip().endswith(b"data: [DONE]")


def test_shutdown_breaks_a_stream_off_in_the_open(upstream: Upstream, tmp_path: Path) -> None:
    async def stall(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]))
        await until_closed(request, reader, writer)

    upstream.answers = [stall]
    body = _stream_during_shutdown(upstream, tmp_path, 1)
    assert b"[DONE]" not in body and b"error" in body


def _stream_during_shutdown(upstream: Upstream, folder: Path, seconds: int) -> bytes:
    gateway = Running(config_document(upstream.url), folder, shutdown_seconds=seconds).__enter__()
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": f"Bearer {KEY}"}
    )
    response = connection.getresponse()
    first = response.read1(10)
    stopper = threading.Thread(target=gateway.stop)
    stopper.start()
    body = first + response.read()
    stopper.join(15)
    connection.close()
    return body
