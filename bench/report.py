"""Writes docs/benchmarks.md."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import gateway, migration, plots, texts
from bench.core import Timing
from bench.curves import Curve, Points
from bench.goals import Goal, Measured, factors, goals, lost
from bench.migration import Costs
from bench.overload import Overload


@dataclass(frozen=True)
class Conditions:
    """How it was measured."""

    litellm: str
    rounds: int
    seconds: float
    load_before: Sequence[float]
    missing: Sequence[str]


def _time(nanoseconds: float) -> str:
    if nanoseconds < 1e3:
        return f"{nanoseconds:.0f} ns"
    return f"{nanoseconds / 1e3:,.1f} µs" if nanoseconds < 1e6 else f"{nanoseconds / 1e6:,.2f} ms"


def _interval(timing: Timing) -> str:
    return f"{_time(timing.low)} … {_time(timing.high)}"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        return done.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"no {command[0]}"


def machine() -> str:
    """Processor, cores, system."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {'.'.join(platform.release().split('.')[:2])}"


def _conditions(conditions: Conditions) -> str:
    averages = ", ".join(f"{average:.1f}" for average in conditions.load_before)
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d}, {machine()}",
            f"- {_first_line('rustc', '--version')}; Python {platform.python_version()}; LiteLLM {conditions.litellm};"
            f" {_first_line('nginx', '-v')}",
            f"- load average before the run: {averages}: what else the machine was doing, which slows the rates down",
        )
    )


def _figure(goal: Goal, value: float) -> str:
    if not goal.unit:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {goal.unit}"


def _goals(rows: Sequence[Goal]) -> str:
    text = texts.GOALS.format(connections=gateway.RELAYED.connections)
    for goal in rows:
        wanted = f"{'≤' if goal.at_most else '≥'} {goal.limit:,g} {goal.unit}".rstrip()
        measured = "not measured" if goal.value is None else _figure(goal, goal.value)
        remark = f" ({goal.remark})" if goal.remark else ""
        reached = {True: "yes", False: "**no**", None: ""}[goal.reached]
        text += f"| {goal.text} | {wanted} | {measured}{remark} | {reached} |\n"
    return text


def _core(measured: Measured) -> str:
    rows = (
        f"| {one.name.replace('_', ' ')} | {one.size} | {_time(one.ours.median)} | {_interval(one.ours)} | "
        f"{_time(one.skip.median)} | {one.ratio:.2f} |\n"
        for one in measured.translations
    )
    return texts.CORE + "".join(rows)


def _transform(measured: Measured, version: str) -> str:
    ours = {f"{one.name}/{one.size}": one.best for one in measured.translations}
    text = texts.TRANSFORM.format(version=version)
    for name, factor in factors(measured).items():
        pair, _, size = name.partition("/")
        one = measured.theirs[name]
        text += (
            f"| {pair.replace('_', ' ')} | {size} | {_time(one['ns'])} | "
            f"{_time(one['lowest'])} … {_time(one['highest'])} | {_time(one['json_ns'])} | "
            f"{_time(ours[name])} | {factor:.1f} |\n"
        )
    return text


