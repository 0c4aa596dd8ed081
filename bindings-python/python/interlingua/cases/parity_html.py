"""The report of a replay as one HTML file that needs nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import interlingua
from interlingua.cases.parity import CLASSES, Report, brief, ranked

_MAX_SIDE = 200_000
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --ours: #2a74; --theirs: #a524; --bad: #c22; --good: #2a7; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } td.zero { opacity: .35; }
td.unexplained { color: var(--bad); font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
details { border: 1px solid var(--line); border-radius: 4px; margin: .5rem 0; padding: .4rem .7rem; }
summary { cursor: pointer; } code, pre { font: 12.5px/1.4 ui-monospace, monospace; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .6rem; }
pre { border: 1px solid var(--line); margin: .3rem 0; max-height: 32rem; overflow: auto; padding: .5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
pre.ours { background: var(--ours); } pre.theirs { background: var(--theirs); }
"""


def page(report: Report) -> str:
    """The whole file."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    totals = report.totals
    bad = totals["unexplained"]
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Parity: {bad} unexplained</title>\n<style>{_STYLE}</style>"
    yield "<h1>Parity of the core with LiteLLM</h1>"
    kind, said = ("bad", f"{bad} unexplained") if bad else ("good", "none unexplained")
    version = escape(interlingua.__version__)
    yield f'<p>{len(report.verdicts)} cases, <strong class="{kind}">{said}</strong>. Interlingua {version}.</p>'
    yield "<h2>By route and provider</h2>"
    yield from _table(
        ("route/provider", "cases", *CLASSES),
        [(pair, counts.total(), *(counts[name] for name in CLASSES)) for pair, counts in sorted(report.pairs.items())],
    )
    yield from _differences(report)
    if report.rules:
        yield "<h2>Rules of the ledger that spoke</h2>"
        rows = [(code, cases, leaves, evidence) for code, (evidence, cases, leaves) in sorted(report.rules.items())]
        yield from _table(("rule", "cases", "leaves", "evidence"), rows)
    for title, counted in (("What else there is to know", report.notes), ("What was lost", report.losses)):
        if counted:
            yield f"<h2>{title}</h2>"
            yield from _table(("what", "times"), counted.most_common(200))
    if report.broken:
        yield "<h2>What is no case</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in report.broken)
        yield "</ul>"


def _differences(report: Report) -> Iterator[str]:
    if not report.groups:
        return
    yield "<h2>Differences that no rule explains</h2>"
    by_case = {verdict["case"]: verdict for verdict in report.shown}
    for group in ranked(report):
        yield f"<details><summary>{len(group.cases)} times: <code>{escape(group.title)}</code></summary>"
        if group.example:
            yield _sides(group.example.get("ours", "(absent)"), group.example.get("theirs", "(absent)"))
        yield "<ul>"
        yield from (f"<li>{_link(name, name in by_case)}</li>" for name in group.cases[:100])
        yield "</ul></details>"
    yield "<h2>The cases, both sides</h2>"
    if len(report.shown) < report.totals["unexplained"]:
        yield f"<p>The first {len(report.shown)} of {report.totals['unexplained']}.</p>"
    for verdict in report.shown:
        yield from _case(verdict)


def _case(verdict: dict[str, Any]) -> Iterator[str]:
    name = escape(verdict["case"])
    # The target of links stands inside: a browser opens what it is in.
    yield f'<details><summary><code>{name}</code></summary><div id="{name}">'
    if verdict["note"]:
        yield f"<p>{escape(verdict['note'])}</p>"
    rows = [
        (f"{found['layer']} {found['path']}", *(brief(found.get(side, "(absent)")) for side in ("ours", "theirs")))
        for found in verdict["differences"][:200]
    ]
    if rows:
        yield from _table(("where", "core", "LiteLLM, after the ledger's rules"), rows)
    for layer, sides in verdict["layers"].items():
        yield f"<h3>{escape(layer)}</h3>"
        yield _sides(sides["ours"], sides["theirs"])
    yield "</div></details>"


def _sides(ours: Any, theirs: Any) -> str:
    shown = (("ours", "core", ours), ("theirs", "LiteLLM", theirs))
    parts = (f'<div>{name}<pre class="{side}">{escape(_pretty(value))}</pre></div>' for side, name, value in shown)
    return f'<div class="sides">{"".join(parts)}</div>'


def _pretty(value: Any) -> str:
    text = value if value == "(absent)" else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    return text if len(text) <= _MAX_SIDE else f"{text[:_MAX_SIDE]}… ({len(text)} characters)"


def _link(name: str, shown: bool) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if shown else escape(name)


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield '<div class="wide"><table><tr>' + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"
    for row in rows:
        cells = (_cell(name, cell) for name, cell in zip(head, row, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table></div>"


def _cell(name: str, value: str | int) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    kind = "zero" if value == 0 else "unexplained" if name == "unexplained" else ""
    return f'<td class="n {kind}">{value}</td>'
