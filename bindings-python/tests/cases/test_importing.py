"""Cassettes and HAR files become cases; what does not is named and counted."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from interlingua import _native
from interlingua.cases import case
from interlingua.cases.importing import import_file, import_files
from interlingua.cli import main

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello, I am jane@corp.example"}]}
ANSWER = {
    "id": "chatcmpl-a1b2c3d4",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
STREAM = 'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\ndata: [DONE]\n\n'
OPENAI = "https://api.openai.com/v1/chat/completions"
KEY = "sk-" + "proj-Ab3dEf6hIj9kLmNoPqRs"


def interaction(uri: str = OPENAI, body: Any = None, answer: Any = None, **changes: Any) -> dict[str, Any]:
    headers = {"Content-Type": ["application/json"], "Set-Cookie": ["sid=1"], **changes.pop("headers", {})}
    return {
        "request": {
            "body": json.dumps(ASKED) if body is None else body,
            "headers": {"authorization": [f"Bearer {KEY}"], "Content-Type": ["application/json"]},
            "method": changes.pop("method", "POST"),
            "uri": uri,
        },
        "response": {
            "body": {"string": json.dumps(ANSWER)} if answer is None else answer,
            "headers": headers,
            "status": {"code": 200, "message": "OK"},
            **changes,
        },
    }


def cassette(tmp_path: Path, *interactions: dict[str, Any], name: str = "cassette.yaml") -> Path:
    file = tmp_path / name
    document = {"interactions": list(interactions), "version": 1}
    file.write_text(json.dumps(document) if name.endswith(".json") else yaml.safe_dump(document))
    return file


def only(root: Path) -> dict[str, Any]:
    (directory,) = case.find(root)
    return case.read(directory)


def answer_of(exchange: dict[str, Any]) -> bytes:
    return base64.b64decode(exchange["provider_response"]["body_b64"])


@pytest.mark.parametrize("name", ["cassette.yaml", "cassette.json"])
def test_a_cassette_becomes_a_case_without_secrets(tmp_path: Path, name: str) -> None:
    outcome = import_file(cassette(tmp_path, interaction(), name=name), tmp_path / "cases")
    assert (outcome.written, outcome.skipped, outcome.error) == (1, {}, None)
    found = only(tmp_path / "cases")
    assert (found["route"], found["provider"], found["model"], found["api_base"]) == (
        *("openai_chat", "openai", "gpt-4o"),
        None,
    )
    verdict = json.loads(_native.compare(json.dumps(found).encode()))
    assert verdict["class"] == "unjudged"
    assert (verdict["checks"]["request"], verdict["checks"]["answer"]) == ("accepted", "read")
    text = "".join(file.read_text() for file in (tmp_path / "cases").rglob("*") if file.is_file())
    assert KEY not in text and "jane@" not in text and "sid=1" not in text


ZIPPED = gzip.compress(json.dumps(ANSWER).encode())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"answer": {"string": json.dumps(ANSWER).encode()}}, "bytes.yaml"),
        ({"answer": {"base64_string": base64.b64encode(json.dumps(ANSWER).encode()).decode()}}, "base64.json"),
        ({"answer": {"string": ZIPPED}, "headers": {"Content-Encoding": ["gzip"]}}, "zipped.yaml"),
        ({"headers": {"Content-Encoding": ["gzip"]}}, "unzipped-before.yaml"),
        ({"answer": json.dumps(ANSWER)}, "plain.yaml"),
        ({"answer": ANSWER}, "parsed.yaml"),
        ({"body": json.dumps(ASKED).encode()}, "request-bytes.yaml"),
        ({"body": {"string": json.dumps(ASKED)}}, "request-string.yaml"),
        ({"body": ASKED}, "request-parsed.yaml"),
    ],
)
def test_every_way_of_writing_a_body_is_read(tmp_path: Path, changes: dict[str, Any], name: str) -> None:
    outcome = import_file(cassette(tmp_path, interaction(**changes), name=name), tmp_path / "cases")
    assert outcome.written == 1, (outcome.skipped, outcome.error)
    found = only(tmp_path / "cases")
    assert json.loads(answer_of(found))["usage"] == ANSWER["usage"]
    assert json.loads(base64.b64decode(found["request"]["body_b64"]))["model"] == "gpt-4o"


def test_the_old_layout_of_httpx_stubs_is_read(tmp_path: Path) -> None:
    told = interaction()
    told["response"] = {"content": json.dumps(ANSWER), "headers": {}, "http_version": "HTTP/1.1", "status_code": 429}
    assert import_file(cassette(tmp_path, told), tmp_path / "cases").written == 1
    assert only(tmp_path / "cases")["provider_response"]["status"] == 429


def har_entry(url: str = OPENAI, **content: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": "Authorization", "value": f"Bearer {KEY}"}],
            "postData": {"mimeType": "application/json", "text": json.dumps({**ASKED, "stream": True})},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "text/event-stream; charset=utf-8"}],
            "content": {"mimeType": "text/event-stream", "text": STREAM, **content},
        },
    }


@pytest.mark.parametrize("content", [{}, {"text": base64.b64encode(STREAM.encode()).decode(), "encoding": "base64"}])
def test_a_har_file_becomes_cases(tmp_path: Path, content: dict[str, Any]) -> None:
    file = tmp_path / "session.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": [har_entry(**content)]}}))
    assert import_file(file, tmp_path / "cases").written == 1
    (directory,) = case.find(tmp_path / "cases")
    assert (directory / "provider_response.sse").is_file()
    assert answer_of(case.read(directory)).endswith(b"data: [DONE]\n\n")


def test_who_is_asked_is_known_by_the_url(tmp_path: Path) -> None:
    urls = {
        "https://api.anthropic.com/v1/messages": ("anthropic_messages", "anthropic", None),
        "https://api.openai.com/v1/responses": ("openai_responses", "openai", None),
        "https://api.groq.com/openai/v1/chat/completions": ("openai_chat", "groq", None),
        "https://eu.api.openai.com/v1/chat/completions": (
            *("openai_chat", "custom_openai"),
            "https://eu.api.openai.com/v1",
        ),
        "http://localhost:8000/v1/chat/completions": ("openai_chat", "custom_openai", "http://localhost:8000/v1"),
        "https://api.deepseek.com/chat/completions": ("openai_chat", "deepseek", "https://api.deepseek.com"),
    }
    for number, (url, expected) in enumerate(urls.items()):
        root = tmp_path / str(number)
        outcome = import_file(cassette(tmp_path, interaction(url)), root)
        assert outcome.written == 1, (url, outcome.skipped)
        found = only(root)
        assert (found["route"], found["provider"], found["api_base"]) == expected


def test_what_is_left_out_is_named_and_counted(tmp_path: Path) -> None:
    file = cassette(
        tmp_path,
        interaction(),
        interaction(),
        interaction("https://api.openai.com/v1/embeddings"),
        interaction("https://api.openai.com/v1/embeddings"),
        interaction("https://api.openai.com/v1/models", method="GET"),
        interaction("https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse"),
        interaction(body="--form data--"),
        interaction(answer={"string": b"\x8b\x02\x80"}, headers={"Content-Encoding": ["br"]}),
        {"request": {}},
    )
    outcome = import_file(file, tmp_path / "cases")
    assert (outcome.written, outcome.known, outcome.skipped.total()) == (1, 1, 7)
    assert outcome.skipped["POST api.openai.com/v1/embeddings: not a path of a provider"] == 2
    text = "\n".join(outcome.lines())
    for named in ("GET api.openai.com/v1/models", "converse", "no JSON with a model", "coding", "layout"):
        assert named in text


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    for name, content in (("a.yaml", "x: ["), ("b.json", '{"a": 1}'), ("c.yaml", "!!python/object:os.x {}"), ("d", "")):
        (tmp_path / name).write_text(content)
    out = io.StringIO()
    files = [tmp_path / name for name in ("a.yaml", "b.json", "c.yaml", "d", "missing.har")]
    assert import_files(files, tmp_path / "cases", out) == 2
    assert len(out.getvalue().splitlines()) == 5 and not (tmp_path / "cases").exists()


def test_the_command_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = cassette(tmp_path, interaction())
    assert main(["record", "import", str(file), "--to", str(tmp_path / "cases")]) == 0
    assert "1 imported" in capsys.readouterr().out
    file = cassette(tmp_path, interaction("https://example.test/other"))
    assert main(["record", "import", str(file), "--to", str(tmp_path / "cases")]) == 1
