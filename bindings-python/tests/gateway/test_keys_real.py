"""Virtual keys with a real LiteLLM: its own answers to /key/info, and its own errors."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from litellm_rows import LiteLLM, chat, document, error_of, running
from rig import CHAT, MESSAGES, Reply, Running, Upstream, config_document

LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")
ROWS = {
    "sk-plain-000000": {},
    "sk-expired-0000": {"expires": "2020-01-01T00:00:00+00:00"},
    "sk-blocked-0000": {"blocked": True},
    "sk-models-00000": {"models": ["ocr"]},
    "sk-listed-00000": {"models": ["gpt-4o", "claude"]},
    "sk-wild-0000000": {"models": ["openai/*"]},
    "sk-budget-00000": {"max_budget": 5.0},
    "sk-user-000000": {"user_id": "u"},
    "sk-rich-000000": {"user_id": "rich"},
    "sk-team-000000": {"user_id": "u", "team_id": "t"},
}


@pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")
def test_real_litellm_and_its_keys(upstream: Upstream, tmp_path: Path) -> None:
    """Its own answers to /key/info, and its own errors; only the database is a table in memory."""
    rows = {
        "LiteLLM_VerificationToken": [{"token": key, **row} for key, row in ROWS.items()],
        "LiteLLM_UserTable": [
            {"user_id": "u", "user_role": "internal_user"},
            {"user_id": "rich", "user_role": "internal_user", "max_budget": 1.0},
        ],
        "LiteLLM_TeamTable": [{"team_id": "t", "models": ["gpt-4o"]}],
        "LiteLLM_TeamMembership": [{"team_id": "t", "user_id": "u"}],
        "LiteLLM_EndUserTable": [{"user_id": "blocked", "blocked": True}],
    }
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    config = config_document(upstream.url)
    (tmp_path / "litellm.yaml").write_text(yaml.safe_dump({k: v for k, v in config.items() if k != "migration"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "litellm_with_keys.py"
    command = [str(LITELLM), str(script), str(tmp_path / "litellm.yaml"), str(tmp_path / "rows.json"), str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as child:
        try:
            _until_alive(port, child)
            config = document(upstream, LiteLLM(), python={"url": f"http://127.0.0.1:{port}"})
            with running(config, tmp_path / "gateway") as gateway:
                _compare(gateway, port)
        finally:
            child.terminate()


def _compare(gateway: Running, port: int) -> None:
    refused = ("sk-unknown-0000", "sk-expired-0000", "sk-blocked-0000", "sk-models-00000")
    for path, body in (
        ("/v1/chat/completions", CHAT),
        ("/v1/responses", {"model": "gpt-4o", "input": "x", "store": False}),
    ):
        for key in refused:
            assert error_of(gateway.request("POST", path, body, key=key)) == error_of(_direct(port, path, body, key))
    for key in refused:
        ours = gateway.request("POST", "/v1/messages", MESSAGES, key=key)
        assert ours.status == _direct(port, "/v1/messages", MESSAGES, key).status
    engines = {}
    for key in ROWS:
        if key not in refused:
            lines = len(gateway.logs())
            assert chat(gateway, key).status == 200, key
            while len(gateway.logs()) == lines:
                time.sleep(0.01)
            engines[key] = gateway.logs()[-1]["engine"]
    served_by_litellm = {"sk-budget-00000", "sk-wild-0000000", "sk-rich-000000"}
    assert {key for key, engine in engines.items() if engine == "python"} == served_by_litellm
    chat(gateway, "sk-plain-000000", user="blocked")
    deadline = time.monotonic() + 5
    while "why" not in gateway.logs()[-1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gateway.logs()[-1]["why"] == "customer.blocked"


def _direct(port: int, path: str, body: dict[str, Any], key: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    return Reply(connection.getresponse())


def _until_alive(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("LiteLLM did not start")
