"""Relaying to the ``python`` engine, byte for byte: bodies of any kind and size, streams, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from interlingua.gateway.asgi import ByteHeaders, ClientGone, Receive, content_length
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.transport import HOP_BY_HOP, Timeouts, Transport

_ASCII = "".join(map(chr, range(0x21, 0x7F)))
BUFFERED_BYTES = 1024 * 1024
_REQUEST_DROPPED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
_ANSWER_DROPPED = HOP_BY_HOP | {b"date"}  # our server puts its own on every answer
TIMEOUTS = Timeouts(connect=10.0, read=6000.0)


def target_path(scope_path: str, raw_path: bytes | None, query: bytes) -> str:
    """Path and query as the client sent them; bytes beyond ASCII in their percent form."""
    path = quote(raw_path.partition(b"?")[0], safe=_ASCII) if raw_path else quote(scope_path)
    if not path.startswith("/"):
        path = f"/{path}"  # never let a path run on from the host's name
    return f"{path}?{quote(query, safe=_ASCII)}" if query else path


def request_headers(headers: ByteHeaders, client: tuple[str, int] | None) -> ByteHeaders:
    """The client's headers without those that belong to its connection."""
    dropped = _REQUEST_DROPPED | _named_in_connection(headers)
    kept = [pair for pair in headers if pair[0] not in dropped]
    if client is not None and not any(name == b"x-forwarded-for" for name, _ in kept):
        kept.append((b"x-forwarded-for", client[0].encode("latin-1", "ignore")))
    return kept


def _named_in_connection(headers: ByteHeaders) -> frozenset[bytes]:
    named = b",".join(value for name, value in headers if name == b"connection")
    return frozenset(part.strip().lower() for part in named.split(b",") if part.strip())


class Relay:
    """Sends a client's request on as it is, and the answer back as it is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def serve(self, exchange: Exchange, base_url: str, body: bytes | None) -> None:
        """``body`` is what has been read of the request already; ``None`` if nothing has."""
        scope = exchange.scope
        url = base_url + target_path(scope["path"], scope.get("raw_path"), scope.get("query_string", b""))
        headers = request_headers(scope["headers"], scope.get("client"))
        payload = body if body is not None else await self._body(exchange)
        answer = await self._transport.send(exchange.method, url, headers, payload, timeouts=TIMEOUTS, decode=False)
        try:
            dropped = _ANSWER_DROPPED | _named_in_connection(answer.headers)
            kept = [pair for pair in answer.headers if pair[0] not in dropped]
            exchange.sent = True
            exchange.status = answer.status
            exchange.outcome = "relayed"
            # Nothing is added: with the python engine the answer is LiteLLM's own, to the byte.
            await exchange.send({"type": "http.response.start", "status": answer.status, "headers": kept})
            if exchange.method != "HEAD":
                async for data in answer.chunks():
                    await exchange.piece(data)
            await exchange.finish()
        except BaseException:
            answer.abort()
            raise
        answer.release()

    async def _body(self, exchange: Exchange) -> bytes | AsyncIterator[bytes]:
        """Small bodies are read first, so that they can be sent with their length and sent again."""
        length = content_length(exchange.headers)
        chunked = b"transfer-encoding" in exchange.headers
        if length == 0 or (length is None and not chunked):
            return b""
        stream = _incoming(exchange.receive)
        if length is None or length > BUFFERED_BYTES:
            return stream
        return b"".join([data async for data in stream])


async def _incoming(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return
