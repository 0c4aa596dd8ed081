"""Makes cases of recordings of other tools: ``interlingua record import``.

A recording shows a client and a provider, and nothing of LiteLLM: its cases are not judged, only checked.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, urlsplit

from interlingua import _native
from interlingua.cases import case, redact
from interlingua.cases.case import Exchange
from interlingua.cases.cassettes import NotARecording, Recorded, Unreadable, exchanges
from interlingua.cases.secrets import Placeholders

_PATHS = (
    ("/chat/completions", "openai_chat", "custom_openai"),
    ("/v1/messages", "anthropic_messages", "anthropic"),
    ("/responses", "openai_responses", "custom_openai"),
    ("/ocr", "mistral_ocr", "mistral"),
)
"""How a provider's path ends, the dialect that is spoken there, and who is taken to speak it at an unknown host."""


class Skipped(Exception):
    """An exchange becomes no case; the message says why."""


@dataclass(slots=True)
class Outcome:
    """What became of one file."""

    file: Path
    written: int = 0
    known: int = 0
    """Were there already."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason → how many."""
    error: str | None = None
    """Why the file is no recording."""

    def lines(self) -> Iterator[str]:
        """What to tell about it."""
        if self.error is not None:
            yield f"{self.file}: {self.error}"
            return
        known = f", {self.known} known already" if self.known else ""
        yield f"{self.file}: {self.written} imported{known}, {self.skipped.total()} left out"
        for reason, count in self.skipped.most_common():
            yield f"  {count:>5} times: {reason}"


def import_files(files: Iterable[Path], root: Path, out: TextIO) -> int:
    """Imports all files and says what became of each; returns the exit code."""
    written = broken = 0
    for file in files:
        outcome = import_file(file, root)
        for line in outcome.lines():
            print(line, file=out)
        written += outcome.written + outcome.known
        broken += outcome.error is not None
    return 2 if broken else (0 if written else 1)


def import_file(file: Path, root: Path) -> Outcome:
    """Writes a case below ``root`` for each exchange with a provider that the file holds."""
    outcome = Outcome(file)
    try:
        for read in exchanges(file):
            try:
                new = _keep(_exchange(read()), root)
            except (Skipped, Unreadable) as reason:
                outcome.skipped[str(reason)] += 1
                continue
            outcome.written += new
            outcome.known += not new
    except NotARecording as error:
        outcome.error = str(error)
    return outcome


def _keep(exchange: Exchange, root: Path) -> bool:
    """Whether it was new."""
    clean = redact.recordable(exchange)
    directory = case.place(root, clean)
    if (directory / "case.toml").is_file():
        return False
    case.write(directory, clean, title="Imported", origin="imported")
    return True


def _exchange(recorded: Recorded) -> Exchange:
    url = urlsplit(recorded.url)
    if recorded.method != "POST":
        raise Skipped(f"{recorded.method} {_place(url)}: no request for an answer")
    route, provider, base = _provider(url)
    try:
        body = json.loads(recorded.request_body)
        model = body["model"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Skipped(f"POST {_place(url)}: its body is no JSON with a model") from None
    if not isinstance(model, str) or not model:
        raise Skipped(f"POST {_place(url)}: its body is no JSON with a model")
    return {
        "route": route,
        "provider": provider,
        "model": model,
        "requested_model": model,
        "api_base": base,
        "drop_params": False,
        "has_credential": True,
        "defaults": {},
        "extra_headers": {},
        "request": {
            "headers": dict(recorded.request_headers),
            "query": "",
            "body_b64": base64.b64encode(recorded.request_body).decode(),
        },
        "provider_request": None,
        "provider_response": {
            "status": recorded.status,
            "headers": {
                name: value for name, value in recorded.response_headers.items() if name not in case.WIRE_HEADERS
            },
            "body_b64": base64.b64encode(recorded.response_body).decode(),
        },
        "client_response": None,
    }


def _provider(url: SplitResult) -> tuple[str, str, str | None]:
    """The dialect, the provider and, unless it is the provider's own, the base URL."""
    for ending, route, anybody in _PATHS:
        if not url.path.endswith(ending):
            continue
        base = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path.removesuffix(ending)}"
        name, own = _hosts().get(url.netloc.rpartition("@")[2], (anybody, None))
        if (route, name, route) not in _routes():
            raise Skipped(f"POST {_place(url)}: {name} is not asked in this dialect here")
        return route, name, None if base == own else base
    raise Skipped(f"POST {_place(url)}: not a path of a provider")


@cache
def _hosts() -> dict[str, tuple[str, str]]:
    """Host and port → provider and its own base URL."""
    known = ((name, base) for name, base, _ in _native.providers() if base is not None)
    return {urlsplit(base).netloc: (name, base) for name, base in known}


@cache
def _routes() -> frozenset[tuple[str, str, str]]:
    return frozenset(_native.routes())


def _place(url: SplitResult) -> str:
    """Host and path, for people: nothing in them is secret, hopefully; what looks like it is replaced."""
    return Placeholders().text(f"{url.hostname or ''}{url.path}")[:200]
