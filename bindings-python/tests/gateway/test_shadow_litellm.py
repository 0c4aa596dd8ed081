"""Shadow with a real LiteLLM proxy: what the plug-in hands over, and what comes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import litellm_plugin
from interlingua.gateway import engine_python
from rig import KEY, Running
from shadow_rig import (
    LITELLM,
    TOKEN,
    counts,
    free_port,
    litellm_proxy,
    marked,
    replay_upstream,
    shadowing,
    until_judged,
)

pytestmark = pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")

SECRET = "sk-planted-7d1f9a3c5e7b9d1f"
PROMPT = "planted-prompt-c4a1e9"
CHAT = [{"role": "user", "content": f"say {PROMPT}"}]
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("openai_chat/openai", "/v1/chat/completions", {"model": "gpt-4o", "messages": CHAT}),
    ("openai_chat/openai", "/v1/chat/completions", {"model": "gpt-4o", "messages": CHAT, "stream": True}),
    ("openai_chat/anthropic", "/v1/chat/completions", {"model": "claude", "messages": CHAT, "tools": TOOLS}),
    ("openai_chat/anthropic", "/chat/completions", {"model": "claude", "messages": CHAT, "stream": True}),
    ("anthropic_messages/anthropic", "/v1/messages", {"model": "claude", "messages": CHAT, "max_tokens": 9}),
    (
        "anthropic_messages/anthropic",
        "/v1/messages",
        {"model": "claude", "messages": CHAT, "max_tokens": 9, "stream": True},
    ),
]
VARYING = re.compile(rb'"created":\d+|"id":"[^"]*"')


class Behind:
    """A gateway with a real LiteLLM, which has the plug-in, behind it."""

    def __init__(self, gateway: Running, litellm_port: int, printed: Path) -> None:
        self.gateway = gateway
        self.port = litellm_port
        self.printed = printed


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("shadow")
    port = free_port()
    with pytest.MonkeyPatch.context() as patch, replay_upstream() as base:
        patch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)
        document = shadowing(base, f"http://127.0.0.1:{port}")
        with Running(document, folder) as gateway:
            url = f"{gateway.url}/interlingua/handover"
            with litellm_proxy(document, folder / "litellm", port, url) as printed:
                yield Behind(gateway, port, printed)


@pytest.mark.parametrize(("pair", "path", "body"), CASES)
def test_real_litellm_is_compared(behind: Behind, pair: str, path: str, body: dict[str, Any]) -> None:
    before = counts(behind.gateway, pair)
    reply = behind.gateway.request("POST", path, body)
    assert reply.status == 200 and reply.headers["x-litellm-model-id"]
    after = until_judged(behind.gateway, pair, sum(before[one] for one in ("compared", "declined", "failed")) + 1)
    gained = {outcome: after[outcome] - before[outcome] for outcome in after if after[outcome] != before[outcome]}
    kind = "identical" if "identical" in gained else "explained"
    assert gained == {"sampled": 1, "compared": 1, kind: 1}, behind.gateway.app.metrics.shadow.snapshot()


@pytest.mark.parametrize(("pair", "path", "body"), CASES)
def test_real_litellm_answers_the_same_with_and_without_mark(
    behind: Behind, pair: str, path: str, body: dict[str, Any]
) -> None:
    plain = marked(behind.port, path, body, None)
    seen = marked(behind.port, path, body, f"{pair}@gpt-4o")
    assert plain[:2] == seen[:2]
    assert VARYING.sub(b"", plain[2]) == VARYING.sub(b"", seen[2])
    assert len(plain[2]) == len(seen[2])


def test_real_litellm_errors_are_compared(behind: Behind) -> None:
    pair = "openai_chat/openai"
    before = counts(behind.gateway, pair)
    body = {"model": "gpt-4o", "messages": CHAT, "temperature": "x" * 10, "n": [1]}
    behind.gateway.request("POST", "/v1/chat/completions", body)
    after = until_judged(behind.gateway, pair, sum(before[one] for one in ("compared", "declined", "failed")) + 1)
    assert after["mismatches"] == before["mismatches"]


def test_real_litellm_leaks_no_secret_and_no_prompt(behind: Behind) -> None:
    """Planted in headers, the query and the body: nothing of it is in the log, the metrics or the store."""
    gateway, pair = behind.gateway, "openai_chat/anthropic"
    before = counts(gateway, pair)
    # Unknown to the core's table, so that the exchange differs and is stored.
    body = {"model": "claude", "messages": CHAT, "user": f"{PROMPT}@example.com"}
    headers = {"cookie": f"session={SECRET}", "x-portal-token": SECRET, "anthropic-beta": "context-1m-2025-08-07"}
    path = f"/v1/chat/completions?api_key={SECRET}"
    gateway.app.shadow.handovers._compare, real = _never_equal(gateway.app.shadow.handovers._compare)
    try:
        assert gateway.request("POST", path, body, **headers).status == 200
        after = until_judged(gateway, pair, sum(before[one] for one in ("compared", "declined", "failed")) + 1)
    finally:
        gateway.app.shadow.handovers._compare = real
    assert after["mismatches"] == before["mismatches"] + 1
    [found] = gateway.request("GET", f"/interlingua/differences?pair={pair}").json()["differences"]
    stored = gateway.request("GET", f"/interlingua/differences/{found['id']}").body.decode()
    told = gateway.log_text.getvalue() + gateway.request("GET", "/metrics").body.decode()
    database = b"".join(path.read_bytes() for path in gateway.app.config.path.parent.glob("*.interlingua.db*"))
    for word in (SECRET, PROMPT, KEY, "sk-up-anthropic"):
        assert word not in stored and word not in told and word.encode() not in database, word
    assert '"pair": "openai_chat/anthropic"' in stored and "messages" in stored


def _never_equal(compare: Any) -> tuple[Any, Any]:
    """The core's own comparer, told of another request than LiteLLM's: a difference that is none of the ledger's."""

    def other(exchange: bytes) -> bytes:
        changed = json.loads(exchange)
        sent = json.loads(litellm_plugin.base64.b64decode(changed["provider_request"]["body_b64"]))
        sent["max_tokens"] = 1
        text = litellm_plugin.base64.b64encode(json.dumps(sent).encode()).decode()
        changed["provider_request"]["body_b64"] = text
        answer: bytes = compare(json.dumps(changed).encode())
        return answer

    return other, compare


