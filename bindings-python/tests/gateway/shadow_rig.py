"""Real LiteLLM proxies on the replay upstream, with the shadow plug-in, in front of them a gateway."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from interlingua import litellm_plugin
from interlingua.cases import case
from interlingua.gateway.shadow import ticket_of
from rig import KEY, Running, config_document

LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")
TOKEN = "handover-token-51f0"
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
PAIR = "openai_chat/anthropic"
GROUP = "anthropic/claude-sonnet-4-5"
WHOLE = "openai_chat/anthropic/multi_turn"
STREAMED = "openai_chat/anthropic/tool_call_stream"
PROMPT = "planted-prompt-c4a1e9"
HANDOVER = "/interlingua/handover"
START_SECONDS = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def replay_upstream() -> Iterator[str]:
    """The URL of a replay upstream."""
    command = [sys.executable, "-m", "interlingua", "replay", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextlib.contextmanager
def litellm_proxy(document: dict[str, Any], folder: Path, port: int, handover_url: str | None) -> Iterator[None]:
    """A LiteLLM proxy, with the two lines of the documentation if it is to hand over."""
    assert LITELLM
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    if handover_url is not None:
        shutil.copy(litellm_plugin.__file__, folder / "interlingua_plugin.py")
        settings = {**document.get("litellm_settings", {}), "callbacks": ["interlingua_plugin.plugin"]}
        document = {**document, "litellm_settings": settings}
        environment |= {litellm_plugin.URL_VARIABLE: handover_url, litellm_plugin.TOKEN_VARIABLE: TOKEN}
    path = folder / "litellm.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in document.items() if key != "migration"}))
    command = [
        LITELLM,
        "-m",
        "litellm.proxy.proxy_cli",
        "--config",
        str(path),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (folder / "litellm.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
        try:
            await_ready(port, process)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def await_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError):
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(0.2)
    raise AssertionError("LiteLLM did not start")


def shadowing(base: str, url: str | None = None, **shadow: Any) -> dict[str, Any]:
    """A config that shadows everything, sampled whole."""
    migration: dict[str, Any] = {"switches": {"*": "shadow"}, "shadow": {"sample": 1, **shadow}}
    if url is not None:
        migration["python"] = {"url": url}
    return config_document(base, migration=migration)


def counts(gateway: Running, pair: str) -> dict[str, int]:
    return gateway.app.metrics.shadow.of(pair)


def until_judged(gateway: Running, pair: str, number: int, seconds: float = 20) -> dict[str, int]:
    """Wait until that many requests of the pair have been judged, in whatever way."""
    deadline = time.monotonic() + seconds
    judged = 0
    while time.monotonic() < deadline:
        found = counts(gateway, pair)
        judged = sum(found[outcome] for outcome in ("compared", "declined", "dropped", "failed"))
        if judged >= number:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{judged} of {number} were judged: {gateway.app.metrics.shadow.snapshot()}")


def marked(port: int, path: str, body: dict[str, Any], ticket: str | None) -> tuple[int, list[str], bytes]:
    """Ask LiteLLM itself, as the gateway does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    if ticket is not None:
        headers[litellm_plugin.HEADER] = ticket
    try:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, sorted(name for name, _ in response.getheaders()), response.read()
    finally:
        connection.close()


def document_of(name: str, **changes: Any) -> dict[str, Any]:
    """A fixture case as LiteLLM's plug-in tells of it."""
    exchange = case.read(FIXTURES / name)
    sent, received, answer = (exchange[key] for key in ("provider_request", "provider_response", "client_response"))
    path = "/v1/chat/completions" if name.startswith("openai_chat") else "/v1/messages"
    request = {"path": path, "query": "", **exchange["request"]}
    call = {"count": 1, **sent, "response": {"complete": True, **received}}
    whole = {"complete": True, **answer}
    return {"version": 1, "ticket": "", "request": request, "calls": [call], "response": whole, "dropped": {}} | changes


def packed(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def unpacked(text: str) -> Any:
    return json.loads(base64.b64decode(text))


def different(word: str = PROMPT) -> dict[str, Any]:
    """LiteLLM sent something else than the core would."""
    document = document_of(WHOLE)
    body = unpacked(document["calls"][0]["body_b64"])
    body["messages"][-1]["content"] = [{"type": "text", "text": word}]
    document["calls"][0]["body_b64"] = packed(body)
    return document


def settings(**shadow: Any) -> dict[str, Any]:
    anthropic = {"model": "anthropic/claude-sonnet-4-5", "api_key": "sk-up-anthropic"}
    openai = {"model": "openai/gpt-4o", "api_key": "sk-up-openai"}
    return {
        "model_list": [
            {"model_name": GROUP, "litellm_params": anthropic},
            {"model_name": "gpt-4o", "litellm_params": openai},
        ],
        "general_settings": {"master_key": KEY},
        "migration": {"switches": {"*": "shadow"}, "shadow": {"sample": 1, **shadow}},
    }


def hand_over(
    gateway: Running, document: Any, pair: str = PAIR, group: str = GROUP, token: str = TOKEN
) -> tuple[int, bytes]:
    headers = {litellm_plugin.TOKEN_HEADER: token, litellm_plugin.HEADER: ticket_of(pair, group).decode()}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    reply = gateway.request("POST", HANDOVER, body, key=None, **headers)
    return reply.status, reply.body


def gained(gateway: Running, number: int = 1, pair: str = PAIR) -> dict[str, int]:
    return {outcome: count for outcome, count in until_judged(gateway, pair, number).items() if count}
