"""A toy in LiteLLM's place: ``toy_litellm.py PORT``. Answers what it was asked, and echoes WebSocket messages."""

from __future__ import annotations

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any

import uvicorn


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await echo(scope, receive, send)
    else:
        await answer(scope, receive, send)


async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    echoed = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": headers,
        "size": len(body),
        "body": body[:1000].decode("latin-1"),
    }
    content = json.dumps(echoed).encode()
    await send(
        {
            "type": "http.response.start",
            "status": int(headers.get("x-status", HTTPStatus.OK)),
            "headers": [(b"content-type", b"application/json"), (b"x-toy", b"1"), (b"x-toy", b"2")],
        }
    )
    for start in range(0, len(content), 50):
        await send({"type": "http.response.body", "body": content[start : start + 50], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    if scope["path"].endswith("/refused"):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    await send({"type": "websocket.send", "text": f"{scope['path']}?{scope['query_string'].decode()}"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
            return
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


if __name__ == "__main__":
    if sys.argv[1] == "broken":
        sys.exit(7)
    asyncio.run(uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[1]), log_level="critical")).serve())
