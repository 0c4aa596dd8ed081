"""``make bench``: measures everything and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench import core, gateway, report
from bench.servers import ROOT

LITELLM = "1.109.1"


def oracle_python() -> Path:
    """The interpreter of the oracle environment, which the recorder's script creates."""
    root = os.environ.get("INTERLINGUA_ORACLE_DIR")
    python = (Path(root) if root else ROOT / "target" / "oracle") / LITELLM / "bin" / "python"
    if not python.exists():
        raise SystemExit("bench: LiteLLM's environment is missing; run `make oracle`")
    return python


def _say(text: str) -> None:
    print(f"→ {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each load (default: 5)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a run (default: 3)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    oracle, load_before = oracle_python(), os.getloadavg()
    inputs = core.target_dir() / "bench-inputs"
    _say("1/3 the core (criterion, two minutes)")
    translations = core.measure(inputs)
    _say("2/3 LiteLLM's transform")
    theirs = core.litellm_transform(inputs, oracle)
    _say("3/3 gateways (some minutes)")
    binary = core.load_generator()
    results = gateway.measure(binary, inputs, oracle, rounds=options.rounds, seconds=options.seconds)
    report.write(
        options.out,
        translations,
        theirs,
        results,
        litellm=LITELLM,
        rounds=options.rounds,
        seconds=options.seconds,
        load_before=load_before,
    )
    _say(f"written: {options.out}")


if __name__ == "__main__":
    main()
