"""One HTTP/1.1 connection to an upstream, as an asyncio protocol.

It carries one exchange at a time, and stops reading from its socket while nobody takes the answer's bytes, so a slow
client never grows memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

from interlingua._native import AnswerReader, BadMessage, ResponseHead
from interlingua.gateway.decoding import Decoder
from interlingua.gateway.faults import AnswerTooLarge, BadAnswer, ConnectionLost, UpstreamFault, UpstreamTimeout
from interlingua.gateway.waiting import NEVER, Deadlines, Signal

if TYPE_CHECKING:
    from interlingua.gateway.passage import Passage

HIGH_WATER = 256 * 1024
DRAIN_SECONDS = 1.0
NO_HEAD = cast(ResponseHead, None)
_SEPARATE_BYTES = 64 * 1024


class Taker(Protocol):
    """What takes an answer's bytes while no coroutine does."""

    def take(self, data: bytes) -> bool:
        """Take what has come. False if none of it is taken, nor anything after it."""

    def hand_over(self) -> None:
        """Something else has happened, and is for a coroutine."""


class Connection(asyncio.Protocol):
    """An upstream connection, and the answer that it brings.

    Close an answer in every case: ``release`` keeps the connection, ``abort`` drops it.
    """

    def __init__(self, max_head_bytes: int, deadlines: Deadlines, on_idle: Callable[[Connection], None]) -> None:
        self.deadlines = deadlines
        self._on_idle = on_idle
        self.loop = asyncio.get_running_loop()
        self._signal = Signal(self.loop)
        self.reader = AnswerReader(max_head_bytes)
        self._taker: Taker | None = None
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.head: ResponseHead = NO_HEAD
        """The answer's, once ``send`` has waited for it."""
        self.deadline = NEVER
        self.idle_since = 0.0
        self.idle = True
        """Open, and another exchange may begin."""
        self._timeout: float | None = None
        self._body = b""
        """What has come of the body and was not taken yet."""
        self._decoder: Decoder | None = None
        self._plain: Iterator[bytes] = iter(())
        self._limit = 0
        self._done = True
        self._keep_alive = True
        self._closed = False
        self._touched = False
        self._draining = False
        self._spoiled = False
        self._read_paused = False
        self._write_paused = False
        self._fault: UpstreamFault | None = None

    # -- asyncio protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.deadlines.watch(self)

    def data_received(self, data: bytes) -> None:
        if self._taker is not None and self._taker.take(data):
            return
        if self._done:
            # Bytes that nobody asked for: whatever follows could be taken for the next answer.
            self.abort()
            return
        self._touched = True
        try:
            head, body, over = self.reader.feed(data)
        except BadMessage as error:
            self.refuse(error)
            return
        if head is not None:
            self.head = head
        if body and not self._draining:
            self._body = self._body + body if self._body else body
        if over:
            self._complete(self.reader.keep_alive)
        elif len(self._body) > HIGH_WATER and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
        self._signal.set()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._hand_over()
        self._closed = True
        self.idle = False
        self.deadlines.forget(self)
        if not self._done:
            if self.reader.unframed and error is None:
                self._complete(keep_alive=False)
            else:
                message = "the upstream closed the connection before its answer was complete"
                self._fail(ConnectionLost(message, untouched=not self._touched))
        self._signal.set()

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._signal.set()

    # -- sending ------------------------------------------------------------------------------------------

    def begin(self, head: bytes, body: bytes | None, timeout: float | None) -> None:
        """Start an exchange, with a body that is whole, or without one."""
        if body is None:
            self.carry(head + b"\r\n", timeout)
        elif len(body) < _SEPARATE_BYTES:
            self.carry(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body), timeout)
        else:
            self.carry(b"%bcontent-length: %d\r\n\r\n" % (head, len(body)), timeout)
            self._transport.write(body)

    def carry(self, message: bytes, timeout: float | None, taker: Taker | None = None) -> None:
        """Start an exchange with its first bytes. ``timeout`` is how long the upstream may be silent.

        Without a ``taker`` a coroutine waits for the answer.
        """
        self.idle = False
        self.head = NO_HEAD
        self._done = self._touched = False
        self._timeout = timeout
        self.deadline = NEVER if timeout is None else self.deadlines.now + timeout
        self._taker = taker
        self._transport.write(message)

    def write(self, data: bytes) -> None:
        """Send some of a body that has no announced length."""
        if not self._closed:
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the socket takes more bytes, or until they are no longer asked for."""
        if self._write_paused:
            self._expect_something()
            while self._write_paused and not self._closed and not self.answered:
                await self._signal
            self.deadline = NEVER

    def special(self, *, headless: bool, upgrading: bool) -> None:
        """The next answer is to a ``HEAD``, or may be a 101."""
        self.reader.expect(headless, upgrading)

    def spoil(self) -> None:
        """This exchange is the connection's last."""
        self._spoiled = True

    # -- the answer ---------------------------------------------------------------------------------------

    @property
    def answered(self) -> bool:
        """The answer's head is here (perhaps before the request was sent in full)."""
        return self.head is not NO_HEAD or self._fault is not None

    async def answer(self) -> None:
        """Wait for the answer's head."""
        while self.head is NO_HEAD:
            if self._fault is not None:
                raise self._fault
            await self._signal
        self.deadline = NEVER

    def decode(self, decoder: Decoder | None, limit: int) -> None:
        """How to read the answer's body, and how long it may be."""
        self._decoder = decoder
        self._plain = iter(())  # what the answer before had left is not for this one
        self._limit = limit

    async def chunk(self) -> bytes | None:
        """The next bytes of the body, decoded; ``None`` at its end. Bytes that arrived before a fault are delivered
        first."""
        decoder = self._decoder
        while True:
            # Some bytes may unpack to very many: they are handed out slice by slice.
            if decoder is not None and (plain := next(self._plain, None)) is not None:
                return plain
            while not self._body:
                if self._fault is not None:
                    raise self._fault
                if self._done:
                    if decoder is not None:
                        decoder.finish()
                    return None
                self._expect_something()
                await self._signal
            self.deadline = NEVER
            if decoder is None:
                return self._taken()
            self._plain = decoder.feed(self._taken())

    async def passing(self, passage: Passage) -> None:
        """Let the body through ``passage`` for as long as nothing else is to be done. Only between two chunks, and not
        for a body that is decoded."""
        self._taker = passage
        self._expect_something()
        try:
            await self._signal
        finally:
            self._taker = None
        self.deadline = NEVER
        if passage.error is not None:
            raise passage.error

    def went_by(self, *, over: bool) -> None:
        """Bytes went through a passage; is it ``over``?"""
        if not over:
            self._expect_something()
            return
        if self.reader.over:
            self._complete(self.reader.keep_alive)
        self._signal.set()

    @property
    def passable(self) -> bool:
        """Nothing of the body waits to be taken, it is taken as it comes, and more is to come."""
        return not self._body and self._decoder is None and not self._done and self._fault is None

    def here(self) -> bytes | None:
        """The whole body, if all of it is here, as with most short answers; then the answer is released."""
        body = self._body
        if not self._done or self._fault is not None or self._decoder is not None or len(body) > self._limit:
            return None
        self._body = b""
        self.release()
        return body

    async def whole(self) -> bytes:
        """The whole body, decoded; raises ``AnswerTooLarge`` over the limit."""
        parts: list[bytes] = []
        size = 0
        while (data := await self.chunk()) is not None:
            size += len(data)
            if size > self._limit:
                raise AnswerTooLarge("the upstream's body is over the limit")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read_out(self) -> bytes:
        """The whole body; then the answer is released, or aborted if it fails."""
        try:
            body = await self.whole()
        except BaseException:
            self.abort()
            raise
        self.release()
        return body

    def release(self) -> None:
        """Nobody will take more of this answer: reuse the connection if the answer ends by itself soon."""
        if self._body:
            self._taken()
        if not self._done:
            self._draining = True
            self.deadline = self.deadlines.now + DRAIN_SECONDS
        elif self._keep_alive and not self._closed and not self._write_paused:
            self._on_idle(self)
        else:
            self.close()

    def complete(self) -> None:
        """The answer was taken as a whole, and the connection may be used again."""
        self._taker = None
        self._done = True
        self.deadline = NEVER
        if self._write_paused:
            self.close()
        else:
            self._on_idle(self)

    def hijack(self) -> tuple[asyncio.Transport, bytes]:
        """After 101: the bare connection, and the bytes that came behind the head."""
        self.deadlines.forget(self)
        return self._transport, self._taken()

    def close(self) -> None:
        self.idle = False
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once; the upstream sees that its reader is gone."""
        self._done = True
        self._keep_alive = False
        self.idle = False
        self.deadline = NEVER
        self._transport.abort()

    def expire(self) -> None:
        """The upstream was silent for too long."""
        if self._draining:
            self.abort()
        else:
            what = "took too long to read the request" if self._write_paused else "did not answer in time"
            self._fail(UpstreamTimeout(f"the upstream {what}"))

    # -- inner --------------------------------------------------------------------------------------------

    def _expect_something(self) -> None:
        self.deadline = NEVER if self._timeout is None else self.deadlines.now + self._timeout

    def _taken(self) -> bytes:
        data, self._body = self._body, b""
        if self._read_paused:
            self._read_paused = False
            if not self._closed:
                self._transport.resume_reading()
        return data

    def _hand_over(self) -> None:
        """Whatever happens now is for a coroutine."""
        if self._taker is not None:
            self._taker.hand_over()

    def left_alone(self) -> None:
        """A coroutine takes what comes from now on."""
        self._taker = None

    def _complete(self, keep_alive: bool) -> None:
        self._done = True
        self.deadline = NEVER
        self._keep_alive = keep_alive and not self._spoiled
        if self._draining:
            self._draining = False
            self.release()

    def refuse(self, error: BadMessage) -> None:
        """What came is no HTTP."""
        if error.status == 431:
            self._fail(AnswerTooLarge("the upstream's response head is over the limit"))
        else:
            self._fail(BadAnswer(f"the upstream's answer is not valid HTTP/1.1: {error}"))

    def _fail(self, fault: UpstreamFault) -> None:
        self._hand_over()
        if not self._done:
            self._fault = fault
        self.abort()
        self._signal.set()
