"""The ``rust`` engine: the core translates, this module sends, waits, retries and signs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import quote

from interlingua import _native
from interlingua.gateway.client import header_lines
from interlingua.gateway.connection import Connection
from interlingua.gateway.exchange import VERSION, Exchange
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Choice
from interlingua.gateway.pool import Idle, Location, locate
from interlingua.gateway.retries import is_retryable, wait_seconds
from interlingua.gateway.transport import Timeouts, Transport, coding_lines, request_head

if TYPE_CHECKING:
    from interlingua.gateway.short_way import Underway

MAX_REMEMBERED_HEADS = 64
_USER_AGENT_LINE = b"user-agent: " + VERSION + b"\r\n"


class CredentialError(Exception):
    """The deployment has no key, or its key would leave for another host."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Plan(NamedTuple):
    """How an exchange is to be run."""

    timeouts: Timeouts
    retries: int
    retry_after: float


class Decided(NamedTuple):
    """What was decided for a request, and for all like it."""

    choice: Choice
    plan: Plan
    gate: str
    idle: Idle
    """Where connections to the provider wait."""
    read_timeout: float | None
    """The plan's."""


Asked: TypeAlias = "_native.Request | _native.Operation"
"""What a client asks for, for any number of attempts."""
Ready: TypeAlias = tuple[Decided, Asked, _native.Attempt, _native.HttpRequest]
"""What was decided for a request, the request, its first attempt, and what that sends."""


