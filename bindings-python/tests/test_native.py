"""The extension module: every name of its stub, its errors, and that it is safe to fork and starts no threads."""

from __future__ import annotations

import ast
import json
import os
import threading
from pathlib import Path
from typing import Any

import interlingua
import pytest
from interlingua import _native

STUB = Path(interlingua.__file__).parent / "_native.pyi"
CHAT = b'{"model":"claude","messages":[{"role":"user","content":"Hi"}]}'
STREAM = b'{"model":"claude","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
JSON = [("content-type", "application/json")]
SSE = [("content-type", "text/event-stream")]
ANSWER = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5",'
    b'"content":[{"type":"text","text":"Hello!"}],"stop_reason":"end_turn",'
    b'"usage":{"input_tokens":8,"output_tokens":3}}'
)
EVENTS = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":8,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hello!"}}\n\n'
)


def target(**settings: Any) -> interlingua.Target:
    return interlingua.Target("anthropic", "claude-sonnet-4-5", **settings)


def attempt(body: bytes = CHAT, **settings: Any) -> interlingua.Attempt:
    request = interlingua.Request("openai_chat", body)
    return request.attempt(target(**settings), now_unix=1_700_000_000, id_seed=7)


def sent(body: bytes = CHAT, **settings: Any) -> tuple[interlingua.Attempt, interlingua.HttpRequest]:
    trying = attempt(body, **settings)
    request = trying.step()
    assert isinstance(request, interlingua.HttpRequest)
    return trying, request


def ended(trying: interlingua.Attempt) -> interlingua.Outcome:
    outcome = trying.step()
    assert isinstance(outcome, interlingua.Outcome)
    return outcome


GATEWAYS_OWN = {
    "AnswerReader",
    "BadMessage",
    "Begun",
    "CallIds",
    "Lanes",
    "RequestHead",
    "RequestReader",
    "ResponseHead",
    "Tally",
    "compare",
}
"""For the gateway: no part of the translation's API."""


