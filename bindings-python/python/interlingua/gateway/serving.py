"""Running an ASGI app on uvicorn: one process, a port that may be chosen by the system, a clean end."""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
from types import FrameType
from typing import Any, Literal, NoReturn

import uvicorn
from uvicorn.config import WS_PROTOCOLS

BACKLOG = 2048
WEBSOCKETS: Literal["auto", "websockets-sansio"] = (
    "websockets-sansio" if "websockets-sansio" in WS_PROTOCOLS else "auto"
)


class ServeError(Exception):
    """The server cannot start. Says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off on every connection; else each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServeError(
            f"cannot listen on {host}:{port} ({error.strerror or type(error).__name__}); choose another --port"
        ) from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
    # What is loaded now stays: the collector need not look at it again, nor run every few requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    print(f"listening on {url_of(listener)}", flush=True)
    # uvicorn raises the signal again once it is down, so that callers see it; for us that is the normal end.
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    listener.close()
    if not server.started:
        print("the server did not start; the lines above say why", file=sys.stderr)
        raise SystemExit(3)
