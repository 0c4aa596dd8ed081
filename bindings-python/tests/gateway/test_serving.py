"""The gateway as clients see it: answers, streams, retries, what is logged."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest
from rig import (
    CHAT,
    KEY,
    MESSAGES,
    STREAM,
    STREAM_HEAD,
    Received,
    Running,
    Upstream,
    chat_answer,
    chunked,
    config_document,
    http_answer,
    until_closed,
)

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
        time.sleep(0.3)
    assert upstream.connections == 1


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


def test_unknown_coding_is_not_retried_and_named_in_the_log(gateway: Running, upstream: Upstream) -> None:
    waits = retrying(gateway)
    upstream.answers = [http_answer(200, b"??", "content-encoding: br")]
    assert gateway.chat(num_retries=3).status >= 500
    assert (len(upstream.received), waits) == (1, [])
    assert gateway.wait_for_log("request")["fault"] == "UnknownCoding"


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


def test_no_key_and_no_prompt_in_the_log(gateway: Running, upstream: Upstream) -> None:
    secret = "planted-prompt-qz7"
    upstream.answers = [
        chat_answer(),
        http_answer(500, b'{"error":{"message":"planted-answer-qz7"}}'),
        b"garbage planted-answer-qz7",
    ]
    for _ in range(3):
        gateway.chat(messages=[{"role": "user", "content": secret}])
    gateway.chat(model=secret)
    gateway.request("POST", "/v1/chat/completions", CHAT, key="sk-planted-key-qz7")
    gateway.request("POST", f"/v1/{secret}", CHAT)
    gateway.request("POST", "/v1/chat/completions", CHAT, x_litellm_call_id="planted qz7 call")
    time.sleep(0.2)
    text = gateway.log_text.getvalue()
    metrics = gateway.request("GET", "/metrics").body.decode()
    assert len(gateway.logs()) >= 7
    for planted in ("qz7", KEY, "sk-up"):
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
