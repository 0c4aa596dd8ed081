"""``/v1/responses`` and what lies below it: ids lead back to the deployment that keeps the response."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import _native
from rig import Running, Upstream, config_document, http_answer

PATHS = ["/v1/responses", "/responses", "/openai/v1/responses"]


def response(identity: str = "resp_abc", **changes: Any) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Hello!", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": identity,
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-4o-2024",
        "output": [message],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        **changes,
    }


def answer(document: dict[str, Any]) -> bytes:
    return http_answer(200, json.dumps(document).encode())


def event(kind: str, number: int, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, "sequence_number": number, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


STREAM = b"".join(
    [
        event("response.created", 0, response=response(status="in_progress", output=[])),
        event("response.output_text.delta", 1, item_id="msg_1", output_index=0, content_index=0, delta="Hello!"),
        event("response.completed", 2, response=response()),
    ]
)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.answers = [answer(response())]
        yield running


@pytest.fixture(params=["lean", "uvicorn"])
def gateway(upstream: Upstream, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path, server=request.param) as running:
        yield running


def ask(gateway: Running, **changes: Any) -> Any:
    return gateway.request("POST", "/v1/responses", {"model": "gpt-4o", "input": "hello", **changes})


@pytest.mark.parametrize("path", PATHS)
def test_a_response_and_the_way_back_to_it(gateway: Running, upstream: Upstream, path: str) -> None:
    for _ in range(2):  # the second one takes the short way
        reply = gateway.request("POST", path, {"model": "gpt-4o", "input": "hello", "store": True})
        assert reply.status == 200
    made = reply.json()
    assert made["model"] == "gpt-4o"
    assert _native.response_deployment(made["id"]) == reply.headers["x-litellm-model-id"]
    assert upstream.received[-1].target == "/v1/responses"

    for method, rest, target in [
        ("GET", "?include=x", "/v1/responses/resp_abc?include=x"),
        ("POST", "/cancel", "/v1/responses/resp_abc/cancel"),
    ]:
        reply = gateway.request(method, f"{path}/{made['id']}{rest}")
        sent = upstream.received[-1]
        assert (reply.status, reply.json()["id"], reply.json()["model"]) == (200, made["id"], "gpt-4o")
        assert (sent.method, sent.target, sent.body) == (method, target, b"")
        assert sent.header("authorization") == "Bearer sk-up-openai"

    upstream.answers = [answer({"id": "resp_abc", "object": "response.deleted", "deleted": True})]
    assert gateway.request("DELETE", f"{path}/{made['id']}").json()["id"] == made["id"]
    upstream.answers = [answer({"object": "list", "data": [{"id": "msg_1"}]})]
    assert gateway.request("GET", f"{path}/{made['id']}/input_items").json()["data"] == [{"id": "msg_1"}]

    upstream.answers = [answer(response())]
    ask(gateway, previous_response_id=made["id"])
    assert upstream.received[-1].json()["previous_response_id"] == "resp_abc"


def test_streams_begin_again_where_the_client_says(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, STREAM, content_type="text/event-stream")]
    reply = ask(gateway, stream=True)
    events = [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: ")]
    assert [one["type"] for one in events] == ["response.created", "response.output_text.delta", "response.completed"]
    made = events[0]["response"]["id"]
    assert events[2]["response"]["id"] == made and events[2]["response"]["model"] == "gpt-4o"
    again = gateway.request("GET", f"/v1/responses/{made}?stream=true&starting_after=0")
    assert again.body == reply.body
    assert upstream.received[-1].target == "/v1/responses/resp_abc?stream=true&starting_after=0"


def test_compaction_and_counting_go_to_the_model(gateway: Running, upstream: Upstream) -> None:
    upstream.answers = [answer({"object": "response.input_tokens", "input_tokens": 11})]
    reply = gateway.request("POST", "/v1/responses/input_tokens", {"model": "gpt-4o", "input": "hello"})
    assert reply.json() == {"object": "response.input_tokens", "input_tokens": 11}
    assert upstream.received[-1].target == "/v1/responses/input_tokens"
    reply = gateway.request("POST", "/v1/responses/compact", b'{"model":"gpt-4o","input":[')
    assert (reply.status, reply.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/responses/resp_unknown", 404),
        ("GET", f"/v1/responses/{_native.__version__}/a/b", 404),
        ("PUT", "/v1/responses/resp_unknown", 405),
        ("GET", "/v1/responses", 405),
        ("POST", "/v1/responses/resp_1/other", 404),
    ],
)
def test_what_nobody_here_keeps(gateway: Running, upstream: Upstream, method: str, path: str, status: int) -> None:
    assert gateway.request(method, path).status == status
    assert gateway.request(method, path, key="sk-wrong").status == 400
    assert not upstream.received


def test_a_failure_of_the_keeper_is_told(gateway: Running, upstream: Upstream) -> None:
    made = ask(gateway).json()["id"]
    message = {"message": "Response not found", "type": "invalid_request_error", "param": None, "code": None}
    upstream.answers = [http_answer(404, json.dumps({"error": message}).encode())]
    reply = gateway.request("GET", f"/v1/responses/{made}")
    assert (reply.status, reply.json()["error"]["message"]) == (404, "Response not found")


def test_an_id_that_litellm_made_leads_to_its_deployment(upstream: Upstream, tmp_path: Path) -> None:
    def deployment(name: str) -> dict[str, Any]:
        params = {"model": "openai/gpt-4o", "api_key": f"sk-{name}", "api_base": f"{upstream.url}/{name}/v1"}
        return {"model_name": f"gpt-{name}", "litellm_params": params, "model_info": {"id": name}}

    document = config_document(upstream.url, model_list=[deployment("one"), deployment("two")])
    with Running(document, tmp_path) as gateway:
        for name in ("two", "one"):
            text = f"litellm:custom_llm_provider:openai;model_id:{name};response_id:resp_abc"
            made = "resp_" + base64.b64encode(text.encode()).decode()
            assert gateway.request("GET", f"/v1/responses/{made}").json()["id"] == made
            assert upstream.received[-1].target == f"/{name}/v1/responses/resp_abc"
            assert upstream.received[-1].header("authorization") == f"Bearer sk-{name}"


def test_what_is_not_switched_goes_to_litellm(upstream: Upstream, tmp_path: Path) -> None:
    migration = {"python": {"url": upstream.url}, "switches": {"*": "python"}}
    with Running(config_document("http://127.0.0.1:9", migration=migration), tmp_path) as gateway:
        for method, path in [("POST", "/v1/responses"), ("GET", "/v1/responses/resp_1"), ("GET", "/v1/responses/a/b")]:
            body = {"model": "gpt-4o", "input": "hello"} if method == "POST" else None
            assert gateway.request(method, path, body).json()["id"] == "resp_abc"
            assert (upstream.received[-1].method, upstream.received[-1].target) == (method, path)


def test_a_conversation_whose_id_litellm_has_encrypted_goes_on_there(upstream: Upstream, tmp_path: Path) -> None:
    sealed = "resp_" + "PUyulCKw8KC2gsjulja8xKRR5Wk04AuC" * 10
    body = {"model": "gpt-4o", "input": "x", "previous_response_id": sealed}
    litellm, provider = {"url": upstream.url}, "http://127.0.0.1:9"
    migration: dict[str, Any] = {"python": litellm, "allow_ungated": True}
    document = config_document(provider, migration={**migration, "switches": {"*": "canary=100"}})
    with Running(document, tmp_path / "canary") as gateway:
        assert gateway.request("POST", "/v1/responses", body).status == 200
        assert json.loads(upstream.received[0].body)["previous_response_id"] == sealed
        # What the provider has made is asked of the provider, who is not there.
        assert ask(gateway, previous_response_id="resp_abc").status == 500
    document = config_document(provider, migration={**migration, "switches": {"*": "rust"}})
    with Running(document, tmp_path / "rust") as gateway:
        reply = gateway.request("POST", "/v1/responses", body)
        assert reply.status == 400 and "LiteLLM proxy that made it" in reply.json()["error"]["message"]
    assert len(upstream.received) == 1
