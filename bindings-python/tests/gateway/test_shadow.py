"""Shadow in the gateway: who is sampled, how hand-overs are taken, and what is kept of them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import _native, cli, litellm_plugin
from interlingua.cases import case
from interlingua.gateway.config import ConfigError, build_config
from interlingua.gateway.engine_python import PLUGIN, with_plugin
from interlingua.gateway.groups import Groups
from interlingua.gateway.handed_over import NotComparable, exchange_of
from interlingua.gateway.shadow import Sampler, ShadowCounts, ShadowSettings, ticket_of
from rig import CHAT, KEY, Running, Upstream, config_document, http_answer
from shadow_rig import TOKEN, counts, until_judged
from test_workers import Workers

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
PAIR = "openai_chat/anthropic"
GROUP = "anthropic/claude-sonnet-4-5"
WHOLE = "openai_chat/anthropic/multi_turn"
STREAMED = "openai_chat/anthropic/tool_call_stream"
PROMPT = "planted-prompt-c4a1e9"
HANDOVER = "/interlingua/handover"


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


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    with Running(settings(), tmp_path) as running:
        yield running


def hand_over(
    gateway: Running, document: Any, pair: str = PAIR, group: str = GROUP, token: str = TOKEN
) -> tuple[int, bytes]:
    headers = {litellm_plugin.TOKEN_HEADER: token, litellm_plugin.HEADER: ticket_of(pair, group).decode()}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    reply = gateway.request("POST", HANDOVER, body, key=None, **headers)
    return reply.status, reply.body


def gained(gateway: Running, number: int = 1, pair: str = PAIR) -> dict[str, int]:
    return {outcome: count for outcome, count in until_judged(gateway, pair, number).items() if count}


# Sampling, and the mark.


def test_the_share_that_is_sampled() -> None:
    draws = iter([0.0, 0.049999, 0.05, 0.5, 0.999])
    told = ShadowCounts()
    sampler = Sampler(ShadowSettings(sample=0.05), told, ["openai_chat"], ["a b@ü"], lambda: next(draws))
    marks = [sampler.take("openai_chat/groq", "a b@ü") for _ in range(5)]
    assert [mark is not None for mark in marks] == [True, True, False, False, False]
    assert told.of("openai_chat/groq")["sampled"] == 2
    assert marks[0] is not None and sampler.read(marks[0].decode()) == ("openai_chat/groq", "a b@ü")
    for foreign in ("", "openai_chat/groq", "openai_chat/groq@b", "x/groq@a", "openai_chat/nobody@a%20b%40%C3%BC"):
        assert sampler.read(foreign) is None


@pytest.mark.parametrize("mode", ["shadow", "python", "rust"])
def test_only_shadowed_requests_are_marked_and_never_by_the_client(
    upstream: Upstream, tmp_path: Path, mode: str
) -> None:
    migration = {"python": {"url": upstream.url}, "switches": {"*": mode}, "shadow": {"sample": 1}}
    document = config_document(upstream.url, migration={**migration, "allow_ungated": True})
    with Running(document, tmp_path) as gateway:
        for path, body in (("/v1/chat/completions", CHAT), ("/v1/embeddings", {"model": "gpt-4o", "input": "x"})):
            gateway.request("POST", path, body, **{litellm_plugin.HEADER: "forged"})
    marks = [request.header(litellm_plugin.HEADER) for request in upstream.received]
    assert marks == ["openai_chat/openai@gpt-4o" if mode == "shadow" else None, None]


def test_the_relay_tells_the_client_the_same(upstream: Upstream, tmp_path: Path) -> None:
    upstream.answers = [http_answer(200, b'{"x": 1}', "x-litellm-call-id: 1", "x-a: b")]
    seen = []
    for number, sample in enumerate((0, 1)):
        migration = {"python": {"url": upstream.url}, "switches": {"*": "shadow"}, "shadow": {"sample": sample}}
        with Running(config_document(upstream.url, migration=migration), tmp_path / str(number)) as gateway:
            reply = gateway.chat()
            seen.append((reply.status, {**reply.headers, "date": ""}, reply.body))
    assert seen[0] == seen[1]
    bodies = [request.body for request in upstream.received]
    assert bodies[0] == bodies[1]


def test_groups_that_the_core_cannot_serve_are_not_sampled(upstream: Upstream, tmp_path: Path) -> None:
    migration = {"python": {"url": upstream.url}, "switches": {"*": "shadow"}, "shadow": {"sample": 1}}
    document = config_document(upstream.url, migration=migration)
    document["model_list"].append(document["model_list"][0])
    with Running(document, tmp_path) as gateway:
        assert gateway.chat().status == 200
    assert upstream.received[0].header(litellm_plugin.HEADER) is None


# Taking hand-overs.


def test_the_token_is_needed(gateway: Running) -> None:
    for token in ("", KEY, "wrong"):
        assert hand_over(gateway, document_of(WHOLE), token=token)[0] == 401
    assert not gateway.app.shadow.handovers.plugin_seen
    assert gateway.request("GET", HANDOVER).status == 405


def test_hand_overs_that_name_nothing_of_ours(gateway: Running) -> None:
    assert hand_over(gateway, document_of(WHOLE), pair="x/y")[0] == 400
    assert hand_over(gateway, document_of(WHOLE), group="other")[0] == 400
    connection = gateway.connect()
    headers = {litellm_plugin.TOKEN_HEADER: TOKEN, litellm_plugin.HEADER: ticket_of(PAIR, GROUP).decode()}
    connection.request("POST", HANDOVER, iter([b"{}"]), headers, encode_chunked=True)
    assert connection.getresponse().status in (400, 411)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"version":1}', b"[" * 100_000, b'{"version":1,"request":{},"response":{}}']
)
def test_what_is_malformed_is_counted(gateway: Running, body: bytes) -> None:
    assert hand_over(gateway, body)[0] == 202
    assert gained(gateway) == {"failed": 1}
    assert hand_over(gateway, document_of(WHOLE))[0] == 202, "the thread lives on"
    assert gained(gateway, 2)["compared"] == 1


@pytest.mark.parametrize("name", [WHOLE, STREAMED])
def test_what_is_the_same_is_counted(gateway: Running, name: str) -> None:
    assert hand_over(gateway, document_of(name)) == (202, b"")
    found = gained(gateway)
    assert found in ({"compared": 1, "identical": 1}, {"compared": 1, "explained": 1})
    text = gateway.request("GET", "/metrics").body.decode()
    assert f'interlingua_shadow_compared_total{{pair="{PAIR}"}} 1' in text
    assert status_of(gateway, lambda shadow: shadow["compared"] == 1)["failed"] == 0


def status_of(gateway: Running, right: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """The counts in the status, which is a moment old."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pairs = gateway.request("GET", "/interlingua/status").json()["pairs"]
        shadow: dict[str, int] = next(one["shadow"] for one in pairs if one["pair"] == PAIR)
        if right(shadow):
            return shadow
        time.sleep(0.1)
    raise AssertionError(shadow)


