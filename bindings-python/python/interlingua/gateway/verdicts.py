"""The verdict on each key of a LiteLLM config: served here, without effect, left to LiteLLM, or known to nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from interlingua.gateway import litellm_keys as keys

PREFIXES_HARMLESS: Final = {
    "litellm_settings": ("prometheus_", "custom_prometheus_", "langfuse_", "langsmith_", "datadog_", "default_redis_"),
    "general_settings": ("mcp_",),
}
"""Settings of callbacks, which keep requests on LiteLLM themselves, and of paths that are relayed anyway."""


PLUGIN_NAMES: Final = ("interlingua_plugin.plugin", "interlingua.litellm_plugin.plugin")
"""How a LiteLLM config names the shadow plug-in: as a file beside the config, or as installed."""


class Table(NamedTuple):
    """What is made of the keys of one section."""

    served: frozenset[str]
    harmless: frozenset[str]


TABLES: Final = {
    "litellm_params": Table(keys.DEPLOYMENT_SERVED | keys.DEPLOYMENT_DEFAULTS, keys.DEPLOYMENT_HARMLESS),
    "litellm_settings": Table(keys.SETTINGS_SERVED, keys.SETTINGS_HARMLESS),
    "router_settings": Table(keys.ROUTER_SERVED, keys.ROUTER_HARMLESS),
    "general_settings": Table(keys.GENERAL_SERVED, keys.GENERAL_HARMLESS),
    "": Table(keys.TOP_LEVEL_SERVED, keys.TOP_LEVEL_RELAYED),
}


class Verdict(Enum):
    """What is made of a key."""

    SERVED = "served"
    NO_EFFECT = "no_effect"
    PYTHON = "python"
    """What it governs stays on LiteLLM."""
    UNKNOWN = "unknown"
    """LiteLLM does not know it either; what it governs stays there all the same, except at the top level."""


def verdict(section: str, key: str) -> Verdict:
    """``section`` is one of ``TABLES``."""
    table = TABLES[section]
    if key in table.served:
        return Verdict.SERVED
    if key in table.harmless or key.startswith(PREFIXES_HARMLESS.get(section, _NONE)):
        return Verdict.NO_EFFECT
    if section == "litellm_params":
        if keys.is_price(key):
            return Verdict.NO_EFFECT
        # Whatever it is, LiteLLM sends it to the provider: only what looks misspelt is called unknown.
        return Verdict.PYTHON if key in names(section) or nearest(section, key) is None else Verdict.UNKNOWN
    known = key in keys.TOP_LEVEL_TO_PYTHON if section == "" else key in names(section)
    return Verdict.PYTHON if known else Verdict.UNKNOWN


_NONE: Final[tuple[str, ...]] = ()
_READ_ELSEWHERE: Final = {
    "litellm_params": frozenset(["additional_drop_params", "allowed_openai_params", "max_parallel_requests"]),
}
"""Keys that LiteLLM reads without declaring them."""
_NAMES_FILE: Final = Path(__file__).resolve().parent / "litellm_names.json"


@cache
def names(section: str) -> frozenset[str]:
    """The keys of a section that LiteLLM knows, in the version of the oracle."""
    table = TABLES[section]
    listed: Mapping[str, list[str]] = json.loads(_NAMES_FILE.read_text(encoding="utf-8"))
    return (
        frozenset(listed.get(section, ())) | table.served | table.harmless | _READ_ELSEWHERE.get(section, frozenset())
    )


@cache
def nearest(section: str, key: str) -> str | None:
    """The key that may have been meant."""
    candidates = (
        names(section) if section else keys.TOP_LEVEL_SERVED | keys.TOP_LEVEL_TO_PYTHON | keys.TOP_LEVEL_RELAYED
    )
    found = get_close_matches(key, sorted(candidates), n=1, cutoff=0.85)
    return found[0] if found else None


def odd_keys(section: str, values: Mapping[str, object]) -> list[str]:
    """The keys that are set and keep what they govern on LiteLLM."""
    kept = (Verdict.PYTHON, Verdict.UNKNOWN)
    return [
        key
        for key, value in values.items()
        if keys.is_set(value) and verdict(section, key) in kept and not is_plugin_only(section, key, value)
    ]


def is_plugin_only(section: str, key: str, value: object) -> bool:
    """LiteLLM's callbacks are our shadow plug-in and nothing else: it changes no answer."""
    if (section, key) != ("litellm_settings", "callbacks") or not isinstance(value, list):
        return False
    return all(entry in PLUGIN_NAMES for entry in value)