def _python(measured: Measured, libraries: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    found = measured.bindings
    text = texts.BINDINGS
    text += f"| request and attempt, chat → anthropic, 1 KB | {_time(found.round_trip_ns)} |\n"
    text += f"| the same in Rust | {_time(found.in_rust_ns)} |\n"
    text += f"| `import interlingua` over bare Python | {found.import_ms:.1f} ms, {found.import_mib:.1f} MiB |\n"
    if found.wheel_mib is not None:
        text += f"| wheel | {found.wheel_mib:.2f} MiB |\n"
    text += texts.LIBRARIES
    for library, providers in libraries.items():
        for provider, one in providers.items():
            low, high = _time(one["lowest"] * 1e3), _time(one["highest"] * 1e3)
            cpu = _time(one["cpu_us"] * 1e3)
            text += f"| {library} | {provider} | {_time(one['us'] * 1e3)} | {low} … {high} | {cpu} |\n"
    return text


def _gateway(measured: Measured, conditions: Conditions) -> str:
    text = texts.GATEWAY.format(
        connections=gateway.RELAYED.connections,
        rounds=conditions.rounds,
        seconds=f"{conditions.seconds:g}",
        slow=gateway.SLOW_ROUNDS,
        direct=f"“{gateway.DIRECT}”",
    )
    for kind in gateway.KINDS:
        text += texts.LOAD.format(name=kind.name, rate="streams/s" if kind.stream else "req/s")
        for one in measured.results:
            if one.load == kind.name:
                text += (
                    f"| {one.server} | {one.rate:,.0f} | {one.lowest:,.0f} … {one.highest:,.0f} | "
                    f"{_time(one.cpu_us * 1e3)} | {_time(one.p50_us * 1e3)} | {_time(one.p99_us * 1e3)} | "
                    f"{one.peak_mib:.0f} MiB | {one.errors} |\n"
                )
    if conditions.missing:
        text += texts.MISSING.format(names=", ".join(conditions.missing))
    return text


def of_migration(costs: Costs, rounds: int) -> str:
    """The section on the migration."""
    text = texts.MIGRATION.format(rounds=rounds, direct=migration.DIRECT)
    for behind, kinds in migration.KINDS.items():
        for kind in kinds:
            text += texts.MIGRATION_LOAD.format(behind=behind, name=kind.name)
            for one in costs.costs:
                if (one.behind, one.load) == (behind, kind.name):
                    added = costs.added_us(behind, kind, one.mode, migration.DIRECT)
                    told = f"{added / 1e3:+.2f} ms" if added else ""
                    text += (
                        f"| {one.mode} | {_time(one.p50_us * 1e3)} | {_time(one.lowest_us * 1e3)} … "
                        f"{_time(one.highest_us * 1e3)} | {told} | {_time(one.p99_us * 1e3)} | "
                        f"{_time(one.cpu_us * 1e3)} | {one.peak_mib:.0f} MiB | {one.errors} |\n"
                    )
    text += texts.SHADOW
    for mode, counts in costs.shadow.items():
        figures = (str(counts[one]) for one in ("sampled", "compared", "mismatches", "declined", "dropped", "failed"))
        text += f"| {mode} | {' | '.join(figures)} |\n"
    return text + (_overload(costs.overload) if costs.overload else "")


def _overload(found: Overload) -> str:
    quiet, flooded = found.quiet, found.flooded
    return texts.OVERLOAD.format(
        load=migration.FAST_CHATS.name,
        seconds=found.seconds,
        rate=found.handed_over / found.seconds,
        compared=found.compared,
        dropped=found.dropped,
        unaccounted=found.unaccounted,
        before=found.mib_before,
        peak=found.peak_mib,
        quiet_p50=_time(quiet.p50_us * 1e3),
        p50=_time(flooded.p50_us * 1e3),
        quiet_p99=_time(quiet.p99_us * 1e3),
        p99=_time(flooded.p99_us * 1e3),
        errors=flooded.errors,
    )


def _plots(measured: Measured, folder: Path) -> None:
    of = [one for one in measured.results if one.load == gateway.RELAYED.name and one.server != gateway.DIRECT]
    rates = sorted(((one.server, one.rate) for one in of), key=lambda pair: -pair[1])
    plots.bars(folder / "requests.svg", gateway.RELAYED.name, "requests/s", rates)
    spent = sorted(((one.server, one.cpu_us) for one in of), key=lambda pair: pair[1])
    plots.bars(folder / "cpu.svg", gateway.RELAYED.name, "µs of CPU a request", spent)
    chats = [
        (one.mode.replace("`", ""), one.p50_us / 1e3)
        for one in measured.migration.costs
        if one.load == migration.CHATS.name
    ]
    plots.bars(folder / "migration.svg", f"{migration.CHATS.name}, p50", "ms", chats)


def _kept(path: Path) -> str:
    """The section on how cost grows as it was last measured."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if texts.BEGIN not in old:
        return f"{texts.BEGIN}\n{texts.END}\n"
    return old[old.index(texts.BEGIN) : old.index(texts.END)] + texts.END + "\n"


def write(
    path: Path,
    measured: Measured,
    libraries: Mapping[str, Mapping[str, Mapping[str, float]]],
    conditions: Conditions,
) -> None:
    """The whole page, but for the section on how cost grows, which stays."""
    kept = _kept(path)
    _plots(measured, path.parent / "bench")
    text = texts.INTRODUCTION.format(machine=_conditions(conditions)) + _goals(goals(measured))
    behind = lost(measured)
    text += texts.LOST.format(lines="\n".join(f"- {line}" for line in behind)) if behind else ""
    text += _core(measured) + _transform(measured, conditions.litellm) + _python(measured, libraries)
    text += _gateway(measured, conditions) + of_migration(measured.migration, conditions.rounds)
    path.write_text(text + "\n" + kept, encoding="utf-8")


def write_growth(path: Path, curves: Sequence[Curve], soak: Points) -> None:
    """The section on how cost grows, in its place or at the end."""
    folder = path.parent / "bench"
    text = texts.CURVES.format(date=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine())
    for curve in curves:
        plots.curve(
            folder / f"{curve.name}.svg", curve.title, curve.x_name, curve.y_name, curve.lines, scales=curve.scales
        )
        for line, exponent in curve.slopes().items():
            fitted = "too few points" if math.isnan(exponent) else f"{exponent:.2f}"
            smallest, largest = (f"{x:,.0f}: {y:,.1f}" for x, y in (curve.lines[line][0], curve.lines[line][-1]))
            text += f"| {curve.title} ({curve.y_name}) | {line} | {curve.expected} | {fitted} "
            text += f"| {smallest} | {largest} |\n"
    text += "\n" + "".join(f"![{curve.title}](bench/{curve.name}.svg)\n" for curve in curves)
    if soak:
        first, last = soak[len(soak) // 10][1], soak[-1][1]
        plots.curve(folder / "soak.svg", "Gateway: memory under load", "seconds", "MiB", {"memory": soak},
                    scales=("linear", "linear"))  # fmt: skip
        text += texts.SOAK.format(minutes=soak[-1][0] / 60, connections=gateway.RELAYED.connections, first=first,
                                  last=last, change=last - first)  # fmt: skip
    old = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    before, _, rest = old.partition(texts.BEGIN)
    after = rest.partition(texts.END)[2]
    path.write_text(f"{before.rstrip()}\n\n{texts.BEGIN}{text}{texts.END}{after or chr(10)}", encoding="utf-8")
