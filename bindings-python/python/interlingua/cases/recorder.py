"""Writes exchanges as case folders, redacted, in a thread of its own: whoever records never waits for it."""

from __future__ import annotations

import queue
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interlingua.cases import case, redact
from interlingua.cases.case import MESSAGES, Exchange

_MAX_WAITING = 256
_MAX_WAITING_BYTES = 64 * 1024 * 1024
_OVERHEAD_BYTES = 4096
"""About what an exchange weighs beside its bodies."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is recorded at most."""

    sample: float = 0.01
    """Of how many exchanges, between 0 and 1."""
    cases: int = 10_000
    bytes: int = 1024 * 1024 * 1024
    exchange_bytes: int = 4 * 1024 * 1024
    """An exchange whose bodies are larger is dropped."""


class Recorder:
    """Records into a folder. What cannot be recorded is dropped and counted; recording never fails an exchange."""

    def __init__(
        self, directory: Path, limits: Limits | None = None, *, chance: Callable[[], float] = random.random
    ) -> None:
        self.directory = directory
        self.limits = limits or Limits()
        self.counts = {"written": 0, "dropped": 0}
        self._chance = chance
        self._queue: queue.SimpleQueue[tuple[Callable[[], Exchange], int] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self._full = self._closed = False
        self._cases, self._bytes = _found(directory)

    def wants_one(self) -> bool:
        """Whether the exchange that begins now is among the sampled."""
        return not self._full and self._chance() < self.limits.sample

    def take(self, exchange: Exchange) -> bool:
        """Record this exchange. False if it was dropped."""
        return self.take_later(lambda: exchange, _size(exchange))

    def take_later(self, made: Callable[[], Exchange], size: int) -> bool:
        """The same for an exchange that is put together in the recorder's thread; ``size`` is that of its bodies."""
        weight = size + _OVERHEAD_BYTES
        with self._lock:
            full = self._waiting >= _MAX_WAITING or self._waiting_bytes + weight > _MAX_WAITING_BYTES
            if full or self._full or self._closed or size > self.limits.exchange_bytes:
                self.counts["dropped"] += 1
                return False
            self._waiting += 1
            self._waiting_bytes += weight
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="interlingua-recorder", daemon=True)
                self._thread.start()
            self._queue.put((made, weight))
        return True

    def close(self, seconds: float = 10.0) -> None:
        """Write what is waiting, for so long at most."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join(seconds)

    def _run(self) -> None:
        while (waiting := self._queue.get()) is not None:
            made, weight = waiting
            try:
                written = not self._full and self._write(made())
            except BaseException:  # the core's panics are no Exceptions, and this thread must live on
                written = False  # a full disk, or an exchange of an unknown form
            with self._lock:
                self._waiting -= 1
                self._waiting_bytes -= weight
                self.counts["written" if written else "dropped"] += 1

    def _write(self, exchange: Exchange) -> bool:
        clean = redact.recordable(exchange)
        directory = case.place(self.directory, clean)
        if (directory / "case.toml").is_file():
            return True  # the very same exchange, as health checks are
        size = _size(clean) + _OVERHEAD_BYTES
        if self._cases >= self.limits.cases or self._bytes + size > self.limits.bytes:
            self._full = True
            return False
        try:
            case.write(directory, clean)
        except OSError:
            shutil.rmtree(directory, ignore_errors=True)  # half a case would count for nobody
            raise
        self._cases += 1
        self._bytes += size
        return True


def _size(exchange: Exchange) -> int:
    """Of all bodies together."""
    parts = (exchange.get(name) for name in MESSAGES)
    return sum(len(part.get("body_b64", "")) * 3 // 4 for part in parts if isinstance(part, dict))


def _found(directory: Path) -> tuple[int, int]:
    """What earlier runs have left: it counts."""
    cases = size = 0
    for file in directory.rglob("*"):
        if file.is_file():
            cases += file.name == "case.toml"
            size += file.stat().st_size
    return cases, size
