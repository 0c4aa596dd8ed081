"""The shadow plug-in by itself: what it takes out, what it bounds, and that it never gets in the way."""

from __future__ import annotations

import ast
import asyncio
import base64
import gzip
import http.server
import json
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import litellm_plugin as plugin

HEADERS = [(b"content-type", b"application/json"), (b"anthropic-beta", b"b1"), (b"cookie", b"SECRET"), (b"host", b"x")]
ANSWER = [
    {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/plain"), (b"set-cookie", b"SECRET")],
    },
    {"type": "http.response.body", "body": b"one", "more_body": True},
    {"type": "http.response.body", "body": b"two"},
]


class Gateway(http.server.ThreadingHTTPServer):
    """Takes hand-overs, answers with ``status``; waits for ``open`` first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Endpoint)
        self.status = 202
        self.open = threading.Event()
        self.open.set()
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.came = threading.Condition()

    def wait(self, count: int) -> list[tuple[dict[str, str], dict[str, Any]]]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.got) >= count, 10)
            return self.got


class Endpoint(http.server.BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.came:
            self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, document))
            self.server.came.notify_all()
        self.server.open.wait(10)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    server = Gateway()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv(plugin.URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/handover")
    monkeypatch.setenv(plugin.TOKEN_VARIABLE, "t")
    monkeypatch.setattr(plugin, "_SENDERS", [])
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()


class App:
    """In FastAPI's place."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.body = (await receive())["body"]
        for message in ANSWER:
            await send(message)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    class Fresh(App):
        __call__ = App.__call__

    monkeypatch.setitem(__import__("sys").modules, "fastapi", types.SimpleNamespace(FastAPI=Fresh))
    plugin.install()
    plugin.install()  # a config that is loaded again
    return Fresh()


def ask(app: App, *marks: bytes, body: bytes = b'{"model":"m"}') -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [*HEADERS, *((plugin.HEADER.encode(), mark) for mark in marks)]
    scope = {"type": "http", "path": "/v1/x", "query_string": b"a=1&key=SECRET", "headers": headers}
    asyncio.run(app(scope, receive, send))
    return sent


def test_only_marked_requests_are_looked_at(gateway: Gateway, app: App) -> None:
    assert ask(app) == ANSWER and app.scope["headers"] == HEADERS
    assert not hasattr(type(app).__call__.__wrapped__, "interlingua"), "it is installed once"
    assert plugin._SENDERS == []
    assert ask(app, b"openai_chat/openai@g") == ANSWER
    assert app.scope["headers"] == HEADERS, "the mark goes no further"
    [(headers, document)] = gateway.wait(1)
    assert (headers["x-interlingua-token"], headers["x-interlingua-shadow"]) == ("t", "openai_chat/openai@g")
    assert document["request"]["path"] == "/v1/x" and document["request"]["query"] == "a=1&key=<key>"
    assert document["request"]["headers"] == {"content-type": "application/json", "anthropic-beta": "b1"}
    assert base64.b64decode(document["request"]["body_b64"]) == b'{"model":"m"}'
    answer = document["response"]
    assert (answer["status"], answer["complete"], answer["headers"]) == (200, True, {"content-type": "text/plain"})
    assert base64.b64decode(answer["body_b64"]) == b"onetwo"
    assert "SECRET" not in json.dumps(document)


def test_without_its_variables_it_does_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(plugin.URL_VARIABLE, raising=False)
    monkeypatch.setattr(plugin, "_SENDERS", [])
    assert ask(app, b"x") == ANSWER and plugin._SENDERS == []
    assert app.scope["headers"] == HEADERS


