"""The gateway below an ASGI server: a request's client, and noticing that it has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from interlingua.gateway.client import ClientGone, Pairs, whole_body
from interlingua.gateway.waiting import DONE

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

TICK_SECONDS = 0.05


class AsgiHeaders:
    """A scope's headers, as handlers ask for them."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = [(name, value) for name, value in pairs]
        self._first = dict(reversed(self._pairs))

    def get(self, name: bytes, /) -> bytes | None:
        return self._first.get(name)

    def pairs(self, prefix: bytes = b"", /) -> Pairs:
        return [pair for pair in self._pairs if pair[0].startswith(prefix)]


class AsgiClient:
    """The client of one ASGI ``http`` scope."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.raw_target = raw_target(scope)
        self.headers = AsgiHeaders(scope["headers"])
        self.host: str | None = scope["client"][0] if scope.get("client") else None
        self.length = self._announced()
        self.body_taken = self.length == 0
        """No more of the request's body is to come."""
        self.left = False
        self.terms: object = None
        self.underway = None

    def _announced(self) -> int | None:
        if self.headers.get(b"transfer-encoding") is not None:
            return None
        value = self.headers.get(b"content-length")
        return int(value) if value is not None and value.isdigit() else 0

    def body_here(self, limit: int) -> bytes | None:
        return None

    async def body(self, limit: int) -> bytes:
        return await whole_body(self.length, self.pieces(), limit)

    async def pieces(self) -> AsyncIterator[bytes]:
        while not self.body_taken:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left = True
                raise ClientGone
            self.body_taken = not message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def departure(self) -> None:
        """Returns when the client has left. Only once the body is taken: until then the messages are the handler's."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True

    def pass_on(self, answer: object, attempt: object) -> Awaitable[None]:
        return DONE

    async def drained(self) -> None:
        """``send`` waits by itself."""

    async def start(self, status: int, lines: bytes, length: int | None = None) -> None:
        headers = self._pairs(lines)
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def reply(self, status: int, lines: bytes, body: bytes) -> None:
        await self.start(status, lines, len(body))
        await self._send({"type": "http.response.body", "body": body})

    def _pairs(self, lines: bytes) -> Pairs:
        pairs: Pairs = []
        for line in lines.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b": ")
            pairs.append((name, value))
        if not self.body_taken:
            # The client may still be sending: the connection cannot be used again.
            pairs.append((b"connection", b"close"))
        return pairs


def raw_target(scope: Scope) -> bytes:
    """Path and query as the client sent them."""
    path: bytes = (scope.get("raw_path") or scope["path"].encode("utf-8")).partition(b"?")[0]
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def without_root(scope: Scope) -> Scope:
    """The scope as it would be if the app were not mounted below another one."""
    root: str = scope["root_path"]
    raw: bytes = scope.get("raw_path") or b""
    return {
        **scope,
        "root_path": "",
        "path": scope["path"].removeprefix(root),
        "raw_path": raw.removeprefix(root.encode()),
    }


class Departures:
    """Cancels the handlers of clients that have left, so that the upstream stops working for nobody.

    ASGI tells of a departure only to who waits for it, and waiting takes a task. An exchange that is over at once
    has nothing to save, so one timer for all of them starts a watch for those that are still there at its next tick.
    """

    def __init__(self) -> None:
        self._young: dict[AsgiClient, asyncio.Task[object]] = {}
        self._watched: dict[AsgiClient, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self, client: AsgiClient, handler: Awaitable[None]) -> None:
        """Await the handler; it is cancelled when the client leaves."""
        task = asyncio.current_task()
        assert task is not None
        self._young[client] = task
        if self._timer is None:
            self._timer = task.get_loop().call_later(TICK_SECONDS, self._tick, task.get_loop())
        try:
            await handler
        except asyncio.CancelledError:
            if not client.left:
                raise
            task.uncancel()
        finally:
            if self._young.pop(client, None) is None:
                watch = self._watched.pop(client, None)
                if watch is not None:
                    watch.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        for client in [client for client in self._young if client.body_taken]:
            self._watched[client] = loop.create_task(_watch(client, self._young.pop(client)))
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop) if self._young else None


async def _watch(client: AsgiClient, task: asyncio.Task[object]) -> None:
    await client.departure()
    task.cancel()
