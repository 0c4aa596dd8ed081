"""The upstream transport: HTTP/1.1 requests over keep-alive connections.

It follows no redirect, keeps no cookie and adds no credential: it sends what it is given.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from interlingua.gateway.connection import Connection, Headers
from interlingua.gateway.decoding import OFFERED, Decoder, decoder_for
from interlingua.gateway.faults import AnswerTooLarge, BadAnswer, ConnectionLost
from interlingua.gateway.pool import Location, Pool, locate

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
_HEADER_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SOUND_NAMES: set[bytes] = set()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the transport accepts from an upstream."""

    max_head_bytes: int = 128 * 1024
    max_body_bytes: int = 256 * 1024 * 1024


class Timeouts(NamedTuple):
    """Seconds; ``None`` waits for ever. ``read`` is the longest silence while we wait for bytes."""

    connect: float = 10.0
    read: float | None = 600.0


class Answer:
    """An upstream's answer. Close it in every case: ``release`` keeps the connection, ``abort`` drops it."""

    def __init__(self, connection: Connection, read_timeout: float | None, decoder: Decoder | None, limit: int) -> None:
        self._connection = connection
        self._read_timeout = read_timeout
        self._decoder = decoder
        self._limit = limit
        self.status = connection.status
        self.headers: Headers = connection.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decoded."""
        connection, timeout, decoder = self._connection, self._read_timeout, self._decoder
        while (data := await connection.chunk(timeout)) is not None:
            if decoder is None:
                yield data
            else:
                for plain in decoder.feed(data):
                    yield plain
        if decoder is not None:
            decoder.finish()

    async def whole(self) -> bytes:
        """The whole body, decoded; raises ``AnswerTooLarge`` over the limit."""
        connection = self._connection
        if connection.arrived and self._decoder is None:
            # The common case of a short answer: all of it came with its head.
            data = await connection.chunk(self._read_timeout) or b""
            if len(data) > self._limit:
                raise AnswerTooLarge("the upstream's body is over the limit")
            return data
        parts: list[bytes] = []
        size = 0
        async for data in self.chunks():
            size += len(data)
            if size > self._limit:
                raise AnswerTooLarge("the upstream's body is over the limit")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """Done with this answer, whether it was taken in full or not."""
        self._connection.release()

    def abort(self) -> None:
        """Drop the connection, so that the upstream stops working for nobody."""
        self._connection.abort()


def render_head(method: str, location: Location, headers: Sequence[tuple[bytes, bytes]], body: bytes | None) -> bytes:
    """The request line and headers. Raises ``ValueError`` for a header that could smuggle another one."""
    lines = [method.encode("ascii") + location.request_rest]
    for name, value in headers:
        if name not in _SOUND_NAMES:
            _check_name(name)
        lines.append(name + b": " + value)
    if body is None:
        lines.append(b"transfer-encoding: chunked")
    elif body or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(b"content-length: %d" % len(body))
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    ends = len(lines) + 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise ValueError("a header holds a character that HTTP does not allow")
    return head


def _check_name(name: bytes) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("a header's name holds a character that HTTP does not allow")
    if len(_SOUND_NAMES) < 1000:
        _SOUND_NAMES.add(name)


class Transport:
    """Sends requests. One per event loop."""

    def __init__(self, limits: Limits | None = None, pool: Pool | None = None) -> None:
        self.limits = limits or Limits()
        self.pool = pool or Pool(max_head_bytes=self.limits.max_head_bytes)

    async def send(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes | AsyncIterator[bytes],
        *,
        timeouts: Timeouts,
        accept_coding: bool = False,
        decode: bool = True,
    ) -> Answer:
        """Send a request and wait for the head of its answer.

        ``accept_coding`` offers gzip to the upstream (not for streams: a compressor holds bytes back).
        With ``decode`` off the body is handed over as it came.
        """
        location = locate(url)
        plain = body if isinstance(body, bytes) else None
        head = render_head(method, location, [*headers, *_coding_header(accept_coding, decode)], plain)
        # A body that streams in cannot be sent twice, so it never goes out on a connection that may be dead.
        connection = self.pool.take_idle(location.origin) if plain is not None else None
        while True:
            reused = connection is not None
            if connection is None:
                connection = await self.pool.open(location.origin, timeouts.connect)
            try:
                await self._exchange(connection, method, head, body, timeouts)
                return self._answer(connection, timeouts, decode)
            except ConnectionLost as fault:
                connection.abort()
                # Only bytes that were sent whole can be sent again, and only if nothing of an answer came:
                # then the upstream had closed an idle connection before it saw the request.
                if not (reused and fault.untouched and plain is not None):
                    raise
                connection = None
            except BaseException:
                connection.abort()
                raise

    async def _exchange(
        self, connection: Connection, method: str, head: bytes, body: bytes | AsyncIterator[bytes], timeouts: Timeouts
    ) -> None:
        connection.begin(headless=method == "HEAD")
        if isinstance(body, bytes):
            connection.write(head + body if len(body) < 65536 else head)
            if len(body) >= 65536:
                connection.write(body)
        else:
            connection.write(head)
            async for data in body:
                if connection.answered:
                    connection.spoil()  # the request was cut short: nothing may follow it
                    break
                if data:
                    connection.write(b"%x\r\n%b\r\n" % (len(data), data))
                    await connection.writable(timeouts.read)
            else:
                connection.write(b"0\r\n\r\n")
        await connection.head(timeouts.read)

    def _answer(self, connection: Connection, timeouts: Timeouts, decode: bool) -> Answer:
        decoder: Decoder | None = None
        limit = self.limits.max_body_bytes
        if decode:
            for name, value in connection.headers:
                if name == b"content-encoding":
                    if decoder is not None:
                        raise BadAnswer("the upstream sent several content-encoding headers")
                    decoder = decoder_for(value.decode("latin-1"), limit)
        return Answer(connection, timeouts.read, decoder, limit)

    def close(self) -> None:
        self.pool.close()


def _coding_header(accept_coding: bool, decode: bool) -> list[tuple[bytes, bytes]]:
    if not decode:
        return []  # the relay hands on what the client offered
    return [(b"accept-encoding", OFFERED if accept_coding else b"identity")]
