"""``interlingua parity``: replays cases through the core and accounts for every difference to LiteLLM."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlingua import _native
from interlingua.cases import case
from interlingua.cases.case import CaseError

CLASSES = ("identical", "explained", "unexplained", "declined", "oracle_failed", "unjudged")
MAX_SHOWN = 200
"""Cases whose two sides a report keeps: the rest is counted."""


@dataclass(slots=True)
class Group:
    """Cases that differ in the same place."""

    title: str
    cases: list[str] = field(default_factory=list)
    example: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """What a replay found."""

    root: Path
    pairs: dict[str, Counter[str]] = field(default_factory=dict)
    """Route and provider → class → how many."""
    rules: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Rule → its evidence, cases, leaves."""
    groups: dict[str, Group] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    """Why cases are declined, not judged or failed by LiteLLM, and what their checks found."""
    losses: Counter[str] = field(default_factory=Counter)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    """Of all cases, without their two sides."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """Those of unexplained cases, as they are."""
    broken: list[str] = field(default_factory=list)
    """Folders that are no cases, and why."""

    @property
    def totals(self) -> Counter[str]:
        return sum(self.pairs.values(), Counter())

    def add(self, name: str, verdict: dict[str, Any]) -> None:
        route, provider, _ = name.split("/", 2)
        class_ = verdict["class"]
        self.pairs.setdefault(f"{route}/{provider}", Counter())[class_] += 1
        for rule in verdict["rules"]:
            evidence, cases, leaves = self.rules.get(rule["code"], (rule["evidence"], 0, 0))
            self.rules[rule["code"]] = (evidence, cases + 1, leaves + rule["leaves"])
        for _, code in verdict["checks"]["losses"]:
            self.losses[code] += 1
        self.verdicts.append({"case": name, **{key: value for key, value in verdict.items() if key != "layers"}})
        if class_ == "unexplained":
            self._unexplained(name, route, verdict)
        else:
            self._note(class_, verdict)

    def _unexplained(self, name: str, route: str, verdict: dict[str, Any]) -> None:
        titles = {f"{route} {found['layer']} {_pattern(found['path'])}": found for found in verdict["differences"]}
        for title, found in (titles or {f"{route}: {verdict['note']}": {}}).items():
            group = self.groups.setdefault(title, Group(title, example=found))
            group.cases.append(name)
        if len(self.shown) < MAX_SHOWN:
            self.shown.append({"case": name, **verdict})

    def _note(self, class_: str, verdict: dict[str, Any]) -> None:
        if class_ in ("declined", "oracle_failed") and verdict["note"]:
            self.notes[f"{class_}: {' '.join(verdict['note'].split())[:200]}"] += 1
        checks = verdict["checks"]
        if class_ == "unjudged" and checks["request"] != "accepted":
            self.notes[f"unjudged: the core finds the request {checks['request']}"] += 1
        if checks["answer"] == "unreadable":
            self.notes[f"{class_}: the core cannot read the answer"] += 1


def replay(root: Path) -> Report:
    """Judges all cases at or below ``root``."""
    report = Report(root)
    directories = list(case.find(root.resolve()))
    # The core does its work without the interpreter's lock.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        for directory, verdict in zip(directories, threads.map(_judged, directories), strict=True):
            name = "/".join(directory.parts[-3:])
            if isinstance(verdict, str):
                report.broken.append(f"{name}: {verdict}")
            else:
                report.add(name, verdict)
    return report


def _judged(directory: Path) -> dict[str, Any] | str:
    try:
        exchange = case.read(directory)
        verdict: dict[str, Any] = json.loads(_native.compare(json.dumps(exchange).encode()))
    except (CaseError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        return str(error)
    return verdict


def _pattern(path: str) -> str:
    """A path with its indices left open, for grouping."""
    return re.sub(r"\[\d+\]", "[*]", path)


def run(root: Path, *, html: Path | None, json_file: Path | None) -> int:
    """The command; returns its exit code: 1 with unexplained differences, 2 where something is no case."""
    report = replay(root)
    for line in text(report):
        print(line)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n")
    if html is not None:
        from interlingua.cases.parity_html import page

        html.write_text(page(report), encoding="utf-8", errors="replace")
    for line in report.broken:
        print(f"interlingua: {line}", file=sys.stderr)
    if not report.verdicts and not report.broken:
        print(f"interlingua: there is no case below {root}", file=sys.stderr)
        return 2
    if report.totals["unexplained"]:
        return 1
    return 2 if report.broken else 0


def as_json(report: Report) -> dict[str, Any]:
    """The whole report for machines."""
    return {
        "cases": len(report.verdicts),
        "totals": {name: report.totals[name] for name in CLASSES},
        "pairs": {pair: {name: counts[name] for name in CLASSES} for pair, counts in sorted(report.pairs.items())},
        "rules": [
            {"code": code, "evidence": evidence, "cases": cases, "leaves": leaves}
            for code, (evidence, cases, leaves) in sorted(report.rules.items())
        ],
        "groups": [{"title": group.title, "cases": group.cases, "example": group.example} for group in ranked(report)],
        "verdicts": report.verdicts,
        "broken": report.broken,
    }


def ranked(report: Report) -> list[Group]:
    """The groups of differences, most frequent first."""
    return sorted(report.groups.values(), key=lambda group: (-len(group.cases), group.title))


def text(report: Report) -> Iterator[str]:
    """The report for people: what differs, the table, the rules, and a closing line."""
    for group in ranked(report)[:20]:
        yield f"{len(group.cases):>5} times: {group.title}"
        yield f"             {group.cases[0]}"
        for side in ("ours", "theirs"):
            if group.example:
                yield f"             {side:<6} {brief(group.example.get(side, '(absent)'))}"
    if len(report.groups) > 20:
        yield f"      … {len(report.groups) - 20} more groups (--json, --html)"
    yield from _table(
        ("route/provider", "cases", *CLASSES),
        [(pair, counts.total(), *(counts[name] for name in CLASSES)) for pair, counts in sorted(report.pairs.items())],
    )
    if report.rules:
        yield ""
        rows = [(code, cases, leaves, evidence) for code, (evidence, cases, leaves) in sorted(report.rules.items())]
        yield from _table(("ledger rule", "cases", "leaves", "evidence"), rows)
    for counted, what in ((report.notes, ""), (report.losses, "loss ")):
        if counted:
            yield ""
        for name, count in counted.most_common(20):
            yield f"{count:>5} times: {what}{name}"
    totals = report.totals
    yield ""
    yield f"parity: {len(report.verdicts)} cases, " + ", ".join(f"{totals[name]} {name}" for name in CLASSES)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]) -> Iterator[str]:
    cells = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        aligned = [
            cell.ljust(width) if index == 0 or not cells[-1][index].isdigit() else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(aligned).rstrip()


def brief(value: Any, limit: int = 160) -> str:
    """A short form of a value."""
    text = value if value == "(absent)" else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
