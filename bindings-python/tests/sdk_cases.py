"""The fixtures, taken through the core: what a client of each case receives."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import interlingua

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ANSWERS = {
    "sse": "text/event-stream",
    "json": "application/json",
    "txt": "text/plain",
    "bin": "application/octet-stream",
}


@dataclass(frozen=True)
class Received:
    """An answer as the client's HTTP library sees it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    stream: bool
    outcome: str
    """``answered``, the kind of the provider's failure, or ``refused`` where nothing was sent."""
    committed: bool


@dataclass(frozen=True)
class Case:
    """One fixture case."""

    directory: Path
    route: str
    provider: str

    @property
    def name(self) -> str:
        return f"{self.route}/{self.provider}/{self.directory.name}"

    def receive(self) -> Received | None:
        """Plays the exchange; ``None`` where the request was sent and no answer is recorded."""
        facts = tomllib.loads((self.directory / "case.toml").read_text(encoding="utf-8"))
        try:
            attempt = self.attempt(facts)
        except interlingua.InterlinguaError as error:
            told = interlingua.render_error(self.route, error.status, str(error), param=error.param)
            return Received(told.status, told.headers, told.body, False, "refused", False)
        answer = next((file for file in sorted(self.directory.glob("provider_response.*"))), None)
        if answer is None:
            return None
        attempt.step()
        given = facts.get("answer", {})
        headers = {"content-type": ANSWERS[answer.suffix[1:]], **given.get("headers", {})}
        attempt.head(given.get("status", 200), [(name, str(value)) for name, value in headers.items()])
        body = attempt.body(answer.read_bytes()) + attempt.end()
        outcome = attempt.step()
        assert isinstance(outcome, interlingua.Outcome)
        if attempt.client_head is None:
            failure = attempt.failure()
            return Received(failure.status, failure.headers, failure.body, False, outcome.kind, False)
        status, own = attempt.client_head
        stream = any(name == "content-type" and "event-stream" in value for name, value in own)
        return Received(status, own, body, stream, outcome.kind, True)

    def attempt(self, facts: dict[str, object]) -> interlingua.Attempt:
        """The try that answers the case; raises what the core refuses with."""
        known = {name: base for name, base, _ in interlingua.providers()}
        base = facts.get("api_base") or (None if known.get(self.provider) else "http://upstream.test/v1")
        target = interlingua.Target(
            self.provider,
            str(facts["model"]),
            base_url=str(base) if base else None,
            drop_params=bool(facts.get("drop_params", False)),
        )
        asked = facts.get("request", {})
        assert isinstance(asked, dict)
        headers = [(name, str(value)) for name, value in asked.get("headers", {}).items()]
        request = interlingua.Request(
            self.route, (self.directory / "client_request.json").read_bytes(), headers=headers
        )
        return request.attempt(target, now_unix=1_700_000_000, id_seed=1)


def cases() -> Iterator[Case]:
    """Every case of the fixtures."""
    for file in sorted(FIXTURES.glob("*/*/*/case.toml")):
        route, provider, _ = file.parent.relative_to(FIXTURES).parts
        yield Case(file.parent, route, provider)


def parsed(body: bytes) -> object:
    """The body's JSON value, if it is JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None