def test_what_is_full_is_dropped_and_counted(tmp_path: Path) -> None:
    with Running(settings(max_queue=3), tmp_path) as gateway:
        gate, busy = threading.Event(), threading.Event()
        real = gateway.app.shadow.handovers._compare

        def slow(exchange: bytes) -> bytes:
            busy.set()
            assert gate.wait(20)
            return real(exchange)

        gateway.app.shadow.handovers._compare = slow
        try:
            assert hand_over(gateway, document_of(WHOLE))[0] == 202
            assert busy.wait(10)
            answers = [hand_over(gateway, document_of(WHOLE))[0] for _ in range(8)]
            assert answers == [202] * 3 + [503] * 5
            assert counts(gateway, PAIR)["dropped"] == 5
            assert gateway.request("GET", "/health/liveliness").status == 200, "nobody waits for the comparison"
        finally:
            gate.set()
        assert gained(gateway, 9)["compared"] == 4


def test_what_is_too_large_is_dropped(tmp_path: Path) -> None:
    with Running(settings(max_bytes=4096), tmp_path) as gateway:
        assert hand_over(gateway, b" " * 5000)[0] == 503
        assert counts(gateway, PAIR)["dropped"] == 1
        for _ in range(5):
            hand_over(gateway, b" " * 4000)  # room is given back
            until_judged(gateway, PAIR, counts(gateway, PAIR)["failed"] + 1)
        assert gained(gateway, 6) == {"dropped": 1, "failed": 5}


