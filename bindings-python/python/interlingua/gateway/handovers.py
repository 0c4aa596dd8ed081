"""Hand-overs of LiteLLM's plug-in: taken at once, compared one after the other in a thread of their own.

What waits is bounded by number and by size; what finds no room is dropped and counted. The comparison is the core's,
and leaves the interpreter to the traffic.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable
from hmac import compare_digest
from typing import Any, Final

from interlingua import _native
from interlingua.gateway.differences import entry_of
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.groups import Groups
from interlingua.gateway.handed_over import HandedOver, NotComparable, exchange_of
from interlingua.gateway.logs import Log
from interlingua.gateway.shadow import Sampler, ShadowCounts, ShadowSettings
from interlingua.gateway.store import StoreError
from interlingua.litellm_plugin import HEADER, TOKEN_HEADER

PATH: Final = "/interlingua/handover"
CLOSE_SECONDS: Final = 2.0

Json = dict[str, Any]
Job = Callable[[], HandedOver]


class Handovers:
    """The way of hand-overs from the endpoint to the counts and the store."""

    def __init__(
        self,
        settings: ShadowSettings,
        token: str,
        groups: Groups,
        sampler: Sampler,
        counts: ShadowCounts,
        add_difference: Callable[[Json], int],
        log: Log,
        compare: Callable[[bytes], bytes] = _native.compare,
    ) -> None:
        self._settings = settings
        self._token = token.encode("utf-8")
        self._groups = groups
        self._sampler = sampler
        self._counts = counts
        self._add_difference = add_difference
        self._log = log
        self._compare = compare
        self._queue: queue.Queue[tuple[tuple[str, str], int, Job] | None] = queue.Queue(settings.max_queue)
        self._bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._store_failing = False
        self.plugin_seen = False
        """A hand-over has come: the LiteLLM behind us has the plug-in."""
        self.on_plugin: Callable[[], None] | None = None
        """Tells the other workers that the first has come."""

    async def serve(self, exchange: Exchange) -> None:
        """``POST /interlingua/handover``."""
        client = exchange.client
        exchange.outcome = "answered"
        given = client.headers.get(TOKEN_HEADER.encode()) or b""
        if not compare_digest(given, self._token):
            exchange.outcome = "unauthenticated"
            await exchange.refuse(401, "hand-overs need the token of this gateway", type="auth_error")
            return
        if not self.plugin_seen:
            self.plugin_seen = True
            if self.on_plugin is not None:
                self.on_plugin()
        ticket = (client.headers.get(HEADER.encode()) or b"").decode("latin-1")
        about = self._sampler.read(ticket)
        length = client.length
        if about is None or length is None:
            await exchange.refuse(400, "a hand-over has a length, and names what it is about")
            return
        if not self._reserve(length):
            self._counts.count(*about, "dropped")
            await exchange.refuse(503, "there is no room for more hand-overs")
            return
        try:
            body = await client.body(length)
        except BaseException:
            self._free(length)
            raise
        if not self._enqueue(about, length, lambda: self._read(body)):
            await exchange.refuse(503, "there is no room for more hand-overs")
            return
        await exchange.reply(202, b"", b"")

    def offer(self, pair: str, group: str, size: int, job: Job) -> None:
        """Compare what ``job``, which runs in the thread, makes of ``size`` bytes."""
        if self._reserve(size):
            self._enqueue((pair, group), size, job)
        else:
            self._counts.count(pair, group, "dropped")

    def close(self) -> None:
        """Let go of what waits."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._queue.mutex:
            self._queue.queue.clear()
        self._queue.put(None)
        thread.join(CLOSE_SECONDS)

    def _reserve(self, size: int) -> bool:
        with self._lock:
            if self._bytes + size > self._settings.max_bytes:
                return False
            self._bytes += size
            return True

    def _free(self, size: int) -> None:
        with self._lock:
            self._bytes -= size

    def _enqueue(self, about: tuple[str, str], size: int, job: Job) -> bool:
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="interlingua-compare", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((about, size, job))
        except queue.Full:
            self._free(size)
            self._counts.count(*about, "dropped")
            return False
        return True

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            about, size, job = item
            try:
                self._judge(about, job)
            except NotComparable as error:
                self._counts.failed(*about, error.reason)
            except BaseException as error:  # the core's panics are no Exceptions, and this thread must live on
                self._counts.failed(*about, "bug")
                self._tell("shadow_failed", pair=about[0], error=type(error).__name__)
            finally:
                self._free(size)
            del item, job

    def _read(self, body: bytes) -> HandedOver:
        """In the thread: a hand-over may be large."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NotComparable("malformed")
        self._count_dropped(document.get("dropped"))
        return exchange_of(document, self._groups)

    def _count_dropped(self, dropped: object) -> None:
        """What the plug-in had no room for since it told us last."""
        for ticket, times in dropped.items() if isinstance(dropped, dict) else ():
            about = self._sampler.read(ticket)
            if about is not None and isinstance(times, int) and 0 < times < 1_000_000_000:
                self._counts.count(*about, "dropped", times=times)

    def _judge(self, about: tuple[str, str], job: Job) -> None:
        handed = job()
        pair, group = handed.pair, handed.choice.group
        verdict = self._compared(handed.exchange)
        kind = verdict["class"]
        if kind in ("identical", "explained"):
            self._counts.count(pair, group, "compared", kind)
        elif kind == "declined":
            self._counts.count(pair, group, "declined")
        elif kind == "unexplained":
            self._counts.count(pair, group, "compared", "mismatches")
            entry = entry_of(handed, verdict, content=self._settings.content, compare=self._compared)
            try:
                number = self._add_difference(entry)
            except StoreError as error:
                if not self._store_failing:  # once, not for each
                    self._store_failing = True
                    self._tell("store_failed", message=str(error))
                return
            self._store_failing = False
            self._tell("shadow_difference", pair=pair, group=group, id=number, features=verdict["features"])
        else:
            raise NotComparable(kind)

    def _compared(self, exchange: Json) -> Json:
        try:
            verdict: Json = json.loads(self._compare(json.dumps(exchange).encode()))
        except (_native.InterlinguaError, ValueError):
            raise NotComparable("unreadable_exchange") from None
        return verdict

    def _tell(self, event: str, **facts: object) -> None:
        """A line in the log, which is the event loop's."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._log.line(event, **facts))
