"""What there is to say about a config: keys that nobody knows, that have no effect here, that LiteLLM is needed for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from interlingua.gateway import litellm_keys as keys
from interlingua.gateway.config_file import Environment, Section, references
from interlingua.gateway.credentials import Credentials
from interlingua.gateway.verdicts import Verdict, is_plugin_only, nearest, verdict

ENTRY_KEYS: Final = frozenset(["model_name", "litellm_params", "model_info"])
SECTIONS: Final = ("litellm_settings", "router_settings", "general_settings")


class Kind(Enum):
    """What a finding is about. The values are part of what ``interlingua doctor --json`` promises."""

    UNKNOWN_KEY = "unknown_key"
    DUPLICATE_KEY = "duplicate_key"
    REPLACED_KEY = "replaced_key"
    UNRESOLVED_REFERENCE = "unresolved_reference"
    MISSING_VARIABLE = "missing_variable"
    UNKNOWN_GROUP = "unknown_group"
    UNSERVED_GROUP = "unserved_group"
    PYTHON_KEY = "python_key"
    RELAYED_KEY = "relayed_key"
    NO_EFFECT_KEY = "no_effect_key"
    NOTICE = "notice"

    @property
    def needs_attention(self) -> bool:
        """Somebody should change the config, or set a variable."""
        return self not in (Kind.PYTHON_KEY, Kind.RELAYED_KEY, Kind.NO_EFFECT_KEY, Kind.NOTICE)

    @property
    def is_about_key(self) -> bool:
        """The message goes on from the key."""
        return self.value.endswith("_key")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say."""

    kind: Kind
    key: str
    """Where in the config, as errors write it; empty for the environment."""
    name: str
    """The key without its place in a list; a variable's name."""
    message: str


def key_findings(document: Section, env: Environment, credentials: Credentials) -> Iterator[Finding]:
    """One for each key that is set and not served here."""
    yield from _of_section("", document, "")
    for name in SECTIONS:
        yield from _of_section(name, _resolved(document.get(name), env), name)
    entries = document.get("model_list")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield from _of_entry(entry, f"model_list[{index}]")
            params = credentials.applied(_resolved(entry.get("litellm_params"), env))
            yield from _of_section("litellm_params", params, f"model_list[{index}].litellm_params")


def _of_entry(entry: Mapping[str, object], key: str) -> Iterator[Finding]:
    for name in entry:
        if name not in ENTRY_KEYS:
            message = "is not known beside litellm_params; indent it if it belongs there"
            yield Finding(Kind.UNKNOWN_KEY, f"{key}.{name}", f"model_list.{name}", message)


def _resolved(section: object, env: Environment) -> Mapping[str, object]:
    resolved = env.resolve(section)
    return resolved if isinstance(resolved, dict) else {}


def _of_section(section: str, values: Mapping[str, object], key: str) -> Iterator[Finding]:
    for name, value in values.items():
        found = verdict(section, name)
        if (
            found is Verdict.SERVED
            or is_plugin_only(section, name, value)
            or not (keys.is_set(value) or found is Verdict.UNKNOWN)
        ):
            continue
        kind, message = _said(section, name, found)
        path = f"{key}.{name}" if key else name
        yield Finding(kind, path, f"{section}.{name}" if section else name, message)


def _said(section: str, name: str, found: Verdict) -> tuple[Kind, str]:
    if found is Verdict.NO_EFFECT:
        if section == "":
            return Kind.RELAYED_KEY, "concerns paths that LiteLLM serves"
        return Kind.NO_EFFECT_KEY, "has no effect on what the gateway serves itself"
    if found is Verdict.UNKNOWN:
        meant = nearest(section, name)
        hint = f"; did you mean {meant}?" if meant else ""
        if section == "":
            return Kind.UNKNOWN_KEY, f"is not known and has no effect{hint}"
        return Kind.UNKNOWN_KEY, f"is not known{hint or ', by LiteLLM neither'}; what it governs stays on LiteLLM"
    if name in keys.GROUP_FALLBACKS:
        return Kind.PYTHON_KEY, "is not built yet: the groups that it names stay on LiteLLM"
    if section == "litellm_params":
        return Kind.PYTHON_KEY, "is not built yet: this deployment stays on LiteLLM"
    return Kind.PYTHON_KEY, "is not built yet: every request stays on LiteLLM"


def summed_up(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What the gateway says of keys at start: one line for each unknown key, one for all without effect.

    Keys that keep traffic on LiteLLM are not among it: they are the reasons that are told for all groups, or for one.
    """
    unknown: dict[str, list[Finding]] = {}
    others: dict[Kind, dict[str, None]] = {Kind.NO_EFFECT_KEY: {}, Kind.RELAYED_KEY: {}}
    for finding in findings:
        if finding.kind is Kind.UNKNOWN_KEY:
            unknown.setdefault(finding.name, []).append(finding)
        elif finding.kind in others:
            others[finding.kind][finding.name] = None
    for name, found in unknown.items():
        times = f" ({len(found)} times)" if len(found) > 1 else ""
        yield Finding(Kind.UNKNOWN_KEY, found[0].key, name, f"{name}{times} {found[0].message}")
    for kind, words in (
        (Kind.NO_EFFECT_KEY, "without effect on what the gateway serves itself"),
        (Kind.RELAYED_KEY, "for paths that LiteLLM serves"),
    ):
        if others[kind]:
            yield Finding(kind, "", "", f"{words}: {', '.join(others[kind])}")


def variable_findings(document: Section, env: Environment) -> Iterator[Finding]:
    """References to variables that are not set, and those that stay texts because they stand in a list."""
    for key, name, listed in references(document):
        if listed:
            message = f"os.environ/{name} in a list stays as it stands, in LiteLLM too; write the value"
            yield Finding(Kind.UNRESOLVED_REFERENCE, key, name, message)
        elif env.get(name) is None:
            yield Finding(Kind.MISSING_VARIABLE, key, name, f"the environment variable {name} is not set")
