"""Continuous load: the questions of the fixtures, asked again and again, every answer looked at."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interlingua import _native

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
}
ENDS = {
    "openai_chat": b"data: [DONE]",
    "anthropic_messages": b'"type":"message_stop"',
    "openai_responses": b'"type":"response.',
}
SECONDS = 120.0
CLIENTS = 4


@dataclass(frozen=True)
class Question:
    """What a fixture's client asks."""

    name: str
    route: str
    pair: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    stream: bool


def questions(fixtures: Path, groups: Mapping[tuple[str, str], str]) -> Iterator[Question]:
    """The questions that are answered with success, asked of the groups that have the fixtures' (provider, model)."""
    for marker in sorted(fixtures.glob("*/*/*/case.toml")):
        route, provider, case = marker.parent.relative_to(fixtures).parts
        facts = tomllib.loads(marker.read_text(encoding="utf-8"))
        group = groups.get((provider, facts["model"]))
        oracle = marker.parent / "oracle.toml"
        if group is None or route not in PATHS or not oracle.is_file() or not _plain(facts):
            continue
        if tomllib.loads(oracle.read_text(encoding="utf-8")).get("client_response", {}).get("status") != 200:
            continue
        body = json.loads((marker.parent / "client_request.json").read_text(encoding="utf-8"))
        headers = facts.get("request", {}).get("headers", {})
        asked = json.dumps({**body, "model": group}).encode()
        pair = f"{route}/{provider}"
        question = Question(f"{pair}/{case}", route, pair, asked, headers, bool(body.get("stream")))
        if core_takes(question, facts["model"]):
            yield question


def core_takes(question: Question, model: str) -> bool:
    """Whether the core makes a request to the provider of it: under ``rust`` nobody else does."""
    target = _native.Target(question.pair.partition("/")[2], model, base_url="http://upstream.test/v1")
    headers = [(name.encode(), value.encode()) for name, value in question.headers.items()]
    try:
        _native.Request(question.route, question.body, headers=headers).attempt(target, now_unix=1, id_seed=1)
    except _native.InterlinguaError:
        return False
    return True


def _plain(facts: Mapping[str, Any]) -> bool:
    return "errors" not in facts.get("features", ()) and not facts.get("api_base") and not facts.get("drop_params")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    engine: str
    body: bytes = field(repr=False)

    def is_whole(self, question: Question) -> bool:
        if self.status != 200:
            return False
        if not question.stream:
            return isinstance(json.loads(self.body), dict)
        spaceless = self.body.replace(b'": "', b'":"')
        return ENDS[question.route] in spaceless and b'"error":{' not in spaceless


class Traffic:
    """Clients in threads. ``failures`` says which answers were not what a client needs."""

    def __init__(self, url: str, key: str, asked: Sequence[Question], clients: int = CLIENTS) -> None:
        self._url = urlsplit(url)
        self._key = key
        self._asked: dict[str, list[Question]] = {}
        for question in asked:
            self._asked.setdefault(question.pair, []).append(question)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.failures: list[str] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        """Good answers by (pair, engine)."""
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]

    def ask(self, question: Question, connection: http.client.HTTPConnection | None = None) -> Answer:
        own = connection or http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=SECONDS)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json", **question.headers}
        own.request("POST", PATHS[question.route], question.body, headers)
        response = own.getresponse()
        body = response.read()
        by_core = (response.getheader("x-litellm-version") or "").startswith("interlingua/")
        if connection is None:
            own.close()
        return Answer(response.status, "rust" if by_core else "python", body)

    def good(self, asked: Sequence[Question]) -> list[Question]:
        """The questions that are answered as a client needs, each asked once."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = pool.map(self.ask, asked)
            return [question for question, answer in zip(asked, answers, strict=True) if answer.is_whole(question)]

    def total(self, engine: str | None = None) -> int:
        with self._lock:
            return sum(count for (_, by), count in self.counts.items() if engine in (None, by))

    def _client(self, number: int) -> None:
        order = random.Random(number)
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=SECONDS)
        for _ in itertools.count():
            if self._ended.is_set():
                break
            question = order.choice(self._asked[order.choice(list(self._asked))])
            try:
                answer = self.ask(question, connection)
                wrong = None if answer.is_whole(question) else f"{answer.status} {answer.body[-300:]!r}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                wrong, answer = f"{type(error).__name__}: {error}", None
                connection.close()
            with self._lock:
                if wrong is not None or answer is None:
                    self.failures.append(f"{question.name}: {wrong}")
                else:
                    self.counts[(question.pair, answer.engine)] += 1
        connection.close()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
