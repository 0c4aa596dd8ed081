"""The fixtures as the replay upstream sees them: provider requests and what the provider answered."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

ANSWER_FILES = (
    ("provider_response.sse", "text/event-stream"),
    ("provider_response.json", "application/json"),
    ("provider_response.txt", "text/plain"),
    ("provider_response.bin", "application/octet-stream"),
)
OPERATIONS = ("/chat/completions", "/messages", "/responses", "/ocr")


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded exchange with a provider."""

    name: str
    """``route/provider/case``."""
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def operation_of(path: str) -> str | None:
    """Which API operation a path is; hosts put it under different prefixes."""
    return next((operation for operation in OPERATIONS if path.endswith(operation)), None)


def fingerprint(operation: str, body: object) -> str:
    """A stable hash of a request: its JSON value, whatever the spacing and key order."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{operation}\n{text}".encode()).hexdigest()


class Cases:
    """All cases below a folder, by name and by what the provider was asked."""

    def __init__(self, folder: Path) -> None:
        self.by_name: dict[str, Case] = {}
        self._by_request: dict[str, Case] = {}
        for file in sorted(folder.glob("*/*/*/case.toml")):
            self._add(file.parent, folder)

    def __len__(self) -> int:
        return len(self.by_name)

    def find(self, operation: str, body: object) -> Case | None:
        return self._by_request.get(fingerprint(operation, body))

    def _add(self, directory: Path, folder: Path) -> None:
        case = _read(directory, "/".join(directory.relative_to(folder).parts))
        if case is None:
            return
        self.by_name[case.name] = case
        asked = _read_json(directory / "provider_request.json")
        operation = operation_of(str(asked.get("path", "")))
        if operation is None:
            return
        key = fingerprint(operation, asked.get("body"))
        present = self._by_request.get(key)
        # The same question may have been recorded with several answers: a good one is the most useful.
        if present is None or (present.status >= 400 and case.status < 400):
            self._by_request[key] = case


def _read(directory: Path, name: str) -> Case | None:
    found = next(((directory / file, kind) for file, kind in ANSWER_FILES if (directory / file).exists()), None)
    if found is None:
        return None
    facts = tomllib.loads((directory / "case.toml").read_text(encoding="utf-8"))
    answer = facts.get("answer", {})
    headers = {str(key).lower(): str(value) for key, value in answer.get("headers", {}).items()}
    headers.setdefault("content-type", found[1])
    return Case(name, int(answer.get("status", 200)), tuple(headers.items()), found[0].read_bytes())


def _read_json(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, object]", document) if isinstance(document, dict) else {}
