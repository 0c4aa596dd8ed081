"""Writes docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.core import Timing, Translation
from bench.gateway import CONNECTIONS, Result

INTRODUCTION = """\
# Benchmarks

Written by `make bench`: all figures here come from one run on one machine. Numbers elsewhere in this repository
are taken from here.

{machine}

R is the time in which serde_json skips the same bytes as a `RawValue`: the least that a reader of JSON can do.

Ratios are of the fastest rounds, since other work on the machine can only slow a round down: for requests both sides
ran in turns, 60 rounds each.
"""
CORE = """
## The core

Median of a translation from bytes to bytes, with the interval that holds it with 95 % confidence. A request is read,
translated and written; an answer is read whole; a delta is one event in the middle of a stream.

| translation | input | time | interval | skipping | R |
|---|---|---|---|---|---|
"""
TRANSFORM = """
## LiteLLM's transform

`map_openai_params` and `transform_request` of LiteLLM {version} on the same inputs, with `json.loads` before and
`json.dumps` after it, as the core's figure holds both too. LiteLLM's routing, logging and cost calculation around it
are not counted.

| translation | input | LiteLLM, median | lowest … highest of 7 | of it JSON | core, fastest | lowest / fastest |
|---|---|---|---|---|---|---|
"""
GATEWAY = """
## The gateway

{connections} connections, each sends its next request after the last answer. The server has one core, load generator
and upstream share another; the upstream answers at once. Medians of {rounds} runs of {seconds} s with the lowest and
highest. CPU is the server's own time a request. Memory is the peak of all its processes so far: loads run in the order
of the table. LiteLLM {version} as its command line starts it, one worker. Relays do not translate, authenticate or log.

| server | load | req/s | lowest to highest | CPU a request | p50 | p99 | peak memory | errors |
|---|---|---|---|---|---|---|---|---|
"""
TARGETS = """
## Goals

| goal | measured | reached |
|---|---|---|
"""


def _time(nanoseconds: float) -> str:
    if nanoseconds < 1e3:
        return f"{nanoseconds:.0f} ns"
    return f"{nanoseconds / 1e3:,.1f} µs" if nanoseconds < 1e6 else f"{nanoseconds / 1e6:,.2f} ms"


def _interval(timing: Timing) -> str:
    return f"{_time(timing.low)} … {_time(timing.high)}"


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"{command[0]}: unknown"


def _machine(load_before: Sequence[float]) -> str:
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    averages = ", ".join(f"{average:.1f}" for average in load_before)
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d}, {model}, {os.cpu_count()} cores, {platform.system()}",
            f"- {_first_line('rustc', '--version')}; Python {platform.python_version()}",
            f"- load average before the run: {averages}: what else the machine was doing, which slows the rates down",
        )
    )


def _core(translations: Iterable[Translation]) -> str:
    rows = (
        f"| {one.name.replace('_', ' ')} | {one.size} | {_time(one.ours.median)} | {_interval(one.ours)} | "
        f"{_time(one.skip.median)} | {one.ratio:.2f} |\n"
        for one in translations
    )
    return CORE + "".join(rows)


def _factors(translations: Iterable[Translation], theirs: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    ours = {f"{one.name}/{one.size}": one.best for one in translations}
    return {name: figures["lowest"] / ours[name] for name, figures in theirs.items() if name in ours}


def _transform(translations: Sequence[Translation], theirs: Mapping[str, Mapping[str, float]], version: str) -> str:
    ours = {f"{one.name}/{one.size}": one.best for one in translations}
    text = TRANSFORM.format(version=version)
    for name, factor in _factors(translations, theirs).items():
        pair, _, size = name.partition("/")
        one = theirs[name]
        text += (
            f"| {pair.replace('_', ' ')} | {size} | {_time(one['ns'])} | "
            f"{_time(one['lowest'])} … {_time(one['highest'])} | {_time(one['json_ns'])} | "
            f"{_time(ours[name])} | {factor:.1f} |\n"
        )
    return text


def _gateway(results: Iterable[Result], version: str, rounds: int, seconds: int) -> str:
    text = GATEWAY.format(connections=CONNECTIONS, version=version, rounds=rounds, seconds=seconds)
    for one in results:
        text += (
            f"| {one.server} | {one.load} | {one.rate:,.0f} | {one.lowest:,.0f} … {one.highest:,.0f} | "
            f"{one.cpu_us:,.0f} µs | {one.p50_ms:.1f} ms | {one.p99_ms:.1f} ms | "
            f"{one.peak_mib:.0f} MiB | {one.errors} |\n"
        )
    return text


def _goals(
    translations: Sequence[Translation], theirs: Mapping[str, Mapping[str, float]], results: Sequence[Result]
) -> str:
    ratios = {f"{one.name}/{one.size}": one.ratio for one in translations}
    factors = _factors(translations, theirs)
    rates = {(one.server, one.load): one.rate for one in results}
    rows: list[tuple[str, float | None, str, float, bool]] = [
        ("chat → anthropic, 60 KB, at most 3 R", ratios.get("chat_to_anthropic/60k"), "R", 3, True),
        ("at least 50 times LiteLLM's transform at 1 KB", factors.get("chat_to_anthropic/1k"), "times", 50, False),
        ("at least 12 times LiteLLM's transform at 60 KB", factors.get("chat_to_anthropic/60k"), "times", 12, False),
    ]
    cpu = {(one.server, one.load): one.cpu_us for one in results}
    for load in ("chat → openai, 1 KB", "chat → anthropic, 1 KB"):
        ours, theirs_too = ("interlingua", load), ("LiteLLM proxy", load)
        if ours in rates and theirs_too in rates:
            factor = rates[ours] / rates[theirs_too]
            rows.append((f"at least 60 times the requests of LiteLLM's proxy, {load}", factor, "times", 60, False))
            factor = cpu[theirs_too] / cpu[ours]
            rows.append((f"the same by processor time a request, {load}", factor, "times", 60, False))
    memory = {name: max((one.peak_mib for one in results if one.server == name), default=0.0)
              for name in ("interlingua", "LiteLLM proxy")}  # fmt: skip
    share = memory["LiteLLM proxy"] / memory["interlingua"] if all(memory.values()) else None
    rows.append(("at most 1/8 of its memory", share, "times less", 8, False))
    text = TARGETS
    for goal, value, unit, limit, at_most in rows:
        if value is not None:
            reached = value <= limit if at_most else value >= limit
            text += f"| {goal} | {value:.2f} {unit} | {'yes' if reached else '**no**'} |\n"
    return text


def write(
    path: Path,
    translations: Sequence[Translation],
    theirs: Mapping[str, Mapping[str, float]],
    results: Sequence[Result],
    *,
    litellm: str,
    rounds: int,
    seconds: int,
    load_before: Sequence[float],
) -> None:
    """The whole page."""
    text = INTRODUCTION.format(machine=_machine(load_before)) + _goals(translations, theirs, results)
    text += _core(translations) + _transform(translations, theirs, litellm)
    text += _gateway(results, litellm, rounds, seconds)
    path.write_text(text, encoding="utf-8")
