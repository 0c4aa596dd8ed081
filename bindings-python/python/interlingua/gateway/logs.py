"""One JSON line per request, without content: no prompt, no answer, no key, no client-given name."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from interlingua.gateway.exchange import Exchange

FLUSH_SECONDS = 0.1


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)


class Log:
    """Writes lines to a text stream. Lines of the same moment go out in one write."""

    def __init__(self, out: TextIO | None = None, *, access: bool = True) -> None:
        self._out = out or sys.stdout
        self.access = access
        """Whether each request has its line."""
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._second_text = ""

    def line(self, event: str, **facts: object) -> None:
        """Append a line. ``None`` values are left out."""
        pairs = "".join([f',"{name}":{json.dumps(value)}' for name, value in facts.items() if value is not None])
        self._append(f'{{"time":"{self._now()}","event":"{event}"{pairs}}}')

    def bug(self, error: BaseException, **facts: object) -> None:
        """A failure of the gateway or the core. Neither its message nor values: they may hold what a client sent."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        self.line("bug", **facts, error=type(error).__name__, at=f"{Path(frame.filename).name}:{frame.lineno}")

    def request(self, exchange: Exchange, status: int, seconds: float) -> None:
        """The line of an exchange. Its words are the config's and the core's, its call id is checked."""
        parts = [
            f'{{"time":"{self._now()}","event":"request","call_id":"{exchange.call_id}",'
            f'"method":{_quoted(exchange.client.method)},"route":"{exchange.terms.route}"'
        ]
        if exchange.group is not None:
            parts.append(f',"group":{_quoted(exchange.group)},"provider":{_quoted(exchange.provider)}')
        parts.append(
            f',"engine":"{exchange.engine}","outcome":"{exchange.outcome}","status":{status},"ms":{seconds * 1000:.1f}'
        )
        if exchange.fault is not None:
            parts.append(f',"fault":"{type(exchange.fault).__name__}"')
        if exchange.stream:
            parts.append(',"stream":true')
        if exchange.retries:
            parts.append(f',"retries":{exchange.retries}')
        if losses := exchange.losses:
            parts.append(f',"losses":{len(losses)}')
        if counts := exchange.usage:
            usage = ",".join([f'"{name}":{count}' for name, count in counts.items()])
            parts.append(f',"usage":{{{usage}}}')
        if exchange.why:
            parts.append(f',"why":{_quoted(exchange.why)}')
        if exchange.gate:
            parts.append(f',"gate":"{exchange.gate}"')
        parts.append("}")
        self._append("".join(parts))

    def _append(self, line: str) -> None:
        self._lines.append(line)
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
            except RuntimeError:  # no loop: before or after serving
                self.flush()

    def _now(self) -> str:
        now = time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._second_text}.{int((now - second) * 1000):03d}+00:00"

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            try:
                self._out.write(text)
                self._out.flush()
            except (OSError, ValueError):
                pass  # a log that cannot be written must not stop the traffic
