"""The transport in one call, for its tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from interlingua.gateway.client import header_lines
from interlingua.gateway.connection import Connection
from interlingua.gateway.pool import locate
from interlingua.gateway.transport import Limits, Timeouts, Transport, request_head
from rig import Upstream

QUICK = Timeouts(connect=2.0, read=2.0)
T = TypeVar("T")


def with_transport(use: Callable[[Transport], Coroutine[Any, Any, T]], limits: Limits | None = None) -> T:
    async def run() -> T:
        transport = Transport(limits)
        try:
            async with asyncio.timeout(20):
                return await use(transport)
        finally:
            transport.close()

    return asyncio.run(run())


async def ask(transport: Transport, url: str, timeouts: Timeouts = QUICK) -> Connection:
    """A plain request, and its answer as it comes."""
    location = locate(url)
    return await transport.send(location, request_head("POST", location, b""), b"", timeouts)


async def fetch(
    transport: Transport, url: str, body: bytes | AsyncIterator[bytes] = b"{}", **options: Any
) -> tuple[int, dict[bytes, bytes], bytes]:
    location = locate(url)
    method = options.pop("method", "POST")
    head = request_head(method, location, header_lines(options.pop("headers", [])))
    timeouts = options.pop("timeouts", QUICK)
    answer = await transport.send(location, head, body, timeouts, headless=method == "HEAD", **options)
    try:
        whole = await answer.whole()
    except BaseException:
        answer.abort()
        raise
    answer.release()
    return answer.head.status, dict(answer.head.pairs()), whole


def get(upstream: Upstream, *, limits: Limits | None = None, **options: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    return with_transport(lambda transport: fetch(transport, f"{upstream.url}/v1/x", **options), limits)
