"""What Python pays for the core: a round trip, the import, the wheel; and library calls beside others'."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import budget, servers
from bench.load import loading

ROUNDS = 30
ROUND_SECONDS = 0.004
IMPORTS = 15
STATUS = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


@dataclass(frozen=True)
class Bindings:
    """All in nanoseconds, milliseconds and MiB as their names say."""

    round_trip_ns: float
    in_rust_ns: float
    """The same without Python, measured in turns with it."""
    import_ms: float
    import_mib: float
    wheel_mib: float | None


def _fastest(work: Callable[[], object]) -> float:
    fastest = float("inf")
    for _ in range(ROUNDS):
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < ROUND_SECONDS:
            for _ in range(16):
                work()
            count += 16
        fastest = min(fastest, (time.perf_counter() - started) / count * 1e9)
    return fastest


def _in_rust(program: Path) -> float:
    """One round: many and few, in which the start of the process cancels out."""

    def seconds(count: int) -> float:
        started = time.perf_counter()
        subprocess.run([*servers.pinned(0), str(program), "chat_to_anthropic/1k", str(count)], check=True)
        return time.perf_counter() - started

    few, many = (min(seconds(count) for _ in range(3)) for count in (1_000, 21_000))
    return (many - few) / 20_000 * 1e9


def _round_trips(inputs: Path) -> tuple[float, float]:
    """Read, attempt, step, and the body that is to be sent: from Python and in Rust, the fastest of rounds in turns."""
    import interlingua

    target = interlingua.Target("anthropic", "claude-sonnet-4-5")
    body = (inputs / "chat_1k.json").read_bytes()

    def work() -> object:
        request = interlingua.Request("openai_chat", body).attempt(target, now_unix=1, id_seed=1).step()
        assert isinstance(request, interlingua.HttpRequest)
        return request.body

    program = budget.program()
    from_python, in_rust = zip(*((_fastest(work), _in_rust(program)) for _ in range(5)), strict=True)
    return min(from_python), min(in_rust)


def _start(program: str) -> tuple[float, float]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program + STATUS], check=True, capture_output=True, text=True)
    return (time.perf_counter() - started) * 1e3, int(done.stdout) / 1024


def measure(inputs: Path) -> Bindings:
    """Measures the bindings. The import is what a bare interpreter's start does not take, in turns."""
    bare, with_us = [], []
    for _ in range(IMPORTS):
        bare.append(_start(""))
        with_us.append(_start("import interlingua;"))
    from_python, in_rust = _round_trips(inputs)
    wheels = sorted((servers.ROOT / "dist").glob("interlingua-*.whl"), key=lambda one: one.stat().st_mtime)
    return Bindings(
        round_trip_ns=from_python,
        in_rust_ns=in_rust,
        import_ms=min(time for time, _ in with_us) - min(time for time, _ in bare),
        import_mib=statistics.median(mib for _, mib in with_us) - statistics.median(mib for _, mib in bare),
        wheel_mib=wheels[-1].stat().st_size / 1024**2 if wheels else None,
    )


def library_calls(binary: Path, inputs: Path, oracle: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Library → provider → figures. A library that is missing is left out."""
    fast, liter = servers.PEERS / "fast", servers.PEERS / "liter"
    asked: list[tuple[str, str, Path | None]] = [("interlingua", sys.executable, None), ("litellm", str(oracle), None)]
    asked += [("fast-litellm", str(oracle), fast)] if fast.is_dir() else []
    asked += [("liter-llm", sys.executable, liter)] if liter.is_dir() else []
    found = {}
    with loading(binary) as load:
        for name, python, path in asked:
            script = str(servers.ROOT / "bench" / "library_calls.py")
            command = [*servers.pinned(0), python, script, name, str(load.upstream), str(inputs / "chat_1k.json")]
            env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
            env |= {"PYTHONPATH": str(path)} if path else {}
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
            if done.returncode == 0:
                found[name] = json.loads(done.stdout.splitlines()[-1])
            else:
                print(f"  {name}: {done.stderr.strip().splitlines()[-1:]}: left out", file=sys.stderr)
    return found
