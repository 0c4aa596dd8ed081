"""Write the tables in docs/ that are made of the code. Usage: python scripts/doc_tables.py [--check]

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. With ``--check`` nothing is written, and the exit
status is 1 if a table is out of date, or if a loss or rewrite code is missing in docs/policy.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import interlingua
from interlingua import litellm_options
from interlingua.gateway import litellm_keys as keys
from interlingua.gateway.modes import ROUTE_PATHS
from interlingua.gateway.verdicts import PREFIXES_HARMLESS, Verdict, names, verdict

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core" / "src"
TABLE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def providers() -> str:
    """Every provider: where it is, which key it takes, which routes lead to it."""
    routes: dict[str, list[str]] = {}
    for client, provider, upstream in interlingua.routes():
        arrow = client if client == upstream else f"{client} → {upstream}"
        routes.setdefault(provider, []).append(f"`{arrow}`")
    text = _row("provider", "base URL", "key variable", "routes") + "|---|---|---|---|\n"
    for name, base_url, key in interlingua.providers():
        place = f"`{base_url}`" if base_url else "none: set `api_base`"
        text += _row(f"`{name}`", place, f"`{key}`" if key else "none", ", ".join(routes.get(name, ["none"])))
    return text


def host_rules() -> str:
    """The fields of ``ChatRules``: what each means, and which hosts set it."""
    fields = re.findall(r"((?:    /// .*\n)+)    pub\(crate\) (\w+):", (CORE / "provider" / "rules.rs").read_text())
    hosts = _host_rows()
    text = _row("rule", "meaning", "hosts") + "|---|---|---|\n"
    for comment, name in fields:
        meaning = " ".join(line.strip().removeprefix("/// ") for line in comment.splitlines())
        set_by = [host for host, row in hosts.items() if re.search(rf"\b{name}: (?!MaxTokens::Keep)", row)]
        text += _row(f"`{name}`", meaning.replace("|", "\\|"), _code(set_by) or "none")
    return text


def unsupported() -> str:
    """The parameters that each host does not take."""
    text = _row("host", "does not take") + "|---|---|\n"
    rare = re.search(r"const RARE.*?=.*?&\[(.*?)\];", (CORE / "provider" / "table.rs").read_text(), re.DOTALL)
    for host, row in _host_rows().items():
        found = re.search(r"\bunsupported: (?:&\[(.*?)\]|(RARE))", row, re.DOTALL)
        if found:
            names = found[1] if found[1] is not None else rare[1] if rare else ""
            text += _row(f"`{host}`", _code(re.findall(r'"(\w+)"', names)))
    return text


def _host_rows() -> dict[str, str]:
    """The Rust text of each provider's ``ChatRules``."""
    table = (CORE / "provider" / "table.rs").read_text()
    rows = table[table.index("static ROWS") :]
    rows = rows[: rows.index("\n];")]
    parts = re.split(r'(?:host\(\s*|name: )"(\w+)",', rows)
    found = {"openai": (CORE / "provider" / "openai.rs").read_text().partition("ROW: Row")[2].split("};")[0]}
    return found | dict(zip(parts[1::2], parts[2::2], strict=True))


def config_keys() -> str:
    """What the gateway makes of LiteLLM's config keys."""
    lists = (
        ("litellm_params", "model_list: `litellm_params`", keys.DEPLOYMENT_SERVED, keys.DEPLOYMENT_HARMLESS),
        ("litellm_settings", "`litellm_settings`", keys.SETTINGS_SERVED, keys.SETTINGS_HARMLESS),
        ("router_settings", "`router_settings`", keys.ROUTER_SERVED, keys.ROUTER_HARMLESS),
        ("general_settings", "`general_settings`", keys.GENERAL_SERVED, keys.GENERAL_HARMLESS),
    )
    text = _row("section", "served", "without effect on what the gateway does") + "|---|---|---|\n"
    text += _row("top level", _code(sorted(keys.TOP_LEVEL_SERVED)), _code(sorted(keys.TOP_LEVEL_RELAYED)))
    for section, title, served, harmless in lists:
        families = (f"{prefix}*" for prefix in PREFIXES_HARMLESS.get(section, ()))
        text += _row(title, _code(sorted(served)), _code([*sorted(harmless), *families]))
    return text


