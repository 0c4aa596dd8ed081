"""One HTTP/1.1 connection of a client, as an asyncio protocol: it reads a request at a time and answers it.

Bytes that are not one clear request are refused, and the connection ends there (RFC 9112, section 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, cast

from interlingua._native import Attempt, BadMessage, RequestHead, RequestReader
from interlingua.gateway.client import ClientGone, whole_body
from interlingua.gateway.connection import Connection
from interlingua.gateway.heads import refusal, split_target, status_line
from interlingua.gateway.passage import Passage
from interlingua.gateway.waiting import DONE, NEVER, Driver, Signal

if TYPE_CHECKING:
    from interlingua.gateway.server import Server
    from interlingua.gateway.short_way import ShortWay, Underway

MAX_HEAD_BYTES = 64 * 1024
HIGH_WATER = 256 * 1024
"""Bytes of a body that wait for their handler, or of requests that wait for the one before."""
HEAD_SECONDS = 30.0
IDLE_SECONDS = 75.0
BODY_SECONDS = 60.0
"""The longest silence in the middle of a body."""
WRITE_SECONDS = 600.0
"""How long a client may not read its answer."""
LINGER_SECONDS = 2.0
_SEPARATE_BYTES = 64 * 1024


class ClientConnection(asyncio.Protocol):
    """A client's connection, and the ``Client`` of the request that it is at."""

    # Of the request in hand; they stay for the next one if it has the same head.
    headers: RequestHead
    method: str
    path: str
    raw_target: bytes
    query: bytes
    length: int | None

    def __init__(self, server: Server) -> None:
        self.server = server
        self._loop = server.loop
        self._clock = server.deadlines
        self._signal = Signal(server.loop)
        self._driver = Driver(self._over)
        self.reader = RequestReader(MAX_HEAD_BYTES)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.headers = cast(RequestHead, None)
        self.terms: object = None
        self.short_way: ShortWay | None = None
        """For requests that have the same head as the last one."""
        self.underway: Underway | None = None
        self._keep_alive = True
        self._upgrade = False
        self._body = b""
        """What has come of the body and was not taken yet."""
        self._whole = True
        """The body has come to its end."""
        self._answer_head = b""
        self._chunking = False
        self._answering = False
        """Bytes of an answer are on their way."""
        self._finished = True
        self._closing = False
        self._lingering = False
        self._reading_head = False
        self._read_paused = False
        self.write_paused = False
        self.left = False
        self.host: str | None = None
        self.deadline = NEVER

    # -- asyncio protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self.host = name[0] if isinstance(name, tuple) else None
        self.deadline = self._clock.now + IDLE_SECONDS
        self.server.joined(self)

    def data_received(self, data: bytes) -> None:
        if self.short_way is not None and not self._driver.busy and self.short_way.begin(data):
            return
        self.receive(data)

    def receive(self, data: bytes) -> None:
        """Go on with what has come; the handler answers."""
        if self._lingering:
            return
        try:
            head, body, over = self.reader.feed(data)
        except BadMessage as error:
            self._refuse(error.status, str(error))
            return
        if not self._driver.busy:
            if head is not None:
                self._begin(head, body, over)
            elif data and not self._reading_head:
                self._reading_head = True
                self.deadline = self._clock.now + HEAD_SECONDS
        elif not self._whole:
            self._take(body, over)
            self._signal.set()
        elif self.reader.waiting > HIGH_WATER:
            # The client is ahead of us (or sends what is none of our business): its turn comes.
            self._pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.left = True
        self._closing = True
        self.deadline = NEVER
        self.server.parted(self)
        if self.short_way is not None:
            self.short_way.hand_over()
            self.short_way = None
        self._driver.cancel()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        self._signal.set()

    # -- reading ------------------------------------------------------------------------------------------

    def _begin(self, head: RequestHead, body: bytes, whole: bool) -> None:
        """Begin a request, with what is there of its body."""
        if head is not self.headers:
            self.headers = head
            self.terms = self.short_way = None
            self.method, target, self._keep_alive, self._upgrade = head.parts
            self.raw_target, self.path, self.query = split_target(target)
            self._upgrade = self._upgrade and (head.get(b"upgrade") or b"").lower() == b"websocket"
        self._reading_head = False
        self._body = body
        self._whole = whole
        self._answering = self._finished = False
        self._closing = self.server.closing or not self._keep_alive
        if whole:
            self.length = len(body)
            self.deadline = NEVER
        else:
            left = self.reader.length
            self.length = None if left is None else left + len(body)
            self.deadline = self._clock.now + BODY_SECONDS
            expectation = head.get(b"expect")
            if expectation is not None and expectation.lower() != b"100-continue":
                self._refuse(417, "the only expectation that is met here is 100-continue")
                return
        self._driver.start((self.server.upgrade if self._upgrade else self.server.handler)(self))

    @property
    def repeatable(self) -> bool:
        """A request with the same head may follow, and its answer needs no lines but the usual."""
        return self._keep_alive and not (self._upgrade or self.headers.http_1_0 or self.headers.get(b"expect"))

    def go_on(self, underway: Underway) -> None:
        """Let the handler take over what ``short_way`` has begun."""
        self.underway = underway
        self._reading_head = False
        self._body = b"" if underway.begun is None else underway.begun.body
        self.length = len(self._body)
        self._answering = self._finished = underway.answered
        self._closing = self.server.closing
        self.deadline = NEVER
        self._driver.start(self.server.handler(self))
        self.underway = None  # it is in the handler's hands

    def wait_for_body(self) -> None:
        self.deadline = self._clock.now + BODY_SECONDS

    def rest(self) -> None:
        """Wait for the next request."""
        self._reading_head = False
        self.deadline = self._clock.now + IDLE_SECONDS

    def _take(self, body: bytes, whole: bool) -> None:
        """More of the body is here."""
        self._body = self._body + body if self._body else body
        self._whole = whole
        self.deadline = NEVER if whole else self._clock.now + BODY_SECONDS
        if len(self._body) > HIGH_WATER and not self._whole:
            self._pause_reading()

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self.deadline = NEVER  # it is us who are slow
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused and not self.left:
            self._read_paused = False
            if not self._whole:
                self.deadline = self._clock.now + BODY_SECONDS
            self.transport.resume_reading()

    def body_here(self, limit: int) -> bytes | None:
        return self._body if self._whole and len(self._body) <= limit else None

    async def body(self, limit: int) -> bytes:
        return await whole_body(self.length, self.pieces(), limit)

    async def pieces(self) -> AsyncIterator[bytes]:
        if not self._whole and not self._body and self.headers.get(b"expect") is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            if self._body:
                data, self._body = self._body, b""
                self._resume_reading()
                yield data
            elif self._whole:
                return
            elif self.left:
                raise ClientGone
            else:
                await self._signal

    # -- answering ----------------------------------------------------------------------------------------

    def _head_of_answer(self, status: int, lines: bytes, end: bytes) -> bytes:
        if not self._whole:
            self._closing = True  # the rest of the body would be taken for the next request
        line = status_line(status)
        if self._closing:
            end = b"connection: close\r\n" + end
        elif self.headers.http_1_0:
            end = b"connection: keep-alive\r\n" + end
        return line + lines + self.server.date_line + end

    def reply(self, status: int, lines: bytes, body: bytes) -> Awaitable[None]:
        self._answering = self._finished = True
        head = self._head_of_answer(status, lines, b"content-length: %d\r\n\r\n" % len(body))
        if self.method == "HEAD":
            self.transport.write(head)
        elif len(body) < _SEPARATE_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        return self.drained() if self.write_paused else DONE

    def start(self, status: int, lines: bytes, length: int | None = None) -> Awaitable[None]:
        self._chunking = False
        end = b"\r\n"
        if length is not None:
            end = b"content-length: %d\r\n\r\n" % length
        elif self.headers.http_1_0:
            self._closing = True  # only the connection's end can tell where the body ends
        elif status not in (204, 304):
            self._chunking = self.method != "HEAD"
            end = b"transfer-encoding: chunked\r\n\r\n"
        # Goes out with the first bytes of the body if they are there already, else without them.
        self._answer_head = self._head_of_answer(status, lines, end)
        self._loop.call_soon(self._send_head)
        return DONE

    def _send_head(self) -> None:
        if self._answer_head and not self.left:
            head, self._answer_head = self._answer_head, b""
            self._answering = True
            self.transport.write(head)

    def piece(self, data: bytes) -> Awaitable[None]:
        if not data:
            return DONE
        head = self._answer_head
        if head:
            self._answer_head = b""
            self._answering = True
        if len(data) >= _SEPARATE_BYTES:
            start, end = (b"%x\r\n" % len(data), b"\r\n") if self._chunking else (b"", b"")
            self.transport.writelines((head + start, data, end))
        elif self._chunking:
            self.transport.write(b"%b%x\r\n%b\r\n" % (head, len(data), data))
        else:
            self.transport.write(head + data)
        return self.drained() if self.write_paused else DONE

    def pass_on(self, answer: Connection, attempt: Attempt) -> Awaitable[None]:
        if self.write_paused or not answer.passable:
            return DONE
        return self._pass_on(answer, Passage(answer, attempt, self, chunked=self._chunking))

    async def _pass_on(self, answer: Connection, passage: Passage) -> None:
        await answer.passing(passage)
        await self.drained()

    def finish(self) -> Awaitable[None]:
        head, self._answer_head = self._answer_head, b""
        if self._chunking:
            self.transport.write(head + b"0\r\n\r\n")
            self._chunking = False
        elif head:
            self.transport.write(head)
        self._answering = self._finished = True
        return DONE

    async def drained(self) -> None:
        self.deadline = self._clock.now + WRITE_SECONDS
        while self.write_paused and not self.left:
            await self._signal
        self.deadline = NEVER

    # -- the end of a request -----------------------------------------------------------------------------

    def _over(self, error: BaseException | None) -> None:
        """The handler has ended."""
        if self.left:
            return
        if error is not None or not self._finished:
            # The client was promised more than it got: only a broken connection tells the truth.
            self.transport.abort()
        elif self._closing:
            self._end()
        else:
            self._body = b""
            self.rest()
            if self._read_paused:
                self._resume_reading()
            if self.reader.next():
                self._loop.call_soon(self._pipelined)

    def _pipelined(self) -> None:
        """Begin the next of the requests that were sent without waiting for answers."""
        if not self._driver.busy and not self._closing:
            self.data_received(b"")

    def _end(self) -> None:
        """Close, but not while the client still sends: it would be reset before it has read the answer."""
        self._closing = True
        self.short_way = None
        if self._whole:
            self.transport.close()
            return
        self._lingering = True
        self._resume_reading()
        self.deadline = self._clock.now + LINGER_SECONDS
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _refuse(self, status: int, reason: str) -> None:
        """End the connection with bytes that are no request, or with a request that cannot go on."""
        self.server.refused(status, reason)
        if self._driver.busy and self._answering:
            self.transport.abort()
        else:
            self.transport.write(refusal(status, reason, self.server.date_line))
            self._whole = False
            self._end()
        self.left = True
        self._driver.cancel()

    def expire(self) -> None:
        """The deadline has passed."""
        if self.short_way is not None:
            self.short_way.hand_over()
        if self._lingering or self.write_paused:
            self.transport.abort()
        elif self._driver.busy:
            self._refuse(408, "the rest of the request's body did not come in time")
        elif self._reading_head:
            self._refuse(408, "the rest of the request's head did not come in time")
        else:
            self.transport.close()

    # -- for the server -----------------------------------------------------------------------------------

    def retire(self) -> None:
        """The server is closing: end once the request in hand is answered."""
        if self.short_way is not None:
            self.short_way.hand_over()
        if self._driver.busy:
            self._closing = True
        else:
            self.transport.close()

    def stop(self) -> None:
        """Break the request in hand off; its handler may still say so to the client."""
        self._driver.cancel()

    def abort(self) -> None:
        self.transport.abort()

    def hijack(self) -> tuple[asyncio.Transport, bytes]:
        """The bare connection, and what the client has sent after its request. Nothing else may be sent by us."""
        self.deadline = NEVER
        self._answering = self._finished = True
        return self.transport, self.reader.rest()
