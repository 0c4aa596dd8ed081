"""Content codings of answers: gzip and deflate, with a limit on what they may unpack to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from interlingua.gateway.faults import AnswerTooLarge, BadAnswer, UnknownCoding

OFFERED = b"gzip, deflate"
SLICE = 1024 * 1024


class Decoder(Protocol):
    """Turns slices of a coded body into plain bytes."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def finish(self) -> None: ...


class Inflater:
    """gzip or deflate (zlib-wrapped or raw, as servers send both under that name)."""

    def __init__(self, coding: str, max_bytes: int) -> None:
        self._gzip = coding == "gzip"
        self._max_bytes = max_bytes
        self._unpacked = 0
        self._started = False
        self._inflate = zlib.decompressobj(31 if self._gzip else 15)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields at most ``SLICE`` bytes at a time, so that a bomb is noticed before it fills memory."""
        while data:
            if self._inflate.eof:
                if not self._gzip:
                    return  # bytes after the end of a deflate body are padding
                self._inflate = zlib.decompressobj(31)  # the next member of the same gzip body
            plain, data = self._inflate_slice(data)
            self._unpacked += len(plain)
            if self._unpacked > self._max_bytes:
                raise AnswerTooLarge("the upstream's body unpacks to more than the limit")
            if plain:
                yield plain
            elif not data:
                return

    def _inflate_slice(self, data: bytes) -> tuple[bytes, bytes]:
        try:
            plain = self._inflate.decompress(data, SLICE)
        except zlib.error:
            if self._gzip or self._started:
                raise BadAnswer("the upstream's compressed body is corrupt") from None
            self._inflate = zlib.decompressobj(-15)
            try:
                plain = self._inflate.decompress(data, SLICE)
            except zlib.error:
                raise BadAnswer("the upstream's compressed body is corrupt") from None
        self._started = True
        return plain, self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def finish(self) -> None:
        if self._started and not self._inflate.eof:
            raise BadAnswer("the upstream's compressed body ends too early")


def decoder_for(coding: str, max_bytes: int) -> Decoder | None:
    """The decoder of a ``content-encoding``; ``None`` if the body is plain."""
    names = [name.strip().lower() for name in coding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        return None
    if len(names) == 1 and names[0] in ("gzip", "x-gzip"):
        return Inflater("gzip", max_bytes)
    if len(names) == 1 and names[0] == "deflate":
        return Inflater("deflate", max_bytes)
    raise UnknownCoding("the upstream answered with a content-encoding that was not offered to it")
