"""Client keys that are not the master key: LiteLLM's virtual keys, looked up where they are kept.

A key whose limits can be told exactly from LiteLLM's rows may use the core. One that has a budget, a rate limit or
anything else that only LiteLLM can apply is for LiteLLM. Nothing is accepted on a guess.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from interlingua.gateway.client import header_lines
from interlingua.gateway.engine_python import PythonUnavailable
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Groups
from interlingua.gateway.key_rows import (
    UNKNOWN_KEY,
    Allowed,
    BadRow,
    KeyFacts,
    Row,
    customer_doubts,
    judge_model,
    key_facts,
    model_names,
    team_doubts,
    user_doubts,
)
from interlingua.gateway.migration import Keys as Settings
from interlingua.gateway.pool import locate
from interlingua.gateway.transport import Timeouts, Transport, request_head

LOOKUPS_AT_ONCE: Final = 32
MAX_ID: Final = 256
_TIMEOUTS: Final = Timeouts(connect=5.0, read=10.0)


class KeyRefused(Exception):
    """The key is not valid, or not for this model. ``status``, ``type`` and ``param`` are LiteLLM's."""

    def __init__(self, status: int, message: str, type: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param


class KeyUnserved(KeyRefused):
    """The switch leaves the request to the core, which cannot apply what limits the key."""


class KeysUnreadable(Exception):
    """What a key may do cannot be known now. ``relayable``: LiteLLM is there, and can judge the key itself."""

    def __init__(self, message: str, *, relayable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.relayable = relayable


class _Limits(NamedTuple):
    """What a row other than the key's says."""

    doubts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class _Remembered:
    """Answers by question, each for a time of its own, the oldest dropped first."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[tuple[str, ...], tuple[float, object]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: tuple[str, ...]) -> object | None:
        found = self._entries.get(question)
        if found is None:
            return None
        if found[0] <= self._clock():
            del self._entries[question]
            return None
        return found[1]

    def put(self, question: tuple[str, ...], answer: object, seconds: float) -> None:
        self._entries.pop(question, None)
        while len(self._entries) >= self._most:
            self._entries.popitem(last=False)
        self._entries[question] = (self._clock() + seconds, answer)


class Keys:
    """Judges clients' keys by LiteLLM's rows. Keeps hashes of keys only."""

    def __init__(
        self,
        settings: Settings,
        master_key: str | None,
        base_url: Callable[[], Awaitable[str]],
        transport: Transport,
        groups: Groups,
        *,
        open_response_ids: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.open_response_ids = open_response_ids
        """LiteLLM lets clients go on with responses that others have made."""
        self._settings = settings
        self._authorization = header_lines([(b"authorization", b"Bearer " + (master_key or "").encode())])
        self._base_url = base_url
        self._transport = transport
        self._groups = groups
        self._now = now
        self._good = _Remembered(settings.most, clock)
        # What no good key is behind is kept apart: whoever tries keys must not push good ones out.
        self._bad = _Remembered(settings.most, clock)
        self._asking: dict[tuple[str, ...], asyncio.Task[Any]] = {}
        self._turns = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def admit(self, key_hash: bytes | None, names: tuple[str, ...], customer: str | None) -> tuple[str, ...]:
        """What of this request only LiteLLM can decide; empty if the core may serve it. ``names`` are those of the
        model; without a ``key_hash`` it is the master key's. Raises ``KeyRefused`` or ``KeysUnreadable``."""
        doubts: list[str] = []
        if key_hash is not None:
            doubts += await self._key_doubts(key_hash.hex(), names)
        if customer is not None and not doubts:
            doubts += await self._customer_doubts(customer)
        return tuple(doubts)

    async def is_good(self, key_hash: bytes) -> bool:
        """Whether LiteLLM says that it knows the key, and it is neither blocked nor expired."""
        try:
            facts = await self._key(key_hash.hex())
        except KeysUnreadable:
            return False
        return facts.known and not facts.blocked and not self._is_over(facts)

    def close(self) -> None:
        for task in self._asking.values():
            task.cancel()

    # -- judging ------------------------------------------------------------------------------------------

    async def _key_doubts(self, key: str, names: tuple[str, ...]) -> list[str]:
        facts = await self._key(key)
        if not facts.known:
            raise KeyRefused(401, "Authentication Error, Invalid API key provided.", "token_not_found_in_db", "key")
        # In LiteLLM's order: of several things that are wrong, the same one is told.
        if facts.blocked:
            message = "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."
            raise KeyRefused(401, message, "auth_error")
        if facts.doubts:
            return list(facts.doubts)
        allowed = judge_model(facts.models, names, self._groups.has)
        if allowed is Allowed.NO:
            raise KeyRefused(
                403,
                f"The requested model '{names[0]}' is not available for this API key, or the model name is invalid."
                " Check the models available to you and try again.",
                "key_model_access_denied",
                "model",
            )
        if self._is_over(facts):
            message = f"Authentication Error - Expired Key. Key Expiry time {facts.expires}"
            raise KeyRefused(401, message, "expired_key", "sk-...")
        if allowed is Allowed.LITELLM_KNOWS:
            return ["models"]
        if facts.team_id is not None:
            limits = await self._team(facts.team_id, facts.user_id)
            return [*limits.doubts, *self._model_doubt("team.models", limits.models, names)]
        limits = _Limits() if facts.user_id is None else await self._user(facts.user_id)
        return [*limits.doubts, *self._model_doubt("user.models", limits.models, names)]

    def _model_doubt(self, column: str, models: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
        """A list that is not the key's own: LiteLLM says no, if it is one."""
        return [] if judge_model(models, names, self._groups.has) is Allowed.YES else [column]

    def _is_over(self, facts: KeyFacts) -> bool:
        return facts.expires is not None and facts.expires < self._now()

    async def _customer_doubts(self, customer: str) -> tuple[str, ...]:
        if len(customer) > MAX_ID or not customer.isprintable():
            return ("customer",)
        limits: _Limits = await self._ask(("customer", customer), partial(self._read_customer, customer))
        return limits.doubts

    # -- asking -------------------------------------------------------------------------------------------

    async def _key(self, key: str) -> KeyFacts:
        found: KeyFacts = await self._ask(("key", key), partial(self._read_key, key))
        return found

    async def _user(self, user_id: str) -> _Limits:
        limits: _Limits = await self._ask(("user", user_id), partial(self._read_user, user_id))
        return limits

    async def _team(self, team_id: str, user_id: str | None) -> _Limits:
        question = ("team", team_id, user_id or "")
        limits: _Limits = await self._ask(question, partial(self._read_team, team_id, user_id))
        if user_id is not None:
            user = await self._user(user_id)
            limits = _Limits((*limits.doubts, *user.doubts), limits.models)
        return limits

    async def _ask(self, question: tuple[str, ...], read: Callable[[], Awaitable[object]]) -> Any:
        """The remembered answer, or LiteLLM's; whoever asks the same meanwhile waits for the same answer."""
        found = self._good.get(question) or self._bad.get(question)
        if found is None:
            task = self._asking.get(question)
            if task is None:
                task = self._asking[question] = asyncio.create_task(self._answer(question, read))
                task.add_done_callback(lambda _: self._asking.pop(question, None))
            # A client that leaves does not take the answer from the others.
            found = await asyncio.shield(task)
        if isinstance(found, KeysUnreadable):
            # Another one each time: it grows with every raise, and would keep alive what has raised it.
            raise KeysUnreadable(found.message, relayable=found.relayable)
        return found

    async def _answer(self, question: tuple[str, ...], read: Callable[[], Awaitable[object]]) -> object:
        settings = self._settings
        async with self._turns:
            try:
                found = await read()
            except PythonUnavailable as error:
                found = KeysUnreadable(str(error), relayable=False)
            except UpstreamFault as fault:
                found = KeysUnreadable(f"LiteLLM did not answer: {fault.message}", relayable=False)
            except KeysUnreadable as error:
                found = error
            except (BadRow, ValueError):
                found = KeysUnreadable("LiteLLM's answer is not understood", relayable=True)
        bad = found is UNKNOWN_KEY or isinstance(found, KeysUnreadable)
        (self._bad if bad else self._good).put(question, found, settings.negative_ttl if bad else settings.ttl)
        return found

    async def _read_key(self, key: str) -> KeyFacts:
        document = await self._get(f"/key/info?key={key}")
        return UNKNOWN_KEY if document is None else key_facts(_row(document, "info"))

    async def _read_user(self, user_id: str) -> _Limits:
        document = await self._get(f"/user/info?user_id={quote(user_id, safe='')}")
        if document is None:
            return _Limits()  # LiteLLM does not limit a user that it does not have
        row = _row(document, "user_info")
        return _Limits(tuple(user_doubts(row)), model_names(row))

    async def _read_team(self, team_id: str, user_id: str | None) -> _Limits:
        document = await self._get(f"/team/info?team_id={quote(team_id, safe='')}")
        if document is None:
            return _Limits(("team_id",))
        members = document.get("team_memberships")
        if not isinstance(members, list):
            raise BadRow
        row = _row(document, "team_info")
        return _Limits(tuple(team_doubts(row, members, user_id)), model_names(row))

    async def _read_customer(self, customer: str) -> _Limits:
        document = await self._get(f"/customer/info?end_user_id={quote(customer, safe='')}")
        return _Limits() if document is None else _Limits(tuple(customer_doubts(document)))

    async def _get(self, target: str) -> Row | None:
        """A document of LiteLLM's; ``None`` if it has no such row."""
        location = locate(await self._base_url() + target)
        answer = await self._transport.send(
            location, request_head("GET", location, self._authorization), None, _TIMEOUTS
        )
        status, body = answer.head.status, await answer.read_out()
        if status == 404:
            return None
        if status != 200:
            raise KeysUnreadable(f"LiteLLM does not tell: it answers {status}", relayable=True)
        document = json.loads(body)
        if not isinstance(document, dict):
            raise BadRow
        return document


def _row(document: Row, name: str) -> Row:
    row = document.get(name)
    if not isinstance(row, dict):
        raise BadRow
    return row
