"""Put what the replay upstream needs of the fixtures into the package, before a wheel is built.

Usage: python scripts/pack_fixtures.py [--remove]
"""

from __future__ import annotations

import sys
from pathlib import Path

from interlingua.replay.cases import pack, read_folder

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "bindings-python" / "python" / "interlingua" / "replay" / "cases.jsonl"


def main() -> int:
    TARGET.unlink(missing_ok=True)
    if "--remove" in sys.argv[1:]:
        return 0
    text = pack(read_folder(ROOT / "fixtures"))
    TARGET.write_text(text, encoding="utf-8")
    print(f"{text.count(chr(10))} cases packed for the replay upstream")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
