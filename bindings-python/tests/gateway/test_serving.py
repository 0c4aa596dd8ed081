"""The gateway as clients see it: answers, streams, errors, retries, and what happens when somebody leaves."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import CHAT, KEY, Received, Running, Upstream, chat_answer, config_document, http_answer, until_closed

MESSAGES = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
OCR = {"model": "ocr", "document": {"type": "document_url", "document_url": "https://example.com/a.pdf"}}
OCR_ANSWER = {
    "pages": [{"index": 0, "markdown": "# hi", "images": [], "dimensions": None}],
    "model": "m",
    "usage_info": {"pages_processed": 1},
}
MESSAGE_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def chunk(**delta: Any) -> bytes:
    finish = delta.pop("finish", None)
    document = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


STREAM = [chunk(role="assistant", content="a"), chunk(content="b"), chunk(finish="stop"), b"data: [DONE]\n\n"]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path) as running:
        yield running


def test_chat(gateway: Running, upstream: Upstream) -> None:
    reply = gateway.chat()
    assert reply.status == 200
    assert reply.json()["choices"][0]["message"]["content"] == "hi"
    sent = upstream.received[0]
    assert (sent.target, sent.json()["model"]) == ("/v1/chat/completions", "gpt-4o")
    assert sent.header("authorization") == "Bearer sk-up-openai"
    assert KEY not in str(sent.headers)
    assert reply.headers["x-litellm-model-group"] == "gpt-4o"
    assert reply.headers["x-litellm-attempted-retries"] == "0"
    assert reply.headers["x-interlingua-gate"] == "ungated"
    assert len(reply.headers["x-litellm-model-id"]) == 64
    assert reply.headers["x-litellm-call-id"]


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
def test_paths_with_and_without_v1(gateway: Running, path: str) -> None:
    assert gateway.request("POST", path, CHAT).status == 200


def test_messages_and_ocr(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [
        http_answer(200, json.dumps(MESSAGE_ANSWER).encode()),
        http_answer(200, json.dumps(OCR_ANSWER).encode()),
    ]
    reply = gateway.request("POST", "/v1/messages", MESSAGES, key=None, x_api_key=KEY)
    assert (reply.status, reply.json()["content"][0]["text"]) == (200, "hi")
    assert upstream.received[0].header("x-api-key") == "sk-up-anthropic"
    reply = gateway.request("POST", "/v1/ocr", OCR)
    assert (reply.status, len(reply.json()["pages"])) == (200, 1)


def test_ocr_upload(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, json.dumps(OCR_ANSWER).encode())]
    body = (
        b'--e\r\ncontent-disposition: form-data; name="model"\r\n\r\nocr\r\n'
        b'--e\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF\r\n--e--\r\n'
    )
    reply = gateway.request("POST", "/v1/ocr", body, content_type="multipart/form-data; boundary=e")
    assert reply.status == 200
    assert upstream.received[0].json()["document"]["document_url"] == "data:application/pdf;base64,JVBERg=="


def test_stream(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [[STREAM_HEAD, *[chunked(part) for part in STREAM], b"0\r\n\r\n"]]
    reply = gateway.chat(stream=True)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.body.count(b"data: ") >= 3 and reply.body.rstrip().endswith(b"data: [DONE]")
    assert upstream.received[0].header("accept-encoding") == "identity"


def test_stream_reaches_the_client_as_it_comes(gateway: Running, upstream: Upstream) -> None:
    more = threading.Event()

    async def slowly(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]) + chunked(STREAM[1]))
        await writer.drain()
        while not more.is_set():
            await asyncio.sleep(0.01)
        writer.write(b"".join(chunked(part) for part in STREAM[2:]) + b"0\r\n\r\n")

    upstream.answers = [slowly]
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": f"Bearer {KEY}"}
    )
    response = connection.getresponse()
    assert response.read1(100).startswith(b"data: ")
    more.set()
    assert response.read().rstrip().endswith(b"data: [DONE]")
    connection.close()


def test_upstream_connection_is_kept_after_a_stream(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [[STREAM_HEAD, *[chunked(part) for part in STREAM], b"0\r\n\r\n"]]
    for _ in range(3):
        gateway.chat(stream=True)
        time.sleep(0.05)
    assert upstream.connections == 1


BAD_INPUT: list[tuple[str, bytes, dict[str, str], set[int]]] = [
    ("invalid JSON", b'{"model":', {}, {400}),
    ("not an object", b"[]", {}, {400}),
    ("a text", b'"x"', {}, {400}),
    ("empty", b"", {}, {400}),
    ("not UTF-8", b'{"model":"gpt-4o","messages":[{"role":"user","content":"\xff"}]}', {}, {400}),
    ("no model", b'{"messages":[]}', {}, {400}),
    ("model of a wrong type", b'{"model":7,"messages":[]}', {}, {400}),
    ("unknown model", b'{"model":"nope","messages":[{"role":"user","content":"x"}]}', {}, {400}),
    ("deep nesting", b'{"model":"gpt-4o","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, {400}),
    ("duplicate keys", b'{"model":"gpt-4o","model":"gpt-4o","messages":[{"role":"user","content":"x"}]}', {}, {400}),
    ("form", b"model=gpt-4o", {"content-type": "application/x-www-form-urlencoded"}, {415}),
    ("multipart", b"--a--", {"content-type": "multipart/form-data; boundary=a"}, {415}),
    ("charset", b"{}", {"content-type": "application/json; charset=utf-16"}, {415}),
    ("compressed", b"\x1f\x8b", {"content-encoding": "gzip"}, {415}),
]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(("name", "body", "headers", "statuses"), BAD_INPUT, ids=[row[0] for row in BAD_INPUT])
def test_bad_input_is_refused_before_any_upstream_call(
    gateway: Running, upstream: Upstream, path: str, name: str, body: bytes, headers: dict[str, str], statuses: set[int]
) -> None:
    headers = {"content-type": "application/json", **headers}
    reply = gateway.request("POST", path, body, **headers)
    assert reply.status in statuses, reply.body
    error = reply.json()["error"]
    assert error["message"] and error["type"]
    if path == "/v1/messages":
        assert reply.json()["type"] == "error"
    else:
        assert error["code"] == str(reply.status)
    assert upstream.received == []


@pytest.mark.parametrize(("key", "status", "kind"), [(None, 401, "auth_error"), ("sk-wrong", 400, "no_db_connection")])
def test_keys(gateway: Running, upstream: Upstream, key: str | None, status: int, kind: str) -> None:
    reply = gateway.request("POST", "/v1/chat/completions", CHAT, key=key)
    assert (reply.status, reply.json()["error"]["type"]) == (status, kind)
    assert gateway.request("GET", "/v1/models", key=key).status == status
    assert gateway.request("POST", "/v1/messages", MESSAGES, key=key).json()["type"] == "error"
    assert upstream.received == []


def test_body_over_the_limit(upstream: Upstream, tmp_path: Path) -> None:
    settings = {"master_key": KEY, "max_request_size_mb": 1}
    with Running(config_document(upstream.url, general_settings=settings), tmp_path) as gateway:
        reply = gateway.chat(padding="x" * 2_000_000)
        assert (reply.status, upstream.received) == (413, [])
        assert gateway.chat(user="x" * 900_000).status == 200


def test_wrong_method_unknown_path_and_health(gateway: Running) -> None:
    assert gateway.request("GET", "/v1/chat/completions").status == 405
    reply = gateway.request("POST", "/v1/embeddings", {"model": "x"})
    assert reply.status == 501 and "LiteLLM" in reply.json()["error"]["message"]
    assert gateway.request("POST", "/v1/messages/count_tokens", {}).json()["type"] == "error"
    assert gateway.request("GET", "/health/liveliness", key=None).body == b'"I\'m alive!"'
    assert gateway.request("GET", "/health/readiness", key=None).json()["status"] == "healthy"
    assert [model["id"] for model in gateway.request("GET", "/v1/models").json()["data"]] == ["gpt-4o", "claude", "ocr"]


def test_provider_errors_pass_with_retry_after(gateway: Running, upstream: Upstream) -> None:
    body = b'{"error":{"message":"slow down","type":"rate_limit","code":null,"param":null}}'
    upstream.answers = [http_answer(429, body, "retry-after: 7")]
    reply = gateway.chat()
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert len(upstream.received) == 1


def retrying(gateway: Running) -> list[float]:
    """Make the gateway's waits visible and free of time."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    gateway.app.dispatcher._rust._sleep = sleep
    gateway.app.dispatcher._rust._jitter = lambda: 0.0
    return waits


