"""One JSON line per request, without content: no prompt, no answer, no key, no client-given name."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import TextIO

FLUSH_SECONDS = 0.1
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Log:
    """Writes lines to a text stream. Lines of the same moment go out in one write."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def line(self, event: str, **facts: object) -> None:
        """Append a line. ``None`` values are left out."""
        record: dict[str, object] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        record.update((name, value) for name, value in facts.items() if value is not None)
        self._lines.append(_encode(record))
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
            except RuntimeError:  # no loop: before or after serving
                self.flush()

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
