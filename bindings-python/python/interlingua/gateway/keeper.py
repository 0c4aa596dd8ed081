"""Keeps the switches in force and those that are stored the same, in every process that shares a store.

Each process asks for the store's version several times a second. A store that goes away changes nothing: the last
known modes stay. What the gateway itself has decided then (a trip) holds all the same, and is stored later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interlingua.gateway.logs import Log
from interlingua.gateway.store import Changes, Entry, Store, StoredSwitch, StoreError
from interlingua.gateway.switches import Switches


def audit_entry(
    by: str, pattern: str, old: str | None, new: str | None, *, forced: bool = False, note: str | None = None
) -> Entry:
    """A line of the audit trail; ``None`` is a switch that is not set."""
    return {
        "time": round(time.time(), 3),
        "by": by,
        "pattern": pattern,
        "from": old,
        "to": new,
        "forced": forced,
        "note": note,
    }


class Keeper:
    """Between ``Switches`` and a ``Store``."""

    def __init__(self, switches: Switches, store: Store, log: Log) -> None:
        self.store = store
        self.failing = False
        """The store could not be reached the last time."""
        self.on_decided: Callable[[Mapping[str, Any]], None] | None = None
        """Tells the workers that a switch was set here, and what of all that could not be stored."""
        self._switches = switches
        self._log = log
        self._version = 0
        self._stored: dict[str, StoredSwitch] = {}
        self._unstored: dict[str, tuple[StoredSwitch | None, Entry]] = {}
        """Decided here, in force, and still to be stored."""
        self._told: dict[str, StoredSwitch | None] = {}
        """The same of the supervisor."""
        self._busy = asyncio.Lock()

    def load(self) -> None:
        """At start, blocking. Raises ``StoreError``; then the config's modes are in force."""
        try:
            self._read()
        except StoreError:
            self.failing = True
            raise
        finally:
            self._apply()

    def _read(self) -> None:
        self._version, self._stored = self.store.switches()

    def _apply(self) -> None:
        """Put in force what is known."""
        known: dict[str, StoredSwitch] = dict(self._stored)
        for pattern, switch in (*self._told.items(), *((name, one) for name, (one, _) in self._unstored.items())):
            if switch is None:
                known.pop(pattern, None)
            else:
                known[pattern] = switch
        self._switches.follow(known)

    async def look(self) -> None:
        """See whether something has changed; several times a second."""
        loop = asyncio.get_running_loop()
        try:
            async with self._busy:
                version = await loop.run_in_executor(None, self.store.version)
                if version == 0 != self._version:
                    await self._restore()
                if version != self._version:
                    await self._read_again()
                if self._unstored:  # last: what can be read is followed even where nothing can be written
                    await self._store_late()
                await self._season()
        except StoreError as error:
            self._failed(error)
        else:
            if self.failing:
                self.failing = False
                self._log.line("store_back", store=self.store.description)

    async def _read_again(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._read)
        self._apply()

    async def _restore(self) -> None:
        """The store has lost all that it had (a Redis that keeps nothing on disk, a file that was removed): the last
        known modes stay, and are stored again. The first process to notice does it."""
        loop = asyncio.get_running_loop()
        if self._switches.salt:
            await loop.run_in_executor(None, self.store.salt, self._switches.salt)
        if self._stored:
            entries = [
                audit_entry("restored", pattern, None, switch.mode, forced=switch.forced, note=switch.note)
                for pattern, switch in self._stored.items()
            ]
            await loop.run_in_executor(None, self.store.change, self._stored, entries, 0)

    def season(self) -> None:
        """Canaries need the salt. At start, blocking."""
        if not self._switches.salt and self._switches.has_canary():
            try:
                self._switches.season(self.store.salt())
            except StoreError as error:
                self._failed(error)

    async def _season(self) -> None:
        if not self._switches.salt and self._switches.has_canary():
            self._switches.season(await asyncio.get_running_loop().run_in_executor(None, self.store.salt))

    def _failed(self, error: StoreError) -> None:
        if not self.failing:
            self.failing = True
            self._log.line("store_failed", store=self.store.description, message=str(error))

    async def change(self, changes: Changes, audit: Sequence[Entry]) -> None:
        """Set and forget switches, all or none; they are in force on return. Raises ``StoreError``."""
        async with self._busy:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.store.change, changes, audit)
                for pattern in changes:
                    self._unstored.pop(pattern, None)
                    self._told.pop(pattern, None)
                await self._read_again()
                await self._season()
            except StoreError as error:
                self._failed(error)
                raise

    async def insist(self, pattern: str, switch: StoredSwitch | None, entry: Entry) -> bool:
        """Set a switch that the gateway itself has decided on, even if it cannot be stored now. False if somebody has
        set a switch in the meantime: then the decision is made anew."""
        loop = asyncio.get_running_loop()
        async with self._busy:
            try:
                done = await loop.run_in_executor(None, self.store.change, {pattern: switch}, [entry], self._version)
                await self._read_again()
                await self._season()
            except StoreError as error:
                self._failed(error)
                self._unstored[pattern] = (switch, entry)
                self._apply()
                done = True
        self._tell()
        return done

    async def _store_late(self) -> None:
        waiting = dict(self._unstored)
        changes = {pattern: switch for pattern, (switch, _) in waiting.items()}
        entries = [entry for _, entry in waiting.values()]
        await asyncio.get_running_loop().run_in_executor(None, self.store.change, changes, entries)
        for pattern in waiting:
            self._unstored.pop(pattern, None)
        await self._read_again()
        self._tell()

    def _tell(self) -> None:
        if self.on_decided is not None:
            self.on_decided(self.unstored())

    def unstored(self) -> dict[str, Any]:
        """What is in force and could not be stored, as JSON can carry it."""
        return {pattern: None if one is None else one.as_json() for pattern, (one, _) in self._unstored.items()}

    def take_unstored(self, told: Mapping[str, Any]) -> None:
        """In a worker: what the supervisor could not store."""
        self._told = {pattern: None if one is None else StoredSwitch.of(one) for pattern, one in told.items()}
        self._apply()
