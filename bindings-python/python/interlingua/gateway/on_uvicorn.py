"""Running the ASGI app on uvicorn: one process, a clean end."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from types import FrameType
from typing import Any, Literal, NoReturn

import uvicorn
from uvicorn.config import WS_PROTOCOLS

from interlingua.gateway.serving import settle_memory, url_of

WEBSOCKETS: Literal["auto", "websockets-sansio"] = (
    "websockets-sansio" if "websockets-sansio" in WS_PROTOCOLS else "auto"
)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def run(app: Any, listener: socket.socket, *, shutdown_seconds: float) -> None:
    """Serve until SIGINT or SIGTERM. Then no new connection is taken, exchanges in flight may finish until the
    deadline, and after it they are broken off in the open."""
    settings = uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws=WEBSOCKETS,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(shutdown_seconds)),
        timeout_keep_alive=75,
        ws_max_size=64 * 1024 * 1024,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(settings)
    settle_memory()
    print(f"listening on {url_of(listener)}", flush=True)
    # uvicorn raises the signal again once it is down, so that callers see it; for us that is the normal end.
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    listener.close()
    if not server.started:
        print("the server did not start; the lines above say why", file=sys.stderr)
        raise SystemExit(3)
