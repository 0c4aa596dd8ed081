"""The load generator as a child process: one job at a time, one result each."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import servers


@dataclass(frozen=True)
class Run:
    """What came of one job."""

    requests: int
    rate: float
    events: float
    """Events of streams a second."""
    errors: int
    p50_us: float
    p99_us: float
    gap_p99_us: float
    cpu_us: float
    """The server's own processor time a request."""


class Load:
    """Load generator and upstream in one process, pinned to the second core."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.upstream = int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def run(self, server: servers.Server | None, rhythm: str, **options: object) -> Run:
        """Does one job; without a server, directly to the upstream."""
        if server is not None:
            options |= {"port": server.port, "key": servers.KEY}
        before = server.cpu_seconds() if server else 0.0
        assert self._process.stdin is not None
        print(rhythm, *(f"{name}={value}" for name, value in options.items()), file=self._process.stdin, flush=True)
        figures = json.loads(self._line())
        if "refused" in figures:
            raise SystemExit(f"bench: {figures['refused']}")
        spent = (server.cpu_seconds() if server else 0.0) - before
        return Run(
            requests=figures["requests"],
            rate=figures["requests"] / figures["seconds"],
            events=figures["events"] / figures["seconds"],
            errors=figures["errors"],
            p50_us=figures["latency_p50_us"],
            p99_us=figures["latency_p99_us"],
            gap_p99_us=figures["gap_p99_us"],
            cpu_us=spent / max(figures["requests"], 1) * 1e6,
        )


@contextlib.contextmanager
def loading(binary: Path) -> Iterator[Load]:
    """A load generator that ends with the block."""
    command = [*servers.pinned(1), str(binary), "both"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Load(process)
        finally:
            process.terminate()
