"""Copy what the replay upstream needs of the fixtures into the package, before a wheel is built.

Usage: python scripts/pack_fixtures.py [--remove]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "bindings-python" / "python" / "interlingua" / "fixtures"
WANTED = ("case.toml", "provider_request.json", "provider_response.*")


def main() -> int:
    shutil.rmtree(TARGET, ignore_errors=True)
    if "--remove" in sys.argv[1:]:
        return 0
    count = 0
    for case in sorted((ROOT / "fixtures").glob("*/*/*/case.toml")):
        folder = TARGET / case.parent.relative_to(ROOT / "fixtures")
        folder.mkdir(parents=True)
        for pattern in WANTED:
            for file in case.parent.glob(pattern):
                shutil.copyfile(file, folder / file.name)
        count += 1
    print(f"{count} cases packed for the replay upstream")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
