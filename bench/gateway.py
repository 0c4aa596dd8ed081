"""The gateway under load beside LiteLLM's proxy and bare relays: requests a second, processor time, memory."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import servers

CONNECTIONS = 50


@dataclass(frozen=True)
class Load:
    """One kind of request."""

    name: str
    model: str
    body: str
    stream: bool = False


LOADS = (
    Load("chat → openai, 1 KB", "bench-openai", "chat_1k"),
    Load("chat → anthropic, 1 KB", "bench-anthropic", "chat_1k"),
    Load("chat → anthropic, 60 KB", "bench-anthropic", "chat_60k"),
    Load("chat → openai, stream of 100 deltas", "bench-openai", "chat_1k", stream=True),
)


@dataclass(frozen=True)
class Result:
    """Medians over the runs, with the lowest and highest rate."""

    server: str
    load: str
    rate: float
    lowest: float
    highest: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    peak_mib: float
    errors: int


@contextlib.contextmanager
def provider(binary: Path, inputs: Path) -> Iterator[int]:
    """The upstream that answers at once, on the load generator's core."""
    answers = [str(inputs / f"answer_{dialect}.json") for dialect in ("chat", "messages")]
    command = [*servers.pinned(1), str(binary), "upstream", *answers]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _body(load: Load, inputs: Path, folder: Path) -> Path:
    fields = json.loads((inputs / f"{load.body}.json").read_bytes())
    fields.pop("stream_options", None)
    fields |= {"model": load.model, "stream": load.stream}
    path = folder / f"{load.model}-{load.body}-{load.stream}.json"
    path.write_text(json.dumps(fields, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    return path


def _run(binary: Path, server: servers.Server, body: Path, seconds: int) -> dict[str, float]:
    command = [*servers.pinned(1), str(binary), "run", str(server.port), "/v1/chat/completions", str(body)]
    command += [str(CONNECTIONS), str(seconds), servers.KEY]
    before = server.cpu_seconds()
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    figures: dict[str, float] = json.loads(done.stdout)
    spent = server.cpu_seconds() - before
    answered = max(figures["requests"], 1)
    return figures | {"rate": figures["requests"] / figures["seconds"], "cpu_us": spent / answered * 1e6}


def _measure(binary: Path, server: servers.Server, load: Load, body: Path, rounds: int, seconds: int) -> Result:
    _run(binary, server, body, 1)
    runs = [_run(binary, server, body, seconds) for _ in range(rounds)]

    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    rates = [run["rate"] for run in runs]
    errors = int(sum(run["errors"] for run in runs))
    figures = (middle("rate"), min(rates), max(rates), middle("cpu_us"), middle("p50_us") / 1e3, middle("p99_us") / 1e3)
    result = Result(server.name, load.name, *figures, server.peak_mebibytes(), errors)
    print(f"  {server.name:<20}{load.name:<38}{result.rate:>9.0f} req/s {result.cpu_us:>9.0f} µs CPU"
          f" {result.peak_mib:>7.0f} MiB  {errors} errors", file=sys.stderr, flush=True)  # fmt: skip
    return result


def measure(binary: Path, inputs: Path, oracle: Path, *, rounds: int = 5, seconds: int = 3) -> list[Result]:
    """Every server under every load. Relays do not translate: they get the same-dialect loads only."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as name, provider(binary, inputs) as upstream:
        folder = Path(name)
        candidates = (
            servers.interlingua(folder, upstream),
            servers.litellm(folder, upstream, oracle),
            servers.bare_relay(folder, upstream),
            servers.nginx(folder, upstream),
        )
        for candidate in candidates:
            if candidate is None:
                continue
            with candidate as server:
                for load in LOADS:
                    if "relay" in server.name and load.model != "bench-openai":
                        continue
                    body = _body(load, inputs, folder)
                    results.append(_measure(binary, server, load, body, rounds, seconds))
    return results