def test_retries_until_it_works(gateway: Running, upstream: Upstream) -> None:
    waits = retrying(gateway)
    upstream.answers = [
        http_answer(500, b'{"error":{"message":"x"}}'),
        http_answer(429, b'{"error":{"message":"x"}}', "retry-after: 3"),
        http_answer(503, b"no json"),
        chat_answer(),
    ]
    reply = gateway.chat(num_retries=3)
    assert (reply.status, reply.headers["x-litellm-attempted-retries"], len(upstream.received)) == (200, "3", 4)
    assert waits == [0.5, 3.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_is_never_retried(gateway: Running, upstream: Upstream, status: int) -> None:
    retrying(gateway)
    upstream.answers = [http_answer(status, b'{"error":{"message":"x","type":"y"}}')]
    assert gateway.chat(num_retries=3).status == status
    assert len(upstream.received) == 1


def test_retries_by_header_and_when_the_upstream_hangs_up(gateway: Running, upstream: Upstream) -> None:
    waits = retrying(gateway)

    async def hang_up(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    upstream.answers = [hang_up]
    reply = gateway.request("POST", "/v1/chat/completions", CHAT, x_litellm_num_retries="2")
    assert reply.status >= 500
    assert (len(upstream.received), waits) == (3, [0.5, 1.0])


def test_no_retry_after_the_first_content(gateway: Running, upstream: Upstream) -> None:
    retrying(gateway)

    async def break_off(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]))
        await writer.drain()
        writer.close()

    upstream.answers = [break_off]
    reply = gateway.chat(stream=True, num_retries=3)
    assert (reply.status, len(upstream.received)) == (200, 1)
    assert b"error" in reply.body and b"[DONE]" not in reply.body


