"""Noticing that a client has left, so that the upstream stops working for nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interlingua.gateway.exchange import Exchange

TICK_SECONDS = 0.05


class Departures:
    """Watches exchanges that take longer than a moment.

    ASGI tells of a departure only to who waits for it, and waiting takes a task. An exchange that is over at once
    has nothing to save, so one timer for all of them starts a watch for those that are still there at its next tick.
    """

    def __init__(self) -> None:
        self._young: dict[Exchange, asyncio.Task[object]] = {}
        self._watched: dict[Exchange, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, exchange: Exchange, task: asyncio.Task[object], loop: asyncio.AbstractEventLoop) -> None:
        """From now on ``task`` is cancelled when the client leaves; ``exchange.disconnected`` tells why."""
        self._young[exchange] = task
        if self._timer is None:
            self._timer = loop.call_later(TICK_SECONDS, self._tick, loop)

    def remove(self, exchange: Exchange) -> None:
        """The exchange is over."""
        if self._young.pop(exchange, None) is None:
            watch = self._watched.pop(exchange, None)
            if watch is not None:
                watch.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        # Until the body is taken the messages are the handler's: it learns by itself when the client leaves.
        for exchange in [exchange for exchange in self._young if exchange.body_taken]:
            self._watched[exchange] = loop.create_task(_watch(exchange, self._young.pop(exchange)))
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop) if self._young else None


async def _watch(exchange: Exchange, task: asyncio.Task[object]) -> None:
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
    exchange.disconnected = True
    task.cancel()
