"""The replay upstream: fixtures by their request, generic answers for the rest, and the demo on top of it."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import demo
from interlingua.gateway.serving import bind
from interlingua.replay import answers
from interlingua.replay.cases import Cases, fingerprint, pack, read_folder, read_packed
from interlingua.replay.upstream import ReplayUpstream, default_fixtures
from servers import in_thread

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}


def write_case(folder: Path, name: str, question: dict[str, Any], answer: bytes, file: str, facts: str = "") -> None:
    directory = folder / name
    directory.mkdir(parents=True)
    (directory / "case.toml").write_text(facts)
    (directory / "provider_request.json").write_text(json.dumps({"path": "/v1/chat/completions", "body": question}))
    (directory / file).write_bytes(answer)


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[int]:
    write_case(tmp_path, "openai_chat/groq/plain", QUESTION, b'{"id": "recorded"}', "provider_response.json")
    failing = '[answer]\nstatus = 429\nheaders = {retry-after = "3"}'
    write_case(tmp_path, "openai_chat/groq/again", QUESTION, b"{}", "provider_response.json", failing)
    stream = b"data: {}\r\n\r\n: ping\n\ndata: [DONE]"
    write_case(tmp_path, "openai_chat/groq/sse", {**QUESTION, "stream": True}, stream, "provider_response.sse")
    listener = bind("127.0.0.1", 0)
    with in_thread(ReplayUpstream(tmp_path), listener):
        yield listener.getsockname()[1]


def ask(port: int, path: str, body: object, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, json.dumps(body), named)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_fixture_by_its_request(replay: int) -> None:
    status, headers, body = ask(replay, "/openai/v1/chat/completions", dict(reversed(QUESTION.items())))
    assert (status, body, headers["x-replayed-case"]) == (200, b'{"id": "recorded"}', "openai_chat/groq/plain")


def test_fixture_by_its_name(replay: int) -> None:
    status, headers, _ = ask(replay, "/chat/completions", QUESTION, x_replay_case="openai_chat/groq/again")
    assert (status, headers["retry-after"]) == (429, "3")


def test_recorded_stream_to_the_byte(replay: int) -> None:
    status, headers, body = ask(replay, "/v1/chat/completions", {**QUESTION, "stream": True})
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert body == b"data: {}\r\n\r\n: ping\n\ndata: [DONE]"


def test_generic_answers(replay: int) -> None:
    assert json.loads(ask(replay, "/v1/chat/completions", {"messages": []})[2])["object"] == "chat.completion"
    assert json.loads(ask(replay, "/v1/messages", {"messages": []})[2])["type"] == "message"
    assert json.loads(ask(replay, "/v1/responses", {"input": "?"})[2])["object"] == "response"
    assert json.loads(ask(replay, "/v1/ocr", {"document": {}})[2])["pages"]
    assert ask(replay, "/v1/messages", {"stream": True})[2].rstrip().endswith(b'{"type":"message_stop"}')
    assert ask(replay, "/v1/embeddings", {})[0] == 404
    assert ask(replay, "/v1/ocr", [])[0] == 400


def test_tools_are_called_until_a_result_comes() -> None:
    asked = {**QUESTION, "tools": [{"type": "function", "function": TOOL}]}
    message = answers.chat(asked)["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    result = [*asked["messages"], message, {"role": "tool", "tool_call_id": "x", "content": "1"}]
    assert answers.chat({**asked, "messages": result})["choices"][0]["finish_reason"] == "stop"


def test_fingerprint_is_of_the_value() -> None:
    assert fingerprint("/ocr", {"a": 1, "b": "ü"}) == fingerprint("/ocr", json.loads('{"b":"\\u00fc","a":1}'))
    assert fingerprint("/ocr", {}) != fingerprint("/messages", {})


def test_all_fixtures_can_be_read() -> None:
    folder = default_fixtures()
    if not folder.is_dir():
        pytest.skip("no fixtures here")
    assert len(Cases(folder)) >= len(list(folder.glob("*/*/*/provider_response.*"))) * 0.9


def test_packed_fixtures_are_the_same(tmp_path: Path) -> None:
    folder = default_fixtures()
    if not folder.is_dir():
        pytest.skip("no fixtures here")
    packed = tmp_path / "cases.jsonl"
    packed.write_text(pack(read_folder(folder)), encoding="utf-8")
    from_folder, from_file = Cases(folder), Cases(packed)
    assert from_file.by_name == from_folder.by_name
    assert [*read_packed(packed)] == [*read_folder(folder)]


@pytest.mark.skipif(
    not (importlib.util.find_spec("openai") and importlib.util.find_spec("anthropic")), reason="the SDKs are not here"
)
def test_demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    code = demo.run(keep=False, port=0)
    text = capsys.readouterr().out
    assert code == 0 and "✗" not in text, text
    assert "through the Rust core" in text
