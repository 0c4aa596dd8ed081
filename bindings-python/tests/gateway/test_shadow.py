"""Shadow in the gateway: who is sampled, how hand-overs are taken, and what is kept of them."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import cli, litellm_plugin
from interlingua.gateway.config import ConfigError, build_config
from interlingua.gateway.engine_python import PLUGIN, with_plugin
from interlingua.gateway.shadow import Sampler, ShadowCounts, ShadowSettings, ticket_of
from rig import CHAT, KEY, Running, Upstream, config_document, http_answer, within
from shadow_rig import (
    GROUP,
    HANDOVER,
    PAIR,
    STREAMED,
    TOKEN,
    WHOLE,
    counts,
    document_of,
    gained,
    hand_over,
    settings,
    until_judged,
)
from test_workers import TOY, Workers


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(litellm_plugin.TOKEN_VARIABLE, TOKEN)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    with Running(settings(), tmp_path) as running:
        yield running


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


@pytest.mark.parametrize("mode", ["shadow", "canary=0.000001", "python", "rust"])
def test_only_shadowed_requests_are_marked_and_never_by_the_client(
    upstream: Upstream, tmp_path: Path, mode: str
) -> None:
    migration = {"python": {"url": upstream.url}, "switches": {"*": mode}, "shadow": {"sample": 1}}
    document = config_document(upstream.url, migration={**migration, "allow_ungated": True})
    with Running(document, tmp_path) as gateway:
        for path, body in (("/v1/chat/completions", CHAT), ("/v1/embeddings", {"model": "gpt-4o", "input": "x"})):
            gateway.request("POST", path, body, **{litellm_plugin.HEADER: "forged"})
    marks = [request.header(litellm_plugin.HEADER) for request in upstream.received]
    assert marks == [None if mode in ("python", "rust") else "openai_chat/openai@gpt-4o", None]


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
    lines = [
        f"POST {HANDOVER} HTTP/1.1",
        "host: x",
        f"{litellm_plugin.TOKEN_HEADER}: {TOKEN}",
        f"{litellm_plugin.HEADER}: {ticket_of(PAIR, GROUP).decode()}",
        "transfer-encoding: chunked",
    ]
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n5\r\n{    ")  # who knows how long it will be
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


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
    within(15, lambda: status_of(gateway)["compared"] == 1)  # it is a moment old


def status_of(gateway: Running) -> dict[str, int]:
    pairs = gateway.request("GET", "/interlingua/status").json()["pairs"]
    shadow: dict[str, int] = next(one["shadow"] for one in pairs if one["pair"] == PAIR)
    return shadow


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
        handovers = gateway.app.shadow.handovers
        within(15, lambda: handovers._bytes == 0)


def test_what_is_too_large_is_dropped(tmp_path: Path) -> None:
    with Running(settings(max_bytes=9000), tmp_path) as gateway:
        assert hand_over(gateway, b" " * 9001)[0] == 503
        assert counts(gateway, PAIR)["dropped"] == 1
        for number in range(5):
            assert hand_over(gateway, b" " * 4000)[0] == 202  # room is given back
            until_judged(gateway, PAIR, number + 2)
        assert gained(gateway, 6) == {"dropped": 1, "failed": 5}


def test_what_the_plugin_dropped_is_counted(gateway: Running) -> None:
    ticket = ticket_of(PAIR, GROUP).decode()
    dropped = {ticket: 7, "x/y@z": 9, f"{PAIR}@gpt-4o": 2, ticket.upper(): 1}
    hand_over(gateway, document_of(WHOLE, dropped=dropped))
    assert until_judged(gateway, PAIR, 10)["dropped"] == 9
    hand_over(gateway, document_of(WHOLE, dropped={ticket: "many", "a": None}))
    assert until_judged(gateway, PAIR, 11)["dropped"] == 9


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


def test_any_worker_takes_hand_overs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to see the workers")
    monkeypatch.delenv(litellm_plugin.TOKEN_VARIABLE)
    with Workers(settings(), tmp_path) as workers:
        made_up = environment_of(workers.pids()[0])[litellm_plugin.TOKEN_VARIABLE]
        for _ in range(20):  # each on its own connection: the kernel chooses the worker
            assert hand_over(workers, document_of(WHOLE), token=made_up)[0] == 202
        line = f'interlingua_shadow_compared_total{{pair="{PAIR}"}} 20'
        within(15, lambda: line in workers.request("GET", "/metrics").body.decode())


def environment_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_the_child_of_the_supervisor_hands_over_to_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to see the workers")
    monkeypatch.delenv(litellm_plugin.TOKEN_VARIABLE)
    told = tmp_path / "environment.json"
    program = (
        f"import json, os, runpy; json.dump(dict(os.environ), open({str(told)!r}, 'w'));"
        f" runpy.run_path({str(TOY)!r}, run_name='__main__')"
    )
    document = settings()
    document["migration"]["python"] = {"command": [sys.executable, "-c", program, "{port}"], "start_timeout": 20}
    with Workers(document, tmp_path) as workers:
        assert workers.request("POST", "/v1/embeddings", {"model": "x"}).status == 200
        environment = json.loads(told.read_text())
        assert environment[litellm_plugin.URL_VARIABLE] == f"http://127.0.0.1:{workers.port}{HANDOVER}"
        assert hand_over(workers, document_of(WHOLE), token=environment[litellm_plugin.TOKEN_VARIABLE])[0] == 202
