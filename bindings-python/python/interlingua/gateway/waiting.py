"""Waiting without tasks and without a timer each.

A task costs several microseconds of a request that takes twenty, most of it in turns of the loop. A handler that waits
for nothing but our own connections needs none: a ``Driver`` runs it, and a ``Signal`` resumes it in the very call that
brought what it waited for. The same handlers run in a task as well, below another ASGI app for example.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from functools import partial
from typing import Any, Protocol, cast

NEVER = float("inf")
TICK_SECONDS = 0.1


class Signal:
    """Wakes the one who awaits it, as often as it is awaited.

    For a task it behaves as asyncio asks of a future (``_asyncio_future_blocking`` and the methods below).
    """

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_loop", "resume")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False
        self._cancelled = False
        self.resume: Callable[[], object] | None = None

    def set(self) -> None:
        """Wake who waits, if somebody does."""
        resume = self.resume
        if resume is not None:
            self.resume = None
            resume()

    def __await__(self) -> Generator[Signal, None, None]:
        self._asyncio_future_blocking = True
        yield self

    # -- what a task asks of a future ---------------------------------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[Signal], object], *, context: Any = None) -> None:
        self.resume = partial(self._loop.call_soon, callback, self, context=context)

    def result(self) -> None:
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:
        if self.resume is None:
            return False
        self._cancelled = True
        self.set()
        return True


class Driver:
    """Runs one coroutine after the other in the calls of those it waits for: signals, and futures of asyncio.

    What needs a task of its own (``asyncio.timeout``, for one) must be awaited as one.
    """

    __slots__ = ("_coroutine", "_done", "_resume", "_waiting", "busy")

    def __init__(self, done: Callable[[BaseException | None], object]) -> None:
        self._done = done
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._waiting: Any = None
        self._resume = self._run  # bound once
        self.busy = False

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run until the first wait. ``done`` is called at the end, with what the coroutine raised."""
        self._coroutine = coroutine
        self.busy = True
        self._resume()

    def cancel(self) -> None:
        """Raise ``CancelledError`` where the coroutine waits."""
        waiting = self._waiting
        if waiting is None:
            return
        if type(waiting) is Signal:
            waiting.resume = None
            self._run(error=asyncio.CancelledError())
        else:
            waiting.cancel()

    def _run(self, _: object = None, error: BaseException | None = None) -> None:
        coroutine = self._coroutine
        assert coroutine is not None
        self._waiting = None
        try:
            waiting = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration:
            self._end(None)
            return
        except BaseException as raised:
            self._end(raised)
            return
        self._waiting = waiting
        if type(waiting) is Signal:
            waiting.resume = self._resume
        elif waiting is None:  # asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(self._resume)
        else:
            waiting._asyncio_future_blocking = False
            waiting.add_done_callback(self._resume)

    def _end(self, error: BaseException | None) -> None:
        self._coroutine = None
        self.busy = False
        self._done(error)


class _Done:
    """Awaiting it takes no time: for what was done already."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return _NOTHING


_NOTHING: Iterator[Any] = iter(())
DONE: Awaitable[None] = cast(Awaitable[None], _Done())


class Expiring(Protocol):
    """Something with a deadline, in the loop's time; ``NEVER`` while it waits for nothing."""

    deadline: float

    def expire(self) -> None: ...


class Deadlines:
    """One timer for all connections: a wait sets a number, and none costs a timer of its own.

    ``now`` is up to ``TICK_SECONDS`` behind the loop's time, and a deadline is noticed that much late. ``each_tick`` is
    called as well.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, each_tick: Callable[[], None] | None = None) -> None:
        self._loop = loop
        self._each_tick = each_tick
        self._watched: set[Expiring] = set()
        self.now = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, one: Expiring) -> None:
        self._watched.add(one)
        if self._timer is None:
            self._tick()

    def forget(self, one: Expiring) -> None:
        self._watched.discard(one)

    def close(self) -> None:
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick) if self._watched else None
        if self._each_tick is not None:
            self._each_tick()
        now = self.now = self._loop.time()
        for one in [one for one in self._watched if one.deadline <= now]:
            one.deadline = NEVER
            one.expire()
