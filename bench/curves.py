"""How cost grows: with bytes, messages, tools, models in the config, and concurrent streams."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import gateway, servers
from bench.load import Load, loading

Points = list[tuple[float, float]]
SENTENCE = 'The "deployment" returns a value when the index — naïve or not — exceeds its limit.\n'
SIZES = [1 << power for power in range(10, 25, 2)]
MESSAGES = [1, 3, 9, 31, 101, 301, 1001, 1999]
TOOLS = [0, 1, 3, 10, 30, 100, 200]
MODELS = [1, 10, 100, 1000, 10_000, 100_000]
STREAMS = [1, 10, 100, 500, 1000, 2000, 5000]
LARGEST_BODY = 64 << 20


@dataclass(frozen=True)
class Curve:
    """Measured points, one line per what was measured."""

    name: str
    title: str
    x_name: str
    y_name: str
    lines: dict[str, Points]
    expected: str
    fit_from: float = 0
    """Below this, constant costs prevail and the slope says nothing."""
    scales: tuple[str, str] = ("log", "log")

    def slopes(self) -> dict[str, float]:
        """Of each line the exponent: 1 is linear, 0 is flat."""
        return {
            name: slope([p for p in points if p[0] >= max(self.fit_from, 1)]) for name, points in self.lines.items()
        }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares in logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len(logs) < 2:
        return math.nan
    x_mean, y_mean = (sum(pair[axis] for pair in logs) / len(logs) for axis in (0, 1))
    spread = sum((x - x_mean) ** 2 for x, _ in logs)
    return sum((x - x_mean) * (y - y_mean) for x, y in logs) / spread


def _text(size: int) -> str:
    return (SENTENCE * (size // len(SENTENCE.encode()) + 1))[:size]


def sized_request(size: int, model: str = "bench-model") -> bytes:
    """A chat request with eight messages of together about ``size`` bytes."""
    return _request(model, [_text(size // 8 - 40) for _ in range(8)], 0)


def _request(model: str, texts: Sequence[str], tools: int) -> bytes:
    messages = [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(texts)]
    fields: dict[str, object] = {"model": model, "messages": messages, "max_tokens": 64}
    if tools:
        schema = {"type": "object", "properties": {"query": {"type": "string", "description": _text(100)}}}
        fields["tools"] = [
            {"type": "function", "function": {"name": f"tool_{index}", "description": _text(200), "parameters": schema}}
            for index in range(tools)
        ]
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _core_times(bodies: Sequence[tuple[float, bytes]]) -> dict[str, Points]:
    """Microseconds by size for both kinds of request, through the bindings; of each point the fastest of its rounds."""
    import interlingua

    targets = {"chat → anthropic": ("anthropic", "claude-sonnet-4-5"), "chat → openai": ("openai", "gpt-4o")}
    lines: dict[str, Points] = {}
    for name, (provider, model) in targets.items():
        target, points = interlingua.Target(provider, model), []
        for x, body in bodies:
            fastest, until = math.inf, time.perf_counter() + 0.3
            while time.perf_counter() < until:
                started = time.perf_counter()
                request = interlingua.Request("openai_chat", body, max_body_bytes=LARGEST_BODY)
                request.attempt(target, now_unix=1, id_seed=1).step()
                fastest = min(fastest, time.perf_counter() - started)
            points.append((x, fastest * 1e6))
        lines[name] = points
    return lines


def core() -> list[Curve]:
    """The core's curves."""
    bodies = [(float(size), sized_request(size)) for size in SIZES]
    messages = [(float(count), _request("bench-model", [_text(200)] * count, 0)) for count in MESSAGES]
    tools = [(float(count), _request("bench-model", [_text(200)], count)) for count in TOOLS]
    y_name = "µs a request"
    return [
        Curve(
            "core-body", "Core: time by the body's size", "bytes", y_name, _core_times(bodies), "1", fit_from=1 << 16
        ),
        Curve(
            "core-messages", "Core: time by messages of 200 bytes", "messages", y_name, _core_times(messages), "1", 100
        ),
        Curve("core-tools", "Core: time by tools of 450 bytes", "tools", y_name, _core_times(tools), "1", 10),
    ]


def _body_curve(load: Load, folder: Path, found: Sequence[servers.Server]) -> Curve:
    lines: dict[str, Points] = {server.name: [] for server in found}
    path = folder / "sized.json"
    for size in SIZES:
        path.write_bytes(sized_request(size, "bench-openai"))
        for server in found:
            run = load.run(server, "closed", body=path, connections=1, seconds=1)
            if not run.errors:
                lines[server.name].append((float(size), run.p50_us))
    title = "Gateway: latency of one connection by the body's size, chat → openai"
    return Curve("gateway-body", title, "bytes", "µs, p50", lines, "1", fit_from=1 << 18)