def test_what_the_plugin_dropped_is_counted(gateway: Running) -> None:
    ticket = ticket_of(PAIR, GROUP).decode()
    dropped = {ticket: 7, "x/y@z": 9, f"{PAIR}@gpt-4o": 2, ticket.upper(): 1}
    hand_over(gateway, document_of(WHOLE, dropped=dropped))
    assert until_judged(gateway, PAIR, 10)["dropped"] == 9
    hand_over(gateway, document_of(WHOLE, dropped={ticket: "many", "a": None}))
    assert until_judged(gateway, PAIR, 11)["dropped"] == 9


# Reading them.


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


# Differences.


def until_stored(gateway: Running) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        entries = gateway.request("GET", "/interlingua/differences").json()["differences"]
        if entries:
            entry: dict[str, Any] = entries[0]
            return entry
        time.sleep(0.05)
    raise AssertionError("no difference is stored")


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


def test_with_content_its_command_writes_a_case(tmp_path: Path) -> None:
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


def test_record_says_what_is_wrong(gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in (
        (["--url", gateway.url, "--key", "sk-wrong"], "not valid"),
        (["--url", "http://127.0.0.1:9", "--key", KEY], "--url"),
    ):
        assert cli.main(["record", "difference", "1", "--to", str(tmp_path), *arguments]) == 2
        assert word in capsys.readouterr().err


# Settings and commands.


@pytest.mark.parametrize(
    ("shadow", "word"),
    [
        ({"sample": 2}, "between 0 and 1"),
        ({"sample": -1}, "0 or more"),
        ({"max_queue": 0}, "between"),
        ({"max_bytes": 5}, "1024"),
        ({"content": "perhaps"}, "true or false"),
        ({"sampel": 1}, "is not known"),
    ],
)
def test_settings_that_are_wrong(shadow: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        build_config(settings(**shadow), "config.yaml", None, {})


def test_the_plugin_in_litellms_config_keeps_nothing_on_python() -> None:
    for callbacks, kept in (
        (["interlingua_plugin.plugin"], False),
        (["interlingua.litellm_plugin.plugin"], False),
        (["interlingua_plugin.plugin", "langfuse"], True),
        ("interlingua_plugin.plugin", True),
    ):
        document = {**settings(), "litellm_settings": {"callbacks": callbacks}}
        config = build_config(document, "config.yaml", None, {})
        assert bool(config.python_reasons) is kept, callbacks
        assert any("callbacks" in finding.message for finding in config.notices) is kept


def test_our_own_litellm_gets_the_plugin(tmp_path: Path) -> None:
    module = (sys.executable, "-m", "litellm.proxy.proxy_cli")
    assert with_plugin(module) == (sys.executable, str(PLUGIN))
    script = tmp_path / "litellm"
    script.write_text(f"#!{sys.executable}\nimport sys\n")
    assert with_plugin((str(script),)) == (sys.executable, str(PLUGIN))
    for line in ("#!/bin/sh", "#!/usr/bin/env python3", "", "#!/nowhere/python"):
        script.write_text(f"{line}\n")
        assert with_plugin((str(script),)) == (str(script),)
    assert with_plugin(("/nowhere/litellm",)) == ("/nowhere/litellm",)


def test_the_path_of_the_plugin_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["shadow-plugin"]) == 0
    assert capsys.readouterr().out.strip() == litellm_plugin.__file__


def test_where_the_child_hands_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(litellm_plugin.TOKEN_VARIABLE)
    with Running(settings(), tmp_path) as gateway:
        told = gateway.app.python.child_environment
        assert told[litellm_plugin.URL_VARIABLE] == f"{gateway.url}{HANDOVER}"
        assert len(told[litellm_plugin.TOKEN_VARIABLE]) > 20
        gateway.app.listens_at("http://0.0.0.0:4000")
        assert gateway.app.python.child_environment[litellm_plugin.URL_VARIABLE] == f"http://127.0.0.1:4000{HANDOVER}"


# Several workers.


def test_any_worker_takes_hand_overs_and_all_know_of_the_plugin(tmp_path: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to see the workers")
    with Workers(settings(), tmp_path) as workers:
        for _ in range(20):  # each on its own connection: the kernel chooses the worker
            assert hand_over(workers, document_of(WHOLE))[0] == 202
        deadline = time.monotonic() + 15
        line = f'interlingua_shadow_compared_total{{pair="{PAIR}"}} 20'
        while time.monotonic() < deadline and line not in workers.request("GET", "/metrics").body.decode():
            time.sleep(0.05)
        assert line in workers.request("GET", "/metrics").body.decode()
