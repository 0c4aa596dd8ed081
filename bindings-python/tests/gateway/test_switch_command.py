"""``interlingua switch``, with a gateway that runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from interlingua import cli
from rig import KEY, Running, Upstream, http_answer
from switch_rig import SWITCHES, migrating


@pytest.fixture
def gateway(upstream: Upstream, litellm: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(migrating(upstream, litellm, tmp_path), tmp_path) as running:
        yield running


class Command:
    def __init__(self, gateway: Running, capsys: pytest.CaptureFixture[str]) -> None:
        self._url, self._capsys = gateway.url, capsys

    def __call__(self, *arguments: str, key: str = KEY) -> tuple[int, str, str]:
        code = cli.main(["switch", *arguments, "--url", self._url, "--key", key])
        told = self._capsys.readouterr()
        return code, told.out, told.err


def test_command_line(gateway: Running, capsys: pytest.CaptureFixture[str]) -> None:
    switch = Command(gateway, capsys)
    assert switch("set", "chat/completions", "openai", "canary=10", "--note", "step 1")[:2] == (
        0,
        "openai_chat/openai: canary=10\n",
    )
    assert switch("set", "/v1/messages", "anthropic", "python", "--group", "claude")[0] == 0
    assert switch("set", "*", "*", "shadow")[:2] == (0, "*: shadow\n")
    code, table, _ = switch("list")
    line = next(line for line in table.splitlines() if line.startswith("chat/completions  openai"))
    assert code == 0 and re.search(r"canary=10 +stored openai_chat/openai +- +12 cases, 3 features, LiteLLM", line)
    assert "anthropic_messages/anthropic@claude  python" in table
    assert json.loads(switch("list", "--json")[1])["pairs"]
    code, trail, _ = switch("audit")
    assert code == 0 and re.search(r"cli \S+@\S+ +openai_chat/openai +- +canary=10 +step 1", trail)
    assert switch("reset", "chat/completions", "openai")[:2] == (0, "openai_chat/openai: not set any more\n")
    assert gateway.request("GET", SWITCHES).json()["switches"] == {
        "anthropic_messages/anthropic@claude": "python",
        "*": "shadow",
    }


def test_command_line_that_is_refused(gateway: Running, capsys: pytest.CaptureFixture[str]) -> None:
    switch = Command(gateway, capsys)
    code, _, told = switch("set", "messages", "anthropic", "rust")
    assert code == 1 and "the gate of anthropic_messages/anthropic is closed" in told
    assert switch("set", "messages", "anthropic", "rust", "--force")[0] == 0
    assert "forced" in switch("list")[1]
    assert switch("reset", "chat/completions", "openai")[0] == 1
    assert switch("list", key="sk-wrong")[0] == 1
    code, _, told = switch("set", "embeddings", "openai", "auto")
    assert code == 2 and "routes are" in told
    assert switch("set", "chat/completions", "openai", "auto", key="")[0] == 2
    assert cli.main(["switch", "list", "--url", "http://127.0.0.1:1", "--key", KEY]) == 2
    assert "no gateway answers" in capsys.readouterr().err


def test_master_key_is_not_sent_on(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream() as elsewhere:
        upstream.answers = [http_answer(302, b"", f"location: {elsewhere.url}/interlingua/status")]
        assert cli.main(["switch", "list", "--url", upstream.url, "--key", KEY]) == 1
        assert elsewhere.received == []
    assert KEY not in capsys.readouterr().err
