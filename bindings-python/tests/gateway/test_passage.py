"""The passage of streams: it is really taken, and nobody can tell."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from comparing import Answers, hang_up, post, slowly, told
from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.connection import Connection
from interlingua.gateway.passage import Passage
from interlingua.gateway.waiting import DONE
from rig import CHAT, STREAM, STREAM_HEAD, Running, Upstream, chat_answer, chunked, config_document

PLAIN = chat_answer()


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path) as running:
        yield running


STREAM_WHOLE = [*(chunked(part) for part in STREAM), b"0\r\n\r\n"]
_BAD = chunked(b"data: {]\n\n")
_ERROR = chunked(b'data: {"error":{"message":"m","type":"server_error"}}\n\n')
pieces = partial(slowly, pause=0.02)
"""So far apart that a busy machine reads at least one of them by itself."""
STREAMS: dict[str, Answers] = {
    "piece by piece": [pieces(STREAM_HEAD, *STREAM_WHOLE)],
    "byte by byte": [slowly(STREAM_HEAD, *(bytes([byte]) for byte in b"".join(STREAM_WHOLE)), pause=0.0005)],
    "all but the end": [slowly(STREAM_HEAD + STREAM_WHOLE[0], b"".join(STREAM_WHOLE[1:-1]))],
    "without an end of the chunks": [slowly(STREAM_HEAD, *STREAM_WHOLE[:-1], b"")],
    "without [DONE]": [pieces(STREAM_HEAD, *STREAM_WHOLE[:-2], STREAM_WHOLE[-1])],
    "with a length": [
        pieces(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
            % sum(len(part) for part in STREAM),
            *STREAM,
        )
    ],
    "until the end": [
        slowly(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n", *STREAM),
    ],
    "hangs up": [pieces(STREAM_HEAD, STREAM_WHOLE[0], STREAM_WHOLE[1]), hang_up],
    "no JSON": [pieces(STREAM_HEAD, *STREAM_WHOLE[:2], _BAD, *STREAM_WHOLE[2:])],
    "error": [pieces(STREAM_HEAD, *STREAM_WHOLE[:2], _ERROR, *STREAM_WHOLE[2:])],
    "bad chunk": [slowly(STREAM_HEAD, *STREAM_WHOLE[:2], b"zz\r\n")],
    "silence": [slowly(STREAM_HEAD + STREAM_WHOLE[0], STREAM_WHOLE[1])],
    # In one piece: what comes later may come behind the next request, and looks like its answer.
    "bytes behind": [pieces(STREAM_HEAD, *STREAM_WHOLE[:-1], STREAM_WHOLE[-1] + b"HTTP/1.1 200 OK\r\n")],
}


@pytest.mark.parametrize("http_1_0", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_nobody_can_tell_of_a_stream(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, http_1_0: bool
) -> None:
    taken: list[int] = []
    take = Passage.take

    def noted(self: Passage, data: bytes) -> bool:
        taken.append(len(data))
        return take(self, data)

    def seen(folder: Path) -> tuple[Any, ...]:
        del upstream.received[:]
        with Running(config_document(upstream.url), folder) as gateway:
            bodies = []
            for script in ([PLAIN], STREAMS[name], STREAMS[name]):
                upstream.answers = [*script]
                client = gateway.connect()
                if http_1_0:
                    client._http_vsn_str = "HTTP/1.0"  # type: ignore[attr-defined]
                try:
                    bodies.append(post(client, {**CHAT, "stream": script[0] != PLAIN}, x_litellm_timeout="1"))
                except http.client.IncompleteRead as broken:
                    bodies.append(broken.partial)
            return bodies, [one.body for one in upstream.received], *told(gateway)

    monkeypatch.setattr(Passage, "take", noted)
    short = seen(tmp_path / "short")
    assert taken
    del taken[:]
    monkeypatch.setattr(ClientConnection, "pass_on", lambda *_: DONE)
    assert seen(tmp_path / "full") == short
    assert not taken


def test_passage_that_fails_breaks_the_answer_off(
    gateway: Running, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answers = [[STREAM_HEAD, *STREAM_WHOLE]]
    went_by = Connection.went_by

    def failing(self: Connection, *, over: bool) -> None:
        assert isinstance(self._taker, Passage)
        self._taker.error = ZeroDivisionError()
        went_by(self, over=True)

    monkeypatch.setattr(Connection, "went_by", failing)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        post(gateway.connect(), {**CHAT, "stream": True})
    assert gateway.wait_for_log("bug")["error"] == "ZeroDivisionError"
