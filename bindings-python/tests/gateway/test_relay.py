"""The ``python`` engine: everything that the gateway does not serve goes to LiteLLM byte for byte."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets.exceptions
import yaml
from rig import CHAT, KEY, Received, Running, Upstream, chat_answer, config_document, http_answer
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

TOY = Path(__file__).with_name("toy_litellm.py")
COMMAND = [sys.executable, str(TOY), "{port}"]


def toy_config(command: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    document = config_document("http://127.0.0.1:9")
    document["migration"] = {"python": {"command": command or COMMAND, "start_timeout": 20}}
    document.update(changes)
    return document


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """A gateway whose python engine is a child."""
    with Running(toy_config(), tmp_path) as running:
        yield running


def to_upstream(upstream: Upstream, **changes: Any) -> dict[str, Any]:
    """A config whose python engine is the scripted upstream."""
    return config_document("http://127.0.0.1:9", migration={"python": {"url": upstream.url}}, **changes)


def test_bytes_of_both_sides(upstream: Upstream, tmp_path: Path) -> None:
    packed = b"\x1f\x8b\x00not really gzip\xff"
    upstream.answers = [
        http_answer(418, packed, "content-encoding: gzip", "x-a: 1", "x-a: 2", "connection: x-drop", "x-drop: 1")
    ]
    body = bytes(range(256)) * 40
    with Running(to_upstream(upstream), tmp_path) as gateway:
        reply = gateway.request(
            "PATCH", "/v1/any/thing%2Fhere?q=%F0", body, content_type="application/x-odd", accept_encoding="gzip, br"
        )
    assert (reply.status, reply.body) == (418, packed)
    assert reply.headers["content-encoding"] == "gzip"
    assert "x-drop" not in reply.headers and "x-litellm-version" not in reply.headers
    sent = upstream.received[0]
    assert (sent.method, sent.target, sent.body) == ("PATCH", "/v1/any/thing%2Fhere?q=%F0", body)
    assert sent.header("accept-encoding") == "gzip, br"
    assert sent.header("content-type") == "application/x-odd"
    assert sent.header("host") == f"127.0.0.1:{upstream.port}"


@pytest.mark.parametrize("target", ["//elsewhere/x", "/@elsewhere/x", "*", "http://elsewhere/x", "/a?http://elsewhere"])
def test_no_path_leads_to_another_host(upstream: Upstream, tmp_path: Path, target: str) -> None:
    running = Running(to_upstream(upstream), tmp_path)
    with running, socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(f"OPTIONS {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert client.makefile("rb").readline().split()[1] in (b"200", b"400")
    for request in upstream.received:
        assert request.header("host") == f"127.0.0.1:{upstream.port}"


def test_large_multipart_upload_streams_through(gateway: Running) -> None:
    body = (
        b"--e\r\ncontent-disposition: form-data; name=file; filename=a\r\n\r\n"
        + os.urandom(5_000_000)
        + b"\r\n--e--\r\n"
    )
    echoed = gateway.request(
        "POST", "/v1/audio/transcriptions", body, content_type="multipart/form-data; boundary=e"
    ).json()
    assert echoed["size"] == len(body)
    assert echoed["headers"]["content-type"] == "multipart/form-data; boundary=e"


def test_chunked_upload(gateway: Running) -> None:
    connection = gateway.connect()
    parts = iter([b"a" * 1000, b"b" * 1000])
    connection.request("POST", "/files", parts, {"authorization": f"Bearer {KEY}"}, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["size"] == 2000
    connection.close()


def test_stream_is_relayed_as_it_comes(upstream: Upstream, tmp_path: Path) -> None:
    more = threading.Event()

    async def slowly(_: Received, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await writer.drain()
        while not more.is_set():
            await asyncio.sleep(0.01)
        writer.write(b"data: 2\n\n")
        await writer.drain()
        writer.close()

    upstream.answers = [slowly]
    with Running(to_upstream(upstream), tmp_path) as gateway:
        connection = gateway.connect()
        connection.request("GET", "/v1/assistants", headers={"authorization": f"Bearer {KEY}"})
        response = connection.getresponse()
        assert response.read1(100) == b"data: 1\n\n"
        more.set()
        assert response.read() == b"data: 2\n\n"
        connection.close()


def test_relay_that_breaks_off_is_seen_as_broken(upstream: Upstream, tmp_path: Path) -> None:
    upstream.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"]
    upstream.close_after_answer = True
    with Running(to_upstream(upstream), tmp_path) as gateway, pytest.raises(Exception, match=r"IncompleteRead|."):
        gateway.request("GET", "/v1/files")


def test_relay_to_nobody(tmp_path: Path) -> None:
    document = config_document("http://127.0.0.1:9", migration={"python": {"url": "http://127.0.0.1:1"}})
    with Running(document, tmp_path) as gateway:
        assert gateway.request("GET", "/v1/files").status == 502
        reply = gateway.request("POST", "/v1/messages", {"model": "claude", "max_tokens": 1, "messages": []})
        assert (reply.status, reply.json()["type"]) == (502, "error")


@pytest.mark.parametrize("mode", ["python", "auto"])
def test_switch_and_closed_gate_lead_to_python(upstream: Upstream, tmp_path: Path, mode: str) -> None:
    upstream.answers = [chat_answer(id="from-litellm")]
    gate = tmp_path / "gate.json"
    gate.write_text('{"routes": {}}')
    document = to_upstream(upstream)
    document["migration"].update(switches={"*": mode}, gate_file=str(gate))
    with Running(document, tmp_path) as gateway:
        body = json.dumps({**CHAT, "temperature": 1.0}, indent=1).encode()
        reply = gateway.request("POST", "/v1/chat/completions", body, content_type="application/json")
    assert reply.json()["id"] == "from-litellm"
    assert upstream.received[0].body == body
    assert upstream.received[0].header("authorization") == f"Bearer {KEY}"


def test_no_python_engine_is_a_clear_501(tmp_path: Path) -> None:
    gate = tmp_path / "gate.json"
    gate.write_text('{"routes": {"openai_chat/openai": {"features": ["system"]}}}')
    document = config_document("http://127.0.0.1:9", migration={"gate_file": str(gate)})
    with Running(document, tmp_path) as gateway:
        if gateway.app.python.available:
            pytest.skip("LiteLLM is installed here")
        reply = gateway.chat(stream=True)
        assert reply.status == 501
        assert (
            "streaming" in reply.json()["error"]["message"]
            and "migration.python.url" in reply.json()["error"]["message"]
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"litellm_settings": {"callbacks": ["langfuse"]}},
        {"general_settings": {"master_key": KEY, "custom_auth": "my.auth"}},
        {"litellm_settings": {"fallbacks": [{"gpt-4o": ["claude"]}]}},
    ],
)
def test_what_is_not_built_goes_to_python_and_is_refused_under_rust(
    upstream: Upstream, tmp_path: Path, changes: dict[str, Any]
) -> None:
    upstream.answers = [chat_answer(id="from-litellm")]
    document = to_upstream(upstream, **changes)
    with Running(document, tmp_path / "auto") as gateway:
        assert gateway.chat().json()["id"] == "from-litellm"
        notices = " ".join(line.get("message", "") for line in gateway.logs())
        assert "python engine" in notices
    document["migration"] |= {"switches": {"*": "rust"}, "allow_ungated": True}
    with Running(document, tmp_path / "rust") as gateway:
        reply = gateway.chat()
        assert reply.status == 400 and "not built" in reply.json()["error"]["message"]


@pytest.mark.parametrize("control", [{"fallbacks": ["claude"]}, {"guardrails": ["pii"]}, {"cache": {"no-cache": True}}])
def test_host_controls_that_are_not_built(upstream: Upstream, tmp_path: Path, control: dict[str, Any]) -> None:
    upstream.answers = [chat_answer(id="from-litellm")]
    document = to_upstream(upstream)
    document["migration"] |= {"allow_ungated": True}
    with Running(document, tmp_path) as gateway:
        assert gateway.chat(**control).json()["id"] == "from-litellm"
        assert gateway.request("PUT", "/interlingua/switches", {"*": "rust"}).status == 200
        reply = gateway.chat(**control)
        assert reply.status == 400 and next(iter(control)) in reply.json()["error"]["message"]


def test_unknown_models_go_to_a_proxy_that_may_know_them(upstream: Upstream, tmp_path: Path) -> None:
    with Running(to_upstream(upstream), tmp_path) as gateway:
        assert gateway.chat(model="only-in-its-database").status == 200
    assert len(upstream.received) == 1


def test_unknown_models_do_not_start_a_child(gateway: Running) -> None:
    assert gateway.chat(model="nope").status == 400
    assert not gateway.app.python.running


def test_keys_that_are_not_the_master_key_are_for_litellm_to_judge(upstream: Upstream, tmp_path: Path) -> None:
    document = to_upstream(upstream, general_settings={"master_key": KEY, "custom_auth": "my.auth"})
    with Running(document, tmp_path) as gateway:
        assert gateway.request("POST", "/v1/chat/completions", CHAT, key="sk-virtual").status == 200
        assert gateway.request("GET", "/interlingua/switches", key="sk-virtual").status == 400
    assert upstream.received[0].header("authorization") == "Bearer sk-virtual"


def test_admin_endpoint(upstream: Upstream, tmp_path: Path) -> None:
    with Running(config_document(upstream.url, migration={"allow_ungated": True}), tmp_path) as gateway:
        assert gateway.request("GET", "/interlingua/switches", key=None).status == 401
        assert gateway.request("PUT", "/interlingua/switches", {"*": "rust"}, key="sk-no").status == 400
        assert gateway.request("GET", "/interlingua/switches").json()["switches"] == {}
        assert gateway.request("PUT", "/interlingua/switches", {"openai_chat/openai": "rust"}).status == 200
        assert gateway.chat().status == 200
        for bad in ({"openai_chat/openai": "python", "x": "rust"}, {}, {"a/b": "rust"}):
            assert gateway.request("PUT", "/interlingua/switches", bad).status == 400
        assert gateway.request("PUT", "/interlingua/switches", b"{").status == 400
        assert gateway.request("GET", "/interlingua/switches").json()["switches"] == {"openai_chat/openai": "rust"}
        assert b'interlingua_ungated_switch{switch="openai_chat/openai"} 1' in gateway.request("GET", "/metrics").body


def test_admin_endpoint_needs_a_master_key(upstream: Upstream, tmp_path: Path) -> None:
    with Running(config_document(upstream.url, general_settings={}), tmp_path) as gateway:
        assert gateway.request("PUT", "/interlingua/switches", {"*": "python"}).status == 403


def test_websocket(gateway: Running) -> None:
    async def use() -> None:
        url = f"ws://127.0.0.1:{gateway.port}/v1/realtime?model=x"
        headers = {"authorization": f"Bearer {KEY}"}
        async with connect(url, additional_headers=headers, subprotocols=[Subprotocol("realtime")]) as client:
            assert client.subprotocol == "realtime"
            assert await client.recv() == "/v1/realtime?model=x"
            for message in ("text ü", b"\x00\xff" * 1000, "x" * 900_000):
                await client.send(message)
                assert await client.recv() == message
            await client.send("close")
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (4001, "as asked")

    async def within_seconds() -> None:
        async with asyncio.timeout(20):
            await use()

    asyncio.run(within_seconds())


def test_websocket_refusals(gateway: Running) -> None:
    async def status(path: str, key: str) -> int:
        try:
            async with connect(
                f"ws://127.0.0.1:{gateway.port}{path}", additional_headers={"authorization": f"Bearer {key}"}
            ):
                return 101
        except websockets.exceptions.InvalidStatus as error:
            return error.response.status_code

    assert asyncio.run(status("/x", "sk-wrong")) == 401
    assert asyncio.run(status("/refused", KEY)) == 403


def test_command_line_serves_and_ends_cleanly(upstream: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config_document(upstream.url)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "interlingua", "serve", "--config", str(path), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("listening on "))
    port = int(line.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"I'm alive!" in client.makefile("rb").read()
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["serve", "--config", "none.yaml"], "no such file"),
        (["replay", "--fixtures", "nowhere"], "no folder of fixtures"),
    ],
)
def test_command_line_errors(arguments: list[str], word: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "interlingua", *arguments], capture_output=True, text=True, env=environment, timeout=30
    )
    assert done.returncode == 2 and word in done.stderr
