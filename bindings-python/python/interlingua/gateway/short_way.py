"""The short way of an exchange that needs nothing but the usual: one native call when the request is here, one when its
answer is, and no coroutine.

Usual is a request that has the same head as the one before on its connection, is whole, and has a lane; an upstream
connection that is idle; and an answer that comes whole, with a status of success and without a coding. Whatever is not
goes to the handler's coroutine, in the middle of the exchange if need be, which goes on from there (``Underway``).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from interlingua._native import Begun
from interlingua.gateway.connection import Connection
from interlingua.gateway.exchange import Exchange, Terms
from interlingua.gateway.waiting import NEVER

if TYPE_CHECKING:
    from interlingua.gateway.application import Gateway
    from interlingua.gateway.client_connection import ClientConnection


SHORT_BYTES = 64 * 1024
"""What takes the short way is shorter than this: no other limit needs a look."""


@dataclass(slots=True, eq=False)
class Underway:
    """An exchange that a handler takes over, as far as it has come."""

    begun: Begun | None
    connection: Connection | None = None
    """The request was sent on it, and nothing is taken of its answer."""
    failed: bool = False
    """The attempt has its answer, and nothing to tell the client."""
    answered: bool = False
    """The client was sent its answer, but does not read it."""
    error: BaseException | None = None
    """The core has failed."""

    @property
    def sent(self) -> bool:
        return self.connection is not None or self.failed or self.answered


class ShortWay:
    """The way of one client connection's exchanges, while their heads say the same."""

    __slots__ = ("_begun", "_client", "_connection", "_gateway", "_since", "_terms")

    def __init__(self, gateway: Gateway, client: ClientConnection, terms: Terms) -> None:
        self._gateway = gateway
        self._client = client
        self._terms = terms
        # Of the exchange in hand.
        self._begun: Begun | None = None
        self._connection: Connection | None = None
        self._since = 0.0
        """When a request's head came, while its body is still to come; else 0."""

    def begin(self, data: bytes) -> bool:
        """Begin an exchange with what the client has sent. False if none of it is taken."""
        if self._begun is not None:
            self.hand_over()  # the client does not wait for its answer
            return False
        gateway, client, terms = self._gateway, self._client, self._terms
        if terms.version is not gateway.switches.version:
            self._give_up()
            client.reader.next()  # the handler takes these bytes: those of another request than the last one's
            return False
        try:
            found = client.reader.begin(data, terms.lanes, gateway.clock(), self._since or perf_counter())
        except BaseException as error:  # the core's panics are no Exceptions
            self._give_up()
            client.go_on(Underway(None, error=error))
            return True
        if found is None:
            self._give_up()
            return False
        decided, message, begun = found
        if begun is None:
            self._wait()
            return True
        if self._since:
            self._give_up()
        connection = decided.idle.take() if message is not None else None
        if connection is None:
            client.go_on(Underway(begun))
            return True
        self._begun = begun
        self._connection = connection
        gateway.metrics.in_flight += 1
        client.deadline = NEVER
        connection.carry(message, decided.read_timeout, self)
        return True

    def take(self, data: bytes) -> bool:
        """Answer the client with what the upstream has sent. False if none of it is taken."""
        begun, connection, client = self._begun, self._connection, self._client
        assert begun is not None and connection is not None
        try:
            answer = connection.reader.answer(data, begun, client.server.date_line)
        except BaseException as error:  # the core's panics are no Exceptions
            connection.left_alone()
            connection.abort()
            self._leave(Underway(begun, error=error))
            return True
        if answer is None:
            self.hand_over()
            return False
        connection.complete()
        if not answer:
            self._leave(Underway(begun, failed=True))
            return True
        client.transport.write(answer)
        if client.write_paused:
            self._leave(Underway(begun, answered=True))
            return True
        self._begun = self._connection = None
        client.rest()
        gateway = self._gateway
        gateway.metrics.in_flight -= 1
        now = perf_counter()
        losses = begun.count(now)
        if losses is not None:
            gateway.metrics.lost(self._terms.route, begun.decision.choice.provider, losses)
        if gateway.log.access:
            self._log(begun, now)
        return True

    def hand_over(self) -> None:
        """Let the handler go on with the exchange in hand, if there is one."""
        if self._since:
            self._give_up()
            self._client.receive(b"")
        connection = self._connection
        if connection is not None:
            connection.left_alone()
            self._leave(Underway(self._begun, connection))

    def _wait(self) -> None:
        """Many clients send the head and the body of a request apart."""
        if not self._since:
            self._since = perf_counter()
            self._gateway.metrics.in_flight += 1
        self._client.wait_for_body()

    def _give_up(self) -> None:
        """The request is no longer waited for here."""
        if self._since:
            self._since = 0.0
            self._gateway.metrics.in_flight -= 1

    def _leave(self, underway: Underway) -> None:
        self._begun = self._connection = None
        self._gateway.metrics.in_flight -= 1  # the handler counts it
        self._client.go_on(underway)

    def _log(self, begun: Begun, now: float) -> None:
        exchange = Exchange(self._client, self._terms, begun)
        exchange.outcome = "answered"
        exchange.follow(begun.decision)
        _, exchange.attempt, _ = begun.take()
        self._gateway.log.request(exchange, 200, now - begun.started)
