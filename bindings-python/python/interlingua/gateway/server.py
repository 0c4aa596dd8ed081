"""The gateway's own HTTP/1.1 server: asyncio protocols on uvloop, no task per request and no framework in between.

``interlingua serve`` uses it by default. The same handlers run below any ASGI server (``interlingua.gateway.asgi``).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from email.utils import formatdate
from typing import Any, Protocol

from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.serving import BACKLOG, settle_memory, url_of
from interlingua.gateway.waiting import Deadlines

FAREWELL_SECONDS = 1.0
"""What broken-off exchanges get to tell their clients so."""

Handler = Callable[[ClientConnection], Coroutine[Any, Any, None]]


class App(Protocol):
    """What the server serves."""

    async def serve(self, client: ClientConnection, /) -> None: ...
    async def serve_websocket(self, client: ClientConnection, /) -> None: ...
    def refused(self, status: int, reason: str, /) -> None:
        """Bytes came that are no request."""

    def announce(self) -> None: ...
    def open(self) -> None:
        """Serving begins, in this loop."""

    async def close(self) -> None: ...


class Server:
    """All connections of one event loop."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.handler: Handler = app.serve
        self.upgrade: Handler = app.serve_websocket
        self.refused = app.refused
        self.closing = False
        self.date_line = b""
        self._connections: set[ClientConnection] = set()
        self.deadlines = Deadlines(loop, self._tell_time)
        self._second = 0
        self._empty: asyncio.Event = asyncio.Event()

    def _tell_time(self) -> None:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self.date_line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()

    def joined(self, connection: ClientConnection) -> None:
        self._connections.add(connection)
        self.deadlines.watch(connection)

    def parted(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)
        self.deadlines.forget(connection)
        if not self._connections:
            self._empty.set()

    async def close(self, seconds: float) -> None:
        """Answer what is in hand for that long, then break it off in the open."""
        self.closing = True
        for connection in list(self._connections):
            connection.retire()
        await self._until_empty(seconds)
        for connection in list(self._connections):
            connection.stop()
        await self._until_empty(FAREWELL_SECONDS)
        for connection in list(self._connections):
            connection.abort()
        self.deadlines.close()

    async def _until_empty(self, seconds: float) -> None:
        if self._connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()


def raise_file_limit() -> None:
    """A stream takes two file descriptors; many systems begin with a limit of 1,024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(
    app: App, listener: socket.socket, *, shutdown_seconds: float, until: Callable[[], Awaitable[object]]
) -> None:
    """Serve until ``until`` returns. Then no new connection is taken, exchanges in hand may finish until the deadline,
    and after it they are broken off in the open."""
    loop = asyncio.get_running_loop()
    server = Server(app, loop)
    app.open()
    accepting = await loop.create_server(lambda: ClientConnection(server), sock=listener, backlog=BACKLOG)
    try:
        await until()
    finally:
        accepting.close()
        await server.close(shutdown_seconds)
        await app.close()


async def signalled() -> None:
    """Returns on SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


def run(app: App, listener: socket.socket, *, shutdown_seconds: float) -> None:
    """Serve until SIGINT or SIGTERM."""
    raise_file_limit()
    settle_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        print(f"listening on {url_of(listener)}", flush=True)
        app.announce()
        runner.run(serve(app, listener, shutdown_seconds=shutdown_seconds, until=signalled))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this platform: asyncio's own loop is slower, and right
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
