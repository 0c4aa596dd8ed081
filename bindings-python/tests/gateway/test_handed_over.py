"""Hand-overs become exchanges, and differences between them and the core's are kept without their values."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import _native, cli, litellm_plugin
from interlingua.cases import case
from interlingua.gateway.config import build_config
from interlingua.gateway.groups import Groups
from interlingua.gateway.handed_over import NotComparable, exchange_of
from interlingua.gateway.store import StoreError
from rig import KEY, Running, Upstream, http_answer, within
from shadow_rig import (
    GROUP,
    PAIR,
    PROMPT,
    TOKEN,
    WHOLE,
    different,
    document_of,
    gained,
    hand_over,
    packed,
    settings,
    unpacked,
    until_judged,
)


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)
    with Running(settings(), tmp_path) as running:
        yield running


def reason(document: dict[str, Any], groups: Groups) -> str:
    with pytest.raises(NotComparable) as caught:
        exchange_of(document, groups)
    return caught.value.reason


def test_why_a_hand_over_is_not_compared() -> None:
    config = build_config(settings(), "config.yaml", None, {})
    groups = Groups(config)
    told = document_of(WHOLE)
    request, call, answer = told["request"], told["calls"][0], told["response"]
    other_model = {**request, "body_b64": packed({**unpacked(request["body_b64"]), "model": "nobody"})}
    other_id = groups.find("gpt-4o")
    assert other_id is not None
    elsewhere = {**call, "url": "https://eu.api.anthropic.com/v1/messages"}

    def with_header(name: str, value: str) -> dict[str, Any]:
        return {**answer, "headers": {**answer["headers"], name: value}}

    expected = {
        "other_version": {"version": 2},
        "too_large": {"withheld": "too_large"},
        "unknown_group": {"request": other_model},
        "other_path": {"request": {**request, "path": "/v1/embeddings"}},
        "no_whole_answer": {"response": {**answer, "complete": False}},
        "sent_nothing": {"calls": []},
        "sent_elsewhere": {"calls": [elsewhere]},
        "fallback": {"response": with_header("x-litellm-attempted-fallbacks", "1")},
        "other_deployment": {"response": with_header("x-litellm-model-id", other_id.deployment.model_id)},
        "unreadable_request": {"calls": [{**call, "body_b64": None}]},
        "unreadable_answer": {"calls": [{**call, "response": {**call["response"], "body_b64": None}}]},
    }
    for name, changes in expected.items():
        assert reason({**told, **changes}, groups) == name
    assert reason({**told, "response": None}, groups) == "no_whole_answer"
    for word in ("any-word", ["too_large"], 1):
        assert reason({**told, "withheld": word}, groups) == "malformed", "reasons are metrics' labels"


def test_the_provider_is_found_among_other_calls() -> None:
    groups = Groups(build_config(settings(), "config.yaml", None, {}))
    told = document_of(WHOLE)
    logger = {**told["calls"][0], "url": "https://cloud.langfuse.com/api", "body_b64": "e30="}
    exchange = exchange_of({**told, "calls": [*told["calls"], logger]}, groups).exchange
    assert exchange["provider_request"]["url"].startswith("https://api.anthropic.com/")


def test_a_request_that_litellm_refuses_is_compared_as_a_refusal() -> None:
    groups = Groups(build_config(settings(), "config.yaml", None, {}))
    told = document_of(WHOLE)
    error = {"error": {"message": "litellm.UnsupportedParamsError: no", "type": "x", "code": "400"}}
    answer = {"status": 400, "headers": {}, "body_b64": packed(error), "complete": True}
    exchange = exchange_of({**told, "calls": [], "response": answer}, groups).exchange
    assert exchange["provider_request"] == {"refused": {"status": 400, "message": error["error"]["message"]}}
    assert _native.compare(json.dumps(exchange).encode())


def stored(gateway: Running) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = gateway.request("GET", "/interlingua/differences").json()["differences"]
    return entries


def until_stored(gateway: Running) -> dict[str, Any]:
    within(15, lambda: bool(stored(gateway)))
    return stored(gateway)[0]


def test_a_difference_is_kept_without_its_values(gateway: Running, tmp_path: Path) -> None:
    document = different()
    assert hand_over(gateway, document)[0] == 202
    assert gained(gateway) == {"compared": 1, "mismatches": 1}
    entry = until_stored(gateway)
    assert (entry["pair"], entry["group"], entry["content"]) == (PAIR, GROUP, False)
    assert "exchange" not in entry and "layers" not in entry
    assert {path["layer"] for path in entry["paths"]} == {"request"} and entry["paths"][0]["path"]
    whole = gateway.request("GET", f"/interlingua/differences/{entry['id']}")
    texts = whole.body.decode() + gateway.log_text.getvalue() + gateway.request("GET", "/metrics").body.decode()
    body = unpacked(document["request"]["body_b64"])
    for message in body["messages"]:
        assert message["content"] not in texts
    assert PROMPT not in texts
    line = gateway.wait_for_log("shadow_difference")
    assert (line["pair"], line["id"]) == (PAIR, entry["id"])
    assert PROMPT.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("*.db*"))


def run_command(gateway: Running, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command that a difference comes with."""
    program, *arguments = command.split()
    assert program == "interlingua"
    return subprocess.run(
        [sys.executable, "-m", "interlingua", *arguments, "--url", gateway.url, "--key", KEY],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=30,
        check=False,
    )