class RustEngine:
    """Runs exchanges through the core. ``clock``, ``sleep`` and ``jitter`` can be replaced in tests."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self.clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def begin(self, request: Asked, choice: Choice) -> tuple[_native.Attempt, _native.HttpRequest]:
        """A try, and what it sends. Raises what the core raises: the request is invalid, unsupported, or declined."""
        assert choice.target is not None
        attempt = request.attempt(
            choice.target,
            now_unix=int(self.clock()),
            id_seed=random.getrandbits(128),
            requested_model=choice.requested,
        )
        sent = attempt.step()
        if not isinstance(sent, _native.HttpRequest):
            raise RuntimeError("the core does not send")
        return attempt, sent

    def decided(self, choice: Choice, plan: Plan, gate: str, url: str) -> Decided:
        return Decided(choice, plan, gate, self._transport.pool.idle(locate(url).origin), plan.timeouts.read)

    async def serve(self, exchange: Exchange, ready: Ready, underway: Underway | None) -> None:
        """Run the exchange until it is answered, from where it is ``underway``."""
        decided, request, attempt, sent = ready
        choice, plan = decided.choice, decided.plan
        exchange.follow(decided)
        stream = request.stream
        if exchange.tape is not None:
            exchange.tape.choice = choice
        while True:
            exchange.attempt = attempt
            if underway is not None and underway.sent:
                answered = await self._go_on(exchange, attempt, sent, decided, underway)
            else:
                serve = self._stream if stream else self._whole
                answered = await serve(exchange, attempt, sent, choice, plan.timeouts)
            if answered:
                exchange.outcome = "answered"
                return
            outcome = attempt.step()
            assert isinstance(outcome, _native.Outcome)
            exchange.outcome = outcome.kind
            if outcome.committed:
                return
            hopeless = exchange.fault is not None and not exchange.fault.worth_a_retry
            if hopeless or not outcome.retry or not is_retryable(outcome.status) or exchange.retries >= plan.retries:
                break
            await self._sleep(wait_seconds(exchange.retries, outcome.retry_after, plan.retry_after, self._jitter))
            exchange.retries += 1
            exchange.fault = underway = None
            attempt, sent = self.begin(request, choice)
        failure = attempt.failure()
        await exchange.reply(failure.status, failure.lines, failure.body)

    async def _go_on(
        self,
        exchange: Exchange,
        attempt: _native.Attempt,
        sent: _native.HttpRequest,
        decided: Decided,
        underway: Underway,
    ) -> bool:
        """The rest of a try that the short way has begun."""
        if underway.answered:
            exchange.sent, exchange.status = True, 200
            await exchange.client.drained()
        if underway.connection is None:
            return underway.answered
        return await self._whole(exchange, attempt, sent, decided.choice, decided.plan.timeouts, underway.connection)

    async def _whole(
        self,
        exchange: Exchange,
        attempt: _native.Attempt,
        sent: _native.HttpRequest,
        choice: Choice,
        timeouts: Timeouts,
        begun_on: Connection | None = None,
    ) -> bool:
        """One try for an answer in one piece. True if the client has it."""
        varying, body = sent.parts
        location, head = choice.heads[False].get(varying) or signed(sent, choice, varying, stream=False)
        try:
            answer = await self._transport.send(location, head, body, timeouts, begun_on=begun_on)
            if (whole := answer.here()) is None:
                whole = await answer.read_out()
        except UpstreamFault as fault:
            exchange.fault = fault
            attempt.abort(fault.reason)
            return False
        except asyncio.CancelledError:
            attempt.abort("disconnected")
            raise
        if exchange.tape is not None:
            exchange.tape.begin(answer.head)
            exchange.tape.piece(whole)
        told = attempt.answer(answer.head.status, answer.head, whole)
        if told is None:
            return False
        await exchange.reply(*told)
        return True

    async def _stream(
        self,
        exchange: Exchange,
        attempt: _native.Attempt,
        sent: _native.HttpRequest,
        choice: Choice,
        timeouts: Timeouts,
    ) -> bool:
        """One try for a stream, translated as it arrives. True if it came to its proper end."""
        exchange.stream = True
        varying, body = sent.parts
        location, head = choice.heads[True].get(varying) or signed(sent, choice, varying, stream=True)
        client = exchange.client
        try:
            answer = await self._transport.send(location, head, body, timeouts)
            try:
                outcome = await _hand_on(exchange, attempt, answer)
            except BaseException:
                answer.abort()
                raise
            answer.release()
        except UpstreamFault as fault:
            exchange.fault = fault
            rest = attempt.abort(fault.reason)
            if exchange.sent:
                await client.piece(rest)
                await client.finish()
            return False
        except asyncio.CancelledError:
            # The client left, or the gateway is shutting down: then the stream must not look complete.
            rest = attempt.abort("disconnected" if client.left else "timeout")
            if exchange.sent and not client.left:
                exchange.outcome = "shutdown"
                await client.piece(rest)
                await client.finish()
            raise
        if exchange.sent:
            await client.finish()
        return outcome.answered


async def _hand_on(exchange: Exchange, attempt: _native.Attempt, answer: Connection) -> _native.Outcome:
    attempt.head(answer.head.status, answer.head)
    client, tape = exchange.client, exchange.tape
    if tape is not None:
        tape.begin(answer.head)
    while True:
        data = await answer.chunk()
        if tape is not None and data is not None:
            tape.piece(data)
        out = attempt.end() if data is None else attempt.body(data)
        if out:
            if not exchange.sent:
                head = attempt.client_lines
                assert head is not None
                await exchange.start(*head)
            await client.piece(out)
        outcome = attempt.step()
        if out and outcome is None and tape is None:
            await client.pass_on(answer, attempt)
            outcome = attempt.step()
        # Once the terminal event is through, the provider owes us nothing more.
        if outcome is not None:
            assert isinstance(outcome, _native.Outcome)
            return outcome


def signed(request: _native.HttpRequest, choice: Choice, varying: bytes, *, stream: bool) -> tuple[Location, bytes]:
    """Where the request goes, and its head with the deployment's credential, which goes to that deployment's origin
    only. Remembered by what varies in it."""
    heads = choice.heads[stream]
    if len(heads) >= MAX_REMEMBERED_HEADS:  # clients' headers are among them
        heads.clear()
    found = heads[varying] = _signed(request, choice, stream)
    return found


def _signed(request: _native.HttpRequest, choice: Choice, stream: bool) -> tuple[Location, bytes]:
    url = request.url
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    for kind, name, prefix in request.auth:
        if choice.api_key is None:
            variable = f"set the environment variable {choice.key_variable}" if choice.key_variable else "set api_key"
            raise CredentialError(401, f"the deployment {choice.group!r} has no API key; {variable} or its api_key")
        if choice.origin is None or locate(url).origin != choice.origin:
            raise CredentialError(500, "the request would take this deployment's key to another host")
        if kind == "header":
            headers = [pair for pair in headers if pair[0].lower() != name.lower().encode("latin-1")]
            headers.append((name.encode("latin-1"), (prefix + choice.api_key).encode("latin-1")))
        elif kind == "query":
            url = f"{url}{'&' if '?' in url else '?'}{name}={quote(choice.api_key, safe='')}"
        else:
            raise CredentialError(501, f"the gateway cannot sign with {kind!r} yet")
    location = locate(url)
    lines = header_lines(headers) + _USER_AGENT_LINE + coding_lines(accept_coding=not stream)
    return location, request_head(request.method, location, lines)
