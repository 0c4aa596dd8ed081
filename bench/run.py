"""``make bench``: measures everything and writes docs/benchmarks.md; ``--growth`` measures curves and soak instead."""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
from pathlib import Path

from bench import bindings, core, curves, gateway, migration, report
from bench.goals import Measured
from bench.servers import PEERS, ROOT

LITELLM = "1.109.1"

MIGRATION_ROUNDS = 12


def oracle_python() -> Path:
    """The interpreter of the oracle environment, which the recorder's script creates."""
    root = os.environ.get("INTERLINGUA_ORACLE_DIR")
    python = (Path(root) if root else ROOT / "target" / "oracle") / LITELLM / "bin" / "python"
    if not python.exists():
        raise SystemExit("bench: LiteLLM's environment is missing; run `make oracle`")
    return python


def _say(text: str) -> None:
    print(f"→ {text}", file=sys.stderr, flush=True)


def _missing() -> list[str]:
    """Peers that this machine does not have."""
    have = {
        "nginx": shutil.which("nginx"),
        "fast-litellm": (PEERS / "fast").is_dir(),
        "liter-llm": (PEERS / "liter").is_dir(),
        "liter-llm's proxy (`make bench-peers`)": (PEERS / "liter-proxy").is_dir(),
    }
    return [name for name, there in have.items() if not there]


def quick(out: Path, rounds: int, seconds: float) -> None:
    """Core, bindings, gateway, peers and migration."""
    oracle, load_before = oracle_python(), os.getloadavg()
    inputs, binaries = core.target_dir() / "bench-inputs", core.binaries()
    _say("1/5 the core (criterion, some minutes)")
    translations = core.measure(inputs)
    _say("2/5 LiteLLM's transform")
    theirs = core.litellm_transform(inputs, oracle)
    _say("3/5 from Python")
    from_python = bindings.measure(inputs)
    libraries = bindings.library_calls(binaries / "load", inputs, oracle)
    _say("4/5 gateways (some minutes)")
    results = gateway.measure(binaries, inputs, oracle, rounds=rounds, seconds=seconds)
    _say("5/5 the migration (six minutes)")
    # LiteLLM's own latency varies more from round to round than what is measured here.
    costs = migration.measure(binaries, inputs, oracle, rounds=max(rounds, MIGRATION_ROUNDS))
    conditions = report.Conditions(LITELLM, rounds, seconds, load_before, _missing())
    report.write(out, Measured(translations, theirs, results, from_python, costs), libraries, conditions)


def growth(out: Path, seconds: int) -> None:
    """Curves and soak."""
    inputs, binaries = core.target_dir() / "bench-inputs", core.binaries()
    if not (inputs / "chat_1k.json").exists():
        core.write_inputs(inputs)
    _say("1/3 how the core's cost grows")
    found = curves.core()
    _say("2/3 how the gateway's cost grows (some minutes)")
    found += curves.of_gateway(binaries, inputs)
    _say(f"3/3 {seconds} seconds under load")
    report.write_growth(out, found, curves.soak(binaries, inputs, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each load (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a run (default: 1.5)")
    parser.add_argument("--growth", action="store_true", help="curves and soak")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.growth:
        growth(options.out, int(os.environ.get("BENCH_SOAK_SECONDS", "600")))
    else:
        quick(options.out, options.rounds, options.seconds)
    _say(f"written: {options.out}")


if __name__ == "__main__":
    main()
