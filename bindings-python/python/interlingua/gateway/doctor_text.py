"""The doctor's report for people: a table of engines, then what needs attention, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from interlingua.gateway.doctor import GroupReport, Located, Report, RouteReport
from interlingua.gateway.findings import Kind
from interlingua.gateway.modes import ROUTE_PATHS

MAX_SHOWN: Final = 5
_COLOURS: Final = {
    "rust": "32",
    "canary": "32",
    "python": "33",
    "refused": "31",
    "depends": "36",
    "heading": "1",
    "attention": "31",
}


def as_text(report: Report, *, colour: bool) -> str:
    """The report as lines."""
    paint = _Paint(colour)
    parts = [_summary(report), _table(report.groups, paint)]
    for heading, lines in (
        ("Needs attention", _findings(report, attention=True)),
        ("Not on the core", list(_reasons(report.groups))),
        ("Requests that LiteLLM serves under auto, for what they use is not proven", list(_missing(report))),
        ("Not built yet", _findings(report, Kind.PYTHON_KEY)),
        ("Served by LiteLLM", _findings(report, Kind.RELAYED_KEY)),
        ("Without effect on what the gateway serves itself", list(_no_effect(report.findings))),
        ("Notices", _findings(report, Kind.NOTICE)),
    ):
        if lines:
            mark = "attention" if heading == "Needs attention" else "heading"
            parts.append("\n".join([paint(heading, mark), *(f"  {line}" for line in lines)]))
    return "\n\n".join(part for part in parts if part) + "\n"


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, kind: str) -> str:
        code = _COLOURS.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text


def _summary(report: Report) -> str:
    total = len(report.groups)
    on_core = sum(group.on_core for group in report.groups)
    attention = sum(located.finding.kind.needs_attention for located in report.findings)
    verdict = f"{attention} to look at" if attention else "nothing to look at"
    return (
        f"{report.config}: {total} model {'group' if total == 1 else 'groups'}, {on_core} with a route on the core;"
        f" {verdict}\nLiteLLM: {report.python_engine}"
    )


def _table(groups: Sequence[GroupReport], paint: _Paint) -> str:
    if not groups:
        return ""
    rows = [["group", "provider/model", *(path.removeprefix("/") for path in ROUTE_PATHS.values())]]
    kinds = [["heading"] * len(rows[0])]
    for group in groups:
        rows.append([_named(group), _served_by(group), *(_cell(route) for route in group.routes)])
        kinds.append(["", "", *(route.engine for route in group.routes)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, row_kinds in zip(rows, kinds, strict=True):
        cells = [
            paint(text, kind) + " " * (width - len(text) if column < len(row) - 1 else 0)
            for column, (text, width, kind) in enumerate(zip(row, widths, row_kinds, strict=True))
        ]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def _named(group: GroupReport) -> str:
    return ", ".join([group.name, *group.aliases])


def _served_by(group: GroupReport) -> str:
    first = group.deployments[0]
    name = f"{first.provider or '?'}/{first.model}"
    more = len(group.deployments) - 1
    return f"{name} + {more}" if more else name


def _cell(route: RouteReport) -> str:
    name = route.mode if route.engine == "canary" or route.mode == "shadow" else route.engine
    if route.engine not in ("rust", "canary") or route.upstream is None:
        return name
    dialects = dict.fromkeys([route.upstream, route.upstream_with_tools or route.upstream])
    return name if list(dialects) == [route.route] else f"{name} ({', '.join(dialects)})"


def _findings(report: Report, kind: Kind | None = None, *, attention: bool = False) -> list[str]:
    chosen = [
        located
        for located in report.findings
        if located.finding.kind is kind or (attention and located.finding.kind.needs_attention)
    ]
    places = [f"{located.place}" if located.place else "" for located in chosen]
    width = max(map(len, places), default=0)
    return [f"{place.ljust(width)}  {_said(located)}".strip() for place, located in zip(places, chosen, strict=True)]


def _said(located: Located) -> str:
    finding = located.finding
    return f"{finding.key or finding.name} {finding.message}" if finding.kind.is_about_key else finding.message


def _reasons(groups: Iterable[GroupReport]) -> Iterator[str]:
    """Each reason once, with the groups and routes that it is about."""
    by_why: dict[tuple[str, str], dict[str, None]] = {}
    for group in groups:
        routes_of: dict[str, list[str]] = {}
        for route in group.routes:
            for why in route.why:
                routes_of.setdefault(why, []).append(ROUTE_PATHS[route.route].removeprefix("/"))
        for why, routes in routes_of.items():
            where = "" if len(routes) == len(ROUTE_PATHS) else f" ({', '.join(routes)})"
            by_why.setdefault((why, where), {})[group.name] = None
    for (why, where), names in by_why.items():
        yield f"{_few(list(names))}{where}: {why}"


def _missing(report: Report) -> Iterator[str]:
    served = {
        f"{route.route}/{group.deployments[0].provider}"
        for group in report.groups
        for route in group.routes
        if route.engine in ("rust", "canary")
    }
    for pair, (_, missing) in report.pairs.items():
        if missing and pair in served:
            yield f"{pair}: {', '.join(missing)}"


def _no_effect(findings: Iterable[Located]) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for located in findings:
        if located.finding.kind is Kind.NO_EFFECT_KEY:
            places.setdefault(located.finding.name, []).append(str(located.place or ""))
    for name, found in places.items():
        yield f"{name}  {_few(found)}".rstrip()


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_SHOWN])
    return shown if len(names) <= MAX_SHOWN else f"{shown} and {len(names) - MAX_SHOWN} more"


def wants_colour(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Colour is for terminals, and not where ``NO_COLOR`` is set (https://no-color.org)."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
