"""Idle connections per (scheme, host, port), and opening new ones."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from interlingua.gateway.connection import Connection
from interlingua.gateway.faults import ConnectFailed, UpstreamTimeout
from interlingua.gateway.waiting import Deadlines

MAX_IDLE_PER_ORIGIN = 256
IDLE_SECONDS = 55.0
MAX_REMEMBERED_URL = 512


class Origin(NamedTuple):
    """Where connections go. Two origins never share one."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Location:
    """A URL, split once."""

    origin: Origin
    target: bytes
    """What stands in the request line: path and query."""
    request_rest: bytes
    """The request line after the method, and the ``host`` header's line."""


def locate(url: str) -> Location:
    """Split an absolute http(s) URL. Raises ``ValueError`` for anything else."""
    # Paths of relayed requests come from clients: long ones are not remembered.
    return _remembered(url) if len(url) <= MAX_REMEMBERED_URL else _split(url)


def _split(url: str) -> Location:
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("a URL must not hold spaces or control characters")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL must be absolute and begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold a user name or password")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        host = parts.hostname.encode("ascii").decode("ascii")
    except UnicodeEncodeError:
        host = parts.hostname.encode("idna").decode("ascii")
    origin = Origin(parts.scheme, host, port)
    line = target.encode("utf-8")
    return Location(origin, line, b" " + line + b" HTTP/1.1\r\nhost: " + origin.authority.encode("ascii") + b"\r\n")


_remembered = lru_cache(maxsize=4096)(_split)


class Idle:
    """The idle connections to one origin, the most recently used last."""

    __slots__ = ("_pool", "_stack")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._stack: deque[Connection] = deque()

    def __len__(self) -> int:
        return len(self._stack)

    def take(self) -> Connection | None:
        """The most recently used connection that is still open."""
        stack = self._stack
        while stack:
            connection = stack.pop()
            if connection.idle:
                return connection
        return None

    def give_back(self, connection: Connection) -> None:
        pool = self._pool
        if pool.closed or len(self._stack) >= MAX_IDLE_PER_ORIGIN:
            connection.close()
            return
        connection.idle = True
        connection.idle_since = connection.deadlines.now
        self._stack.append(connection)
        if pool.sweeper is None:
            pool.sweep_later(connection.loop)

    def drop(self, before: float) -> None:
        """Close those that are idle for longer."""
        stack = self._stack
        while stack and (stack[0].idle_since < before or not stack[0].idle):
            stack.popleft().close()


class Pool:
    """Keep-alive connections. One per event loop."""

    def __init__(self, *, max_head_bytes: int, tls: ssl.SSLContext | None = None) -> None:
        self._max_head_bytes = max_head_bytes
        self._tls = tls
        self._idle: dict[Origin, Idle] = {}
        """Origins are those of the config's deployments: there are never too many."""
        self.sweeper: asyncio.TimerHandle | None = None
        self._deadlines: Deadlines | None = None
        self.closed = False

    def idle(self, origin: Origin) -> Idle:
        found = self._idle.get(origin)
        if found is None:
            found = self._idle[origin] = Idle(self)
        return found

    async def open(self, origin: Origin, timeout: float) -> Connection:
        """A fresh connection."""
        # A task: limiting the time takes one, and the handler may run without.
        return await asyncio.get_running_loop().create_task(self._open(origin, timeout))

    async def _open(self, origin: Origin, timeout: float) -> Connection:
        loop = asyncio.get_running_loop()
        if self._deadlines is None:
            self._deadlines = Deadlines(loop)
        deadlines = self._deadlines
        give_back = self.idle(origin).give_back

        def make() -> Connection:
            return Connection(self._max_head_bytes, deadlines, give_back)

        secure = origin.scheme == "https"
        try:
            async with asyncio.timeout(timeout):
                _, connection = await loop.create_connection(
                    make,
                    origin.host,
                    origin.port,
                    ssl=self._tls_context() if secure else None,
                    server_hostname=origin.host if secure else None,
                )
        except TimeoutError:
            raise UpstreamTimeout(f"connecting to {origin} took too long") from None
        except ssl.SSLError as error:
            raise ConnectFailed(f"TLS with {origin} failed ({error.reason or type(error).__name__})") from None
        except OSError as error:
            raise ConnectFailed(f"cannot connect to {origin} ({type(error).__name__})") from None
        return connection

    def idle_count(self) -> int:
        return sum(len(idle) for idle in self._idle.values())

    def close(self) -> None:
        self.closed = True
        if self.sweeper is not None:
            self.sweeper.cancel()
            self.sweeper = None
        for idle in self._idle.values():
            idle.drop(before=float("inf"))
        if self._deadlines is not None:
            self._deadlines.close()

    def _tls_context(self) -> ssl.SSLContext:
        # Built on first use: loading the trust store takes tens of milliseconds.
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sweeper = loop.call_later(IDLE_SECONDS / 2, self._sweep)

    def _sweep(self) -> None:
        self.sweeper = None
        loop = asyncio.get_running_loop()
        for idle in self._idle.values():
            idle.drop(before=loop.time() - IDLE_SECONDS)
        if self.idle_count():
            self.sweep_later(loop)


def tls_context(verify: bool | str) -> ssl.SSLContext | None:
    """For upstreams; ``None`` is the usual one. ``verify`` may be the path of a file with certificates."""
    if verify is True:
        return None
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
