"""Runs the core's criterion benchmarks and LiteLLM's transform, and reads what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.servers import ROOT


@dataclass(frozen=True)
class Timing:
    """A median with the interval that holds it with 95 % confidence, in nanoseconds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Translation:
    """One translation, and skipping the same bytes in the same run."""

    name: str
    size: str
    ours: Timing
    skip: Timing
    fastest: tuple[float, float] | None
    """The fastest rounds of both, measured in turns, where they were."""

    @property
    def ratio(self) -> float:
        ours, skip = self.fastest or (self.ours.median, self.skip.median)
        return ours / skip

    @property
    def best(self) -> float:
        return self.fastest[0] if self.fastest else self.ours.median


def _timing(folder: Path) -> Timing:
    median = json.loads((folder / "new" / "estimates.json").read_text())["median"]
    interval = median["confidence_interval"]
    return Timing(median["point_estimate"], interval["lower_bound"], interval["upper_bound"])


def target_dir() -> Path:
    """Cargo's target folder."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def _bench(inputs: Path, *options: str) -> None:
    inputs.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "bench", "--quiet", "-p", "interlingua", "--bench", "translate", "--", "--quiet", "--noplot"]
    env = {**os.environ, "INTERLINGUA_BENCH_INPUTS": str(inputs)}
    subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=env)


def measure(inputs: Path) -> list[Translation]:
    """Runs ``cargo bench``; leaves the inputs in the folder ``inputs``."""
    started = time.time()
    _bench(inputs, "--warm-up-time", "0.3", "--measurement-time", "1")
    in_turns = json.loads((inputs / "ratios.json").read_text())
    found = []
    for group in sorted((target_dir() / "criterion").iterdir()):
        for skipped in sorted(group.glob("skip/*/new")):
            if (skipped / "estimates.json").stat().st_mtime < started:
                continue  # a benchmark that is gone
            size = skipped.parent.name
            ours = _timing(group / "translate" / size)
            turns = in_turns.get(f"{group.name}/{size}")
            fastest = (turns["ours"], turns["skip"]) if turns else None
            found.append(Translation(group.name, size, ours, _timing(skipped.parent), fastest))
    return found


def write_inputs(inputs: Path) -> None:
    """Only leaves the inputs in the folder: no benchmark has this name."""
    _bench(inputs, "no_such_name")


def litellm_transform(inputs: Path, oracle: Path) -> dict[str, dict[str, float]]:
    """LiteLLM's transform on the same inputs, by ``pair/size``."""
    command = [str(oracle), str(ROOT / "bench" / "litellm_transform.py"), str(inputs)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    results: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return results


def binaries() -> Path:
    """The folder of the built load generator and relay."""
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "interlingua-bench"], cwd=ROOT, check=True)
    return target_dir() / "release"
