"""Child processes of the demo: started, awaited by their first line, ended with us whatever happens."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

START_SECONDS = 30.0
END_SECONDS = 5.0
ANNOUNCEMENT = "listening on "


class ChildError(Exception):
    """A child did not start."""


class Child:
    """``python -m interlingua …`` in the background; ``url`` is where it listens."""

    def __init__(self, arguments: Sequence[str], log: Path, command: Sequence[str] | None = None) -> None:
        self._log = log
        self._name = arguments[0]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*(command or (sys.executable, "-m", "interlingua")), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=out,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            self.url = self._await_url()
        except BaseException:
            self.end()
            raise

    def _await_url(self) -> str:
        out = self._process.stdout
        assert out is not None
        deadline = time.monotonic() + START_SECONDS
        text = b""
        while time.monotonic() < deadline:
            ready, _, _ = select.select([out], [], [], 0.1)
            if ready:
                data = os.read(out.fileno(), 65536)
                if not data:
                    break
                text += data
                for line in text.decode("utf-8", "replace").splitlines(keepends=True):
                    if line.startswith(ANNOUNCEMENT) and line.endswith("\n"):
                        return line.removeprefix(ANNOUNCEMENT).strip()
        errors = self._log.read_text(encoding="utf-8", errors="replace").strip()
        raise ChildError(f"interlingua {self._name} did not start\n{errors}")

    def drain(self) -> None:
        """Read what the child printed, so that it never waits for us."""
        out = self._process.stdout
        while out is not None and select.select([out], [], [], 0)[0] and os.read(out.fileno(), 65536):
            pass

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """End the child, at first politely."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
