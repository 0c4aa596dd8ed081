"""Several workers behind one port: one answer to every question, whichever worker is asked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig import CHAT, KEY, Reply, Running, Upstream, config_document, http_answer, within

TOY = Path(__file__).with_name("toy_litellm.py")


def command_line(pid: str) -> bytes:
    """Empty for a process that ended after it had been listed."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


class Workers(Running):
    """A supervisor with two workers, as the command line starts them."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(document))
        command = [sys.executable, "-m", "interlingua", "serve", "--config", str(path), "--port", "0", "--workers", "2"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        line = next(line for line in self.process.stdout if line.startswith("listening on "))
        self.port = int(line.rsplit(":", 1)[1])

    def __enter__(self) -> Workers:
        for _ in range(100):
            if len(self.pids()) == 2:
                break
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.rest, _ = self.process.communicate(timeout=20)

    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"--worker" in command_line(pid)]

    def ask(self, count: int) -> list[Reply]:
        """Each on its own connection: the kernel chooses the worker."""
        return [self.chat() for _ in range(count)]


UNHURRIED = """\
from interlingua.gateway import control
control.LOOK_SECONDS = control.POLL_SECONDS = 3600.0
"""


@pytest.fixture
def workers(request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> Iterator[Workers]:
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc to see the workers")
    gate = tmp_path / "gate.json"
    gate.write_text('{"routes": {}}')
    document = config_document(upstream.url)
    document["migration"] |= {
        "gate_file": str(gate),
        "python": {"command": [sys.executable, str(TOY), "{port}"], "start_timeout": 20},
    }
    with pytest.MonkeyPatch.context() as environment:
        if (in_all_processes := getattr(request, "param", None)) is not None:
            (tmp_path / "sitecustomize.py").write_text(in_all_processes)
            environment.setenv("PYTHONPATH", str(tmp_path))
        with Workers(document, tmp_path) as running:
            yield running


def served(workers: Workers) -> int:
    text = workers.request("GET", "/metrics").body.decode()
    return sum(int(count) for count in re.findall(r'requests_total\{route="openai_chat",.*\} (\d+)', text))


def test_metrics_are_of_all_workers(workers: Workers) -> None:
    assert {reply.status for reply in workers.ask(40)} == {200}
    assert served(workers) == served(workers) == 40


def test_switches_are_set_for_all_workers(workers: Workers) -> None:
    assert workers.request("PUT", "/interlingua/switches", {"openai_chat/openai": "python"}).status == 200
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        states = [workers.request("GET", "/interlingua/switches").json()["switches"] for _ in range(20)]
        if all(state.get("openai_chat/openai") == "python" for state in states):
            break
        time.sleep(0.05)  # each request has its log line, and nobody reads those before the end
    else:
        pytest.fail("the workers do not agree")
    # Both take it to the one LiteLLM that the supervisor has started.
    ports = {reply.json()["headers"]["host"] for reply in workers.ask(20)}
    assert len(ports) == 1


def test_worker_that_dies_is_replaced_and_knows_the_switches(workers: Workers) -> None:
    assert workers.request("PUT", "/interlingua/switches", {"openai_chat/groq": "python"}).status == 200
    before = workers.pids()
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (len(workers.pids()) < 2 or before[0] in workers.pids()):
        time.sleep(0.05)
    time.sleep(1)
    assert {reply.status for reply in workers.ask(20)} == {200}
    states = [workers.request("GET", "/interlingua/switches").json()["switches"] for _ in range(20)]
    assert {state.get("openai_chat/groq") for state in states} == {"python"}
    workers.stop()
    lines = [json.loads(line) for line in workers.rest.splitlines() if line.startswith("{")]
    assert any(line["event"] == "worker_ended" for line in lines)


def test_status_is_of_all_workers(workers: Workers) -> None:
    assert {reply.status for reply in workers.ask(40)} == {200}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = workers.request("GET", "/interlingua/status").json()
        pair = next(pair for pair in status["pairs"] if pair["pair"] == "openai_chat/openai")
        if pair["engines"]["rust"]["requests"] == 40:
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"the supervisor has not seen all requests: {pair}")
    assert status["workers"] == 2
    assert sum(bucket[1] for bucket in pair["history"]) == 40


def test_supervisor_trips_a_switch_for_all_workers(workers: Workers, upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, b'{"choices": 7}')]
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and not all(reply.status == 200 for reply in workers.ask(10)):
        time.sleep(0.1)
    # The toy in LiteLLM's place echoes: both workers ask it now.
    assert all("headers" in reply.json() for reply in workers.ask(20))
    status = workers.request("GET", "/interlingua/status").json()
    assert [switch["by"] for switch in status["switches"] if switch["tripped"]] == ["trip"]
    trail = workers.request("GET", "/interlingua/audit").json()["audit"]
    assert [(entry["by"], entry["to"]) for entry in trail] == [("trip", "python")]
    text = workers.request("GET", "/metrics").body.decode()
    assert 'interlingua_switch_tripped{switch="openai_chat/openai"} 1' in text


@pytest.mark.parametrize("workers", [UNHURRIED], ids=["unhurried"], indirect=True)
def test_many_faults_are_looked_at_at_once_and_all_workers_follow(workers: Workers, upstream: Upstream) -> None:
    upstream.answers = [http_answer(200, b'{"choices": 7}')]
    within(15, lambda: all("headers" in reply.json() for reply in workers.ask(10)))
    assert all("headers" in reply.json() for reply in workers.ask(20))


def test_workers_have_the_same_clients_in_a_canary(workers: Workers) -> None:
    assert workers.request("PUT", "/interlingua/switches", {"openai_chat/openai": "canary=50"}).status == 200
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        states = [workers.request("GET", "/interlingua/switches").json()["switches"] for _ in range(20)]
        if all(state.get("openai_chat/openai") == "canary=50" for state in states):
            break
        time.sleep(0.05)
    for number in range(8):
        engines = {"headers" in workers.chat(user=f"user-{number}").json() for _ in range(6)}
        assert len(engines) == 1


def test_end(workers: Workers) -> None:
    pids = workers.pids()
    workers.stop()
    assert workers.process.returncode == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_end_with_their_supervisor(workers: Workers) -> None:
    pids = workers.pids()
    workers.process.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_key_is_needed(workers: Workers) -> None:
    assert workers.request("POST", "/v1/chat/completions", CHAT, key="wrong").status == 400
    assert workers.request("POST", "/v1/chat/completions", CHAT, key=KEY).status == 200
