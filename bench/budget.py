"""The instruction budget: what named translations of the core cost under callgrind, against bench/instructions.json.

Counts do not depend on what else the machine does, so a change of a few percent is one of the code.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.servers import ROOT

RECORDED = ROOT / "bench" / "instructions.json"
ALLOWED_PERCENT = 3
FEW, MANY = 20, 70


@dataclass(frozen=True)
class Counts:
    """Instructions a translation, and what they depend on beside the code."""

    rustc: str
    arch: str
    instructions: dict[str, int]


def rustc() -> str:
    """The compiler's version."""
    return subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()


def program() -> Path:
    """Builds the benchmark that does one named translation a number of times."""
    command = ["cargo", "bench", "--quiet", "-p", "interlingua", "--bench", "instructions", "--no-run"]
    done = subprocess.run([*command, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    built = [json.loads(line) for line in done.stdout.splitlines()]
    return next(Path(one["executable"]) for one in built if one.get("executable"))


def collected(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Instructions that a command takes, with more in its environment."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, *command], check=True, capture_output=True, text=True, env={**os.environ, **(env or {})}
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit(f"bench: valgrind says no count: {done.stderr[-400:]}")
    return int(found[1])


def count() -> Counts:
    """Counts every translation: the difference between many and few, in which start-up cancels out."""
    built = program()
    names = subprocess.run([str(built)], check=True, capture_output=True, text=True).stdout.split()

    def run(name: str, count: int) -> int:
        return collected([str(built), name, str(count)])

    found = {name: (run(name, MANY) - run(name, FEW)) // (MANY - FEW) for name in names}
    return Counts(rustc(), platform.machine(), found)


def judge(recorded: Counts, now: Counts) -> tuple[list[str], bool]:
    """What to say about each translation, and whether the budget is kept."""
    lines, kept = [], True
    for name, here in now.instructions.items():
        before = recorded.instructions.get(name)
        change = "" if before is None else f"{here / before - 1:+8.2%}"
        remark = ""
        if before is None:
            kept, remark = False, "not recorded: make bench-budget-write"
        elif here * 100 > before * (100 + ALLOWED_PERCENT):
            kept, remark = (
                False,
                "MORE than the budget: make it cheaper, or record it with make bench-budget-write and say why",
            )
        elif here * 100 < before * (100 - ALLOWED_PERCENT):
            remark = "less than recorded: keep the gain with make bench-budget-write"
        lines.append(f"  {name:<34}{here:>10,} {change}  {remark}".rstrip())
    for name in recorded.instructions.keys() - now.instructions.keys():
        kept = False
        lines.append(f"  {name:<34} is recorded and not measured: make bench-budget-write")
    return lines, kept


def read() -> Counts:
    """The recorded counts."""
    return Counts(**json.loads(RECORDED.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="record the counts instead of comparing them")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("  valgrind is not installed: the instruction budget is not checked", file=sys.stderr)
        return
    if options.write:
        RECORDED.write_text(json.dumps(asdict(count()), indent=2) + "\n")
        print(f"  written: {RECORDED.relative_to(ROOT)}", file=sys.stderr)
        return
    recorded = read()
    if (recorded.rustc, recorded.arch) != (rustc(), platform.machine()):
        print(f"  recorded with {recorded.rustc} on {recorded.arch}, this is {rustc()} on {platform.machine()}:"
              " the instruction budget is not checked", file=sys.stderr)  # fmt: skip
        return
    lines, kept = judge(recorded, count())
    print("\n".join(lines), file=sys.stderr)
    if not kept:
        raise SystemExit(f"bench: the instruction budget is broken (more than {ALLOWED_PERCENT} % is not allowed)")


if __name__ == "__main__":
    main()