def test_real_litellm_is_not_hurt_by_a_gateway_that_is_not_there(tmp_path: Path) -> None:
    """Nobody listens where hand-overs go: LiteLLM's clients do not notice."""
    port = free_port()
    with replay_upstream() as base:
        document = shadowing(base)
        with litellm_proxy(document, tmp_path, port, f"http://127.0.0.1:{free_port()}/interlingua/handover"):
            for _, path, body in CASES:
                for _ in range(30):
                    status, _, data = marked(port, path, body, "openai_chat/openai@gpt-4o")
                    assert status == 200 and data


def test_real_litellm_without_the_plugin_is_asked_for_its_request(tmp_path: Path) -> None:
    port = free_port()
    with replay_upstream() as base:
        document = shadowing(base, f"http://127.0.0.1:{port}")
        with Running(document, tmp_path / "gateway") as gateway:
            gateway.app.shadow.request_side.grace = 0.01
            with litellm_proxy(document, tmp_path, port, None):
                for _, path, body in CASES:
                    assert gateway.request("POST", path, body).status == 200
                for pair in ("openai_chat/openai", "openai_chat/anthropic"):
                    found = until_judged(gateway, pair, 2)
                    assert (found["compared"], found["mismatches"], found["failed"]) == (2, 0, 0), found
                told = until_judged(gateway, "anthropic_messages/anthropic", 2)
                assert (told["failed"], told["compared"]) == (2, 0)
                assert b'reason="no_plugin"} 2' in gateway.request("GET", "/metrics").body


def test_real_litellm_as_our_child_has_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LITELLM
    beside = str(Path(LITELLM).parent / "litellm")
    monkeypatch.setattr(engine_python, "litellm_command", lambda python=None: (beside,))
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.delenv(litellm_plugin.TOKEN_VARIABLE, raising=False)
    with replay_upstream() as base, Running(shadowing(base), tmp_path) as gateway:
        connection = gateway.connect()
        connection.timeout = 120  # LiteLLM starts slowly
        pair, path, body = CASES[2]
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        assert connection.getresponse().status == 200
        assert until_judged(gateway, pair, 1)["explained"] == 1