def test_our_own_mistakes_never_reach_an_answer(gateway: Gateway, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError

    for owner, name in (
        (plugin.Capture, "received"),
        (plugin.Capture, "answered"),
        (plugin.Sender, "offer"),
        (plugin, "_tee_transports"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            assert ask(app, b"x") == ANSWER, name
    with monkeypatch.context() as patch:
        patch.setattr(plugin, "_tee_transports", broken)
        before = plugin._SENDERS[0]._live
        ask(app, b"x")
        assert plugin._SENDERS[0]._live == before, "it takes no place from the requests that come after it"


def test_what_the_app_raises_is_raised(gateway: Gateway, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWER[0], "status", "no number")  # ours cannot read it; the app's own failure counts

    async def send(_: Any) -> None:
        raise ConnectionError

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "path": "/", "query_string": b"", "headers": [(plugin.HEADER.encode(), b"x")]}
    with pytest.raises(ConnectionError):
        asyncio.run(app(scope, receive, send))


def test_overload_drops_and_tells(gateway: Gateway, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.open.clear()  # the gateway takes its time
    total = plugin.QUEUE_LENGTH + 20
    for _ in range(total):
        assert ask(app, b"pair@group") == ANSWER
    # At least one is with the gateway or its thread, the queue is full, and the others are dropped.
    dropped = sum(plugin._SENDERS[0]._dropped.values())
    assert total - plugin.QUEUE_LENGTH - 2 <= dropped <= total - plugin.QUEUE_LENGTH
    gateway.open.set()
    gateway.wait(total - dropped)
    ask(app, b"pair@group")
    told = gateway.wait(total - dropped + 1)
    assert sum(document["dropped"].get("pair@group", 0) for _, document in told) >= dropped
    assert "pair@group" not in told[-1][1]["dropped"], "what was told once is not told again"


def test_a_gateway_that_refuses_or_breaks_is_no_reason_to_stop(gateway: Gateway, app: App) -> None:
    gateway.status = 500
    for count in range(3):
        assert ask(app, b"x") == ANSWER
        gateway.wait(count + 1)


def test_large_bodies_are_not_kept(gateway: Gateway, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "MAX_BYTES", 18)
    assert ask(app, b"x") == ANSWER
    [(_, document)] = gateway.wait(1)
    assert document["withheld"] == "too_large" and "request" not in document


@pytest.mark.parametrize(
    "body",
    [
        b'{"api_key": "sk-1"}',
        b'{"tools":[{"type":"mcp","authorization":"abc"}]}',
        b'{"mcp_servers":[{"authorization_token" : "abc"}]}',
        b'{"aws_secret_access_key":"abc"}',
        b'{"aws_session_token":"abc"}',
        b'{"vertex_credentials":"{}"}',
        b'{"azure_ad_token":"abc"}',
        b'{"x-api-key":"abc"}',
        b'{"user_config":{"model_list":[]}}',
        b'{"apiKey":"abc"}',
    ],
)
def test_bodies_with_credentials_stay_where_they_are(gateway: Gateway, app: App, body: bytes) -> None:
    assert ask(app, b"x", body=body) == ANSWER
    [(_, document)] = gateway.wait(1)
    assert document["withheld"] == "credentials_in_body" and b"abc" not in json.dumps(document).encode()


def test_bodies_about_credentials_are_told(gateway: Gateway, app: App) -> None:
    body = b'{"tools":[{"parameters":{"properties":{"password":{"type":"string"}}}}],"max_tokens":5,"model":"x"}'
    ask(app, b"x", body=body)
    assert "withheld" not in gateway.wait(1)[0][1]


def test_keys_are_taken_out_of_headers_and_urls() -> None:
    given = {
        "Authorization": "Bearer sk-SECRET",
        "x-api-key": "SECRET",
        "Set-Cookie": "a=SECRET",
        "llm_provider-set-cookie": "a=SECRET",
        "x-amz-security-token": "SECRET",
        "x-custom": "Bearer SECRET",
        "x-odd": "sk-proj-SECRET-SECRET",
        "proxy-authorization": "Basic SECRET",
        "helicone-auth": "SECRET",
        "x-ratelimit-remaining-tokens": "12",
        "openai-version": "2020-10-01",
    }
    cleaned = plugin.clean_headers(given.items())
    assert "SECRET" not in json.dumps(cleaned)
    assert cleaned == {
        "authorization": "Bearer <key>",
        "x-api-key": "<key>",
        "x-custom": "<key>",
        "x-odd": "<key>",
        "x-ratelimit-remaining-tokens": "12",
        "openai-version": "2020-10-01",
    }
    url = "https://me:SECRET@host:1/p?api-version=1&key=SECRET&X-Amz-Signature=SECRET&q=sk-ant-SECRET-SECRET"
    assert plugin.clean_url(url) == "https://host:1/p?api-version=1&key=<key>&X-Amz-Signature=<key>&q=<key>"
    assert plugin.clean_url("https://host/p") == "https://host/p"


def test_an_answer_in_a_coding_that_is_not_known_is_not_told() -> None:
    message = plugin.Message(plugin.Room(), [("content-encoding", "x-own")])
    message.add(gzip.compress(b"x"))
    assert message.body() is None


def test_the_last_call_to_each_place_counts() -> None:
    def request(host: str, body: bytes, method: str = "POST") -> Any:
        url = types.SimpleNamespace(scheme="https", host=host, port=None)
        headers = types.SimpleNamespace(multi_items=lambda: [("a", "b")])
        return types.SimpleNamespace(method=method, url=url, headers=headers, content=body)

    capture = plugin.Capture("t", {"path": "/", "query_string": b"", "headers": []})
    for host, body in (("one", b"1"), ("two", b"2"), ("one", b"3")):
        assert capture.call(request(host, body)) is not None
    assert capture.call(request("one", b"4", "GET")) is None
    told = capture.document()["calls"]
    assert [(call["count"], base64.b64decode(call["body_b64"])) for call in told] == [(1, b"2"), (2, b"3")]
    for number in range(20):
        capture.call(request(f"place{number}", b""))
    assert len(capture.calls) == plugin.MAX_PLACES


def test_it_stands_alone() -> None:
    """One file for any Python from 3.9 on, without anything of ours."""
    source = Path(plugin.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith("interlingua") for name in imported)
