"""Talks to oracle workers: one process per LiteLLM version, started when first asked."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from recorder import environments

_PARITY_TESTS = Path(__file__).resolve().parent.parent


class OracleFault(Exception):
    """The worker failed, not LiteLLM."""


class Oracle:
    """All oracle versions behind one call; use as a context manager."""

    def __init__(self) -> None:
        self._workers: dict[str, subprocess.Popen[str]] = {}
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            _end(worker)

    def ask(self, version: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """One operation of the protocol; raises ``OracleFault`` on a fault."""
        worker = self._worker(version)
        assert worker.stdin is not None and worker.stdout is not None
        self._asked += 1
        worker.stdin.write(json.dumps({"id": self._asked, **question}) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        if not line:
            del self._workers[version]
            raise OracleFault(f"the oracle worker {version} ended with status {worker.wait()}")
        result: dict[str, Any] = json.loads(line)
        if "fault" in result:
            raise OracleFault(f"oracle worker {version}: {result['fault']}")
        return result

    def _worker(self, version: str) -> subprocess.Popen[str]:
        if version not in self._workers:
            python = environments.ensure(version)
            worker = subprocess.Popen(
                [str(python), "-m", "recorder.worker"],
                cwd=_PARITY_TESTS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            assert worker.stdout is not None
            ready = json.loads(worker.stdout.readline() or "{}")
            if ready.get("litellm") != version:
                _end(worker)
                raise OracleFault(f"the environment of oracle {version} holds LiteLLM {ready.get('litellm')}")
            self._workers[version] = worker
        return self._workers[version]


def _end(worker: subprocess.Popen[str]) -> None:
    if worker.stdin is not None:
        worker.stdin.close()
    try:
        worker.wait(timeout=10)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
