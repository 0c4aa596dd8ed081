"""A relay that knows nothing: bytes from client to upstream and back.

Usage: python -m bench.relay PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast


class Side(asyncio.Protocol):
    """One side of a relayed connection."""

    def __init__(self, upstream: int | None) -> None:
        self.upstream = upstream
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.early = b""
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self.upstream is not None:
            self.task = asyncio.get_running_loop().create_task(self._connect(self.upstream))

    async def _connect(self, port: int) -> None:
        _, other = await asyncio.get_running_loop().create_connection(lambda: Side(None), "127.0.0.1", port)
        self.other, other.other = other, self
        if self.early and other.transport is not None:
            other.transport.write(self.early)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


async def main(port: int, upstream: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Side(upstream), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