def litellm_cli() -> str:
    """What to do instead of LiteLLM's options that the gateway does not have."""
    by_advice: dict[str, list[str]] = {}
    for option, advice in litellm_options.FOREIGN.items():
        by_advice.setdefault(advice, []).append(option)
    text = _row("option of `litellm`", "instead") + "|---|---|\n"
    return text + "".join(_row(_code(options), advice) for advice, options in by_advice.items())


def deployment_defaults() -> str:
    """Request fields that a deployment may set."""
    return _code(sorted(keys.DEPLOYMENT_DEFAULTS)) + "\n"


def _surface() -> dict[str, list[str]]:
    """What LiteLLM offers."""
    document: dict[str, list[str]] = json.loads((ROOT / "parity-tests" / "litellm-surface.json").read_text())
    return document


def missing_providers() -> str:
    """LiteLLM's providers that the core does not know."""
    theirs, ours = _surface()["providers"], {name for name, *_ in interlingua.providers()}
    missing = [name for name in theirs if name not in ours]
    return f"{len(missing)} of {len(theirs)}: {_code(missing)}\n"


def missing_paths() -> str:
    """LiteLLM's paths, by what they begin with."""
    served = {f"{prefix}{path}" for path in ROUTE_PATHS.values() for prefix in ("", "/v1", "/openai/v1")}
    areas: dict[str, list[str]] = {}
    for path in _surface()["paths"]:
        first = path.removeprefix("/openai").removeprefix("/v1").removeprefix("/v2").removeprefix("beta").lstrip("/")
        areas.setdefault(first.partition("/")[0].partition(":")[0] or "/", []).append(path)
    own = (*served, "/models", "/v1/models", "/health/liveliness", "/health/liveness", "/health/readiness", "/metrics")
    text = _row("paths begin with", "how many", "of these served here") + "|---|---|---|\n"
    rest = []
    for area, paths in sorted(areas.items()):
        here = [path for path in paths if path in own or "/responses/" in path]
        if here or len(paths) > 9:
            text += _row(f"`{area}`", str(len(paths)), str(len(here)) if here else "none")
        else:
            rest.append(area)
    return text + _row(f"others: {_code(rest)}", str(sum(len(areas[area]) for area in rest)), "none")


def missing_config_keys() -> str:
    """Config keys that keep requests on LiteLLM."""
    text = _row("section", "how many of LiteLLM's keys", "which") + "|---|---|---|\n"
    for section in ("litellm_params", "litellm_settings", "router_settings", "general_settings"):
        known = names(section)
        kept = sorted(key for key in known if verdict(section, key) is Verdict.PYTHON)
        text += _row(f"`{section}`", f"{len(kept)} of {len(known)}", _code(kept))
    return text


TABLES: dict[str, Callable[[], str]] = {
    "providers": providers,
    "host-rules": host_rules,
    "unsupported": unsupported,
    "config-keys": config_keys,
    "litellm-cli": litellm_cli,
    "deployment-defaults": deployment_defaults,
    "missing-providers": missing_providers,
    "missing-paths": missing_paths,
    "missing-config-keys": missing_config_keys,
}


def codes() -> set[str]:
    """Every loss and rewrite code in the core."""
    found: set[str] = set()
    for file in CORE.rglob("*.rs"):
        text = file.read_text()
        for call in re.finditer(r"\b(?:lose|lose_once|rewrite)\(", text):
            found.update(re.findall(r',\s*"([a-z_]+)"\s*,?\s*$', _arguments(text, call.end())))
    return found


def _arguments(text: str, start: int) -> str:
    """The text from ``start`` to the bracket that closes the call."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    return ""


def _filled(text: str) -> str:
    return TABLE.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], text)


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        filled = _filled(text)
        if filled != text:
            stale.append(page.name)
            if not check:
                page.write_text(filled, encoding="utf-8")
    policy = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    missing = sorted(code for code in codes() if f"`{code}`" not in policy)
    if missing:
        print(f"docs/policy.md does not explain: {', '.join(missing)}", file=sys.stderr)
    if stale:
        verb = "out of date; run `make docs`" if check else "updated"
        print(f"docs: {', '.join(stale)}: {verb}", file=sys.stderr)
    return 1 if missing or (check and stale) else 0


if __name__ == "__main__":
    raise SystemExit(main())
