"""Relaying WebSocket connections to the ``python`` engine, message for message."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin, Subprotocol

from interlingua.gateway.asgi import AsgiClient, Message, Receive, Scope, Send
from interlingua.gateway.relay import request_headers, target_path

# Newer versions of the library look for a forward proxy in the environment; the python engine needs none.
_NO_PROXY: dict[str, Any] = {"proxy": None} if "proxy" in inspect.signature(connect.__init__).parameters else {}
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_HANDSHAKE = frozenset(
    (
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"origin",
        b"user-agent",
    )
)


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, body: bytes) -> None:
    """Answer a handshake with an HTTP error, where the server can; else close it."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/json")]  # the server knows the length
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1011})


async def relay_websocket(scope: Scope, receive: Receive, send: Send, base_url: str) -> None:
    """Connect to the proxy first, so that the client sees the proxy's own answer to the handshake."""
    url = "ws" + base_url.removeprefix("http")
    client = AsgiClient({**scope, "method": "GET"}, receive, send)
    url += target_path(client.raw_target)
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request_headers(client)
        if name not in _HANDSHAKE
    ]
    given = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"origin", b"user-agent")}
    try:
        upstream = await connect(
            url,
            additional_headers=headers,
            origin=Origin(given[b"origin"]) if b"origin" in given else None,
            user_agent_header=given.get(b"user-agent"),
            subprotocols=[Subprotocol(name) for name in scope.get("subprotocols", [])] or None,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,
            **_NO_PROXY,
        )
    except InvalidStatus as error:
        await refuse(scope, receive, send, error.response.status_code, bytes(error.response.body or b""))
        return
    except (OSError, TimeoutError, WebSocketException):
        await refuse(scope, receive, send, 502, b'{"error":{"message":"the python engine cannot be reached"}}')
        return
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
    await _run(upstream, receive, send)


async def _run(upstream: ClientConnection, receive: Receive, send: Send) -> None:
    up = asyncio.create_task(_client_to_upstream(upstream, receive))
    down = asyncio.create_task(_upstream_to_client(upstream, send))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        with contextlib.suppress(Exception):
            await upstream.close()


async def _client_to_upstream(upstream: ClientConnection, receive: Receive) -> None:
    while True:
        message: Message = await receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or 1000
            await upstream.close(code if code not in (1005, 1006, 1015) else 1000, message.get("reason") or "")
            return
        text = message.get("text")
        with contextlib.suppress(ConnectionClosed):
            await upstream.send(text if text is not None else message.get("bytes") or b"")


async def _upstream_to_client(upstream: ClientConnection, send: Send) -> None:
    try:
        async for data in upstream:
            await send(
                {"type": "websocket.send", "text": data}
                if isinstance(data, str)
                else {"type": "websocket.send", "bytes": data}
            )
    except ConnectionClosed:
        pass
    code = upstream.close_code or 1000
    code = code if code not in (1005, 1006, 1015) else 1011
    await send({"type": "websocket.close", "code": code, "reason": upstream.close_reason or ""})
