"""What the transport unpacks and accepts: codings, bombs, sizes."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest
from interlingua.gateway.faults import (
    AnswerTooLarge,
    BadAnswer,
    UnknownCoding,
)
from interlingua.gateway.transport import Limits, Transport
from rig import Received, Upstream, http_answer
from wire import ask, fetch, get, with_transport


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
def test_compressed_answers(upstream: Upstream, coding: str) -> None:
    plain = b'{"text":"' + b"a" * 3_000_000 + b'"}'
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(plain),
        "deflate": zlib.compress(plain),
        "raw deflate": raw.compress(plain) + raw.flush(),
    }[coding]
    upstream.answers = [http_answer(200, packed, f"content-encoding: {coding.split()[-1]}")]
    assert get(upstream)[2] == plain


def test_rest_of_an_answer_is_not_the_next_ones(upstream: Upstream) -> None:
    first, second = (
        http_answer(200, gzip.compress(text * 4_000_000), "content-encoding: gzip") for text in (b"a", b"b")
    )
    upstream.answers = [first, second]

    async def use(transport: Transport) -> None:
        answer = await ask(transport, f"{upstream.url}/a")
        assert await answer.chunk()
        answer.release()
        await asyncio.sleep(0.2)
        assert (await fetch(transport, f"{upstream.url}/a"))[2] == b"b" * 4_000_000

    with_transport(use)
    assert upstream.connections == 1


def test_gzip_of_several_members(upstream: Upstream) -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    upstream.answers = [[http_answer(200, packed, "content-encoding: gzip")]]
    assert get(upstream)[2] == b"one two"


def test_gzip_bomb(upstream: Upstream) -> None:
    bomb = gzip.compress(b"\0" * 64_000_000)
    upstream.answers = [http_answer(200, bomb, "content-encoding: gzip")]
    with pytest.raises(AnswerTooLarge):
        get(upstream, limits=Limits(max_body_bytes=1_000_000))


@pytest.mark.parametrize("packed", [b"not gzip at all", gzip.compress(b"x" * 1000)[:-12]])
def test_corrupt_gzip(upstream: Upstream, packed: bytes) -> None:
    upstream.answers = [http_answer(200, packed, "content-encoding: gzip")]
    with pytest.raises(BadAnswer):
        get(upstream)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_unknown_coding(upstream: Upstream, coding: str) -> None:
    upstream.answers = [http_answer(200, b"??", f"content-encoding: {coding}")]
    with pytest.raises(UnknownCoding):
        get(upstream)


def test_body_over_the_limit(upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, b"x" * 5000)]
    with pytest.raises(AnswerTooLarge):
        get(upstream, limits=Limits(max_body_bytes=4000))


@pytest.mark.parametrize("count", [1, 3000])
def test_head_over_the_limit(upstream: Upstream, count: int) -> None:
    lines = [f"x-{number}: {'y' * (200_000 // count)}" for number in range(count)]
    upstream.answers = [http_answer(200, b"{}", *lines)]
    with pytest.raises(AnswerTooLarge):
        get(upstream)


def test_endless_head(upstream: Upstream) -> None:
    async def babble(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while True:
            writer.write(b"y" * 10_000)
            await writer.drain()

    upstream.answers = [babble]
    with pytest.raises((AnswerTooLarge, BadAnswer)):
        get(upstream)
