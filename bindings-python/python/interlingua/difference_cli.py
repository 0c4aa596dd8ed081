"""``interlingua record difference ID --to DIR``: a difference that shadow has found, as a fixture case."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from interlingua.cases import case

TIMEOUT_SECONDS: Final = 30.0
KEY_VARIABLE: Final = "LITELLM_MASTER_KEY"


class DifferenceError(Exception):
    """The difference cannot be had. Says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, help="the number of the difference")
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="folder of cases to write it to")
    parser.add_argument("--url", default="http://127.0.0.1:4000", help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default=os.environ.get(KEY_VARIABLE), help=f"master key (default: {KEY_VARIABLE})")


def run(options: argparse.Namespace) -> int:
    try:
        print(write(fetch(options.url, options.key, options.id), options.to))
    except (DifferenceError, OSError) as error:
        print(f"interlingua: {error}", file=sys.stderr)
        return 2
    return 0


def fetch(url: str, key: str | None, number: int) -> dict[str, Any]:
    """Raises ``DifferenceError``."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    asked = urllib.request.Request(f"{url.rstrip('/')}/interlingua/differences/{number}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:
            entry = json.load(answer)
    except urllib.error.HTTPError as error:
        why = {401: "the key is missing; use --key", 400: "the key is not valid", 404: "there is none of this number"}
        raise DifferenceError(f"difference {number}: {why.get(error.code, f'status {error.code}')}") from None
    except (OSError, ValueError) as error:
        raise DifferenceError(f"{url} does not tell: {type(error).__name__}; is the gateway there? Use --url") from None
    if not isinstance(entry, dict) or "exchange" not in entry:
        raise DifferenceError(f"{url} tells something that is no difference")
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
