"""``interlingua switch``: see and set the switches of a gateway that runs, through its admin API."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from interlingua import admin_client
from interlingua.admin_client import Refused, Unreached, ask

DONE, REFUSED, UNREACHED = 0, 1, 2
"""Exit codes: the gateway did it; it said no; it could not be asked."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.description = (
        "Modes are python, shadow, canary=N (N percent), rust and auto. ROUTE is chat/completions, messages, responses,"
        " ocr, or *; PROVIDER as LiteLLM names it, or *. Exit code 0: done; 1: the gateway refused; 2: not reached."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every pair with its mode and its proof")
    listing.add_argument("--json", action="store_true", help="the status as the gateway tells it")
    setting = actions.add_parser(
        "set", help="set a switch: interlingua switch set chat/completions anthropic canary=10"
    )
    _add_subject(setting)
    setting.add_argument("mode", metavar="MODE")
    setting.add_argument("--force", action="store_true", help="even where parity is not proven; marked everywhere")
    setting.add_argument("--note", help="why, for the audit trail")
    reset = actions.add_parser("reset", help="forget what was set: the config counts again")
    _add_subject(reset)
    reset.add_argument("--note", help="why, for the audit trail")
    audit = actions.add_parser("audit", help="who has set what, the newest first")
    audit.add_argument("--limit", type=int, default=20, help="how many lines (default: 20)")
    audit.add_argument("--json", action="store_true", help="the same for machines")
    for action in (listing, setting, reset, audit):
        admin_client.add_to(action)


def _add_subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("route", metavar="ROUTE")
    parser.add_argument("provider", metavar="PROVIDER")
    parser.add_argument("--group", help="only this model group")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code."""
    action = {"list": _list, "set": _set, "reset": _reset, "audit": _audit}[options.action]
    try:
        action(options)
    except (Refused, Unreached) as problem:
        print(f"interlingua: {problem}", file=sys.stderr)
        return REFUSED if isinstance(problem, Refused) else UNREACHED
    return DONE


def _pattern(options: argparse.Namespace) -> str:
    from interlingua.gateway.modes import ModeError, read_pattern, route_named

    route = route_named(options.route)
    if route is None:
        raise Unreached(
            f"there is no route {options.route!r}; routes are chat/completions, messages, responses, ocr, or *"
        )
    pair = "*" if (route, options.provider) == ("*", "*") else f"{route}/{options.provider}"
    text = f"{pair}@{options.group}" if options.group else pair
    try:
        return read_pattern(text).text
    except ModeError as error:
        raise Unreached(str(error)) from None


def _list(options: argparse.Namespace) -> None:
    status = ask(options, "GET", "status")
    if options.json:
        print(json.dumps(status, indent=2))
        return
    rows = [["route", "provider", "mode", "set by", "core", "proof"]]
    for pair in status["pairs"]:
        engines = pair["engines"]
        total = engines["rust"]["requests"] + engines["python"]["requests"]
        share = f"{engines['rust']['requests'] / total:.0%} of {total}" if total else "-"
        rows.append([pair["path"].lstrip("/"), pair["provider"], _mode(pair), _source(pair), share, _proof(pair)])
    print("\n".join(_aligned(rows)))
    grouped = [switch for switch in status["switches"] if "@" in switch["pattern"]]
    if grouped:
        print("\nOf single model groups")
        print("\n".join(_aligned([[switch["pattern"], _mode(switch), switch["by"] or "config"] for switch in grouped])))
    print(f"\nLiteLLM: {status['python_engine']['description']}; kept in: {status['store']}")


def _mode(switch: Mapping[str, Any]) -> str:
    marks = ["forced"] if switch["forced"] else []
    if switch["tripped"]:
        marks.append("tried again" if switch["tripped"]["half_open"] else "tripped")
    return f"{switch['mode']} ({', '.join(marks)})" if marks else str(switch["mode"])


def _source(pair: Mapping[str, Any]) -> str:
    return "default" if pair["source"] == "default" else f"{pair['source']} {pair['by']}"


def _proof(pair: Mapping[str, Any]) -> str:
    gate = pair["gate"]
    if not gate["open"]:
        return "not proven" if pair["translated"] else "not translated"
    parts = [f"{gate['cases']} cases", f"{len(gate['features'])} features", f"LiteLLM {gate['oracle']}", gate["date"]]
    return ", ".join(part for part in parts if part)


def _set(options: argparse.Namespace) -> None:
    pattern = _pattern(options)
    query = {"force": "true"} if options.force else {}
    query |= {"note": options.note} if options.note else {}
    state = ask(options, "PUT", f"switches?{urlencode(query)}", {pattern: options.mode}, by=_who())
    print(f"{pattern}: {state['switches'].get(pattern)}")


def _reset(options: argparse.Namespace) -> None:
    pattern = _pattern(options)
    query = f"?{urlencode({'note': options.note})}" if options.note else ""
    state = ask(options, "DELETE", f"switches/{quote(pattern, safe='')}{query}", by=_who())
    left = state["switches"].get(pattern)
    print(f"{pattern}: {'not set any more' if left is None else f'{left}, as the config says'}")


def _audit(options: argparse.Namespace) -> None:
    entries = ask(options, "GET", f"audit?limit={max(1, options.limit)}")["audit"]
    if options.json:
        print(json.dumps(entries, indent=2))
        return
    rows = [["time", "by", "switch", "from", "to", "note"]]
    for entry in entries:
        moment = datetime.fromtimestamp(entry["time"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        marked = f"{entry['to'] or 'reset'}{' (forced)' if entry['forced'] else ''}"
        rows.append([moment, entry["by"], entry["pattern"], entry["from"] or "-", marked, entry["note"] or ""])
    print("\n".join(_aligned(rows)))


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return re.sub(r"[^A-Za-z0-9._@-]", "-", f"{user}@{platform.node() or 'localhost'}")[:128]
