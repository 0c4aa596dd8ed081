"""One HTTP/1.1 connection to an upstream, as an asyncio protocol.

Parsing is httptools' (llhttp). A connection carries one exchange at a time. It stops reading from its socket
while nobody takes the answer's bytes, so a slow client never grows memory.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

import httptools

from interlingua.gateway.faults import AnswerTooLarge, BadAnswer, ConnectionLost, UpstreamFault, UpstreamTimeout

HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024
DRAIN_SECONDS = 1.0

_CHUNKED_LAST = re.compile(rb"(?:^|,)\s*chunked\s*$", re.IGNORECASE)

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """An upstream connection. Use: ``begin``, ``write``, ``await head()``, ``await chunk()`` until ``None``."""

    def __init__(self, max_head_bytes: int, on_idle: Callable[[Connection], None]) -> None:
        self._max_head_bytes = max_head_bytes
        self._on_idle = on_idle
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._write_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._spoiled = False
        self.reused = False
        self.idle_since = 0.0
        self._reset(headless=False)
        self._done = True

    def _reset(self, *, headless: bool) -> None:
        self._headless = headless
        self.status = 0
        self.headers: Headers = []
        self._head_bytes = 0
        self._unparsed_head = 0
        self._head_done = False
        self._skip_message = False
        self._framed = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._read_paused = False
        self._done = False
        self._keep_alive = False
        self._touched = False
        self._draining = False
        self._fault: UpstreamFault | None = None

    # -- asyncio protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._done:
            # Bytes that nobody asked for: whatever follows could be taken for the next answer.
            self.abort()
            return
        self._touched = True
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(
                self._fault or BadAnswer(f"the upstream's answer is not valid HTTP/1.1 ({type(error).__name__})")
            )
            return
        if not self._head_done:
            # The parser holds an unfinished header back, and interim answers may go on for ever.
            self._unparsed_head += len(data)
            if self._unparsed_head > self._max_head_bytes:
                self._fail(AnswerTooLarge("the upstream's response head is over the limit"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._done:
            return
        if self._head_done and not self._framed and error is None:
            self._complete(keep_alive=False)
        else:
            self._fail(
                ConnectionLost(
                    "the upstream closed the connection before its answer was complete", untouched=not self._touched
                )
            )

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # -- httptools callbacks ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._done:
            raise BadAnswer("the upstream sent a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:
            return  # a trailer
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._max_head_bytes:
            self._fault = AnswerTooLarge("the upstream's response head is over the limit")
            raise self._fault
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status == 101:
            self._fault = BadAnswer("the upstream switched protocols")
            raise self._fault
        if status < 200:
            self._skip_message = True
            return
        self.status = status
        self._head_done = True
        for name, value in self.headers:
            if name == b"content-length" or (name == b"transfer-encoding" and _CHUNKED_LAST.search(value)):
                self._framed = True
        if status in (204, 304) or self._headless:
            self._framed = True
        if self._headless:
            # The parser cannot be told that this answer has no body; the connection ends with it.
            self._complete(keep_alive=False)
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self._draining or self._headless:
            return
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER and not self._read_paused and self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._skip_message:
            self._skip_message = False
            self.headers = []
            self._head_bytes = 0
            return
        if not self._done:
            assert self._parser is not None
            self._complete(keep_alive=self._framed and self._parser.should_keep_alive())

    # -- for the transport --------------------------------------------------------------------------------

    def begin(self, *, headless: bool) -> None:
        """Start a new exchange."""
        self._reset(headless=headless)
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    async def writable(self, timeout: float | None) -> None:
        """Wait until the socket takes more bytes."""
        if self._write_paused and not self._closed:
            self._writable = self.loop.create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._writable
            except TimeoutError:
                raise UpstreamTimeout("the upstream took too long to read the request") from None

    @property
    def answered(self) -> bool:
        """The answer's head is here (perhaps before the request was sent in full)."""
        return self._head_done or self._fault is not None

    async def head(self, timeout: float | None) -> None:
        """Wait until ``status`` and ``headers`` are known."""
        while not self._head_done:
            if self._fault is not None:
                raise self._fault
            await self._wait(timeout)

    async def chunk(self, timeout: float | None) -> bytes | None:
        """The next bytes of the body, ``None`` at its end. Bytes that arrived before a fault are delivered first."""
        while not self._chunks:
            if self._fault is not None:
                raise self._fault
            if self._done:
                return None
            await self._wait(timeout)
        chunks = self._chunks
        data = chunks.popleft() if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._buffered = 0
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            if not self._closed:
                self._transport.resume_reading()
        return data

    @property
    def arrived(self) -> bool:
        """The answer has arrived in full, without a fault."""
        return self._done and self._fault is None

    @property
    def usable(self) -> bool:
        """Another exchange may begin."""
        return self._done and self._keep_alive and not self._closed and not self._write_paused

    @property
    def closed(self) -> bool:
        return self._closed or self._transport is None or self._transport.is_closing()

    def opened(self) -> None:
        """Mark a fresh connection as ready for its first exchange."""
        self._done = True
        self._keep_alive = True

    def release(self) -> None:
        """Nobody will take more of this answer: reuse the connection if the answer ends by itself soon."""
        if self._fault is not None or self._closed:
            self.abort()
        elif self._done:
            self._chunks.clear()
            if self._keep_alive:
                self._on_idle(self)
            else:
                self.close()
        else:
            self._draining = True
            self._chunks.clear()
            if self._read_paused and self._transport is not None:
                self._read_paused = False
                self._transport.resume_reading()
            self._timer = self.loop.call_later(DRAIN_SECONDS, self.abort)

    def spoil(self) -> None:
        """This exchange is the connection's last."""
        self._spoiled = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once; the upstream sees that its reader is gone."""
        self._done = True
        self._keep_alive = False
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()

    # -- inner --------------------------------------------------------------------------------------------

    async def _wait(self, timeout: float | None) -> None:
        waiter = self._waiter = self.loop.create_future()
        if timeout is not None:
            self._timer = self.loop.call_later(max(timeout, 0.0), self._timed_out)
        try:
            await waiter
        finally:
            self._waiter = None
            self._cancel_timer()

    def _timed_out(self) -> None:
        self._fail(UpstreamTimeout("the upstream did not answer in time"))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _complete(self, *, keep_alive: bool) -> None:
        self._done = True
        self._keep_alive = keep_alive and not self._spoiled
        if self._draining:
            self._cancel_timer()
            self._draining = False
            if self._keep_alive:
                self._on_idle(self)
            else:
                self.close()
        self._wake()

    def _fail(self, fault: UpstreamFault) -> None:
        if not self._done:
            self._fault = fault
        self._done = True
        self._keep_alive = False
        self._wake()
        if self._transport is not None:
            self._transport.abort()
