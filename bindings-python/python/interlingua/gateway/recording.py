"""Recording what the core serves. Sampled exchanges take the handler's way, with a tape that keeps what came by.

Nothing of LiteLLM's is on such a tape, and what the core sends follows from the rest: only the client's request and the
provider's answer are kept.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from interlingua._native import ResponseHead
from interlingua.cases.case import WIRE_HEADERS
from interlingua.cases.case import Exchange as Case
from interlingua.cases.recorder import Recorder
from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.groups import Choice
from interlingua.gateway.short_way import ShortWay

if TYPE_CHECKING:
    from interlingua.gateway.application import Gateway
    from interlingua.gateway.exchange import Terms


class Tape:
    """What one exchange leaves behind; of several tries, the last one."""

    __slots__ = ("_limit", "_pieces", "body", "choice", "head", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self.size = 0
        self.body = b""
        self.choice: Choice | None = None
        """Whom the core asks."""
        self.head: ResponseHead | None = None

    def begin(self, head: ResponseHead) -> None:
        """A provider has begun to answer."""
        self.head = head
        self._pieces.clear()
        self.size = len(self.body)

    def piece(self, data: bytes) -> None:
        """Some of the answer's body. What is beyond the limit is not kept: the whole will be dropped."""
        self.size += len(data)
        if self.size <= self._limit:
            self._pieces.append(data)

    def exchange(self, terms: Terms, query: str) -> Case:
        """What was recorded, as a case."""
        choice, head = self.choice, self.head
        assert choice is not None
        passed = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in terms.passed_headers]
        told: Case = {
            "route": terms.dialect,
            **choice.as_case(),
            "has_credential": choice.api_key is not None,
            "extra_headers": dict(choice.deployment.extra_headers),
            "request": {"headers": dict(passed), "query": query, "body_b64": _encoded(self.body)},
            "provider_request": None,
            "provider_response": None,
            "client_response": None,
        }
        if head is not None:
            pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.pairs())
            told["provider_response"] = {
                "status": head.status,
                "headers": {name: value for name, value in pairs if name not in WIRE_HEADERS},
                "body_b64": _encoded(b"".join(self._pieces)),
            }
        return told


class Recording:
    """Serves as ``serve`` does, and records the sampled among what the core answers."""

    def __init__(self, serve: Callable[[Exchange], Awaitable[None]], recorder: Recorder) -> None:
        self._serve = serve
        self._recorder = recorder

    async def serve(self, exchange: Exchange) -> None:
        if not self._sampled(exchange):
            await self._serve(exchange)
            return
        tape = exchange.tape = Tape(self._recorder.limits.exchange_bytes)
        await self._serve(exchange)
        # An answer that broke off on the wire is nobody's.
        if tape.choice is not None and exchange.fault is None:
            terms, query = exchange.terms, exchange.client.query.decode("latin-1")
            self._recorder.take_later(lambda: tape.exchange(terms, query), tape.size)

    def _sampled(self, exchange: Exchange) -> bool:
        client = exchange.client
        way = client.short_way if isinstance(client, ClientConnection) else None
        tossed = way.tossed() if isinstance(way, SampledShortWay) else None
        return self._recorder.wants_one() if tossed is None else tossed


class SampledShortWay(ShortWay):
    """The short way of all exchanges but the sampled ones."""

    __slots__ = ("_toss",)

    def __init__(self, gateway: Gateway, client: ClientConnection, terms: Terms) -> None:
        super().__init__(gateway, client, terms)
        self._toss: bool | None = None

    def tossed(self) -> bool | None:
        """Whether the exchange in hand is sampled; ``None`` if it did not come along here."""
        toss, self._toss = self._toss, None
        return toss

    def begin(self, data: bytes) -> bool:
        if self._begun is None and not self._since:
            assert self._gateway.recorder is not None
            self._toss = self._gateway.recorder.wants_one()
            if self._toss:
                self._client.reader.next()  # the handler takes these bytes
                return False
        return super().begin(data)


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
