"""The upstream transport: HTTP/1.1 requests over keep-alive connections.

It follows no redirect, keeps no cookie and adds no credential: it sends what it is given.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from interlingua._native import ResponseHead
from interlingua.gateway.connection import Connection
from interlingua.gateway.decoding import OFFERED, Decoder, decoder_for
from interlingua.gateway.faults import BadAnswer, ConnectionLost
from interlingua.gateway.pool import Location, Pool

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the transport accepts from an upstream."""

    max_head_bytes: int = 128 * 1024
    max_body_bytes: int = 256 * 1024 * 1024


class Timeouts(NamedTuple):
    """Seconds; ``None`` waits for ever. ``read`` is the longest silence while we wait for bytes."""

    connect: float = 10.0
    read: float | None = 600.0


def request_head(method: str, location: Location, lines: bytes) -> bytes:
    """The request line, ``host`` and the other headers. The body's length is the transport's to add."""
    return method.encode("ascii") + location.request_rest + lines


def coding_lines(*, accept_coding: bool) -> bytes:
    """What codings an answer may have: none for streams, as a compressor holds bytes back."""
    return b"accept-encoding: %b\r\n" % (OFFERED if accept_coding else b"identity")


class Transport:
    """Sends requests. One per event loop."""

    def __init__(self, limits: Limits | None = None, pool: Pool | None = None) -> None:
        self.limits = limits or Limits()
        self._max_body_bytes = self.limits.max_body_bytes
        self.pool = pool or Pool(max_head_bytes=self.limits.max_head_bytes)

    async def send(
        self,
        location: Location,
        head: bytes,
        body: bytes | AsyncIterator[bytes] | None,
        timeouts: Timeouts,
        *,
        decode: bool = True,
        headless: bool = False,
        upgrade: bool = False,
        begun_on: Connection | None = None,
    ) -> Connection:
        """Send a request, whose ``head`` is ``request_head``'s, and wait for the head of its answer.

        With ``decode`` off the body is handed over as it came. ``headless`` is for ``HEAD``; ``upgrade`` takes 101 for
        an answer. With ``begun_on`` the request has been sent there already, on a connection that was idle.
        """
        # A body that streams in cannot be sent twice, so it never goes out on a connection that may be dead.
        whole = body is None or isinstance(body, bytes)
        connection = begun_on or (self.pool.idle(location.origin).take() if whole else None)
        while True:
            reused = connection is not None
            if connection is None:
                connection = await self.pool.open(location.origin, timeouts.connect)
            try:
                if headless or upgrade:
                    connection.special(headless=headless, upgrading=upgrade)
                if connection is begun_on:
                    begun_on = None  # not to be taken for it again
                elif body is None or isinstance(body, bytes):
                    connection.begin(head, body, timeouts.read)
                else:
                    await _stream(connection, head, body, timeouts.read)
                await connection.answer()
                coded = decode and connection.head.get(b"content-encoding") is not None
                connection.decode(self._decoder(connection.head) if coded else None, self._max_body_bytes)
                return connection
            except ConnectionLost as fault:
                connection.abort()
                # Only bytes that were sent whole can be sent again, and only if nothing of an answer came:
                # then the upstream had closed an idle connection before it saw the request.
                if not (reused and fault.untouched and whole):
                    raise
                connection = None
            except BaseException:
                connection.abort()
                raise

    def _decoder(self, head: ResponseHead) -> Decoder | None:
        codings = head.pairs(b"content-encoding")
        if len(codings) > 1:
            raise BadAnswer("the upstream sent several content-encoding headers")
        return decoder_for(codings[0][1].decode("latin-1"), self.limits.max_body_bytes)

    def close(self) -> None:
        self.pool.close()


async def _stream(connection: Connection, head: bytes, body: AsyncIterator[bytes], timeout: float | None) -> None:
    connection.begin(head + b"transfer-encoding: chunked\r\n", None, timeout)
    async for data in body:
        if connection.answered:
            connection.spoil()  # the request was cut short: nothing may follow it
            return
        if data:
            connection.write(b"%x\r\n%b\r\n" % (len(data), data))
            await connection.writable()
    connection.write(b"0\r\n\r\n")
