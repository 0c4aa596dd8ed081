"""The replay upstream as an ASGI app.

A request that a fixture holds gets that fixture's answer, any other one a generic answer of its dialect. The
header ``x-replay-case: route/provider/case`` asks for a certain fixture.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

from interlingua.gateway.asgi import JSON_TYPE, ByteHeaders, Receive, Scope, Send, read_body, respond
from interlingua.replay import answers
from interlingua.replay.cases import Case, Cases, operation_of

MAX_BODY = 256 * 1024 * 1024
STREAM_TYPE = (b"content-type", b"text/event-stream; charset=utf-8")


def default_fixtures() -> Path:
    """The packaged cases; in a checkout, the repository's."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "fixtures"
    checkout = package.parent.parent.parent / "fixtures"
    return packaged if packaged.is_dir() or not checkout.is_dir() else checkout


class ReplayUpstream:
    """Answers as the providers would."""

    def __init__(self, fixtures: Path | None = None) -> None:
        if fixtures is not None and fixtures != default_fixtures() and not fixtures.is_dir():
            raise NotADirectoryError(f"{fixtures} is no folder of fixtures")
        self.cases = Cases(fixtures or default_fixtures())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_of(scope["path"])
        if scope["method"] != "POST" or operation is None:
            await respond(send, 404, [JSON_TYPE], b'{"error":{"message":"the replay upstream has no such path"}}')
            return
        headers = dict(scope["headers"])
        try:
            body = json.loads(await read_body(headers, receive, MAX_BODY))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            await respond(send, 400, [JSON_TYPE], b'{"error":{"message":"the body is not a JSON object"}}')
            return
        wanted = headers.get(b"x-replay-case")
        case = self.cases.by_name.get(wanted.decode("latin-1")) if wanted else self.cases.find(operation, body)
        if case is not None:
            await _replay(send, case)
        elif body.get("stream") is True and operation != "/ocr":
            frames = answers.chat_stream(body) if operation == "/chat/completions" else answers.messages_stream(body)
            await _stream(send, 200, [STREAM_TYPE, (b"x-request-id", b"req_replay")], frames)
        else:
            whole = {"/chat/completions": answers.chat, "/messages": answers.messages, "/ocr": answers.ocr}[operation]
            content = json.dumps(whole(body), separators=(",", ":")).encode()
            await respond(send, 200, [JSON_TYPE, (b"x-request-id", b"req_replay")], content)


async def _replay(send: Send, case: Case) -> None:
    dropped = ("content-length", "transfer-encoding", "connection", "content-encoding")
    headers = [(name.encode(), value.encode()) for name, value in case.headers if name not in dropped]
    headers.append((b"x-replayed-case", case.name.encode()))
    if dict(case.headers).get("content-type", "").startswith("text/event-stream"):
        await _stream(send, case.status, headers, case.body.splitlines(keepends=True))
    else:
        await respond(send, case.status, headers, case.body)


async def _stream(send: Send, status: int, headers: ByteHeaders, frames: Iterable[bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for frame in frames:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        await asyncio.sleep(0)  # each frame in its own write, as providers send them
    await send({"type": "http.response.body", "body": b""})
