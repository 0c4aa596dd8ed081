"""The ``python`` engine: where the LiteLLM proxy is, and its life if it is our child.

The child is started on loopback when the first request needs it, and ended with the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from interlingua import litellm_plugin
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.logs import Log
from interlingua.gateway.migration import PythonEngine as PythonSettings
from interlingua.gateway.pool import locate
from interlingua.gateway.transport import Timeouts, Transport, request_head

POLL_SECONDS = 0.2
END_SECONDS = 10.0
RETRY_START_SECONDS = 10.0
_PROBE = Timeouts(connect=2.0, read=5.0)


class PythonUnavailable(Exception):
    """There is no LiteLLM to relay to. Says what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


PLUGIN = Path(litellm_plugin.__file__)
"""What a child of ours is started with, so that it can hand over what a shadow is compared with."""


def litellm_command(python: Path | None = None) -> tuple[str, ...] | None:
    """How to start the LiteLLM proxy that is installed beside us, if one is."""
    beside = Path(sys.executable if python is None else python).parent / "litellm"
    if beside.exists():
        return (str(beside),)
    with contextlib.suppress(ImportError, ValueError):
        if python is None and find_spec("litellm") is not None and find_spec("litellm.proxy.proxy_cli") is not None:
            return (sys.executable, "-m", "litellm.proxy.proxy_cli")
    found = shutil.which("litellm")
    return (found,) if found else None


def with_plugin(command: tuple[str, ...]) -> tuple[str, ...]:
    """LiteLLM's own command, with the plug-in where we see which interpreter runs it."""
    if command[1:] == ("-m", "litellm.proxy.proxy_cli"):
        return (command[0], str(PLUGIN))
    try:
        with Path(command[0]).open("rb") as script:
            first = script.readline(1024)
    except OSError:
        return command
    interpreter = os.fsdecode(first.removeprefix(b"#!").strip())
    known = first.startswith(b"#!") and Path(interpreter).name.startswith("python") and Path(interpreter).is_file()
    return (interpreter, str(PLUGIN)) if known else command


class PythonEngine:
    """Knows the base URL of the LiteLLM proxy, and starts one when there is a command for it."""

    def __init__(self, settings: PythonSettings, config_path: Path | None, transport: Transport, log: Log) -> None:
        self._url = settings.url
        self._command = settings.command
        if self._url is None and self._command is None and config_path is not None:
            found = litellm_command()
            self._command = with_plugin(found) if found is not None else None
        self._arguments = settings.arguments
        self.child_environment: dict[str, str] = {}
        """What the child is told beside our own environment."""
        self._config_path = config_path
        self._start_timeout = settings.start_timeout
        self._transport = transport
        self._log = log
        self._child: asyncio.subprocess.Process | None = None
        self._child_url: str | None = None
        self._starting: asyncio.Task[str] | None = None
        self._failed_at: float | None = None

    @classmethod
    def like(cls, other: PythonEngine) -> Self:
        """Another one with the same settings."""
        made = cls.__new__(cls)
        made.__dict__.update(other.__dict__)
        return made

    @property
    def available(self) -> bool:
        """There is a proxy, or a way to start one."""
        return self._url is not None or self._command is not None

    @property
    def external(self) -> bool:
        """The proxy is not ours: it may know models and keys that the config does not."""
        return self._url is not None

    @property
    def running(self) -> bool:
        return self._url is not None or (self._child is not None and self._child.returncode is None)

    @property
    def description(self) -> str:
        if self._url is not None:
            return self._url
        return "a child process, started when needed" if self._command else "none"

    async def base_url(self) -> str:
        """The proxy's base URL; waits until a child is ready. Raises ``PythonUnavailable``."""
        if self._url is not None:
            return self._url
        if self._child_url is not None and self.running:
            return self._child_url
        if self._command is None:
            raise PythonUnavailable(
                501,
                "it needs LiteLLM, and none is configured: install litellm[proxy] beside the gateway,"
                " or set migration.python.url to a LiteLLM proxy that runs;"
                " migration.allow_ungated lets a switch go to rust without it",
            )
        loop = asyncio.get_running_loop()
        if self._failed_at is not None and loop.time() - self._failed_at < RETRY_START_SECONDS:
            raise PythonUnavailable(503, "it needs LiteLLM, whose process did not start; see the gateway's log")
        if self._starting is None:
            self._starting = loop.create_task(self._start())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[str]) -> None:
        self._starting = None
        if not task.cancelled() and task.exception() is not None:
            self._failed_at = asyncio.get_running_loop().time()

    async def _start(self) -> str:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        command = self._command_line(port)
        self._log.line("python_engine_starting", program=Path(command[0]).name, port=port)
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                # LiteLLM prints prompts when it debugs; the gateway's log must stay free of content.
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self.child_environment},
            )
        except OSError as error:
            self._log.line("python_engine_failed", reason=type(error).__name__)
            raise PythonUnavailable(
                503, "it needs LiteLLM, whose command cannot be run; see the gateway's log"
            ) from None
        self._child, self._child_url = child, None
        try:
            await self._until_ready(child, url)
        except BaseException:
            await self._end(child)
            raise
        self._child_url = url  # not before: requests that come while it starts have to wait for it
        self._log.line("python_engine_ready", port=port)
        return url

    def _command_line(self, port: int) -> list[str]:
        assert self._command is not None
        config = str(self._config_path or "")
        if any("{port}" in part for part in self._command):
            told = [part.replace("{port}", str(port)).replace("{config}", config) for part in self._command]
            return [*told, *self._arguments]
        options = ["--host", "127.0.0.1", "--port", str(port)]
        return [*self._command, *self._arguments, *(["--config", config] if config else []), *options]

    async def _until_ready(self, child: asyncio.subprocess.Process, url: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_timeout
        probe = locate(f"{url}/health/liveliness")
        while loop.time() < deadline:
            if child.returncode is not None:
                self._log.line("python_engine_failed", reason="ended", exit_code=child.returncode)
                raise PythonUnavailable(
                    503,
                    f"it needs LiteLLM, whose process ended with code {child.returncode};"
                    " run the litellm command with the same config to see why",
                )
            try:
                answer = await self._transport.send(probe, request_head("GET", probe, b""), None, _PROBE)
                status = answer.head.status
                await answer.read_out()
                if status == 200:
                    return
            except UpstreamFault:
                pass
            await asyncio.sleep(POLL_SECONDS)
        self._log.line("python_engine_failed", reason="timeout")
        raise PythonUnavailable(503, f"it needs LiteLLM, which was not ready within {self._start_timeout:g} s")

    async def close(self) -> None:
        """End the child, if there is one."""
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._starting
        if self._child is not None:
            await self._end(self._child)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        self._child = self._child_url = None
        # The child leads its own session: its helpers end with it, also when it has died before them.
        _signal_group(child.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                await child.wait()
        except TimeoutError:
            _signal_group(child.pid, signal.SIGKILL)
            await child.wait()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
