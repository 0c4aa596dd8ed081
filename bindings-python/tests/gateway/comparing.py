"""What clients, metrics and logs see of exchanges, without what differs from one to the next."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from typing import Any

from rig import KEY, Received, Running, Script, within

VARYING = {"x-litellm-call-id", "date"}

Answers = list[bytes | list[bytes] | Script]


def post(client: http.client.HTTPConnection, body: Any, **headers: str) -> tuple[int, list[tuple[str, str]], bytes]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request("POST", "/v1/chat/completions", data, {"authorization": f"Bearer {KEY}", **names})
    response = client.getresponse()
    lines = [(name, value) for name, value in response.getheaders() if name not in VARYING]
    assert {name for name, _ in response.getheaders()} >= VARYING
    return response.status, lines, response.read()


def told(gateway: Running) -> tuple[list[str], list[dict[str, Any]]]:
    """The metrics and the log, without times and ids."""
    within(5, lambda: not gateway.app.metrics.in_flight)

    def settled() -> bytes:
        gateway.app.log.flush()
        return gateway.app.metrics.render(idle_connections=0, ungated=(), python_running=False)

    # In the gateway's loop: an exchange that is over there has been counted, and its line is written.
    text = gateway.in_its_loop(settled).decode()
    metrics = [line for line in text.splitlines() if not re.search(r"_seconds_(bucket|sum)", line)]
    varying = ("time", "ms", "call_id")
    return metrics, [{name: value for name, value in line.items() if name not in varying} for line in gateway.logs()]


def slowly(*parts: bytes, pause: float = 0.05) -> Script:
    async def answer(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


async def hang_up(*_: object) -> None:
    raise ConnectionError


def then_hang_up(data: bytes) -> Script:
    async def answer(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        raise ConnectionError

    return answer


def timeless(seen: Any) -> str:
    """Without what differs from answer to answer in a translation."""
    return re.sub(r'"created":\d+|chatcmpl-[-0-9a-f]+', "", str(seen))
