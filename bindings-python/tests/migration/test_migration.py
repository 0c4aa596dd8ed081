"""A whole migration, with a real LiteLLM proxy and clients that never stop asking: docs/migrating-from-litellm.md as it
stands, and a core that fails on the way.

Needs INTERLINGUA_LITELLM_PYTHON, the interpreter of an environment with litellm[proxy] (``make test-migration``).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from guide import Shell, execute
from traffic import Traffic, questions

ROOT = Path(__file__).resolve().parents[3]
LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")
KEY = "sk-migration-9f3a"
GROUPS = {
    ("anthropic", "claude-sonnet-4-5"): "claude",
    ("openai", "gpt-5"): "gpt-5",
    ("openai", "gpt-4o"): "gpt-4o",
    ("hosted_vllm", "qwen3-32b"): "qwen",
    ("deepseek", "deepseek-chat"): "deepseek",
    ("groq", "llama-3.3-70b-versatile"): "llama",
}
GUIDE = ROOT / "docs" / "migrating-from-litellm.md"
STEP_SECONDS = 240.0

pytestmark = pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def environment() -> dict[str, str]:
    """Where ``interlingua`` and ``litellm`` are commands, and nothing is fetched."""
    assert LITELLM is not None
    folders = [str(Path(sys.executable).parent), str(Path(LITELLM).parent), os.environ["PATH"]]
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR")}
    return {
        **kept,
        "PATH": os.pathsep.join(folders),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("bindings-python/python")),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


class Api:
    """The admin API of a gateway."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/interlingua/{path}", data, {"authorization": f"Bearer {KEY}"}, method="PUT" if data else "GET"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def pairs(self) -> dict[str, Any]:
        return {pair["pair"]: pair for pair in self.ask("status")["pairs"]}


