"""Servers in threads, each with its own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import uvicorn
from interlingua.gateway import server as lean
from interlingua.gateway.on_uvicorn import WEBSOCKETS

T = TypeVar("T")


class LeanThread:
    """Our own server in a thread with its own loop."""

    def __init__(self, app: lean.App, listener: socket.socket, *, shutdown_seconds: float = 2) -> None:
        self._app, self._listener, self._seconds = app, listener, shutdown_seconds
        self._ready = threading.Event()
        self._ended: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def until() -> None:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._ended.wait()

        self._app.announce()

        with asyncio.Runner(loop_factory=lean.loop_factory()) as runner:
            runner.run(lean.serve(self._app, self._listener, shutdown_seconds=self._seconds, until=until))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(5)

    def run(self, action: Callable[[], T]) -> T:
        """Do something in the server's loop, behind what it is doing."""

        async def done() -> T:
            return action()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(5)

    def stop(self) -> None:
        assert self._loop is not None and self._ended is not None
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(15)
        assert not self._thread.is_alive()


class UvicornThread:
    """uvicorn in a thread."""

    def __init__(self, app: Any, listener: socket.socket, *, shutdown_seconds: int = 2) -> None:
        settings = uvicorn.Config(
            app,
            http="httptools",
            ws=WEBSOCKETS,
            lifespan="on",
            access_log=False,
            log_level="critical",
            timeout_graceful_shutdown=shutdown_seconds,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=lambda: self._server.run(sockets=[listener]), daemon=True)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            threading.Event().wait(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def in_thread(app: lean.App, listener: socket.socket) -> Iterator[None]:
    """An app on our own server."""
    server = LeanThread(app, listener)
    server.start()
    try:
        yield
    finally:
        server.stop()
