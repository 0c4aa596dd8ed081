"""The admin API's answers, made up for the page's tests and pictures. The page itself, and who may ask, are real."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from interlingua.gateway.application import Gateway
from interlingua.gateway.asgi import AsgiHeaders
from interlingua.gateway.auth import Verdict

Json = dict[str, Any]
PATHS = {
    "openai_chat": "/chat/completions",
    "anthropic_messages": "/messages",
    "openai_responses": "/responses",
    "mistral_ocr": "/ocr",
}
FEATURES = [
    "citations",
    "errors",
    "images",
    "parallel_tools",
    "streaming",
    "system",
    "thinking",
    "tool_results",
    "tools",
]


def shadow(**counts: int) -> Json:
    names = ("sampled", "compared", "identical", "explained", "mismatches", "declined", "dropped", "failed")
    return {**dict.fromkeys(names, 0), **counts}


def engine(requests: int = 0, errors: int = 0, p50: float | None = None, p95: float | None = None) -> Json:
    return {"requests": requests, "errors": errors, "p50_ms": p50, "p95_ms": p95}


def history(seed: int, rust: float, python: float, wrong: int = 0) -> list[list[float | None]]:
    """Ten minutes with some life in them."""
    dice = random.Random(seed)
    start = int(time.time()) // 10 * 10 - 600
    rows: list[list[float | None]] = []
    for index in range(60):
        wave = 1 + 0.35 * math.sin(index / 7 + seed) + dice.uniform(-0.12, 0.12)
        errors = wrong if 40 < index < 44 else 0
        rows.append([start + index * 10, int(rust * wave), int(python * wave), errors, 0, 0, 1.9, 8.4])
    return rows


def pair(route: str, provider: str, mode: str, groups: list[str], **changes: Any) -> Json:
    share = 1.0 if mode in ("rust", "auto") else float(mode[7:]) / 100 if mode.startswith("canary=") else 0.0
    proven = {"features": FEATURES, "cases": 142, "date": "2026-11-20", "oracle": "1.109.1", "corpora": ["open"]}
    return {
        "pair": f"{route}/{provider}",
        "route": route,
        "path": PATHS.get(route, f"/{route}"),
        "provider": provider,
        "groups": groups,
        "mode": mode,
        "by": f"{route}/{provider}",
        "source": "stored",
        "forced": False,
        "tripped": None,
        "share": share,
        "gate": {"open": True, **proven},
        "engines": {"rust": engine(), "python": engine()},
        "shadow": shadow(),
        "history": [],
        **changes,
    }


CLOSED = {"open": False, "features": [], "cases": 0, "date": None, "oracle": "1.109.1", "corpora": []}


def some_pairs() -> list[Json]:
    """A migration that is half done."""
    now = time.time()
    claude, gpt, llama = (
        ["claude-opus", "claude-sonnet", "claude-haiku", "claude-legacy"],
        ["gpt-5", "gpt-4o"],
        ["llama-fast"],
    )
    trip = {
        "at": now - 340,
        "reason": "core errors 7.4 % of 148 requests (limit 5 %)",
        "from": "rust",
        "retry_at": now + 260,
    }
    return [
        pair(
            "openai_chat",
            "anthropic",
            "canary=10",
            claude,
            engines={"rust": engine(1_240, 1, 1.9, 4.4), "python": engine(11_190, 12, 9.1, 31)},
            shadow=shadow(sampled=560, compared=548, identical=331, explained=215, mismatches=2, declined=9, dropped=3),
            history=history(1, 41, 372),
        ),
        pair(
            "anthropic_messages",
            "anthropic",
            "rust",
            claude,
            engines={"rust": engine(8_410, 4, 0.82, 2.2), "python": engine()},
            history=history(2, 280, 0),
        ),
        pair("openai_responses", "anthropic", "python", claude, source="config", by="*"),
        pair(
            "openai_chat",
            "openai",
            "auto",
            gpt,
            by="default",
            source="default",
            engines={"rust": engine(20_551, 3, 0.74, 1.9), "python": engine(1_022, 2, 8.8, 24)},
            shadow=shadow(sampled=51, compared=51, identical=51),
            history=history(3, 684, 34),
        ),
        pair(
            "openai_responses",
            "openai",
            "python",
            gpt,
            tripped=trip,
            engines={"rust": engine(148, 11, 2.6, 9.8), "python": engine(2_980, 3, 10.4, 38)},
            history=history(4, 22, 96, wrong=3),
        ),
        pair(
            "openai_chat",
            "groq",
            "rust",
            llama,
            forced=True,
            gate=CLOSED,
            engines={"rust": engine(310, 0, 0.9, 2.8), "python": engine(0, 0)},
            history=history(5, 10, 0),
        ),
        pair(
            "mistral_ocr",
            "mistral",
            "shadow",
            ["ocr"],
            engines={"rust": engine(), "python": engine(420, 0, 812, 2_450)},
            shadow=shadow(sampled=21, compared=21, identical=20, explained=1),
            history=history(6, 0, 14),
        ),
        pair("openai_chat", "mistral", "auto", ["mistral-large"], by="default", source="default"),
    ]


def a_difference(number: int = 7, pair_name: str = "openai_chat/anthropic", **changes: Any) -> Json:
    """As shadow stores one without content: values are types and lengths, and may differ all the same."""
    tool = {"name": "<string 6>", "input_schema": {"type": "<string 6>", "properties": {}}, "strict": "<boolean>"}
    ours = {
        "outcome": "<string 4>",
        "method": "<string 4>",
        "url": "<string 37>",
        "headers": {"anthropic-version": "<string 10>", "content-type": "<string 16>", "x-api-key": "<string 5>"},
        "body": {
            "model": "<string 17>",
            "max_tokens": "<integer>",
            "system": [{"type": "<string 4>", "text": "<string 212>"}],
            "messages": [
                {"role": "<string 4>", "content": [{"type": "<string 4>", "text": "<string 34>"}]},
                {"role": "<string 9>", "content": [{"type": "<string 8>", "id": "<string 7>", "input": {}}]},
                {"role": "<string 4>", "content": [{"type": "<string 11>", "content": "<string 9>"}]},
            ],
            "tools": [tool],
            "temperature": "<number>",
            "stream": "<boolean>",
        },
    }
    theirs = json.loads(json.dumps(ours))
    theirs["body"]["messages"][2]["content"][0]["content"] = [{"type": "<string 4>", "text": "<string 9>"}]
    del theirs["body"]["tools"][0]["strict"]
    listed = [{"type": "<string 4>", "text": "<string 9>"}]
    return {
        "id": number,
        "time": time.time() - 900,
        "pair": pair_name,
        "group": "claude-sonnet",
        "model": "claude-sonnet-4-5",
        "features": ["streaming", "system", "tools"],
        "class": "unexplained",
        "content": False,
        "paths": [
            {
                "layer": "request",
                "path": "body.messages[2].content[0].content",
                "ours": "<string 9>",
                "theirs": listed,
            },
            {"layer": "request", "path": "body.tools[0].strict", "ours": "<boolean>"},
            {"layer": "request", "path": "body.max_tokens", "ours": "<integer>", "theirs": "<integer>"},
        ],
        "layers": {"request": {"ours": ours, "theirs": theirs}, "answer": {"ours": None, "theirs": None}},
        "command": f"interlingua record difference {number} --to cases",
        **changes,
    }


class FakeAdmin:
    """State that tests change, and what the page has asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.pairs = some_pairs()
        self.switches = [
            switch("openai_chat/anthropic", "canary=10", note="first step"),
            switch("anthropic_messages/anthropic", "rust"),
            switch("openai_responses/openai", "python", tripped=self.pairs[4]["tripped"], by="trip"),
            switch("openai_chat/groq", "rust", forced=True, note="no traffic of ours uses tools"),
            switch("openai_chat/anthropic@claude-legacy", "python"),
            switch("*", "python", source="config", since=None, by=None),
        ]
        self.audit = [
            entry("openai_responses/openai", "rust", "python", by="trip", note="core errors 7.4 % of 148 requests"),
            entry("openai_chat/groq", "auto", "rust", forced=True, note="no traffic of ours uses tools"),
            entry("openai_chat/anthropic", "shadow", "canary=10", note="first step"),
            entry("openai_chat/anthropic", "python", "shadow"),
        ]
        self.differences = [a_difference(7), a_difference(6, group="claude-opus")]
        self.asked: list[tuple[str, str, str, Any]] = []
        self.store_failing = False
        self.failing: int | None = None
        """Answers everything with it, if it is set."""

    async def __call__(self, scope: Json, receive: Callable[[], Awaitable[Json]], send: Any) -> None:
        """The gateway, but for its admin API."""
        if scope["type"] != "http" or not scope["path"].startswith("/interlingua/"):
            await self._gateway(scope, receive, send)  # type: ignore[arg-type]
            return
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        if self.failing is not None:
            status, document = self.failing, {"error": {"message": "not now"}}
        elif self._gateway.auth.check(AsgiHeaders(scope["headers"])) is not Verdict.ACCEPTED:
            status, document = 400, {"error": {"message": "Authentication Error: the API key is not valid here"}}
        else:
            status, document = self._answer(scope, body)
        head = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send(head)
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})

    def _answer(self, scope: Json, body: bytes) -> tuple[int, Any]:
        query = parse_qs(scope["query_string"].decode())
        path, method = scope["path"].removeprefix("/interlingua/"), scope["method"]
        document = json.loads(body) if body else None
        self.asked.append((method, path, scope["query_string"].decode(), document))
        name, _, rest = path.partition("/")
        match method, name:
            case "GET", "status":
                return 200, self.status()
            case "GET", "audit":
                return 200, {"audit": self.audit}
            case "GET", "differences" if rest:
                return 200, next(one for one in self.differences if one["id"] == int(rest))
            case "GET", "differences":
                about = [one for one in self.differences if one["pair"] == query["pair"][0]]
                return 200, {"differences": [{k: v for k, v in one.items() if k != "layers"} for one in about]}
            case "PUT", "switches":
                return self._set(document, query)
            case "DELETE", "switches":
                self.switches = [one for one in self.switches if one["pattern"] != unquote(rest)]
                return 200, {}
        return 404, {"error": {"message": "no such thing"}}

    def _set(self, document: dict[str, str], query: dict[str, list[str]]) -> tuple[int, Any]:
        [(pattern, mode)] = document.items()
        found = next((one for one in self.pairs if one["pair"] == pattern), None)
        forced = query.get("force") == ["true"]
        if found is not None and mode == "rust" and not found["gate"]["open"] and not forced:
            return 400, {"error": {"message": f"the gate of {pattern} is closed: parity is not proven"}}
        if found is not None:
            old = found["mode"]
            found.update(
                pair(found["route"], found["provider"], mode, found["groups"], gate=found["gate"], forced=forced)
            )
            self.audit.insert(0, entry(pattern, old, mode, forced=forced, note=query.get("note", [None])[0]))
        self.switches = [one for one in self.switches if one["pattern"] != pattern]
        self.switches.insert(0, switch(pattern, mode, forced=forced))
        return 200, {}

    def status(self) -> Json:
        return {
            "time": time.time(),
            "version": "0.1.0",
            "workers": 2,
            "python_engine": {"description": "http://127.0.0.1:4001", "running": True},
            "store": "sqlite config.interlingua.db",
            "store_failing": self.store_failing,
            "pairs": self.pairs,
            "switches": self.switches,
        }


def switch(pattern: str, mode: str, **changes: Any) -> Json:
    since = time.time() - 5_000
    made = {"pattern": pattern, "mode": mode, "source": "stored", "forced": False, "tripped": None}
    return {**made, "since": since, "by": "cli anna@gateway-1", "note": None, **changes}


def entry(pattern: str, old: str, new: str, **changes: Any) -> Json:
    made = {"time": time.time() - 5_000, "by": "cli anna@gateway-1", "pattern": pattern, "from": old, "to": new}
    return {**made, "forced": False, "note": None, **changes}
