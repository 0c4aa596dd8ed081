"""What steers the switches of a gateway: the store, following it, watching for trips, and the admin API."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from interlingua.gateway.admin import Admin
from interlingua.gateway.config import Config
from interlingua.gateway.engine_python import PythonEngine
from interlingua.gateway.groups import Groups
from interlingua.gateway.keeper import Keeper
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import Metrics
from interlingua.gateway.modes import read_pattern
from interlingua.gateway.status import status
from interlingua.gateway.store import StoreError, open_store
from interlingua.gateway.switches import Switches
from interlingua.gateway.watch import Snapshots, Watch

POLL_SECONDS: Final = 0.3
"""All that share a store agree within a second."""
LOOK_SECONDS: Final = 1.0
ALARM_SECONDS: Final = 0.05
"""How long the watch rests between two looks, whatever happens."""


class Control:
    """One for each process. With several workers, the supervisor's watches for all."""

    def __init__(
        self,
        config: Config,
        switches: Switches,
        groups: Groups,
        metrics: Metrics,
        log: Log,
        python: Callable[[], PythonEngine],
    ) -> None:
        """Raises ``StoreError`` if there is no way to the store that the config names."""
        self.keeper = Keeper(switches, open_store(config.migration.state), log)
        self.watches = True
        """This process decides about trips."""
        self.ask_status: Callable[[], Awaitable[Any]] | None = None
        """Of the process that watches, if that is another one."""
        self.on_alarm: Callable[[], None] | None = None
        """Tells the process that watches, if that is another one."""
        self.ask_counts: Callable[[], Awaitable[Snapshots]] | None = None
        """Of all processes, if there are others."""
        self._switches, self._groups, self._metrics, self._python = switches, groups, metrics, python
        self._group_names = {deployment.group for deployment in config.deployments}
        self._log = log
        self._tasks: list[asyncio.Task[None]] = []
        self._faults = 0
        """Exchanges that speak against the core, since the last alarm."""
        self._alarming = config.migration.trip.min_requests
        self._alarm = asyncio.Event()
        self._watch = Watch(
            switches,
            self.keeper,
            config.migration.trip,
            log,
            can_trip=lambda: python().available,
            snapshots=self._snapshots,
        )
        self.admin = Admin(switches, self.keeper, log, status=self.status, config=config)

    def load(self, *, strict: bool = True) -> None:
        """At start: what is stored is in force. A file that cannot be read is a ``StoreError``, if ``strict``; a server
        that cannot be reached may come back, and until then the config's modes hold."""
        try:
            self.keeper.load()
        except StoreError as error:
            if strict and not self.keeper.store.remote:
                raise
            self._log.line("store_failed", store=self.keeper.store.description, message=str(error))

    def notices(self) -> Iterator[tuple[str, str]]:
        """What the operator should know, with the switch that it is about."""
        for message in self._switches.notices:
            yield "", message
        for pattern in self._switches.ungated():
            why = "forced" if self._switches.in_force()[pattern].forced else "allow_ungated"
            yield pattern, f"the switch {pattern} serves without proof of parity ({why})"
        for pattern, trip in self._switches.tripped().items():
            yield pattern, f"the switch {pattern} has tripped ({trip.reason}); it was {trip.mode}"
        where = self.keeper.store.description
        if self.keeper.failing:
            yield "", f"{where} cannot be reached: until it can, the config's modes are in force"
        elif not self.keeper.store.writable:
            yield "", f"{where} cannot be written, so no switch can be set: name another file as migration.state"

    def lost_groups(self) -> Iterator[tuple[str, str]]:
        """Switches of model groups that the config does not have."""
        for pattern in self._switches.in_force():
            group = read_pattern(pattern).group
            if group is not None and group not in self._group_names:
                yield pattern, f"the switch {pattern} has no effect: there is no group {group!r}"

    def open(self) -> None:
        """Once serving begins: follow the store, and watch."""
        if self._tasks:
            return
        self.keeper.season()
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._again_and_again(self.keeper.look, POLL_SECONDS)))
        if self.watches:
            self._tasks.append(loop.create_task(self._again_and_again(self._look, ALARM_SECONDS)))

    def fault(self) -> None:
        """An exchange speaks against the core. So many of them that a switch can be judged are looked at now."""
        self._faults += 1
        if self._faults >= self._alarming:
            self._faults = 0
            self.alarm()

    def alarm(self) -> None:
        """Let the process that watches look now."""
        if self.on_alarm is not None:
            self.on_alarm()
        else:
            self._alarm.set()

    async def _look(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS - ALARM_SECONDS):
                await self._alarm.wait()
        self._alarm.clear()
        await self._watch.look(time.time())

    async def _again_and_again(self, look: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await look()
            except Exception as error:  # whatever it is, the next look comes
                self._log.bug(error)

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.keeper.store.close()

    async def status(self) -> Any:
        """The document of ``GET /interlingua/status``."""
        if self.ask_status is not None:
            return await self.ask_status()
        return status(self._watch, self._switches, self.keeper, self._groups, self._python())

    async def _snapshots(self) -> Snapshots:
        if self.ask_counts is not None:
            return await self.ask_counts()
        return {"self": self._metrics.snapshot()}
