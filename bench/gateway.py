"""The gateway under load beside LiteLLM's proxy and relays: requests a second, latency, processor time, memory."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.load import Load, Run, loading

DIRECT = "no server between"
WARM_UP_SECONDS = 0.5
SLOW_ROUNDS = 2
"""LiteLLM's proxy takes seconds to answer what it was sent in a round."""


@dataclass(frozen=True)
class Kind:
    """One kind of load."""

    name: str
    model: str = "bench-openai"
    body: str = "chat_1k"
    stream: bool = False
    rhythm: str = "closed"
    connections: int = 50
    rate: int = 0
    ramp_ms: int = 0
    seconds: int = 0
    """How long it must last at least."""
    most_rounds: int = 9
    slow_servers: bool = True
    """Whether LiteLLM's proxy is asked, which cannot stand every load."""
    patched: bool = False
    """Whether LiteLLM's proxy is asked with others' patches as well."""

    @property
    def same_dialect(self) -> bool:
        return self.model in servers.MODELS


RELAYED = Kind("chat → openai, 1 KB", patched=True)
TRANSLATED = Kind("chat → anthropic, 1 KB", "bench-anthropic", patched=True)
LARGE = Kind("chat → anthropic, 60 KB", "bench-anthropic", "chat_60k")
STREAMS = Kind("chat → openai, streams of 100 deltas at once", stream=True)
TRANSLATED_STREAMS = Kind("chat → anthropic, streams of 100 deltas at once", "bench-anthropic", stream=True)
PACED_STREAMS = Kind(
    "chat → openai, streams paced at 10 ms", "bench-paced", stream=True, ramp_ms=1000, seconds=2, most_rounds=2
)
UNHURRIED = Kind(
    "chat → openai, 1 KB, 100 requests/s", rhythm="paced", connections=10, rate=100, seconds=3, slow_servers=False
)
BEARABLE = Kind("chat → openai, 1 KB, 10 requests/s", rhythm="paced", connections=10, rate=10, seconds=4, most_rounds=2)
MANY_STREAMS = Kind(
    "chat → openai, 2,000 streams paced at 100 ms",
    "bench-slow",
    stream=True,
    connections=2000,
    ramp_ms=2000,
    seconds=3,
    most_rounds=1,
    slow_servers=False,
)
KINDS = (RELAYED, TRANSLATED, LARGE, STREAMS, TRANSLATED_STREAMS, PACED_STREAMS, UNHURRIED, BEARABLE, MANY_STREAMS)


@dataclass(frozen=True)
class Result:
    """Medians over the rounds, with the lowest and highest rate."""

    server: str
    load: str
    rate: float
    lowest: float
    highest: float
    events: float
    cpu_us: float
    p50_us: float
    p99_us: float
    quiet_p50_us: float
    """Of the round with the lowest: other work on the machine can only add to it."""
    quiet_p99_us: float
    peak_mib: float
    errors: int


