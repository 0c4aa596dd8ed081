"""Arbitrary bytes into every parser of the gateway: an error of its own, or an answer, and never anything else."""

from __future__ import annotations

import contextlib
import gzip
import random

import pytest
from interlingua.gateway.asgi import AsgiHeaders
from interlingua.gateway.auth import Auth
from interlingua.gateway.config_file import ConfigError
from interlingua.gateway.decoding import decoder_for
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.multipart import MultipartError, ocr_request
from interlingua.gateway.pool import locate
from interlingua.gateway.relay import target_path
from interlingua.gateway.switches import Gate, SwitchError, Switches
from rig import CHAT, Running, Upstream, chat_answer, http_answer

FORM = b'--e\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF\r\n--e--\r\n'
ROUNDS = 1500


def damaged(source: random.Random, data: bytes) -> bytes:
    """``data`` with a few bytes changed, dropped, doubled or added."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 6)):
        position = source.randrange(len(changed) + 1)
        kind = source.randrange(4)
        if kind == 0:
            changed[position : position + 1] = bytes((source.randrange(256),))
        elif kind == 1:
            del changed[position : position + source.randint(1, 8)]
        elif kind == 2:
            changed[position:position] = changed[position : position + source.randint(1, 8)]
        else:
            changed[position:position] = source.choice((b"\r\n", b"\0", b'"', b"--e", b"\xff\xfe", b"\r\n\r\n"))
    return bytes(changed)


def test_forms() -> None:
    source = random.Random(1)
    for _ in range(ROUNDS):
        with contextlib.suppress(MultipartError):
            ocr_request("multipart/form-data; boundary=e", damaged(source, FORM))
        with contextlib.suppress(MultipartError):
            ocr_request(damaged(source, b"multipart/form-data; boundary=e").decode("latin-1"), FORM)


def test_compressed_bodies() -> None:
    source = random.Random(2)
    packed = gzip.compress(b"x" * 5000 + bytes(range(256)))
    for _ in range(ROUNDS):
        for coding in ("gzip", "deflate"):
            decoder = decoder_for(coding, 100_000)
            assert decoder is not None
            with contextlib.suppress(UpstreamFault):
                data = damaged(source, packed)
                cut = source.randrange(len(data) + 1)
                sum(len(part) for piece in (data[:cut], data[cut:]) for part in decoder.feed(piece))
                decoder.finish()


def test_paths_urls_keys_and_switches() -> None:
    source = random.Random(3)
    auth, switches = Auth("sk-1"), Switches(Gate({}))
    for _ in range(ROUNDS):
        path = damaged(source, b"/v1/files/a%20b")
        query = damaged(source, b"a=b&c=%F0")
        location = locate("http://127.0.0.1:80" + target_path(path + b"?" + query))
        assert location.origin == ("http", "127.0.0.1", 80)
        with contextlib.suppress(ValueError):
            locate(damaged(source, b"https://user@host:80/path?x=1#y").decode("latin-1"))
        auth.check(AsgiHeaders([(b"authorization", damaged(source, b"Bearer sk-1"))]))
        with contextlib.suppress(SwitchError, ConfigError):
            switches.checked(damaged(source, b"openai_chat/groq@g").decode("latin-1"), "auto")
            switches.checked("*", damaged(source, b"canary=10.5").decode("latin-1"))


@pytest.mark.parametrize("seed", range(3))
def test_requests_and_answers(upstream: Upstream, gateway: Running, seed: int) -> None:
    source = random.Random(seed)
    question = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "stream": false}'
    for _ in range(60):
        upstream.answers = [chat_answer() if source.random() < 0.3 else damaged(source, chat_answer())]
        upstream.close_after_answer = True
        path = source.choice(("/v1/chat/completions", "/v1/messages", "/v1/ocr"))
        reply = gateway.request("POST", path, damaged(source, question), content_type="application/json")
        assert reply.status in range(200, 600)
        upstream.answers = [http_answer(200, damaged(source, chat_answer().partition(b"\r\n\r\n")[2]))]
        assert gateway.request("POST", "/v1/chat/completions", CHAT).status in range(200, 600)
    assert [line for line in gateway.logs() if line["event"] == "bug"] == []