def test_its_command_writes_the_structure(gateway: Running, tmp_path: Path) -> None:
    hand_over(gateway, different())
    entry = until_stored(gateway)
    done = run_command(gateway, entry["command"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "content: true" in done.stdout
    [written] = (tmp_path / "cases").iterdir()
    skeleton = json.loads(written.read_text())["exchange"]
    assert set(skeleton["request"]["body"]) == {"model", "messages"}
    assert PROMPT not in written.read_text()


def test_with_content_its_command_writes_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)
    with Running(settings(content=True), tmp_path) as gateway:
        hand_over(gateway, different())
        entry = until_stored(gateway)
        assert entry["content"]
        done = run_command(gateway, entry["command"], tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        [folder] = case.find(tmp_path / "cases")
        assert folder.parent == tmp_path / "cases" / "openai_chat" / "anthropic"
        verdict = json.loads(_native.compare(json.dumps(case.read(folder)).encode()))
        assert verdict["class"] == "unexplained"
        assert run_command(gateway, "interlingua record difference 999 --to cases", tmp_path).returncode == 2


def test_a_store_that_cannot_be_written_is_told_once(gateway: Running) -> None:
    handovers = gateway.app.shadow.handovers
    add = handovers._add_difference

    def full(_: dict[str, Any]) -> int:
        raise StoreError("the disk is full")

    for adds, times in ((full, 3), (add, 1), (full, 2)):
        handovers._add_difference = adds
        for _ in range(times):
            hand_over(gateway, different())
            within(15, lambda: handovers._bytes == 0)
    until_judged(gateway, PAIR, 6)
    gateway.in_its_loop(gateway.app.log.flush)
    told = [line["event"] for line in gateway.logs() if line["event"] in ("store_failed", "shadow_difference")]
    assert told == ["store_failed", "shadow_difference", "store_failed"]
    assert gained(gateway, 6) == {"compared": 6, "mismatches": 6}


@pytest.mark.parametrize(("most", "kept"), [(20_000, "structure"), (1000, "places")])
def test_what_is_too_large_is_kept_with_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, kept: str
) -> None:
    monkeypatch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)
    monkeypatch.setattr("interlingua.gateway.differences.MAX_BYTES", most)
    document = different()
    body = unpacked(document["request"]["body_b64"])
    body["messages"].append({"role": "user", "content": PROMPT + "x" * 30_000})
    document["request"]["body_b64"] = packed(body)
    with Running(settings(content=True), tmp_path) as gateway:
        hand_over(gateway, document)
        entry = until_stored(gateway)
        whole = gateway.request("GET", f"/interlingua/differences/{entry['id']}").json()
    assert entry["paths"] and not entry["content"] and PROMPT not in json.dumps(whole)
    assert bool(whole["layers"]) == bool(whole["exchange"]) == (kept == "structure")
    assert all(place["path"] and "ours" in place for place in whole["paths"] if "theirs" not in place)


def test_the_master_key_is_not_sent_on(upstream: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Upstream() as elsewhere:
        upstream.answers = [http_answer(302, b"", f"location: {elsewhere.url}/interlingua/differences/1")]
        arguments = ["record", "difference", "1", "--to", str(tmp_path), "--url", upstream.url, "--key", KEY]
        assert cli.main(arguments) == 2
        assert elsewhere.received == [] and len(upstream.received) == 1
    assert KEY not in capsys.readouterr().err


def test_record_says_what_is_wrong(gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in (
        (["--url", gateway.url, "--key", "sk-wrong"], "not valid"),
        (["--url", "http://127.0.0.1:9", "--key", KEY], "--url"),
    ):
        assert cli.main(["record", "difference", "1", "--to", str(tmp_path), *arguments]) == 2
        assert word in capsys.readouterr().err
