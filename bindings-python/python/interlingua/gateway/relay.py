"""Relaying to the ``python`` engine, byte for byte: bodies of any kind and size, streams, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import quote

from interlingua.gateway.client import Client, Pairs, header_lines
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.pool import Location, locate
from interlingua.gateway.transport import HOP_BY_HOP, Timeouts, Transport, request_head
from interlingua.litellm_plugin import HEADER

_ASCII = "".join(map(chr, range(0x21, 0x7F)))
BUFFERED_BYTES = 1024 * 1024
_MARK = HEADER.encode("ascii")
# The mark is ours to set: a client's own never gets to LiteLLM.
_REQUEST_DROPPED = HOP_BY_HOP | {b"host", b"content-length", b"expect", _MARK}
_ANSWER_DROPPED = HOP_BY_HOP | {b"date", b"content-length"}  # our server puts its own on every answer
TIMEOUTS = Timeouts(connect=10.0, read=6000.0)


def target_path(raw_target: bytes) -> str:
    """Path and query as the client sent them; bytes beyond ASCII in their percent form."""
    path = quote(raw_target, safe=_ASCII)
    return path if path.startswith("/") else f"/{path}"  # never let a path run on from the host's name


def request_headers(client: Client) -> Pairs:
    """The client's headers without those that belong to its connection."""
    kept = _without(_REQUEST_DROPPED, client.headers.pairs())
    if client.host is not None and not any(name == b"x-forwarded-for" for name, _ in kept):
        kept.append((b"x-forwarded-for", client.host.encode("latin-1", "ignore")))
    return kept


def answer_lines(headers: Pairs) -> bytes:
    """The upstream's headers without those that belong to its connection."""
    return header_lines(_without(_ANSWER_DROPPED, headers))


def _without(dropped: frozenset[bytes], headers: Pairs) -> Pairs:
    """What is left without those, and without those that ``connection`` names."""
    named = [value for name, value in headers if name == b"connection"]
    if named:
        dropped |= {part.strip().lower() for part in b",".join(named).split(b",")}
    return [pair for pair in headers if pair[0] not in dropped]


class Asked(NamedTuple):
    """What requests with the same head become on their way to LiteLLM."""

    base_url: str
    location: Location
    head: bytes


def _asked(exchange: Exchange, base_url: str) -> Asked:
    """Found out once for all requests with the same head."""
    client, terms = exchange.client, exchange.terms
    asked = terms.asked
    if asked is None or asked.base_url != base_url:
        location = locate(base_url + target_path(client.raw_target))
        head = request_head(client.method, location, header_lines(request_headers(client)))
        asked = terms.asked = Asked(base_url, location, head)
    return asked


class Relay:
    """Sends a client's request on as it is, and the answer back as it is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def serve(self, exchange: Exchange, base_url: str, body: bytes | None) -> None:
        """``body`` is what has been read of the request already; ``None`` if nothing has."""
        client, asked = exchange.client, _asked(exchange, base_url)
        head = asked.head
        if exchange.shadow is not None:
            head += header_lines([(_MARK, exchange.shadow)])
        payload = body if body is not None else await self._body(client)
        answer = await self._transport.send(
            asked.location, head, payload, TIMEOUTS, decode=False, headless=client.method == "HEAD"
        )
        try:
            exchange.sent = True
            exchange.status = answer.head.status
            exchange.outcome = "relayed"
            # Nothing is added: with the python engine the answer is LiteLLM's own, to the byte.
            await client.start(answer.head.status, answer_lines(answer.head.pairs()), answer.head.length)
            if client.method != "HEAD":
                while (data := await answer.chunk()) is not None:
                    await client.piece(data)
            await client.finish()
        except BaseException:
            answer.abort()
            raise
        answer.release()

    async def _body(self, client: Client) -> bytes | AsyncIterator[bytes] | None:
        """Small bodies are read first, so that they can be sent with their length and sent again."""
        if client.length == 0 and client.method in ("GET", "HEAD", "DELETE", "OPTIONS"):
            return None
        if client.length is None or client.length > BUFFERED_BYTES:
            return client.pieces()
        return await client.body(BUFFERED_BYTES)