def body(kind: Kind, inputs: Path, folder: Path) -> Path:
    """The request's body in a file."""
    fields = json.loads((inputs / f"{kind.body}.json").read_bytes())
    fields.pop("stream_options", None)
    fields |= {"model": kind.model, "stream": kind.stream}
    path = folder / f"{kind.model}-{kind.body}-{kind.stream}.json"
    path.write_text(json.dumps(fields, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    return path


def run(load: Load, server: servers.Server | None, kind: Kind, path: Path, seconds: float) -> Run:
    """One run of one kind of load."""
    translates = server is not None and server.translates
    prefix = "" if translates else servers.MODELS.get(kind.model, "")
    options: dict[str, object] = {"path": f"{prefix}/v1/chat/completions", "body": path}
    options |= {"connections": kind.connections, "seconds": max(seconds, kind.seconds)}
    options |= {"rate": kind.rate} if kind.rate else {"ramp": kind.ramp_ms}
    return load.run(server, kind.rhythm, **options)


def _result(name: str, kind: Kind, runs: list[Run], peak_mib: float) -> Result:
    def middle(of: Callable[[Run], float]) -> float:
        return statistics.median(of(one) for one in runs)

    rates = [one.rate for one in runs]
    return Result(
        server=name,
        load=kind.name,
        rate=middle(lambda one: one.rate),
        lowest=min(rates),
        highest=max(rates),
        events=middle(lambda one: one.events),
        cpu_us=middle(lambda one: one.cpu_us),
        p50_us=middle(lambda one: one.p50_us),
        p99_us=middle(lambda one: one.p99_us),
        quiet_p50_us=min(one.p50_us for one in runs),
        quiet_p99_us=min(one.p99_us for one in runs),
        peak_mib=peak_mib,
        errors=sum(one.errors for one in runs),
    )


def _asked(server: servers.Server | None, kind: Kind) -> bool:
    if server is None:
        return kind.same_dialect
    patched = server.name.endswith("fast-litellm")
    if server.name.startswith("LiteLLM") and not (kind.patched if patched else kind.slow_servers):
        return False
    return kind.same_dialect or server.translates


def _measure(
    load: Load, all_servers: Mapping[str, servers.Server | None], kind: Kind, path: Path, rounds: int, seconds: float
) -> Iterator[Result]:
    """Every server under one load, in turns: what else the machine does hits all of them."""
    asked = {name: server for name, server in all_servers.items() if _asked(server, kind)}
    runs: dict[str, list[Run]] = {name: [] for name in asked}
    for server in filter(None, asked.values()):
        server.reset_peak()
        if not kind.seconds and (kind is RELAYED or not server.name.startswith("LiteLLM")):
            run(load, server, kind, path, WARM_UP_SECONDS)
    for turn in range(min(rounds, kind.most_rounds)):
        for name, one in asked.items():
            if turn < SLOW_ROUNDS or not name.startswith("LiteLLM"):
                runs[name].append(run(load, one, kind, path, seconds))
    for name, one in asked.items():
        result = _result(name, kind, runs[name], one.peak_mebibytes() if one else 0.0)
        print(f"  {name:<28}{kind.name:<50}{result.rate:>9,.0f} req/s {result.cpu_us:>9,.0f} µs CPU"
              f" {result.p50_us:>9,.0f} µs {result.p99_us:>9,.0f} µs {result.peak_mib:>5,.0f} MiB"
              f"  {result.errors} errors", file=sys.stderr, flush=True)  # fmt: skip
        yield result


@contextlib.contextmanager
def all_servers(
    folder: Path, upstream: int, oracle: Path, binaries: Path
) -> Iterator[dict[str, servers.Server | None]]:
    """All servers side by side, of which one at a time is asked. Those that are missing here are left out."""
    candidates = (
        servers.interlingua(folder, upstream),
        servers.interlingua(folder, upstream, "--server", "uvicorn", name="interlingua on uvicorn"),
        servers.litellm(folder, upstream, oracle),
        servers.fast_litellm(folder, upstream, oracle),
        servers.liter_llm(folder, upstream),
        servers.bare_relay(upstream),
        servers.hyper_relay(binaries / "relay", upstream),
        servers.nginx(folder, upstream),
    )
    with contextlib.ExitStack() as stack:
        found: dict[str, servers.Server | None] = {DIRECT: None}
        for candidate in candidates:
            if candidate is not None:
                server = stack.enter_context(candidate)
                found[server.name] = server
        yield found


def measure(binaries: Path, inputs: Path, oracle: Path, *, rounds: int, seconds: float) -> list[Result]:
    """Every server under every load. Relays do not translate: they get the loads of one dialect only."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as name, loading(binaries / "load") as load:
        folder = Path(name)
        with all_servers(folder, load.upstream, oracle, binaries) as found:
            for kind in KINDS:
                results += _measure(load, found, kind, body(kind, inputs, folder), rounds, seconds)
    return results
