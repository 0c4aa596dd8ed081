"""Peers that the registries have. Each is optional: what cannot be had is said and left out.

Usage: python -m bench.peers          fast-litellm and liter-llm from the Python registry
       python -m bench.peers --rust   liter-llm's proxy from the crate registry as well (builds for ten minutes)
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from bench.servers import PEERS

WHEELS = {"fast": "fast-litellm==0.1.10", "liter": "liter-llm==2.4.0"}
PROXY = ("liter-llm-cli", "2.4.4")


def _attempt(what: str, command: list[str]) -> bool:
    if subprocess.run(command, check=False).returncode == 0:
        return True
    print(f"  {what} cannot be had here: left out", file=sys.stderr)
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rust", action="store_true", help="build liter-llm's proxy as well")
    options = parser.parse_args()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    for folder, wheel in WHEELS.items():
        if not (PEERS / folder).is_dir() and not _attempt(wheel, [*pip, "--target", str(PEERS / folder), wheel]):
            shutil.rmtree(PEERS / folder, ignore_errors=True)
    name, version = PROXY
    if options.rust and not (PEERS / "liter-proxy").is_dir():
        root = ["--root", str(PEERS / "liter-proxy"), "--target-dir", str(PEERS / "build")]
        _attempt(name, ["cargo", "install", name, "--version", version, "--locked", *root])


if __name__ == "__main__":
    main()
