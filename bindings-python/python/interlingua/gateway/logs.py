"""One JSON line per request, without content: no prompt, no answer, no key, no client-given name."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from time import time
from typing import TextIO

FLUSH_SECONDS = 0.1


def _value(value: object) -> str:
    """JSON. The short way is for the plain words and numbers that nearly every value is."""
    kind = type(value)
    if kind is str:
        text = str(value)
        if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
            return f'"{text}"'
    elif kind is int or kind is float:
        return repr(value)
    return json.dumps(value)


class Log:
    """Writes lines to a text stream. Lines of the same moment go out in one write."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._second_text = ""

    def line(self, event: str, **facts: object) -> None:
        """Append a line. ``None`` values are left out."""
        pairs = "".join([f',"{name}":{_value(value)}' for name, value in facts.items() if value is not None])
        self._lines.append(f'{{"time":"{self._now()}","event":"{event}"{pairs}}}')
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