def until(reached: Callable[[], bool], what: str, seconds: float = STEP_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


def told(text: str) -> None:
    """What pytest shows of the walk if it fails."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}")


class Walk:
    """What the checks of the guide look at."""

    def __init__(self, url: str) -> None:
        self.api = Api(url)
        self.url = url
        self.asked = list(questions(ROOT / "fixtures", GROUPS))
        self.traffic: Traffic | None = None
        self.failures: list[str] = []

    @property
    def running(self) -> Traffic:
        assert self.traffic is not None
        return self.traffic

    def begin(self) -> None:
        # LiteLLM does not read all of our upstream's general answers (groq's have no service tier there).
        whole = Traffic(self.url, KEY, []).good(self.asked)
        lost = len(self.asked) - len(whole)
        assert lost <= len(self.asked) * 0.05, f"LiteLLM fails at {lost} of {len(self.asked)}"
        self.asked = whole
        self.go_on()

    def go_on(self) -> None:
        self.traffic = Traffic(self.url, KEY, self.asked)
        self.traffic.start()

    def pause(self) -> None:
        self.running.stop()
        self.failures += self.running.failures
        assert self.failures == []

    def shadowed(self) -> None:
        names = {question.pair for question in self.asked}

        def enough() -> bool:
            pairs = self.api.pairs()
            return all(pairs[name]["shadow"]["compared"] >= 10 for name in names)

        until(enough, "ten comparisons of each pair")
        self.no_differences()

    def no_differences(self) -> None:
        found = self.api.ask("differences?limit=5")["differences"]
        assert found == [], json.dumps(found, indent=1)

    def some_of(self, pairs: set[str]) -> None:
        counts = self.running.counts.copy()
        until(
            lambda: all(self.running.counts[pair, "rust"] > counts[pair, "rust"] + 2 for pair in pairs),
            f"answers of the core for {sorted(pairs)}",
        )

    def every_pair(self) -> None:
        self.some_of({question.pair for question in self.asked})

    def core_only(self) -> None:
        time.sleep(1)  # what was sent under the former mode is answered
        before = self.running.total("python")
        self.every_pair()
        assert self.running.total("python") == before
        self.no_differences()

    def litellm_only(self) -> None:
        time.sleep(1)
        before, answered = self.running.total("rust"), self.running.total()
        until(lambda: self.running.total() > answered + 50, "fifty answers of LiteLLM")
        assert self.running.total("rust") == before
        self.pause()

    def checks(self) -> dict[str, Callable[[], None]]:
        return {
            "clients begin to ask": self.begin,
            "shadow has compared every pair and found nothing": self.shadowed,
            "the core has answered some of chat with anthropic": lambda: self.some_of({"openai_chat/anthropic"}),
            "the core has answered some of every pair": self.every_pair,
            "the core has answered every pair, and nobody else": self.core_only,
            "clients pause": self.pause,
            "clients go on": self.go_on,
            "litellm answers everything again": self.litellm_only,
        }


def test_the_guide_as_it_stands(tmp_path: Path) -> None:
    gateway, upstream = free_ports(2)
    walk = Walk(f"http://127.0.0.1:{gateway}")
    replaced = {"127.0.0.1:4000": f"127.0.0.1:{gateway}", "--port 4000": f"--port {gateway}"}
    replaced |= {"127.0.0.1:4010": f"127.0.0.1:{upstream}", "--port 4010": f"--port {upstream}"}
    replaced["interlingua switch list"] = f"interlingua switch list --url {walk.url}"
    for action in ("set", "reset", "audit"):
        replaced[f"interlingua switch {action}"] = f"interlingua switch {action} --url {walk.url}"
    with Shell(tmp_path, environment(), STEP_SECONDS) as shell:
        try:
            execute(GUIDE, shell, tmp_path, walk.checks(), replaced, told)
        finally:
            if walk.traffic is not None:
                walk.traffic.stop()
    assert walk.failures == [] and walk.running.failures == []


@contextlib.contextmanager
def started(folder: Path, *arguments: str, **variables: str) -> Iterator[None]:
    """``interlingua …`` in the background; what it prints goes to a log named by its command."""
    command = [sys.executable, "-m", "interlingua", *arguments]
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**environment(), **variables}, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: "http://127.0.0.1:{upstream}", api_key: sk-1}}
general_settings: {{master_key: {key}}}
migration:
  switches: {{"*": canary=50}}
  trip: {{window: 30, min_requests: {allowed}, errors: 0.2}}
"""
ALLOWED = 20


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def test_a_core_that_fails_trips_its_switch_in_all_workers(tmp_path: Path) -> None:
    port, upstream = free_ports(2)
    url, fault = f"http://127.0.0.1:{port}", tmp_path / "fault"
    (tmp_path / "config.yaml").write_text(CONFIG.format(upstream=upstream, key=KEY, allowed=ALLOWED))
    faulty = os.pathsep.join([str(Path(__file__).with_name("faulty")), environment()["PYTHONPATH"]])
    variables = {"PYTHONPATH": faulty, "INTERLINGUA_TEST_FAULT": str(fault)}
    serve = ("serve", "--config", "config.yaml", "--port", str(port), "--workers", "2")
    with started(tmp_path, "replay", "--port", str(upstream)), started(tmp_path, *serve, **variables):
        until(lambda: is_up(url), "the gateway is up", 60)
        api = Api(url)
        asked = [one for one in questions(ROOT / "fixtures", GROUPS) if one.pair == "openai_chat/anthropic"]
        traffic = Traffic(url, KEY, Traffic(url, KEY, []).good(asked))
        traffic.start()
        try:
            until(lambda: traffic.counts["openai_chat/anthropic", "rust"] > 50, "answers of the core")
            before, since = traffic.total("rust"), time.monotonic()
            until(lambda: traffic.total("rust") > before + 200, "more answers of the core")
            a_second = (traffic.total("rust") - before) / (time.monotonic() - since)
            assert traffic.failures == []
            fault.touch()
            until(lambda: api.pairs()["openai_chat/anthropic"]["tripped"] is not None, "the switch has tripped", 30)
            time.sleep(1)  # all workers agree within a second
            failed, by_core = len(traffic.failures), traffic.total("rust")
            # It is looked at once a second, and until all agree it is another one at most.
            assert ALLOWED / 2 <= failed <= ALLOWED + 2 * a_second, (failed, a_second)
            answered = traffic.total()
            until(lambda: traffic.total() > answered + 50, "answers of LiteLLM")
            assert len(traffic.failures) == failed and traffic.total("rust") == by_core
        finally:
            traffic.stop()
        pair = api.pairs()["openai_chat/anthropic"]
        assert pair["mode"] == "python" and "errors" in pair["tripped"]["reason"]
        assert api.ask("audit?limit=1")["audit"][0]["by"] == "trip"
    assert '"event":"switch_tripped"' in (tmp_path / "serve.log").read_text()
