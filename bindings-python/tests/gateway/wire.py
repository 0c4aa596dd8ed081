"""The transport in one call, for its tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from interlingua.gateway.transport import Limits, Timeouts, Transport
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


async def fetch(
    transport: Transport, url: str, body: bytes | AsyncIterator[bytes] = b"{}", **options: Any
) -> tuple[int, dict[bytes, bytes], bytes]:
    answer = await transport.send(
        options.pop("method", "POST"),
        url,
        options.pop("headers", []),
        body,
        timeouts=options.pop("timeouts", QUICK),
        **options,
    )
    try:
        whole = await answer.whole()
    except BaseException:
        answer.abort()
        raise
    answer.release()
    return answer.status, dict(answer.headers), whole


def get(upstream: Upstream, *, limits: Limits | None = None, **options: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    return with_transport(lambda transport: fetch(transport, f"{upstream.url}/v1/x", **options), limits)
