"""What is measured: the gateway, LiteLLM's proxy, and relays that only relay. All on loopback, on one core."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "target" / "peers"
KEY = "sk-bench"
START_SECONDS = 120.0

MODELS = {"bench-openai": "", "bench-paced": "/paced-10", "bench-slow": "/paced-100", "bench-short": "/short"}
"""Models of the openai provider, and what stands before the path at the upstream (bench/src/answers.rs)."""

OPENAI = """\
  - model_name: {name}
    litellm_params: {{model: openai/gpt-4o, api_key: sk-none, api_base: "http://127.0.0.1:{port}{prefix}/v1"}}
"""
ANTHROPIC = """\
  - model_name: bench-anthropic
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_key: sk-none, api_base: "http://127.0.0.1:{port}"}}
"""
LITER_MODEL = """\
[[models]]
name = "{name}"
provider_model = "{model}"
api_key = "sk-none"
base_url = "{base}"

"""
LITER_SETTINGS = """\
[general]
master_key = "{key}"
max_retries = 0

[security]
outbound_policy = "off"
"""
SETTINGS = """\
general_settings: {{master_key: {key}}}
litellm_settings: {{num_retries: 0}}
"""
MIGRATION = """\
migration:
  allow_ungated: true
  switches: {"*": rust}
"""
NGINX = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; client_max_body_size 64m;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; keepalive_requests 1000000;
    location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""


class DidNotStart(SystemExit):
    """A server that did not accept connections in time."""


@dataclass(frozen=True)
class Server:
    """One running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    translates: bool
    """Whether it reads what it passes on; a relay gets the loads of one dialect only."""

    def reset_peak(self) -> None:
        """Forgets the peak of its memory."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def pids(self) -> list[int]:
        """The process and its children."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                found.extend(int(child) for child in children)
        return found

    def cpu_seconds(self) -> float:
        """Processor time spent so far."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mebibytes(self) -> float:
        """Peak resident memory of all its processes."""
        return self._status("VmHWM:")

    def mebibytes(self) -> float:
        """Resident memory of all its processes now."""
        return self._status("VmRSS:")

    def _status(self, name: str) -> float:
        lines = [line for pid in self.pids() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def pinned(core: int) -> list[str]:
    """The prefix that keeps a command on one core; empty where there is no ``taskset`` or no second core."""
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise DidNotStart(f"bench: {process.args!r} did not start")


@contextlib.contextmanager
def running(
    name: str, command: list[str], port: int, env: Mapping[str, str] | None = None, *, translates: bool = False
) -> Iterator[Server]:
    """A server on the first core that accepts connections; ended at the end."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*pinned(0), *command], stdout=quiet, stderr=quiet, env={**os.environ, **(env or {})})
    try:
        _await(process, port)
        yield Server(name, process, port, translates)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def config(upstream: int, extra_models: int = 0) -> str:
    """The config of every gateway, with as many further models as asked for before the ones that are used."""
    text = ["model_list:\n"]
    text += [OPENAI.format(name=f"extra-{number}", port=upstream, prefix="") for number in range(extra_models)]
    text += [OPENAI.format(name=name, port=upstream, prefix=prefix) for name, prefix in MODELS.items()]
    return "".join(text) + ANTHROPIC.format(port=upstream) + SETTINGS.format(key=KEY)


def interlingua(
    folder: Path, upstream: int, *options: str, name: str = "interlingua", extra_models: int = 0
) -> contextlib.AbstractContextManager[Server]:
    """Our gateway, everything through the Rust core: master key checked, metrics on, no access log."""
    path, port = folder / f"gateway-{len(options)}-{extra_models}.yaml", free_port()
    path.write_text(config(upstream, extra_models) + MIGRATION)
    command = [sys.executable, "-m", "interlingua", "serve", "--config", str(path), "--port", str(port), *options]
    return running(name, [*command, "--no-access-log"], port, translates=True)


def litellm(folder: Path, upstream: int, python: Path) -> contextlib.AbstractContextManager[Server]:
    """LiteLLM's proxy as its command line starts it, one worker."""
    return _litellm("LiteLLM proxy", folder, upstream, [str(python.parent / "litellm")], {})


def handing_over(
    folder: Path, upstream: int, python: Path, plugin: Path, env: Mapping[str, str]
) -> contextlib.AbstractContextManager[Server]:
    """The same with our plug-in, as the gateway starts it. ``env`` says where hand-overs go."""
    return _litellm("LiteLLM proxy, handing over", folder, upstream, [str(python), str(plugin)], env)


def fast_litellm(folder: Path, upstream: int, python: Path) -> contextlib.AbstractContextManager[Server] | None:
    """The same with fast-litellm's patches, where `peers` put them."""
    if not (PEERS / "fast").is_dir():
        return None
    start = "import fast_litellm, litellm; litellm.run_server()"
    path = {"PYTHONPATH": str(PEERS / "fast")}
    return _litellm("LiteLLM proxy, fast-litellm", folder, upstream, [str(python), "-c", start], path)


def _litellm(
    name: str, folder: Path, upstream: int, start: list[str], env: Mapping[str, str]
) -> contextlib.AbstractContextManager[Server]:
    path, port = folder / "litellm.yaml", free_port()
    path.write_text(config(upstream))
    command = [*start, "--config", str(path), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
    return running(name, command, port, {**quiet, **env}, translates=True)


def liter_llm(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Server] | None:
    """liter-llm's proxy, a Rust peer that translates, where `make bench-peers` built it."""
    binary = PEERS / "liter-proxy" / "bin" / "liter-llm"
    if not binary.exists():
        return None
    path, port = folder / "liter-llm.toml", free_port()
    host = f"http://127.0.0.1:{upstream}"
    models = [LITER_MODEL.format(name=name, model="openai/gpt-4o", base=f"{host}{prefix}/v1")
              for name, prefix in MODELS.items()]  # fmt: skip
    models.append(LITER_MODEL.format(name="bench-anthropic", model="anthropic/claude-sonnet-4-5", base=f"{host}/v1"))
    path.write_text("".join([*models, LITER_SETTINGS.format(key=KEY)]))
    command = [str(binary), "api", "--config", str(path), "--host", "127.0.0.1", "--port", str(port)]
    return running("liter-llm proxy (Rust)", command, port, {"RUST_LOG": "error"}, translates=True)


def bare_relay(upstream: int) -> contextlib.AbstractContextManager[Server]:
    """Bytes from one socket to another in asyncio: what no Python gateway can undercut."""
    port = free_port()
    return running("bare asyncio relay", [sys.executable, "-m", "bench.relay", str(port), str(upstream)], port)


def hyper_relay(binary: Path, upstream: int) -> contextlib.AbstractContextManager[Server]:
    """hyper on one thread, as a Rust gateway without features: what a Rust peer can reach at best."""
    port = free_port()
    return running("hyper relay (Rust)", [str(binary), str(port), str(upstream)], port)


def nginx(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Server] | None:
    """nginx as a relay, where it is installed."""
    binary = shutil.which("nginx")
    if binary is None:
        return None
    path, port = folder / "nginx.conf", free_port()
    path.write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    return running("nginx relay", [binary, "-c", str(path), "-p", str(folder)], port)
