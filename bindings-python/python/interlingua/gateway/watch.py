"""Looks at what has happened: they trip switches, and keep the history that the status shows.

One process of a gateway does this: the only one, or the supervisor, which asks its workers for their counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from interlingua.gateway.history import History
from interlingua.gateway.keeper import Keeper
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import Snapshot
from interlingua.gateway.migration import TripRules
from interlingua.gateway.switches import Switches
from interlingua.gateway.trips import Trips
from interlingua.gateway.windows import Differences, Window

STATUS_SECONDS: Final = 300

Snapshots: TypeAlias = Mapping[object, Snapshot]
"""The counts of each process."""


class Watch:
    """Sees all processes of a gateway."""

    def __init__(
        self,
        switches: Switches,
        keeper: Keeper,
        rules: TripRules,
        log: Log,
        *,
        can_trip: Callable[[], bool],
        snapshots: Callable[[], Awaitable[Snapshots]],
    ) -> None:
        """``can_trip``: there is a LiteLLM to go back to."""
        self.window = Window(STATUS_SECONDS)
        self.history = History()
        self.last: Snapshots = {}
        self._switches = switches
        self._keeper = keeper
        self._log = log
        self._can_trip = can_trip
        self._snapshots = snapshots
        self._differences = Differences()
        self._trips = Trips(rules, switches)

    async def look(self, now: float) -> None:
        """Once a second, and sooner after an alarm."""
        self.last = await self._snapshots()
        slice_ = self._differences.of(self.last, self._switches.groups)
        self.window.push(now, slice_)
        self.history.push(now, slice_)
        for verdict in list(self._trips.look(slice_, now, can_trip=self._can_trip())):
            if await self._keeper.insist(verdict.pattern, verdict.switch, verdict.entry):
                self._log.line(verdict.event, switch=verdict.pattern, reason=verdict.reason)
