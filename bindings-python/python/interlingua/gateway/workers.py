"""Several workers behind one port, one for each core, and the supervisor that starts them again when they end.

Each worker has a listening socket of its own (SO_REUSEPORT: the kernel spreads connections over them). What must be one
for all is the supervisor's: the LiteLLM child, the sum of the metrics, and the watch over the switches, which all
processes read from their store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from interlingua.gateway.application import Gateway
from interlingua.gateway.channel import Channel, ChannelClosed
from interlingua.gateway.engine_python import PythonEngine, PythonUnavailable
from interlingua.gateway.metrics import Metrics, Snapshot
from interlingua.gateway.server import loop_factory, raise_file_limit, serve, signalled
from interlingua.gateway.serving import settle_memory, url_of
from interlingua.gateway.watch import Snapshots
from interlingua.litellm_plugin import TOKEN_VARIABLE

RESTART_SECONDS = 1.0
KILL_SECONDS = 5.0
COUNT_SECONDS = 2.0
"""How long a worker may take to tell its counts."""


class SharedPython(PythonEngine):
    """The ``python`` engine as a worker sees it: the supervisor has the child."""

    channel: Channel
    _known_url: str | None = None

    @property
    def running(self) -> bool:
        return self._url is not None or self._known_url is not None

    async def base_url(self) -> str:
        if self._url is not None or self._command is None:
            return await super().base_url()
        # Asked each time: the child may have died and got another port.
        asked = asyncio.get_running_loop().create_task(self.channel.ask("python"))
        try:
            answer = await asyncio.shield(asked)
        except ChannelClosed as closed:
            raise PythonUnavailable(503, f"it needs LiteLLM, and the supervisor is gone: {closed}") from None
        if "url" not in answer:
            self._known_url = None
            raise PythonUnavailable(answer["status"], answer["message"])
        self._known_url = answer["url"]
        return self._known_url

    async def close(self) -> None:
        """The child is not ours to end."""


class Worker:
    """This process as one of several."""

    def __init__(self, app: Gateway, end: socket.socket) -> None:
        self._app = app
        self._end = end
        app.python = app.dispatcher.python = app.shadow.request_side.python = SharedPython.like(app.python)
        app.control.watches = False

    async def join(self) -> None:
        """Get in touch with the supervisor."""
        channel = await Channel.open(self._end, self._serve)
        assert isinstance(self._app.python, SharedPython)
        self._app.python.channel = channel

        async def status() -> Any:
            return await asyncio.create_task(channel.ask("status"))

        self._app.control.ask_status = status
        self._app.shadow.handovers.on_plugin = lambda: channel.tell("plugin")
        self._app.control.on_alarm = lambda: channel.tell("alarm")

        async def all_metrics() -> Metrics:
            return Metrics.of(await asyncio.create_task(channel.ask("metrics")))

        self._app.endpoints.all_metrics = all_metrics
        self._channel = channel

    async def orphaned(self) -> None:
        """Returns when the supervisor is gone: nobody would end this worker any more."""
        await self._channel.closed()

    async def _serve(self, subject: str, content: Any) -> Any:
        if subject == "decided":
            keeper = self._app.control.keeper
            keeper.take_unstored(content)
            await keeper.look()
        elif subject == "plugin":
            self._app.shadow.handovers.plugin_seen = True
        elif subject == "metrics":
            return self._app.metrics.snapshot()
        return None


class Supervisor:
    """Starts the workers and keeps them going."""

    def __init__(self, app: Gateway, listeners: Sequence[socket.socket], arguments: Sequence[str]) -> None:
        self._app = app
        self._listeners = listeners
        self._arguments = arguments
        self._channels: dict[int, Channel] = {}
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._known_counts: dict[object, Snapshot] = {}
        self._closing = False
        app.control.ask_counts = self._counts
        app.control.keeper.on_decided = self._tell_decided

    async def run(self, shutdown_seconds: float) -> None:
        """Until SIGINT or SIGTERM."""
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        print(f"listening on {url_of(self._listeners[0])}", flush=True)
        self._app.announce()
        self._app.open()
        keepers = [asyncio.create_task(self._keep(number)) for number in range(len(self._listeners))]
        await ended.wait()
        self._closing = True
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        _, late = await asyncio.wait(keepers, timeout=shutdown_seconds + KILL_SECONDS)
        if late:
            for child in self._children.values():
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
        await self._app.close()

    async def _keep(self, number: int) -> None:
        """Start a worker, again and again."""
        while not self._closing:
            ours, theirs = socket.socketpair()
            listener = self._listeners[number]
            child = self._children[number] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "interlingua", *self._arguments),
                *("--worker", f"{theirs.fileno()},{listener.fileno()}"),
                pass_fds=(theirs.fileno(), listener.fileno()),
                # Any worker may get LiteLLM's hand-overs.
                env={**os.environ, TOKEN_VARIABLE: self._app.shadow.token},
            )
            theirs.close()
            self._channels[number] = channel = await Channel.open(ours, self._serve)
            channel.tell("decided", self._app.control.keeper.unstored())
            if self._app.shadow.handovers.plugin_seen:
                channel.tell("plugin")
            code = await child.wait()
            del self._channels[number]
            channel.close()
            if not self._closing:
                self._app.log.line("worker_ended", worker=number, exit_code=code)
                await asyncio.sleep(RESTART_SECONDS)

    async def _serve(self, subject: str, content: Any) -> Any:
        if subject == "python":
            try:
                return {"url": await self._app.python.base_url()}
            except PythonUnavailable as error:
                return {"status": error.status, "message": str(error)}
        if subject == "metrics":
            total = Metrics()
            for snapshot in (await self._counts()).values():
                total.add(snapshot)
            return total.snapshot()
        if subject == "status":
            return await self._app.control.status()
        if subject == "alarm":
            self._app.control.alarm()
        if subject == "plugin":
            self._app.shadow.handovers.plugin_seen = True
            for channel in self._channels.values():
                channel.tell("plugin")
        return None

    def _tell_decided(self, unstored: Mapping[str, Any]) -> None:
        for channel in self._channels.values():
            channel.tell("decided", unstored)

    async def _counts(self) -> Snapshots:
        """The counts of every worker; the last known ones of a worker that does not answer."""
        channels = list(self._channels.values())
        asked = [asyncio.wait_for(channel.ask("metrics"), COUNT_SECONDS) for channel in channels]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for channel, answer in zip(channels, answers, strict=True):
            if not isinstance(answer, BaseException):
                self._known_counts[channel] = answer
        there = set(self._channels.values())
        self._known_counts = {channel: known for channel, known in self._known_counts.items() if channel in there}
        return dict(self._known_counts)


def inherited(numbers: str) -> tuple[socket.socket, socket.socket]:
    """A worker's end of its channel, and its listening socket."""
    end, listener = (socket.socket(fileno=int(number)) for number in numbers.split(","))
    for one in (end, listener):
        os.set_inheritable(one.fileno(), False)
        one.setblocking(False)
    return end, listener


def run_worker(app: Gateway, numbers: str, *, shutdown_seconds: float) -> None:
    """Serve as a worker until SIGTERM, or until the supervisor is gone."""
    end, listener = inherited(numbers)
    worker = Worker(app, end)

    async def until() -> None:
        waits = [asyncio.create_task(signalled()), asyncio.create_task(worker.orphaned())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)

    async def main() -> None:
        await worker.join()
        await serve(app, listener, shutdown_seconds=shutdown_seconds, until=until)

    raise_file_limit()
    settle_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())


def supervise(app: Gateway, listeners: Sequence[socket.socket], arguments: Sequence[str]) -> None:
    """Run workers on these sockets until SIGINT or SIGTERM."""
    seconds = app.config.migration.shutdown_seconds
    asyncio.run(Supervisor(app, listeners, arguments).run(seconds))