def test_everything_in_the_stub_exists_and_is_exported() -> None:
    module = ast.parse(STUB.read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name != "__new__":
                    assert hasattr(getattr(_native, node.name), member.name), f"{node.name}.{member.name}"
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            exported = node.name in interlingua.__all__ and hasattr(interlingua, node.name)
            assert exported != (node.name in GATEWAYS_OWN)


def test_a_request_tells_what_a_host_needs() -> None:
    body = b'{"model":"gpt","stream":true,"messages":[],"num_retries":3,"tools":[{"type":"function"}]}'
    request = interlingua.Request("openai_chat", body)
    assert (request.model, request.stream) == ("gpt", True)
    assert {"streaming", "tools"} <= set(request.features)
    assert json.loads(request.host_controls) == {"num_retries": 3}


def test_what_is_sent() -> None:
    _, request = sent(extra_headers=[("x-team", "a")])
    assert (request.method, request.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert request.auth == [("header", "x-api-key", "")]
    assert dict(request.headers)["content-type"] == "application/json"
    assert dict(request.headers)["x-team"] == "a"
    body = json.loads(request.body)
    assert body["model"] == "claude-sonnet-4-5" and body["messages"][0]["role"] == "user" and body["max_tokens"] > 0
    assert sent(base_url="http://127.0.0.1:9/")[1].url == "http://127.0.0.1:9/v1/messages"
    assert sent(has_credential=False)[1].auth == []


def test_a_targets_settings() -> None:
    made = target(capabilities=b'{"max_output_tokens": 77}', defaults=b'{"temperature": 0.5}')
    assert (made.provider, made.model, made.key_variable) == ("anthropic", "claude-sonnet-4-5", "ANTHROPIC_API_KEY")
    request = interlingua.Request("openai_chat", CHAT).attempt(made, now_unix=0, id_seed=0).step()
    assert isinstance(request, interlingua.HttpRequest)
    assert json.loads(request.body)["temperature"] == 0.5


def test_an_answer() -> None:
    trying, _ = sent()
    assert trying.step() is None and trying.client_head is None
    trying.head(200, [*JSON, ("request-id", "req_1")])
    answer = b"".join(trying.body(ANSWER[at : at + 7]) for at in range(0, len(ANSWER), 7)) + trying.end()
    outcome = ended(trying)
    assert (outcome.answered, outcome.status, outcome.kind, outcome.message) == (True, 200, "answered", "")
    assert (outcome.retry, outcome.retry_after, outcome.committed) == (False, None, True)
    assert trying.client_head is not None and trying.client_head[0] == 200
    assert dict(trying.client_head[1])["llm_provider-request-id"] == "req_1"
    completion = json.loads(answer)
    assert completion["choices"][0]["message"]["content"] == "Hello!" and completion["model"] == "claude"
    assert trying.usage is not None and (trying.usage["input"], trying.usage["total"]) == (8, 11)
    assert trying.losses == [] and trying.rewrites == [("max_tokens", "default_max_tokens")]


def test_a_failure_before_the_first_content() -> None:
    trying, _ = sent()
    trying.head(429, [*JSON, ("retry-after", "2")])
    assert trying.body(b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}') == b""
    assert trying.end() == b"" and trying.client_head is None
    outcome = ended(trying)
    assert (outcome.answered, outcome.status, outcome.kind, outcome.message) == (False, 429, "status", "Slow down")
    assert (outcome.retry, outcome.retry_after, outcome.committed) == (True, 2.0, False)
    failure = trying.failure()
    assert failure.status == 429 and dict(failure.headers)["retry-after"] == "2"
    assert json.loads(failure.body)["error"]["message"] == "Slow down"


@pytest.mark.parametrize("reason", ["timeout", "connection", "disconnected"])
def test_the_host_gives_up(reason: str) -> None:
    trying, _ = sent(STREAM)
    assert trying.abort(reason) == b"" and ended(trying).kind == reason
    trying, _ = sent(STREAM)
    trying.head(200, SSE)
    assert b"Hello!" in trying.body(EVENTS)
    assert b'"error"' in trying.abort(reason)
    assert ended(trying).committed and not ended(trying).retry


def test_errors_say_what_where_and_which_status() -> None:
    with pytest.raises(interlingua.InvalidRequest) as invalid:
        interlingua.Request("openai_chat", b'{"messages":[]}')
    assert (invalid.value.code, invalid.value.status, invalid.value.param) == ("invalid_request", 400, "model")
    with pytest.raises(interlingua.InvalidRequest, match="not valid JSON"):
        interlingua.Request("openai_chat", b'{"model":')
    with pytest.raises(interlingua.InvalidRequest):
        interlingua.Request("openai_chat", CHAT, max_body_bytes=10)
    with pytest.raises(interlingua.InvalidRequest):
        interlingua.Request("openai_chat", b'{"model":"m","x":[[[[]]]]}', max_depth=3)
    with pytest.raises(interlingua.Decline) as unknown:
        interlingua.Target("nobody", "m")
    assert unknown.value.code == "unknown_provider"
    with pytest.raises(interlingua.InvalidRequest, match="base URL"):
        interlingua.Target("hosted_vllm", "m")
    with pytest.raises(interlingua.Unsupported) as unsupported:
        attempt(b'{"model":"m","n":2,"messages":[{"role":"user","content":"Hi"}]}')
    assert unsupported.value.status == 400 and unsupported.value.param == "n"
    with pytest.raises(interlingua.Misuse):
        attempt().abort("boredom")
    for kind in (interlingua.InvalidRequest, interlingua.Unsupported, interlingua.Decline, interlingua.Misuse):
        assert issubclass(kind, interlingua.InterlinguaError)


def test_only_bytes_go_in() -> None:
    with pytest.raises(TypeError):
        interlingua.Request("openai_chat", CHAT.decode())  # type: ignore[arg-type]


def test_one_shot_translation() -> None:
    request, losses = interlingua.translate_request("openai_chat", CHAT, target(), now_unix=1, id_seed=2)
    assert json.loads(request.body)["messages"] and losses == []
    answer, losses = interlingua.translate_response("openai_chat", CHAT, target(), 200, JSON, ANSWER)
    assert (answer.status, losses) == (200, [])
    assert json.loads(answer.body)["choices"][0]["finish_reason"] == "stop"


def test_the_same_input_gives_the_same_bytes() -> None:
    def play() -> tuple[bytes, bytes]:
        trying, request = sent(STREAM)
        trying.head(200, SSE)
        return request.body, trying.body(EVENTS)

    assert play() == play()


def test_host_errors_in_the_clients_dialect() -> None:
    told = interlingua.render_error("openai_chat", 413, "too long", type="t", code="c", param="p")
    assert (told.status, dict(told.headers)["content-type"]) == (413, "application/json")
    assert json.loads(told.body) == {"error": {"message": "too long", "type": "t", "param": "p", "code": "c"}}
    told = interlingua.render_error("anthropic_messages", 404, "no such model")
    assert json.loads(told.body)["error"] == {"type": "not_found_error", "message": "no such model"}


def test_the_tables() -> None:
    providers = {name: (base, key) for name, base, key in interlingua.providers()}
    assert providers["anthropic"] == ("https://api.anthropic.com", "ANTHROPIC_API_KEY")
    assert providers["hosted_vllm"][0] is None
    assert ("openai_chat", "anthropic", "anthropic_messages") in interlingua.routes()
    assert ("anthropic_messages", "groq", "openai_chat") in interlingua.routes()


def test_debug_output_holds_no_content() -> None:
    request = interlingua.Request("openai_chat", CHAT.replace(b"Hi", b"secret words"))
    assert "secret words" not in repr(request) + repr(attempt(CHAT.replace(b"Hi", b"secret words")))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_an_attempt_goes_on_after_a_fork() -> None:
    trying, _ = sent()
    trying.head(200, JSON)
    trying.body(ANSWER[:40])
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, trying.body(ANSWER[40:]) + trying.end())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert answer == trying.body(ANSWER[40:]) + trying.end()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_no_thread_is_started() -> None:
    before = len(os.listdir("/proc/self/task"))
    large = b'{"model":"m","messages":[{"role":"user","content":"' + b"a" * 1_000_000 + b'"}]}'
    for _ in range(3):
        sent(large)
    assert len(os.listdir("/proc/self/task")) == before


def test_many_threads_may_use_one_request_and_target() -> None:
    request, one = interlingua.Request("openai_chat", CHAT), target()
    bodies: list[bytes] = []

    def work() -> None:
        for _ in range(200):
            http = request.attempt(one, now_unix=1, id_seed=1).step()
            assert isinstance(http, interlingua.HttpRequest)
            bodies.append(http.body)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 800 and len(set(bodies)) == 1
