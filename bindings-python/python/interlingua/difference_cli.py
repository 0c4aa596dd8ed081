"""``interlingua record difference ID --to DIR``: a difference that shadow has found, as a fixture case."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from interlingua import admin_client
from interlingua.admin_client import Refused, Unreached, ask
from interlingua.cases import case


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, help="the number of the difference")
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="folder of cases to write it to")
    admin_client.add_to(parser)


def run(options: argparse.Namespace) -> int:
    try:
        print(write(fetch(options), options.to))
    except (Refused, Unreached, OSError) as error:
        print(f"interlingua: {error}", file=sys.stderr)
        return 2
    return 0


def fetch(options: argparse.Namespace) -> dict[str, Any]:
    """Raises ``Refused`` or ``Unreached``."""
    entry = ask(options, "GET", f"differences/{options.id}")
    if not isinstance(entry, dict) or "exchange" not in entry:
        raise Unreached(f"{options.url} tells something that is no difference")
    return entry


def write(entry: dict[str, Any], directory: Path) -> str:
    """Writes a case, or only a structure if no values were stored. Returns what to tell about it."""
    number, pair = entry["id"], entry["pair"]
    if entry.get("content"):
        exchange = entry["exchange"]
        place = case.place(directory, exchange)
        case.write(place, exchange, title=f"Difference {number} of {pair}", origin="shadow")
        return f"{place}\nSee it with: interlingua parity --cases {directory}"
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / f"difference_{number}.json"
    place.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return (
        f"{place}\nThis is the structure only: the gateway keeps no values (migration.shadow.content is false). Write a"
        " case of the same structure by hand, or set content: true and take one of the next differences."
    )