def _models_curves(load: Load, folder: Path, inputs: Path) -> list[Curve]:
    kind = gateway.RELAYED
    path, cpu, memory, starts, title = (
        gateway.body(kind, inputs, folder),
        [],
        [],
        [],
        "Gateway, by entries of model_list",
    )
    for count in MODELS:
        started = time.monotonic()
        try:
            with servers.interlingua(folder, load.upstream, extra_models=count) as server:
                starts.append((float(count), time.monotonic() - started))
                gateway.run(load, server, kind, path, 0.5)
                cpu.append((float(count), gateway.run(load, server, kind, path, 2).cpu_us))
                memory.append((float(count), server.peak_mebibytes()))
        except servers.DidNotStart:
            title += f" (with {count:,} it did not start within {servers.START_SECONDS:.0f} s)"
            break
        print(f"  model_list of {count}: {cpu[-1][1]:.0f} µs, {memory[-1][1]:.0f} MiB", file=sys.stderr, flush=True)
    x_name = "models"
    return [
        Curve("gateway-models", f"{title}: CPU a request", x_name, "µs of CPU", {"CPU a request": cpu}, "0",
              scales=("log", "linear")),
        Curve("gateway-models-start", f"{title}: start and memory", x_name, "seconds, MiB",
              {"start, s": starts, "peak memory, MiB": memory}, "1", fit_from=1000),
    ]  # fmt: skip


def _streams_curves(load: Load, folder: Path, inputs: Path) -> list[Curve]:
    kind = gateway.MANY_STREAMS
    path, cpu, memory, gap = gateway.body(kind, inputs, folder), [], [], []
    with servers.interlingua(folder, load.upstream) as server:
        for count in STREAMS:
            server.reset_peak()
            ramp = max(100, count)
            run = load.run(server, "closed", body=path, connections=count, ramp=ramp, seconds=ramp / 1000 + 5)
            cpu.append((float(count), run.cpu_us / 103))
            memory.append((float(count), server.peak_mebibytes()))
            gap.append((float(count), run.gap_p99_us / 1e3))
            print(f"  {count} streams: {cpu[-1][1]:.1f} µs an event, {memory[-1][1]:.0f} MiB, {run.errors} errors",
                  file=sys.stderr, flush=True)  # fmt: skip
    title, x_name = "Gateway, by concurrent streams of an event in 100 ms", "streams"
    return [
        Curve("gateway-streams", f"{title}: CPU an event", x_name, "µs of CPU", {"CPU an event": cpu}, "0",
              fit_from=10, scales=("log", "linear")),
        Curve("gateway-streams-memory", f"{title}: peak memory", x_name, "MiB", {"peak memory": memory}, "at most 1",
              fit_from=1000),
        Curve("gateway-streams-gap", f"{title}: time between events", x_name, "ms, p99", {"p99": gap},
              "0 while the core is not full"),
    ]  # fmt: skip


def of_gateway(binaries: Path, inputs: Path) -> list[Curve]:
    """The gateway's curves."""
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as name, loading(binaries / "load") as load:
        folder = Path(name)
        with servers.interlingua(folder, load.upstream) as ours, \
                servers.hyper_relay(binaries / "relay", load.upstream) as relay:  # fmt: skip
            curves = [_body_curve(load, folder, [ours, relay])]
        return [*curves, *_models_curves(load, folder, inputs), *_streams_curves(load, folder, inputs)]


def soak(binaries: Path, inputs: Path, seconds: int, every: int = 10) -> Points:
    """Memory in MiB by seconds, under requests of both dialects and streams in turns."""
    points: Points = []
    kinds = (gateway.RELAYED, gateway.TRANSLATED, gateway.STREAMS, gateway.TRANSLATED_STREAMS)
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as name, loading(binaries / "load") as load:
        folder = Path(name)
        paths: dict[str, Path] = {kind.name: gateway.body(kind, inputs, folder) for kind in kinds}
        with servers.interlingua(folder, load.upstream) as server:
            started = time.monotonic()
            while time.monotonic() - started < seconds:
                for kind in kinds:
                    run = gateway.run(load, server, kind, paths[kind.name], every / len(kinds))
                    if run.errors:
                        raise SystemExit(f"bench: {run.errors} errors in the soak, {kind.name}")
                points.append((time.monotonic() - started, server.mebibytes()))
    return points
