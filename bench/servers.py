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
KEY = "sk-bench"
START_SECONDS = 120.0

CONFIG = """\
model_list:
  - model_name: bench-openai
    litellm_params: {{model: openai/gpt-4o, api_key: sk-none, api_base: "http://127.0.0.1:{port}/v1"}}
  - model_name: bench-anthropic
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_key: sk-none, api_base: "http://127.0.0.1:{port}"}}
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
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; client_max_body_size 1m;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""


@dataclass(frozen=True)
class Server:
    """One running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int

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
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1])
        return total / 1024


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
    raise SystemExit(f"bench: {process.args!r} did not start")


@contextlib.contextmanager
def running(name: str, command: list[str], port: int, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server on core 0 that accepts connections; ended at the end."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*pinned(0), *command], stdout=quiet, stderr=quiet, env={**os.environ, **(env or {})})
    try:
        _await(process, port)
        yield Server(name, process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def interlingua(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Server]:
    """Our gateway, everything through the Rust core."""
    config, port = folder / "gateway.yaml", free_port()
    config.write_text(CONFIG.format(port=upstream, key=KEY) + MIGRATION)
    command = [sys.executable, "-m", "interlingua", "serve", "--config", str(config), "--port", str(port)]
    return running("interlingua", command, port)


def litellm(folder: Path, upstream: int, python: Path) -> contextlib.AbstractContextManager[Server]:
    """LiteLLM's proxy as its command line starts it, one worker."""
    config, port = folder / "litellm.yaml", free_port()
    config.write_text(CONFIG.format(port=upstream, key=KEY))
    command = [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
    return running("LiteLLM proxy", [*command, "--num_workers", "1"], port, env)


def bare_relay(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Server]:
    """Bytes from one socket to another in asyncio: what no Python gateway can undercut."""
    port = free_port()
    return running("bare asyncio relay", [sys.executable, "-m", "bench.relay", str(port), str(upstream)], port)


def nginx(folder: Path, upstream: int) -> contextlib.AbstractContextManager[Server] | None:
    """nginx as a relay, where it is installed."""
    binary = shutil.which("nginx")
    if binary is None:
        return None
    config, port = folder / "nginx.conf", free_port()
    config.write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    return running("nginx relay", [binary, "-c", str(config), "-p", str(folder)], port)
