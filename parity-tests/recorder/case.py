"""A fixture case on disk: ``fixtures/<route dialect>/<provider>/<case>/``, described in ``fixtures/README.md``."""

import base64
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUTES = ("openai_chat", "anthropic_messages", "openai_responses", "mistral_ocr")
EXPECTATIONS = ("decline", "invalid", "unsupported")
_REQUEST_FEATURES = (
    *("streaming", "system", "multi_turn", "images", "audio", "files", "metadata", "unknown_params", "mcp"),
    *("tools", "tool_choice", "parallel_tools", "tool_results", "server_tools", "response_format", "reasoning"),
    *("thinking_replay", "logprobs", "multiple_choices", "stop", "sampling", "cache_control"),
    *("custom_tools", "stored_state"),
)
FEATURES = frozenset((*_REQUEST_FEATURES, "citations", "errors", "refusal", "usage"))
_TOP_KEYS = {"title", "origin", "model", "features", "request", "answer", "drop_params", "api_base", "expect"}
_RECORDED_KEYS = {"requested_model", "defaults", "extra_headers"}
"""What cases of real traffic say beyond that."""
_ANSWER_FILES = ("provider_response.json", "provider_response.sse", "provider_response.txt", "provider_response.bin")


class CaseError(Exception):
    """A case is not as it should be; the message names the file."""


@dataclass(frozen=True)
class Case:
    """What a person wrote of one case."""

    directory: Path
    route: str
    provider: str
    facts: Mapping[str, Any]
    client_request: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Unique among the fixtures."""
        return f"{self.route}/{self.provider}/{self.directory.name}"

    def question(self) -> dict[str, Any]:
        """What both operations of the worker are told."""
        body = {key: value for key, value in self.client_request.items() if key != "model"}
        told: dict[str, Any] = {
            "route": self.route,
            "provider": self.provider,
            "model": self.facts["model"],
            "body": body,
        }
        headers = self.facts.get("request", {}).get("headers")
        if headers:
            told["headers"] = list(headers.items())
        for key in ("api_base", "drop_params"):
            if key in self.facts:
                told[key] = self.facts[key]
        if "requested_model" in self.facts:
            told["requested_model"] = self.facts["requested_model"]
        settings = json.loads(self.facts.get("defaults", "{}"))
        if "extra_headers" in self.facts:
            settings["extra_headers"] = self.facts["extra_headers"]
        if settings:
            told["settings"] = settings
        return told

    def answer(self) -> dict[str, Any] | None:
        """The provider's answer, if the case has one."""
        files = [self.directory / name for name in _ANSWER_FILES if (self.directory / name).exists()]
        if len(files) > 1:
            raise CaseError(f"{self.directory}: more than one provider_response")
        if not files:
            return None
        given = self.facts.get("answer", {})
        headers = dict(given.get("headers", {}))
        if not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = "text/event-stream" if files[0].suffix == ".sse" else "application/json"
        content = base64.b64encode(files[0].read_bytes()).decode()
        return {"status": given.get("status", 200), "headers": headers, "body_b64": content}


def read_case(directory: Path) -> Case:
    """Reads and checks one case."""
    route, provider = directory.parent.parent.name, directory.parent.name
    if route not in ROUTES:
        raise CaseError(f"{directory}: {route} is not one of {', '.join(ROUTES)}")
    try:
        facts = tomllib.loads((directory / "case.toml").read_text(encoding="utf-8"))
        request = json.loads((directory / "client_request.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CaseError(f"{directory}: {error}") from error
    _check_facts(directory, facts)
    if not isinstance(request, dict):
        raise CaseError(f"{directory}/client_request.json: not an object")
    return Case(directory, route, provider, facts, request)


def find_cases(root: Path) -> Iterator[Path]:
    """All case directories at or below ``root``, in a fixed order."""
    for marker in sorted(root.rglob("case.toml")):
        yield marker.parent


def _check_facts(directory: Path, facts: Mapping[str, Any]) -> None:
    unknown = set(facts) - _TOP_KEYS - _RECORDED_KEYS
    missing = {"title", "origin", "model", "features"} - set(facts)
    strange = set(facts.get("features", ())) - FEATURES
    problems = []
    if unknown:
        problems.append(f"unknown keys {sorted(unknown)}")
    if missing:
        problems.append(f"missing keys {sorted(missing)}")
    if strange:
        problems.append(f"features outside the vocabulary {sorted(strange)}")
    if facts.get("expect") not in (None, *EXPECTATIONS):
        problems.append(f"expect must be one of {', '.join(EXPECTATIONS)}")
    if problems:
        raise CaseError(f"{directory}/case.toml: {'; '.join(problems)}")
