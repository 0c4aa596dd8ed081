"""No secret survives redaction, wherever it stands; what refers to what still does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from interlingua import _native
from interlingua.cases import case, redact

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"

# By kind: what is planted into free text, and the part of it that must not be found again. Made up, and put together
# here so that nobody's scanner takes them for real.
FREE: dict[str, tuple[str, str]] = {
    "openai key": ("{}", "sk-" + "proj-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ012345"),
    "anthropic key": ("key {} here", "sk-" + "ant-api03-Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1-AA"),
    "openrouter key": ("{}", "sk-" + "or-v1-0123456789abcdef0123456789abcdef"),
    "groq key": ("{}", "gsk" + "_0Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9"),
    "xai key": ("{}", "xai" + "-0Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9"),
    "perplexity key": ("{}", "pplx" + "-0123456789abcdef01234567"),
    "google key": ("{}", "AIza" + "SyA1B2C3D4E5F6G7H8I9J0K1L2M3N4O5P6Q"),
    "google token": ("{}", "ya29" + ".a0AfH6SMB1234567890abcdef"),
    "hugging face token": ("{}", "hf" + "_AbCdEfGhIjKlMnOpQrStUvWxYz"),
    "github token": ("{}", "ghp" + "_0123456789abcdefghijABCDEFGHIJ012345"),
    "github app token": ("{}", "github" + "_pat_11ABCDEFG0123456789_abcdefghij"),
    "slack token": ("{}", "xoxb" + "-123456789012-abcdefGHIJKL"),
    "jwt": ("{}", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9m"),
    "bearer": ("Authorization: Bearer {}", "abc.DEF-123_456~789"),
    "basic": ("Basic {}", "dXNlcjpwYXNzd29yZA=="),
    "aws key id": ("{}", "AKIA" + "IOSFODNN7EXAMPLE"),
    "aws secret": ("aws_secret_access_key={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "aws signature": (
        "AWS4-HMAC-SHA256 Credential=AKIA0/x, SignedHeaders=host, Signature={}",
        "fe5f80f77d5fa3beca038a24",
    ),
    "aws presigned": ("https://b.s3.amazonaws.com/o?X-Amz-Signature={}&X-Amz-Date=1", "a1b2c3d4e5f6a7b8c9"),
    "aws presigned credential": (
        "https://b.s3.amazonaws.com/o?X-Amz-Credential={}&x=1",
        "AKID123%2F20260101%2Fus-east-1",
    ),
    "aws session token": ("https://b.s3.amazonaws.com/o?x=1&X-Amz-Security-Token={}", "IQoJb3JpZ2luX2VjEPr"),
    "azure sas": ("https://a.blob.core.windows.net/c/o?sv=2024-01-01&sig={}", "Qm9iJ3Mgc2lnbmF0dXJl%3D"),
    "google presigned": ("https://storage.googleapis.com/o?X-Goog-Signature={}", "4f2a1b3c5d6e7f80"),
    "url password": ("postgres://{}@db.internal/x", "bob:hunter22pass"),
    "url key": ("https://generativelanguage.googleapis.com/v1/models?key={}", "Kq81Plmn27Xz"),
    "private key": ("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0"),
    "email": ("write to {} soon", "jane.doe+x@corp.example.org"),
    "escaped email": ("to={}", "jane.doe%40corp.example.org"),
    "organization": ("in organization {} on tokens", "org-a1B2c3D4e5F6g7H8"),
    "project": ("project {}", "proj_a1B2c3D4e5F6g7H8"),
    "request id": ("request ID {}", "req_011CSHoEeqs5C35K2UUqR7Fy"),
    "named in JSON text": ('{{"password": "{}", "n": 1}}', "correct horse"),
    "named in JSON text in JSON text": ('{{\\"api_key\\": \\"{}\\"}}', "plain-looking-value"),
    "session": ("sessionid={}; path=/", "9f8e7d6c5b4a3210"),
}
# By kind: a member of a JSON body.
NAMED: dict[str, Any] = {
    "user": "jdoe-of-accounting",
    "safety_identifier": "hash-of-jdoe-0001",
    "prompt_cache_key": "tenant-77-jdoe",
    "metadata": {"user_id": "jdoe-meta-0042", "who": "Jane From Accounting"},
    "organization_id": "acme-internal",
    "session_id": "sess-of-jdoe",
    "authorization_token": "mcp-token-of-jdoe",
    "account_uuid": "b5c6d7e8-jdoe",
    "headers": {"X-Team-Pass": "open-sesame-99"},
}
NAMED_SECRETS = [
    *("jdoe-of-accounting", "hash-of-jdoe-0001", "tenant-77-jdoe", "jdoe-meta-0042", "Jane From Accounting"),
    *("acme-internal", "sess-of-jdoe", "mcp-token-of-jdoe", "b5c6d7e8-jdoe", "open-sesame-99"),
]
HEADERS = {
    "Authorization": "Bearer header-secret-01",
    "Proxy-Authorization": "Basic header-secret-02",
    "x-api-key": "header-secret-03",
    "api-key": "header-secret-04",
    "Cookie": "sid=header-secret-05",
    "Set-Cookie": "sid=header-secret-06; Path=/",
    "x-request-id": "header-secret-07",
    "openai-organization": "header-secret-08",
    "openai-project": "header-secret-09",
    "x-forwarded-for": "header-secret-10",
    "x-amz-security-token": "header-secret-11",
    "cf-ray": "header-secret-12",
    "user-agent": "tool (header-secret-13)",
    "x-goog-api-key": "header-secret-14",
    "llm_provider-set-cookie": "header-secret-15",
    "llm_provider-x-request-id": "header-secret-07",
}


def encoded(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def exchange(bodies: dict[str, str], content_type: str = "application/json") -> dict[str, Any]:
    headers = {**HEADERS, "content-type": content_type}
    return {
        "route": "openai_chat",
        "provider": "openai",
        "model": "gpt-4o",
        "api_base": "https://bob:header-secret-16@llm.test/v1?sig=header-secret-17",
        "defaults": {"user": "header-secret-18", "extra_body": {"api_key": "header-secret-19"}},
        "extra_headers": {"x-tenant": "header-secret-20"},
        "request": {"headers": headers, "query": "api_key=header-secret-21", "body_b64": encoded(bodies["request"])},
        "provider_request": {
            "method": "POST",
            "url": "https://llm.test/v1/chat/completions?key=header-secret-22",
            "headers": headers,
            "body_b64": encoded(bodies["provider_request"]),
        },
        "provider_response": {"status": 200, "headers": headers, "body_b64": encoded(bodies["provider_response"])},
        "client_response": {"status": 200, "headers": headers, "body_b64": encoded(bodies["client_response"])},
    }


def in_json(text: str) -> str:
    return json.dumps(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}], **NAMED}
    )


def as_tool_arguments(text: str) -> str:
    call = {"function": {"name": "f", "arguments": json.dumps({"deep": json.dumps({"said": text})})}}
    return json.dumps(
        {
            "choices": [{"message": {"tool_calls": [{"id": "call_a1b2c3d4", **call}]}}],
            "error": {"message": text},
            **NAMED,
        }
    )


def as_stream(text: str, cut: int = 7) -> str:
    deltas = [text[at : at + cut] for at in range(0, len(text), cut)]
    chunks = [{"id": "chatcmpl-a1b2c3", "choices": [{"index": 0, "delta": {"content": part}}]} for part in deltas]
    chunks.append({"id": "chatcmpl-a1b2c3", **NAMED, "error": {"message": text}})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + f": {text}\n\ndata: [DONE]\n\n"


def as_multipart(text: str) -> str:
    fields = {"purpose": text, **{name: value for name, value in NAMED.items() if isinstance(value, str)}}
    flat = {**fields, "user_id": "jdoe-meta-0042", "password": "open-sesame-99"}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in flat.items()]
    return "".join(parts) + "--b--\r\n"


PLACES = {
    "json": in_json,
    "tool arguments": as_tool_arguments,
    "stream": as_stream,
    "multipart": as_multipart,
    "text": str,
}


def everything(root: Path) -> str:
    """All that stands in the files, also as readers put streams together and decode what is encoded."""
    found = []
    for file in root.rglob("*"):
        if file.is_file():
            text = file.read_bytes().decode("utf-8", "replace")
            found += [str(file), text, text.replace("\\", "")]
            if file.suffix == ".sse":
                frames = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
                deltas = [choice["delta"]["content"] for frame in frames for choice in frame.get("choices", ())]
                found.append("".join(deltas))
    return "\n".join(found)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", FREE)
def test_no_planted_secret_is_written(kind: str, place: str, tmp_path: Path) -> None:
    template, secret = FREE[kind]
    body = PLACES[place](template.format(secret))
    content_type = {"stream": "text/event-stream", "multipart": "multipart/form-data; boundary=b"}.get(
        place, "application/json"
    )
    names = ("request", "provider_request", "provider_response", "client_response")
    planted = exchange(dict.fromkeys(names, body), content_type)
    made = redact.secrets(planted)
    case.write(case.place(tmp_path, made), made)
    written = everything(tmp_path)
    assert secret not in written and json.dumps(secret)[1:-1] not in written
    assert "header-secret" not in written
    if place != "text":
        left = [name for name in NAMED_SECRETS if name in written]
        assert not left
    assert redact.secrets(made) == made  # nothing is left that a second look would find


def test_at_least_thirty_kinds_are_planted() -> None:
    assert len(FREE) + len(NAMED) + len(HEADERS) >= 30


@pytest.mark.parametrize(
    "folder",
    ["openai_chat/anthropic", "anthropic_messages/openai", "openai_responses/openai", "openai_responses/anthropic"],
)
def test_redaction_does_not_change_a_verdict(folder: str) -> None:
    judged = 0
    for directory in case.find(FIXTURES / folder):
        exchange = case.read(directory)
        before = json.loads(_native.compare(json.dumps(exchange).encode()))["class"]
        after = json.loads(_native.compare(json.dumps(redact.secrets(exchange)).encode()))
        assert after["class"] == before, (directory, after["differences"])
        judged += 1
    assert judged > 10


def test_what_belongs_together_still_does() -> None:
    body = json.dumps(
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "call_a1b2c3d4", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "call_a1b2c3d4", "content": "done by call_a1b2c3d4"},
                {"role": "assistant", "thinking_blocks": [{"type": "thinking", "signature": "c2lnbmVk"}]},
            ]
        }
    )
    made = redact.secrets(
        exchange(dict.fromkeys(("request", "provider_request", "provider_response", "client_response"), body))
    )
    told = json.loads(base64.b64decode(made["request"]["body_b64"]))["messages"]
    call = told[0]["tool_calls"][0]["id"]
    assert call.startswith("call_") and len(call) == len("call_a1b2c3d4") and call != "call_a1b2c3d4"
    assert told[1]["tool_call_id"] == call and told[1]["content"] == f"done by {call}"
    signature = told[2]["thinking_blocks"][0]["signature"]
    assert signature and signature != "c2lnbmVk"
    assert made["provider_request"]["body_b64"] == made["request"]["body_b64"]


def test_a_response_id_that_wraps_the_providers_wraps_its_placeholder() -> None:
    wrapped = "resp_" + encoded("litellm:custom_llm_provider:openai;model_id:d;response_id:resp_0a1b2c3d4e5f")
    bodies = dict.fromkeys(("request", "provider_request", "client_response"), json.dumps({"id": wrapped}))
    made = redact.secrets(exchange({**bodies, "provider_response": json.dumps({"id": "resp_0a1b2c3d4e5f"})}))
    own = json.loads(base64.b64decode(made["provider_response"]["body_b64"]))["id"]
    told = json.loads(base64.b64decode(made["client_response"]["body_b64"]))["id"]
    assert own != "resp_0a1b2c3d4e5f"
    assert base64.b64decode(told.removeprefix("resp_")).decode().endswith(f"response_id:{own}")


def test_content_stays() -> None:
    text = "What is the weather in Oslo? Explain tokens, users and the password policy."
    body = json.dumps(
        {"messages": [{"role": "user", "content": text}], "logprobs": [{"token": "Oslo", "logprob": -0.1}], "n": 1.0}
    )
    planted = exchange(dict.fromkeys(("request", "provider_request", "provider_response", "client_response"), body))
    assert base64.b64decode(redact.secrets(planted)["request"]["body_b64"]).decode() == body


def test_structure_has_no_content() -> None:
    told = {"role": "user", "content": "secret plan", "n": 1, "x": 1.5, "f": True, "z": None, "my secret key": ["a"]}
    assert redact.structure(told) == {
        "role": "user",
        "content": "<string 11>",
        "n": "<integer>",
        "x": "<number>",
        "f": "<boolean>",
        "z": "<null>",
        "<key 6: 13>": ["<string 1>"],
    }


def test_a_redacted_verdict_has_no_content() -> None:
    exchange = case.read(FIXTURES / "openai_chat/anthropic/cache_usage_stream")
    body = json.loads(base64.b64decode(exchange["provider_request"]["body_b64"]))
    body["messages"][0]["content"] = "the secret plan"
    exchange["provider_request"]["body_b64"] = encoded(json.dumps(body))
    verdict = json.loads(_native.compare(json.dumps(exchange).encode()))
    assert "the secret plan" in json.dumps(verdict)
    made = redact.verdict(verdict)
    assert "secret plan" not in json.dumps(made)
    assert made["class"] == "unexplained" and made["differences"][0]["path"].startswith("body.messages[0].content")


def test_a_long_document_and_long_text_are_redacted_in_parts(tmp_path: Path) -> None:
    document = base64.b64encode(bytes(range(256)) * 400).decode()
    key = FREE["anthropic key"][1]
    long = "\n".join(["nothing here to see"] * 5000 + [f"but {key} and jane.doe@corp.example"] + ["nor here"] * 20_000)
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": long}, {"data": document}]}]})
    names = ("request", "provider_request", "provider_response", "client_response")
    made = base64.b64decode(redact.secrets(exchange(dict.fromkeys(names, body)))["request"]["body_b64"]).decode()
    assert key not in made and "jane.doe" not in made
    assert document in made and made.count("nothing here to see") == 5000 and made.count("nor here") == 20_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"n": 1e999, "user": "jane.doe"}',
        b'{"s": "\\ud800", "user": "jane.doe"}',
        b'data: {"type": {"x": 1}, "text": "a", "index": []}\n\ndata: ' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"\n\n",
        b"data: [1, 2]\n\ndata: null\n\ndata: {",
    ],
)
def test_strange_bodies_are_redacted_too(body: bytes) -> None:
    names = ("request", "provider_request", "provider_response", "client_response")
    planted = exchange(dict.fromkeys(names, ""))
    for name in names:
        planted[name]["body_b64"] = encoded(body)
    made = base64.b64decode(redact.secrets(planted)["request"]["body_b64"])
    assert b"jane.doe" not in made
    assert body.startswith(b"{") or made == body
