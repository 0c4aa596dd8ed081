"""The admin API: switches, their audit trail, the status, and what shadow has found. For the master key only."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from interlingua.gateway.client import JSON_LINES, BodyTooLarge
from interlingua.gateway.config import Config
from interlingua.gateway.differences import with_command
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.keeper import Keeper, audit_entry
from interlingua.gateway.logs import Log
from interlingua.gateway.modes import ModeError, read_pattern, share_of_core
from interlingua.gateway.status import described
from interlingua.gateway.store import Entry, StoredSwitch, StoreError
from interlingua.gateway.switches import SwitchError, Switches

PREFIX: Final = "/interlingua/"
METHODS: Final = ("GET", "PUT", "DELETE")
BY_HEADER: Final = b"x-interlingua-by"
"""The command line says who sits at it."""
MAX_BODY: Final = 64 * 1024
MAX_NOTE: Final = 500
MAX_ENTRIES: Final = 1000
_BY: Final = re.compile(rb"[A-Za-z0-9._@-]{1,128}")

T = TypeVar("T")


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Admin:
    """Answers below ``/interlingua/``."""

    def __init__(
        self,
        switches: Switches,
        keeper: Keeper,
        log: Log,
        *,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
        config: Config,
    ) -> None:
        self._switches = switches
        self._keeper = keeper
        self._log = log
        self._status = status
        self._groups = {deployment.group for deployment in config.deployments}
        self._providers = {deployment.provider for deployment in config.deployments}

    async def serve(self, exchange: Exchange) -> None:
        exchange.outcome = "answered"
        try:
            document = await self._answer(exchange)
        except _Refused as refused:
            await exchange.refuse(refused.status, str(refused), type="invalid_request_error")
        except StoreError as error:
            await exchange.refuse(503, str(error))
        else:
            await exchange.reply(200, JSON_LINES, json.dumps(document).encode())

    async def _answer(self, exchange: Exchange) -> object:
        client = exchange.client
        name, _, rest = client.path.removeprefix(PREFIX).partition("/")
        query = {key: values[-1] for key, values in parse_qs(client.query.decode("latin-1")).items()}
        asked = client.method, name, bool(rest)
        if asked == ("GET", "switches", False):
            return self._state()
        if asked == ("PUT", "switches", False):
            return await self._set(exchange, query)
        if asked == ("DELETE", "switches", True):
            return await self._reset(exchange, rest, query)
        if asked == ("GET", "audit", False):
            return {"audit": await self._from_store(self._keeper.store.audit, _number(query, "limit", 100))}
        if asked == ("GET", "status", False):
            return await self._status()
        if asked == ("GET", "differences", False):
            limit, before = _number(query, "limit", 100), _number(query, "before", None)
            entries = await self._from_store(self._keeper.store.differences, query.get("pair"), limit, before)
            return {"differences": [with_command(entry) for entry in entries]}
        if asked == ("GET", "differences", True):
            if not rest.isascii() or not rest.isdigit() or len(rest) > 15:
                raise _Refused(404, "a difference has a number")
            found: Entry | None = await self._from_store(self._keeper.store.difference, int(rest))
            if found is None:
                raise _Refused(404, f"there is no difference {rest}; the newest of each pair are kept")
            return with_command(found)
        raise _Refused(
            404,
            f"there is no {client.method} {client.path[:100]!r}; there is GET and PUT switches, DELETE"
            " switches/PATTERN, GET audit, GET status, GET differences and GET differences/ID",
        )

    async def _from_store(self, ask: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, ask, *arguments)

    def _state(self) -> dict[str, Any]:
        switches = self._switches
        return {
            "switches": switches.modes(),
            "details": [described(switch) for switch in switches.in_force().values()],
            "default": "auto",
            "allow_ungated": switches.allow_ungated,
            "ungated": switches.ungated(),
            "gate": switches.gate.pairs(),
            "store": self._keeper.store.description,
        }

    async def _set(self, exchange: Exchange, query: Mapping[str, str]) -> object:
        """``{"route/provider": "mode", …}``: all of it, or nothing, takes effect."""
        forced = _flag(query, "force")
        try:
            document = json.loads(await exchange.client.body(MAX_BODY))
        except (BodyTooLarge, ValueError, RecursionError):
            raise _Refused(400, "the body is not valid JSON of a sensible size") from None
        if not isinstance(document, dict) or not document:
            raise _Refused(400, 'send {"route/provider": "mode"}, for example {"openai_chat/anthropic": "auto"}')
        note, by, now = _note(query), _who(exchange), time.time()
        changes: dict[str, StoredSwitch | None] = {}
        for given, wanted in document.items():
            try:
                pattern, mode = self._switches.checked(given, wanted, forced=forced)
            except SwitchError as error:
                raise _Refused(400, str(error)) from None
            self._check_names(pattern)
            changes[pattern] = StoredSwitch(mode, forced and share_of_core(mode) > 0 and mode != "auto", now, by, note)
        await self._change(changes, by, note)
        return self._state()

    def _check_names(self, pattern: str) -> None:
        """A switch of what there is not would do nothing: most often it is misspelt."""
        pair, group = read_pattern(pattern)
        if group is not None and group not in self._groups:
            raise _Refused(400, f"the config has no model group {group[:100]!r}; name it as model_list does")
        provider = pair.partition("/")[2] or "*"
        if provider != "*" and not self._providers & {provider, "*"}:
            there = ", ".join(sorted(self._providers)[:20])
            raise _Refused(400, f"the config has no deployment of {provider[:100]!r}; its providers are {there}")

    async def _reset(self, exchange: Exchange, given: str, query: Mapping[str, str]) -> object:
        """Forget what was set live: what the config says counts again."""
        try:
            pattern = read_pattern(given).text
        except ModeError as error:
            raise _Refused(400, str(error)) from None
        known = self._switches.in_force().get(pattern)
        if known is None or known.source != "stored":
            raise _Refused(404, f"no switch {pattern} was set live")
        await self._change({pattern: None}, _who(exchange), _note(query))
        return self._state()

    async def _change(self, changes: Mapping[str, StoredSwitch | None], by: str, note: str | None) -> None:
        before = self._switches.modes()
        entries = [
            audit_entry(
                by,
                pattern,
                before.get(pattern),
                None if switch is None else switch.mode,
                forced=switch is not None and switch.forced,
                note=note,
            )
            for pattern, switch in changes.items()
        ]
        await self._keeper.change(changes, entries)
        for entry in entries:
            facts = {"old": entry["from"], "mode": entry["to"], "by": by, "forced": entry["forced"] or None}
            self._log.line("switch", switch=entry["pattern"], **facts)


def _who(exchange: Exchange) -> str:
    given = exchange.client.headers.get(BY_HEADER)
    return f"cli {given.decode()}" if given is not None and _BY.fullmatch(given) else "api"


def _note(query: Mapping[str, str]) -> str | None:
    note = query.get("note")
    if note is not None and len(note) > MAX_NOTE:
        raise _Refused(400, f"a note has at most {MAX_NOTE} characters")
    if note is not None and not note.isprintable():
        raise _Refused(400, "a note is one line: it has no control characters")
    return note


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise _Refused(400, f"{name} is true or false")
    return value in ("true", "1")


def _number(query: Mapping[str, str], name: str, default: int | None) -> int | None:
    value = query.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise _Refused(400, f"{name} is a number")
    return min(int(value), MAX_ENTRIES) if name == "limit" else int(value)
