"""The ASGI app below servers and frameworks that others wrote: granian, and mounted in FastAPI on uvicorn."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from rig import CHAT, KEY, STREAM, STREAM_HEAD, Upstream, chat_answer, chunked, config_document

MOUNTED = """
import uvicorn, sys
from fastapi import FastAPI
from interlingua.gateway import create_app
app = FastAPI()
@app.get("/own")
def own() -> str:
    return "mine"
app.mount("/llm", create_app(sys.argv[1]))
uvicorn.run(app, port=int(sys.argv[2]), log_level="critical")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(params=["granian", "fastapi"])
def base(request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> Iterator[str]:
    pytest.importorskip(request.param)
    config = tmp_path / "config.yaml"
    gate = tmp_path / "gate.json"
    gate.write_text('{"routes": {}}')
    document = config_document(upstream.url)
    document["migration"]["gate_file"] = str(gate)
    config.write_text(yaml.safe_dump(document))
    port = free_port()
    if request.param == "granian":
        options = ["--interface", "asgi", "--port", str(port), "--log-level", "critical"]
        command = [sys.executable, "-m", "granian", *options, "interlingua.gateway:app"]
        url = f"http://127.0.0.1:{port}"
    else:
        command = [sys.executable, "-c", MOUNTED, str(config), str(port)]
        url = f"http://127.0.0.1:{port}/llm"
    process = subprocess.Popen(command, env={**os.environ, "INTERLINGUA_CONFIG": str(config)})
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{url}/health/liveliness", timeout=1).read()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "the server did not start"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def post(base: str, **changes: object) -> bytes:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = json.dumps({**CHAT, **changes}).encode()
    with urllib.request.urlopen(
        urllib.request.Request(f"{base}/v1/chat/completions", body, headers), timeout=10
    ) as got:
        return bytes(got.read())


def test_answers_and_streams(base: str, upstream: Upstream) -> None:
    upstream.answers = [chat_answer(), [STREAM_HEAD, *[chunked(part) for part in STREAM], b"0\r\n\r\n"]]
    assert json.loads(post(base))["choices"][0]["message"]["content"] == "hi"
    assert post(base, stream=True).endswith(b"data: [DONE]\n\n")
    assert len(upstream.received) == 2


def test_refusals(base: str, upstream: Upstream) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(base, model="unknown")
    assert refused.value.code == 400 and "no model" in json.loads(refused.value.read())["error"]["message"]
    assert upstream.received == []
