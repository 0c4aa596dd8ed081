"""What handlers know of the client in front of them, whichever server holds its connection."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from interlingua._native import Attempt
    from interlingua.gateway.connection import Connection
    from interlingua.gateway.short_way import Underway

Pairs: TypeAlias = list[tuple[bytes, bytes]]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BREAKS = re.compile(rb"[\r\n\0]")

JSON_LINES = b"content-type: application/json\r\n"
"""Headers travel as the lines they become: each ``name: value`` with its CRLF."""


class ClientGone(Exception):
    """The client closed its connection."""


class BodyTooLarge(Exception):
    """The client's body is over the limit."""


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: bytes, /) -> bytes | None:
        """The first value of a header, by its name in lower case."""

    def pairs(self, prefix: bytes = b"", /) -> Pairs:
        """All headers whose names begin with ``prefix``: names in lower case, in order."""


class Client(Protocol):
    """One request and the way to answer it. An answer is ``reply``, or ``start``, ``piece`` …, ``finish``."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """Decoded, without the path below which the app is mounted."""

    @property
    def raw_target(self) -> bytes:
        """Path and query as the client sent them, below that path too."""

    @property
    def query(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def host(self) -> str | None:
        """The client's address."""

    @property
    def length(self) -> int | None:
        """The announced length of the body; ``None`` if it is chunked."""

    @property
    def underway(self) -> Underway | None:
        """The exchange that the server has begun already, if it has."""

    terms: object
    """What the handler has found out of the head; ``None`` for a new one. A client that keeps its connection sends the
    same head time and again, and is judged once."""

    @property
    def left(self) -> bool:
        """The client has gone; a handler that is cancelled for it finds this set."""

    def body_here(self, limit: int) -> bytes | None:
        """The whole body, if all of it is here and within the limit."""

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises ``BodyTooLarge``, before a byte is read if the announced length is over the limit, or
        ``ClientGone``."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises ``ClientGone``."""

    async def drained(self) -> None:
        """Wait until the client reads what it was sent."""

    def start(self, status: int, lines: bytes, length: int | None = None) -> Awaitable[None]:
        """Begin an answer whose body follows in pieces, of ``length`` bytes together if that is known."""

    def piece(self, data: bytes) -> Awaitable[None]:
        """Send some of the body; waits while the client does not read."""

    def pass_on(self, answer: Connection, attempt: Attempt) -> Awaitable[None]:
        """Pieces of a body come without the handler, for as long as there is nothing to do but to feed ``answer`` to
        ``attempt``; not at all if the server cannot do that."""

    def finish(self) -> Awaitable[None]: ...

    def reply(self, status: int, lines: bytes, body: bytes) -> Awaitable[None]:
        """Send a whole answer."""


async def whole_body(length: int | None, pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """The pieces of a body of that announced length. Raises ``BodyTooLarge``."""
    if length is not None and length > limit:
        raise BodyTooLarge
    parts = []
    size = 0
    async for part in pieces:
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def header_lines(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Pairs as lines. Raises ``ValueError`` for one that could smuggle another one."""
    rendered = []
    for name, value in pairs:
        if not _NAME.fullmatch(name) or _BREAKS.search(value):
            raise ValueError("a header holds a character that HTTP does not allow")
        rendered.append(b"%b: %b\r\n" % (name, value))
    return b"".join(rendered)
