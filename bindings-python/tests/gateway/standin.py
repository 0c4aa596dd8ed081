"""A stand-in for ``interlingua._native``: the same names, same-dialect pass-through only.

It lets the gateway's own tests run without the compiled core, and gives them control over what the core says.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Sequence
from typing import Any

__version__ = "0.0.0"

PROVIDERS = [
    ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    ("hosted_vllm", None, None),
]
PATHS = {"openai_chat": "/chat/completions", "anthropic_messages": "/v1/messages", "mistral_ocr": "/ocr"}
CONTROLS = ("num_retries", "timeout", "stream_timeout", "fallbacks", "cache", "guardrails", "tags")


class InterlinguaError(Exception):
    code = "error"
    status = 400
    param: str | None = None

    def __init__(self, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param = status, param


class InvalidRequest(InterlinguaError):
    code = "invalid"


class Unsupported(InterlinguaError):
    code = "unsupported"


class Decline(InterlinguaError):
    code = "decline"


class Misuse(InterlinguaError):
    code = "misuse"


class Target:
    def __init__(
        self, provider: str, model: str, *, base_url: str | None = None, has_credential: bool = True, **options: Any
    ) -> None:
        row = next((row for row in PROVIDERS if row[0] == provider), None)
        if row is None:
            raise Unsupported(f"unknown provider {provider!r}")
        base = base_url or row[1]
        if base is None:
            raise InvalidRequest(f"{provider} needs a base URL")
        self.base = base
        self.provider, self.model, self.key_variable = provider, model, row[2]
        self.has_credential, self.options = has_credential, options


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise InvalidRequest("duplicate keys")
    return dict(pairs)


class Request:
    def __init__(
        self,
        dialect: str,
        body: bytes,
        *,
        headers: Sequence[tuple[str, str]] = (),
        query: str = "",
        max_body_bytes: int = 1 << 30,
        max_depth: int = 128,
    ) -> None:
        try:
            document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            raise InvalidRequest("the body is not valid JSON") from None
        if not isinstance(document, dict):
            raise InvalidRequest("the body must be an object")
        if not isinstance(document.get("model"), str):
            raise InvalidRequest("model is missing", param="model")
        self.dialect, self.headers = dialect, list(headers)
        self.host_controls = json.dumps({k: document.pop(k) for k in CONTROLS if k in document}).encode()
        self.document, self.model = document, document["model"]
        self.stream = document.get("stream") is True
        self.features = [*(["streaming"] if self.stream else []), *(["tools"] if "tools" in document else [])]

    def attempt(self, target: Target, *, now_unix: int, id_seed: int, requested_model: str | None = None) -> Attempt:
        if self.dialect == "openai_chat" and target.provider == "anthropic":
            raise Decline("chat to anthropic is not in the stand-in")
        return Attempt(self, target)


class HttpRequest:
    method = "POST"

    def __init__(self, url: str, body: bytes, auth: list[tuple[str, str, str]], headers: list[tuple[str, str]]) -> None:
        self.url, self.body, self.auth, self.headers = url, body, auth, headers


class Outcome:
    def __init__(
        self, answered: bool, status: int, kind: str, retry: bool, retry_after: float | None, committed: bool
    ) -> None:
        self.answered, self.status, self.kind, self.message = answered, status, kind, kind
        self.retry, self.retry_after, self.committed = retry, retry_after, committed


class ClientResponse:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Attempt:
    def __init__(self, request: Request, target: Target) -> None:
        self.request, self.target = request, target
        self.sent = False
        self.outcome: Outcome | None = None
        self.status, self.committed, self.held = 0, False, b""
        self.answer_headers: dict[str, str] = {}
        self.usage = None
        self.losses: list[tuple[str, str]] = []
        self.rewrites: list[tuple[str, str]] = []

    def step(self) -> HttpRequest | Outcome | None:
        if self.outcome is not None:
            return self.outcome
        if self.sent:
            return None
        self.sent = True
        body = json.dumps({**self.request.document, "model": self.target.model}).encode()
        name, prefix = ("x-api-key", "") if self.target.provider == "anthropic" else ("authorization", "Bearer ")
        auth = [("header", name, prefix)] if self.target.has_credential or self.target.key_variable else []
        url = self.target.base.rstrip("/") + PATHS[self.request.dialect]
        return HttpRequest(url, body, auth, [("content-type", "application/json"), *self.request.headers])

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.status, self.answer_headers = status, dict(headers)

    def body(self, chunk: bytes) -> bytes:
        if self.request.stream and self.status == 200:
            self.committed = True
            if b"[DONE]" in chunk or b"message_stop" in chunk:
                self.outcome = Outcome(True, 200, "answered", False, None, True)
            return chunk
        self.held += chunk
        return b""

    def end(self) -> bytes:
        if self.outcome is None and self.status == 200 and not self.committed:
            self.committed = True
            self.outcome = Outcome(True, 200, "answered", False, None, True)
            return self.held
        if self.outcome is None and self.committed:
            self.outcome = Outcome(False, 502, "truncated", False, None, True)
            return b"event: error\ndata: {}\n\n"
        if self.outcome is None:
            after = self.answer_headers.get("retry-after")
            retry = self.status in (408, 409, 429) or self.status >= 500
            self.outcome = Outcome(False, self.status, "failed", retry, float(after) if after else None, False)
        return b""

    def abort(self, reason: str) -> bytes:
        status = 408 if reason == "timeout" else 500
        self.outcome = Outcome(False, status, reason, not self.committed, None, self.committed)
        return b"event: error\ndata: {}\n\n" if self.committed else b""

    @property
    def client_head(self) -> tuple[int, list[tuple[str, str]]] | None:
        if not self.committed:
            return None
        kept = [(f"llm_provider-{name}", value) for name, value in self.answer_headers.items()]
        return 200, [("content-type", "text/event-stream" if self.request.stream else "application/json"), *kept]

    def failure(self) -> ClientResponse:
        assert self.outcome is not None
        answer = render_error(self.request.dialect, self.outcome.status, f"provider failed: {self.outcome.kind}")
        if "retry-after" in self.answer_headers:
            answer.headers.append(("retry-after", self.answer_headers["retry-after"]))
        return answer


def translate_request(*_: Any, **__: Any) -> Any:
    raise Decline("not in the stand-in")


translate_response = translate_request


def render_error(
    dialect: str,
    status: int,
    message: str,
    *,
    type: str | None = None,
    code: str | None = None,
    param: str | None = None,
) -> ClientResponse:
    kind = type or "invalid_request_error"
    if dialect == "anthropic_messages":
        document: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}}
    else:
        document = {"error": {"message": message, "type": kind, "param": param, "code": str(code or status)}}
    return ClientResponse(status, [("content-type", "application/json")], json.dumps(document).encode())


def providers() -> list[tuple[str, str | None, str | None]]:
    return list(PROVIDERS)


def routes() -> list[tuple[str, str, str]]:
    return [("openai_chat", "openai", "openai_chat")]


def install() -> None:
    """Put this module where the package looks for its core."""
    module = types.ModuleType("interlingua._native")
    module.__dict__.update({name: value for name, value in globals().items() if name[:1] != "_"})
    module.__dict__["__version__"] = __version__
    sys.modules["interlingua._native"] = module


def real_core_exists() -> bool:
    spec = importlib.util.find_spec("interlingua")
    if spec is None or spec.submodule_search_locations is None:
        return False
    from importlib.machinery import EXTENSION_SUFFIXES
    from pathlib import Path

    return any(
        (Path(folder) / f"_native{suffix}").exists()
        for folder in spec.submodule_search_locations
        for suffix in EXTENSION_SUFFIXES
    )