def test_timeout_of_the_deployment(upstream: Upstream, tmp_path: Path) -> None:
    document = config_document(upstream.url)
    document["model_list"][0]["litellm_params"]["timeout"] = 0.2
    upstream.answers = [until_closed]
    with Running(document, tmp_path) as gateway:
        reply = gateway.chat()
    assert reply.status in (408, 504)


def test_client_that_leaves_cancels_the_upstream_call(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [until_closed]
    body = json.dumps(CHAT).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
            + KEY.encode()
            + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        time.sleep(0.3)
    assert upstream.closed_by_client.wait(3)
    time.sleep(0.3)
    line = next(line for line in gateway.logs() if line["event"] == "request")
    assert (line["outcome"], line["status"]) == ("disconnected", 499)
    assert gateway.app.metrics.in_flight == 0


def test_client_that_leaves_a_stream_cancels_the_upstream_call(gateway: Running, upstream: Upstream) -> None:
    async def endless(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunked(STREAM[0]))
            await writer.drain()
            await asyncio.sleep(0.01)

    upstream.answers = [endless]
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": f"Bearer {KEY}"}
    )
    connection.getresponse().read1(10)
    connection.close()
    assert upstream.closed_by_client.wait(3)


def test_client_that_does_not_read_stops_the_upstream(gateway: Running, upstream: Upstream) -> None:
    sent = 0

    async def flood(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(STREAM_HEAD)
        part = chunked(chunk(content="x" * 10_000))
        while True:
            writer.write(part)
            await writer.drain()
            sent += len(part)

    upstream.answers = [flood]
    body = json.dumps({**CHAT, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
            + KEY.encode()
            + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        time.sleep(1.0)
        first = sent
        time.sleep(1.0)
        # What the kernel holds for both connections, and no more.
        assert sent - first < 5_000_000
        assert sent < 40_000_000
    assert upstream.closed_by_client.wait(3)


def test_shutdown_lets_a_stream_finish(upstream: Upstream, tmp_path: Path) -> None:
    async def half_a_second(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]))
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.write(b"".join(chunked(part) for part in STREAM[1:]) + b"0\r\n\r\n")

    upstream.answers = [half_a_second]
    body = _stream_during_shutdown(upstream, tmp_path, 5)
    assert body.rstrip().endswith(b"data: [DONE]")


def test_shutdown_breaks_a_stream_off_in_the_open(upstream: Upstream, tmp_path: Path) -> None:
    async def stall(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(STREAM[0]))
        await until_closed(request, reader, writer)

    upstream.answers = [stall]
    body = _stream_during_shutdown(upstream, tmp_path, 1)
    assert b"[DONE]" not in body and b"error" in body


def _stream_during_shutdown(upstream: Upstream, folder: Path, seconds: int) -> bytes:
    gateway = Running(config_document(upstream.url), folder, shutdown_seconds=seconds).__enter__()
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"authorization": f"Bearer {KEY}"}
    )
    response = connection.getresponse()
    first = response.read1(10)
    stopper = threading.Thread(target=gateway.stop)
    stopper.start()
    body = first + response.read()
    stopper.join(15)
    connection.close()
    return body


def test_no_key_and_no_prompt_in_the_log(gateway: Running, upstream: Upstream) -> None:
    secret = "planted-prompt-5d1"
    upstream.answers = [
        chat_answer(),
        http_answer(500, b'{"error":{"message":"planted-answer-5d1"}}'),
        b"garbage planted-answer-5d1",
    ]
    for _ in range(3):
        gateway.chat(messages=[{"role": "user", "content": secret}])
    gateway.chat(model=secret)
    gateway.request("POST", "/v1/chat/completions", CHAT, key="sk-planted-key-5d1")
    gateway.request("POST", f"/v1/{secret}", CHAT)
    gateway.request("POST", "/v1/chat/completions", CHAT, x_litellm_call_id="planted 5d1 call")
    time.sleep(0.2)
    text = gateway.log_text.getvalue()
    metrics = gateway.request("GET", "/metrics").body.decode()
    assert len(gateway.logs()) >= 7
    for planted in ("5d1", KEY, "sk-up"):
        assert planted not in text
        assert planted not in metrics


def test_missing_provider_key(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    document = config_document(upstream.url)
    del document["model_list"][0]["litellm_params"]["api_key"]
    with Running(document, tmp_path) as gateway:
        reply = gateway.chat()
    if reply.status != 200:  # a core that needs no key may send without one
        assert reply.status == 401 and "OPENAI_API_KEY" in reply.json()["error"]["message"]
        assert upstream.received == []
    else:
        assert upstream.received[0].header("authorization") is None


def test_redirects_are_not_followed(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [http_answer(307, b"", f"location: {upstream.url}/elsewhere")]
    assert gateway.chat().status >= 300
    assert len(upstream.received) == 1


def test_many_at_once(gateway: Running, upstream: Upstream) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(gateway.chat().status)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert statuses == [200] * 40
