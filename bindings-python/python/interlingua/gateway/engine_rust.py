"""The ``rust`` engine: the core translates, this module sends, waits, retries and signs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote

from interlingua import _native
from interlingua.gateway.client import header_lines
from interlingua.gateway.connection import Connection
from interlingua.gateway.exchange import VERSION, Exchange
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Choice
from interlingua.gateway.pool import Location, locate
from interlingua.gateway.retries import is_retryable, wait_seconds
from interlingua.gateway.transport import Timeouts, Transport, coding_lines, request_head

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
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def serve(
        self, exchange: Exchange, request: _native.Request, choice: Choice, attempt: _native.Attempt, plan: Plan
    ) -> None:
        """Run the exchange until it is answered; ``attempt`` is the first try."""
        while True:
            exchange.attempt = attempt
            if await self._try(exchange, attempt, choice, plan):
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
            attempt = self.attempt(request, choice)
        failure = attempt.failure()
        await exchange.reply(failure.status, failure.lines, failure.body)

    def attempt(self, request: _native.Request, choice: Choice) -> _native.Attempt:
        """One try. Raises what the core raises: the request is invalid, unsupported, or declined."""
        assert choice.target is not None
        return request.attempt(
            choice.target,
            now_unix=int(self._clock()),
            id_seed=random.getrandbits(128),
            requested_model=choice.requested,
        )

    async def _try(self, exchange: Exchange, attempt: _native.Attempt, choice: Choice, plan: Plan) -> bool:
        """One try, and the answer to the client if it came to one: then true."""
        exchange.fault = None
        request = attempt.step()
        if not isinstance(request, _native.HttpRequest):
            raise RuntimeError("the core does not send")
        try:
            varying, body = request.parts
            stream = exchange.stream
            location, head = choice.heads.get((varying, stream)) or signed(request, choice, varying, stream=stream)
            answer = await self._transport.send(location, head, body, plan.timeouts)
            if stream:
                return await _hand_on(exchange, attempt, answer)
            if (whole := answer.here()) is not None:
                answer.release()
            else:
                whole = await _whole(answer)
            told = attempt.answer(answer.head.status, answer.head, whole)
            if told is None:
                return False
            await exchange.reply(*told)
            return True
        except UpstreamFault as fault:
            exchange.fault = fault
            rest = attempt.abort(fault.reason)
            if exchange.sent:
                await exchange.client.piece(rest)
                await exchange.client.finish()
            return False
        except asyncio.CancelledError:
            await self._cancelled(exchange, attempt)
            raise

    async def _cancelled(self, exchange: Exchange, attempt: _native.Attempt) -> None:
        """The client left, or the gateway is shutting down: then a stream must not look complete."""
        left = exchange.client.left
        rest = attempt.abort("disconnected" if left else "timeout")
        if exchange.sent and not left:
            exchange.outcome = "shutdown"
            await exchange.client.piece(rest)
            await exchange.client.finish()


async def _whole(answer: Connection) -> bytes:
    try:
        body = await answer.whole()
    except BaseException:
        answer.abort()
        raise
    answer.release()
    return body


async def _hand_on(exchange: Exchange, attempt: _native.Attempt, answer: Connection) -> bool:
    """Translate a stream as it arrives. True if it came to its proper end."""
    try:
        attempt.head(answer.head.status, answer.head)
        outcome = None
        while outcome is None:
            data = await answer.chunk()
            out = attempt.end() if data is None else attempt.body(data)
            if out:
                if not exchange.sent:
                    await _start(exchange, attempt)
                await exchange.client.piece(out)
            # Once the terminal event is through, the provider owes us nothing more.
            outcome = attempt.step()
    except BaseException:
        answer.abort()
        raise
    answer.release()
    if exchange.sent:
        await exchange.client.finish()
    assert isinstance(outcome, _native.Outcome)
    return outcome.answered


async def _start(exchange: Exchange, attempt: _native.Attempt) -> None:
    head = attempt.client_lines
    assert head is not None
    await exchange.start(*head)


def signed(request: _native.HttpRequest, choice: Choice, varying: bytes, *, stream: bool) -> tuple[Location, bytes]:
    """Where the request goes, and its head with the deployment's credential, which goes to that deployment's origin
    only. Remembered by what varies in it."""
    if len(choice.heads) >= MAX_REMEMBERED_HEADS:  # clients' headers are among them
        choice.heads.clear()
    found = choice.heads[(varying, stream)] = _signed(request, choice, stream)
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
