"""The replay upstream, on the gateway's own server.

A request that a fixture holds gets that fixture's answer, any other one a generic answer of its dialect. The
header ``x-replay-case: route/provider/case`` asks for a certain fixture.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from interlingua.gateway.client import JSON_LINES, Client, header_lines
from interlingua.replay import answers, responses
from interlingua.replay.cases import Case, Cases, operation_of

MAX_BODY = 256 * 1024 * 1024
STREAM_LINES = b"content-type: text/event-stream; charset=utf-8\r\n"
ID_LINES = b"x-request-id: req_replay\r\n"


WHOLE: dict[str, Callable[[answers.Json], answers.Json]] = {
    "/chat/completions": answers.chat,
    "/messages": answers.messages,
    "/responses": responses.responses,
    "/ocr": answers.ocr,
}
STREAMS: dict[str, Callable[[answers.Json], Iterable[bytes]]] = {
    "/chat/completions": answers.chat_stream,
    "/messages": answers.messages_stream,
    "/responses": responses.responses_stream,
}


def default_fixtures() -> Path:
    """The packaged cases; in a checkout, the repository's."""
    packaged = Path(__file__).resolve().parent / "cases.jsonl"
    checkout = packaged.parents[4] / "fixtures"
    return packaged if packaged.is_file() or not checkout.is_dir() else checkout


class ReplayUpstream:
    """Answers as the providers would."""

    def __init__(self, fixtures: Path | None = None) -> None:
        if fixtures is not None and not fixtures.exists():
            raise NotADirectoryError(f"{fixtures} is no folder of fixtures")
        self.cases = Cases(fixtures or default_fixtures())

    async def serve(self, client: Client) -> None:
        operation = operation_of(client.path)
        if client.method != "POST" or operation is None:
            await client.reply(404, JSON_LINES, b'{"error":{"message":"the replay upstream has no such path"}}')
            return
        try:
            body = json.loads(await client.body(MAX_BODY))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            await client.reply(400, JSON_LINES, b'{"error":{"message":"the body is not a JSON object"}}')
            return
        wanted = client.headers.get(b"x-replay-case")
        case = self.cases.by_name.get(wanted.decode("latin-1")) if wanted else self.cases.find(operation, body)
        if case is not None:
            await _replay(client, case)
        elif body.get("stream") is True and operation in STREAMS:
            await _stream(client, 200, STREAM_LINES + ID_LINES, STREAMS[operation](body))
        else:
            content = json.dumps(WHOLE[operation](body), separators=(",", ":")).encode()
            await client.reply(200, JSON_LINES + ID_LINES, content)

    async def serve_websocket(self, client: Client) -> None:
        await client.reply(501, JSON_LINES, b'{"error":{"message":"the replay upstream has no WebSockets"}}')

    def refused(self, status: int, reason: str) -> None:
        """What is no request concerns nobody here."""

    def announce(self) -> None:
        """There is nothing to say."""

    def open(self) -> None:
        """There is nothing to begin."""

    async def close(self) -> None:
        """There is nothing to end."""


async def _replay(client: Client, case: Case) -> None:
    dropped = ("content-length", "transfer-encoding", "connection", "content-encoding")
    headers = [(name.encode(), value.encode()) for name, value in case.headers if name not in dropped]
    lines = header_lines([*headers, (b"x-replayed-case", case.name.encode())])
    if dict(case.headers).get("content-type", "").startswith("text/event-stream"):
        await _stream(client, case.status, lines, case.body.splitlines(keepends=True))
    else:
        await client.reply(case.status, lines, case.body)


async def _stream(client: Client, status: int, lines: bytes, frames: Iterable[bytes]) -> None:
    await client.start(status, lines)
    for frame in frames:
        await client.piece(frame)
        await asyncio.sleep(0)  # each frame in its own write, as providers send them
    await client.finish()
