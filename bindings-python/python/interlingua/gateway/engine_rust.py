"""The ``rust`` engine: the core translates, this module sends, waits, retries and signs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote

from interlingua import _native
from interlingua.gateway.asgi import ByteHeaders, encode_headers
from interlingua.gateway.exchange import VERSION, Exchange
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Choice
from interlingua.gateway.pool import locate
from interlingua.gateway.retries import is_retryable, wait_seconds
from interlingua.gateway.transport import HOP_BY_HOP, Timeouts, Transport

_NOT_FORWARDED = HOP_BY_HOP | {b"content-length", b"content-encoding"}
_STREAM_HEADERS: ByteHeaders = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


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


class ClientWriter:
    """Hands the core's bytes to the client: at once for a stream, in one piece otherwise."""

    def __init__(self, exchange: Exchange, attempt: _native.Attempt, *, stream: bool) -> None:
        self._exchange = exchange
        self._attempt = attempt
        self._stream = stream
        self._held: list[bytes] = []

    async def write(self, data: bytes) -> None:
        if not data:
            return
        if not self._stream:
            self._held.append(data)
            return
        exchange = self._exchange
        if not exchange.sent:
            head = self._attempt.client_head
            if head is None:
                self._held.append(data)
                return
            await exchange.start(head[0], _client_headers(head[1], stream=True))
            data = b"".join([*self._held, data])
            self._held.clear()
        await exchange.piece(data)

    async def finish(self) -> None:
        exchange = self._exchange
        if exchange.sent:
            await exchange.finish()
            return
        head = self._attempt.client_head
        assert head is not None
        await exchange.reply(head[0], _client_headers(head[1], stream=self._stream), b"".join(self._held))


def _client_headers(pairs: list[tuple[str, str]], *, stream: bool) -> ByteHeaders:
    headers = [pair for pair in encode_headers(pairs) if pair[0] not in _NOT_FORWARDED]
    if stream:
        names = {name for name, _ in headers}
        headers += [pair for pair in _STREAM_HEADERS if pair[0] not in names]
    return headers


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
        exchange.stream = request.stream
        while True:
            writer = ClientWriter(exchange, attempt, stream=request.stream)
            outcome = await self._run(exchange, attempt, writer, choice, plan)
            if outcome.answered or outcome.committed:
                await writer.finish()
                self._note(exchange, attempt, outcome)
                return
            hopeless = exchange.fault is not None and not exchange.fault.worth_a_retry
            if hopeless or not outcome.retry or not is_retryable(outcome.status) or exchange.retries >= plan.retries:
                break
            await self._sleep(wait_seconds(exchange.retries, outcome.retry_after, plan.retry_after, self._jitter))
            exchange.retries += 1
            attempt = self.attempt(request, choice)
        self._note(exchange, attempt, outcome)
        failure = attempt.failure()
        await exchange.reply(failure.status, _client_headers(failure.headers, stream=False), failure.body)

    def attempt(self, request: _native.Request, choice: Choice) -> _native.Attempt:
        """One try. Raises what the core raises: the request is invalid, unsupported, or declined."""
        assert choice.target is not None
        return request.attempt(
            choice.target,
            now_unix=int(self._clock()),
            id_seed=random.getrandbits(128),
            requested_model=choice.requested,
        )

    async def _run(
        self, exchange: Exchange, attempt: _native.Attempt, writer: ClientWriter, choice: Choice, plan: Plan
    ) -> _native.Outcome:
        exchange.fault = None
        step = attempt.step()
        while not isinstance(step, _native.Outcome):
            if step is None:
                raise RuntimeError("the core neither sends nor ends")
            try:
                await self._send(step, exchange, attempt, writer, choice, plan)
            except UpstreamFault as fault:
                exchange.fault = fault
                await writer.write(attempt.abort(fault.reason))
            except asyncio.CancelledError:
                await self._cancelled(exchange, attempt, writer)
                raise
            step = attempt.step()
        return step

    async def _send(
        self,
        request: _native.HttpRequest,
        exchange: Exchange,
        attempt: _native.Attempt,
        writer: ClientWriter,
        choice: Choice,
        plan: Plan,
    ) -> None:
        url, headers = signed(request, choice)
        answer = await self._transport.send(
            request.method, url, headers, request.body, timeouts=plan.timeouts, accept_coding=not exchange.stream
        )
        try:
            attempt.head(
                answer.status, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
            )
            if exchange.stream:
                async for data in answer.chunks():
                    await writer.write(attempt.body(data))
                    if isinstance(attempt.step(), _native.Outcome):
                        break  # the terminal event is through; the provider owes us nothing more
                else:
                    await writer.write(attempt.end())
            else:
                await writer.write(attempt.body(await answer.whole()))
                await writer.write(attempt.end())
        except BaseException:
            answer.abort()
            raise
        answer.release()

    async def _cancelled(self, exchange: Exchange, attempt: _native.Attempt, writer: ClientWriter) -> None:
        """The client left, or the gateway is shutting down: then a stream must not look complete."""
        rest = attempt.abort("disconnected" if exchange.disconnected else "timeout")
        if exchange.sent and not exchange.disconnected:
            exchange.outcome = "shutdown"
            await writer.write(rest)
            await exchange.finish()

    @staticmethod
    def _note(exchange: Exchange, attempt: _native.Attempt, outcome: _native.Outcome) -> None:
        exchange.outcome = outcome.kind
        exchange.losses = attempt.losses
        usage = attempt.usage
        exchange.usage = dict(usage) if usage is not None else None


def signed(request: _native.HttpRequest, choice: Choice) -> tuple[str, ByteHeaders]:
    """The URL and headers with the deployment's credential, which goes to that deployment's origin only."""
    url = request.url
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    headers.append((b"user-agent", VERSION))
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
    return url, headers
