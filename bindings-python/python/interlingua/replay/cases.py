"""The fixtures as the replay upstream sees them: provider requests and what the provider answered."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
    """All cases of a folder or of a packed file, by name and by what the provider was asked."""

    def __init__(self, place: Path) -> None:
        self.by_name: dict[str, Case] = {}
        self._by_request: dict[str, Case] = {}
        for case, asked in read_packed(place) if place.is_file() else read_folder(place):
            self.by_name[case.name] = case
            present = None if asked is None else self._by_request.get(asked)
            # The same question may have been recorded with several answers: a good one is the most useful.
            if asked is not None and (present is None or (present.status >= 400 and case.status < 400)):
                self._by_request[asked] = case

    def __len__(self) -> int:
        return len(self.by_name)

    def find(self, operation: str, body: object) -> Case | None:
        return self._by_request.get(fingerprint(operation, body))


def read_folder(folder: Path) -> Iterator[tuple[Case, str | None]]:
    """The cases below a folder that have an answer, each with the fingerprint of what the provider was asked."""
    for file in sorted(folder.glob("*/*/*/case.toml")):
        facts = tomllib.loads(file.read_text(encoding="utf-8"))
        case = _read(file.parent, "/".join(file.parent.relative_to(folder).parts), facts)
        if case is None:
            continue
        asked = _read_json(file.parent / "provider_request.json")
        operation = operation_of(str(asked.get("path", "")))
        # Failures ask what others ask as well: they are for those who want them by their name.
        found = operation if "errors" not in facts.get("features", ()) else None
        yield case, None if found is None else fingerprint(found, asked.get("body"))


def read_packed(file: Path) -> Iterator[tuple[Case, str | None]]:
    """The same from a file that ``pack`` has written."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            body = base64.b64decode(row["b64"]) if "b64" in row else row["text"].encode()
            headers = tuple((name, value) for name, value in row["headers"])
            yield Case(row["name"], row["status"], headers, body), row["asked"]


def pack(cases: Iterable[tuple[Case, str | None]]) -> str:
    """Cases as one text: a JSON object a line. Thousands of small files would double a wheel's size."""
    rows = []
    for case, asked in cases:
        row = {"name": case.name, "asked": asked, "status": case.status, "headers": case.headers}
        try:
            row["text"] = case.body.decode()
        except UnicodeDecodeError:
            row["b64"] = base64.b64encode(case.body).decode()
        rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    return "".join(rows)


def _read(directory: Path, name: str, facts: dict[str, Any]) -> Case | None:
    found = next(((directory / file, kind) for file, kind in ANSWER_FILES if (directory / file).exists()), None)
    if found is None:
        return None
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
