"""A WebSocket of a client, led to the ``python`` engine: byte for byte, as the gateway reads none of it."""

from __future__ import annotations

import asyncio
from typing import cast

from interlingua.gateway.client import header_lines
from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.heads import status_line
from interlingua.gateway.pool import locate
from interlingua.gateway.relay import TIMEOUTS, answer_lines, request_headers, target_path
from interlingua.gateway.transport import Transport, request_head

_UPGRADE_LINES = b"connection: upgrade\r\nupgrade: websocket\r\n"


class _End(asyncio.Protocol):
    """One of two connections: what comes in here goes out at the other end, as fast as that one takes it."""

    def __init__(self, transport: asyncio.Transport, over: asyncio.Future[None]) -> None:
        self.transport = transport
        self.over = over
        self.other: _End = self

    def data_received(self, data: bytes) -> None:
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        return False  # closes this end; what was sent before goes out first

    def connection_lost(self, error: Exception | None) -> None:
        self.other.transport.close()
        if not self.over.done():
            self.over.set_result(None)


async def tunnel(client: ClientConnection, transport: Transport, base_url: str) -> int:
    """Hand the handshake on, and then every byte, until one side ends. Returns the upstream's status."""
    location = locate(base_url + target_path(client.raw_target))
    lines = header_lines(request_headers(client)) + _UPGRADE_LINES
    head = request_head("GET", location, lines)
    answer = await transport.send(location, head, None, TIMEOUTS, decode=False, upgrade=True)
    status = answer.head.status
    try:
        if status != 101:
            # The client sees the proxy's own refusal of the handshake.
            await client.reply(status, answer_lines(answer.head.pairs()), await answer.whole())
            answer.release()
            return status
        await _join(client, *answer.hijack(), status_line(101) + answer_lines(answer.head.pairs()) + _UPGRADE_LINES)
    finally:
        answer.abort()
    return status


async def _join(client: ClientConnection, upstream: asyncio.Transport, early: bytes, head: bytes) -> None:
    downstream, rest = client.hijack()
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    near, far = _End(downstream, over), _End(upstream, over)
    near.other, far.other = far, near
    for end in (near, far):
        end.transport.set_protocol(cast(asyncio.BaseProtocol, end))
    downstream.write(head + b"\r\n" + early)
    if rest:
        upstream.write(rest)
    try:
        await over
    finally:
        downstream.close()
        client.connection_lost(None)
