"""The handshakes of WebSockets, which LiteLLM serves: who may have one, and where it leads."""

from __future__ import annotations

import json
from time import perf_counter
from typing import TYPE_CHECKING

from interlingua.gateway.asgi import AsgiHeaders, Receive, Scope, Send
from interlingua.gateway.auth import Verdict
from interlingua.gateway.client import Headers
from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.engine_python import PythonUnavailable
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.tunnel import tunnel

if TYPE_CHECKING:
    from interlingua.gateway.application import Gateway


def _accepted(gateway: Gateway, headers: Headers) -> bool:
    """LiteLLM judges the key itself, but is not started for one that nobody knows."""
    return gateway.python.running or gateway.auth.check(headers) is Verdict.ACCEPTED


async def serve_asgi(gateway: Gateway, scope: Scope, receive: Receive, send: Send) -> None:
    """One below an ASGI server."""
    from interlingua.gateway import websocket  # the only user of the websockets package

    started = perf_counter()
    outcome = "relayed"
    try:
        if not _accepted(gateway, AsgiHeaders(scope["headers"])):
            outcome = "unauthenticated"
            await websocket.refuse(scope, receive, send, 401, b'{"error":{"message":"no valid API key"}}')
            return
        base_url = await gateway.python.base_url()
        await websocket.relay_websocket(scope, receive, send, base_url)
    except PythonUnavailable as error:
        outcome = "refused"
        message = json.dumps({"error": {"message": f"WebSockets are not served here: {error}"}})
        await websocket.refuse(scope, receive, send, error.status, message.encode())
    finally:
        seconds = perf_counter() - started
        gateway.metrics.record("websocket", "", "python", outcome, 0, seconds)
        gateway.log.line("websocket", engine="python", outcome=outcome, ms=round(seconds * 1000, 1))


async def serve_own(gateway: Gateway, client: ClientConnection, exchange: Exchange) -> None:
    """One on our own server."""
    exchange.engine = "python"
    try:
        if _accepted(gateway, client.headers):
            exchange.outcome = "relayed"
            exchange.status = await tunnel(client, gateway.transport, await gateway.python.base_url())
        else:
            exchange.outcome = "unauthenticated"
            await exchange.refuse(401, "no valid API key", type="auth_error")
    except (PythonUnavailable, UpstreamFault) as error:
        exchange.outcome = "refused"
        status = error.status if isinstance(error, PythonUnavailable) else 502
        await exchange.refuse(status, f"WebSockets are not served here: {error}")
