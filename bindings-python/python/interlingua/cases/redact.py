"""Takes secrets, or all content, out of exchanges and verdicts before they are kept.

``secrets`` is for what is recorded: keys, cookies, signatures, tokens and identifiers of users go, content stays.
``structure`` and ``verdict`` are for what may hold no content at all: each value becomes its type and length.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from interlingua import _native
from interlingua.cases.case import MESSAGES, Exchange
from interlingua.cases.forms import OPAQUE_NAMES, SECRET_NAMES
from interlingua.cases.secrets import Placeholders, is_opaque_id
from interlingua.cases.streams import join_deltas

KEY_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"))
_CLIENT_HEADERS = frozenset(("content-type", "anthropic-beta", "anthropic-version", "openai-beta"))
_PLAIN_HEADERS = _CLIENT_HEADERS | frozenset(
    (
        *("accept", "content-length", "cache-control", "date", "retry-after", "retry-after-ms", "openai-processing-ms"),
        # What LiteLLM and the core say of themselves to OpenRouter and Perplexity.
        *("http-referer", "x-title", "x-pplx-integration"),
    )
)
_PLAIN_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")
_PLAIN_QUERY = frozenset(("api-version", "alt", "beta", "stream", "starting_after", "limit", "order"))
_WRAPPED = re.compile(r"(litellm_encrypted_reasoning:|litellm_enc:[^;]*;)?(.*)", re.S)
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,63}")
_WORDS = frozenset(
    (
        *("assistant", "user", "system", "developer", "tool", "function", "text", "thinking", "redacted_thinking"),
        *("tool_use", "tool_result", "image", "image_url", "document", "file", "input_text", "output_text"),
        *("input_image", "input_file", "message", "reasoning", "function_call", "function_call_output"),
        *("summary_text", "stop", "length", "tool_calls", "content_filter", "end_turn", "max_tokens"),
        *("stop_sequence", "pause_turn", "refusal", "auto", "any", "none", "required", "ephemeral", "base64"),
        *("url", "json_object", "json_schema", "object", "string", "chat.completion", "chat.completion.chunk"),
        *("response", "completed", "incomplete", "in_progress", "failed", "sent", "refused", "POST"),
        *("application/json", "text/event-stream", "[DONE]", "<clock>", "<key>"),
    )
)


def structure(value: Any) -> Any:
    """``value`` with each leaf replaced by its type and length; words of the wire formats stay."""
    if isinstance(value, dict):
        return {_shape_of_key(key, index): structure(member) for index, (key, member) in enumerate(value.items())}
    if isinstance(value, list):
        return [structure(item) for item in value]
    if isinstance(value, str):
        return value if value in _WORDS else f"<string {len(value)}>"
    if isinstance(value, bool) or value is None:
        return "<null>" if value is None else "<boolean>"
    return "<integer>" if isinstance(value, int) else "<number>"


def _shape_of_key(key: str, index: int) -> str:
    # Names of fields are what a difference is about; what a user wrote as a key is content.
    plain = _PLAIN_KEY.fullmatch(key) and Placeholders().text(key) == key
    return key if plain else f"<key {index}: {len(key)}>"


def verdict(told: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict of ``compare`` without content: what differs, and the type and length of both sides."""
    differences = [
        {**found, **{side: structure(found[side]) for side in ("ours", "theirs") if side in found}}
        for found in told["differences"]
    ]
    for found in differences:
        steps = re.split(r"(?=[.\[])", found["path"])
        found["path"] = "".join(
            step if step.startswith("[") or _PLAIN_KEY.fullmatch(step.lstrip(".")) else ".<key>" for step in steps
        )
    checks = dict(told.get("checks") or {})
    if checks.get("unreadable") is not None:
        checks["unreadable"] = structure(checks["unreadable"])
    note = told.get("note") or ""
    head, colon, rest = note.partition(":")
    return {
        **told,
        # Behind the colon somebody is quoted.
        "note": f"{head}{colon} {structure(rest)}" if colon else note,
        "differences": differences,
        "layers": structure(told["layers"]),
        "checks": checks,
    }


def secrets(exchange: Exchange) -> Exchange:
    """A copy of ``exchange`` without secrets. The same secret is the same placeholder in all its parts."""
    redactor = _Redactor()
    bodies = [part for part in _parts(exchange) if "body_b64" in part]
    redactor.learn(bodies)
    return redactor.exchange(exchange)


def recordable(exchange: Exchange) -> Exchange:
    """The same, with the features that the core finds in it: what is written as a case."""
    clean = secrets(exchange)
    return {**clean, "features": json.loads(_native.compare(json.dumps(clean).encode()))["features"]}


def _parts(exchange: Exchange) -> Iterator[Mapping[str, Any]]:
    for name in MESSAGES:
        part = exchange.get(name)
        if isinstance(part, dict):
            yield part


class _Redactor:
    """One exchange's. First it learns what the secrets are, from names; then it replaces them wherever they stand."""

    def __init__(self) -> None:
        self._places = Placeholders()

    def learn(self, parts: list[Mapping[str, Any]]) -> None:
        self._places.learning = True
        for part in parts:
            for value in self._values(base64.b64decode(part["body_b64"])):
                with suppress(RecursionError):  # then its text will be searched
                    self._walk(value)
        self._places.learning = False

    def exchange(self, exchange: Exchange) -> Exchange:
        made = dict(exchange)
        for name in MESSAGES:
            if isinstance(made.get(name), dict):
                made[name] = self._part(made[name], client=name == "request")
        for name in ("defaults", "capabilities"):
            if made.get(name):
                made[name] = self._walk(made[name])
        if made.get("extra_headers"):
            made["extra_headers"] = self._headers(made["extra_headers"], client=False)
        if made.get("api_base"):
            made["api_base"] = self._url(str(made["api_base"]))
        return made

    def _part(self, part: Mapping[str, Any], *, client: bool) -> dict[str, Any]:
        made = dict(part)
        if "refused" in made:
            told = dict(made["refused"])
            told["message"] = self._places.text(str(told.get("message") or ""))
            return {**made, "refused": told}
        made["headers"] = self._headers(made.get("headers") or {}, client=client)
        if made.get("url"):
            made["url"] = self._url(str(made["url"]))
        if made.get("query"):
            made["query"] = self._query(str(made["query"]))
        body = base64.b64decode(made["body_b64"])
        made["body_b64"] = base64.b64encode(self._body(body)).decode()
        return made

    def _headers(self, headers: Any, *, client: bool) -> dict[str, str]:
        made: dict[str, str] = {}
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            own = name.lower().removeprefix("llm_provider-")
            if own in ("cookie", "set-cookie") or (client and own not in _CLIENT_HEADERS):
                continue
            if own in KEY_HEADERS:
                scheme, space, _ = value.partition(" ")
                value = f"{scheme} <key>" if space else "<key>"
            elif own in _PLAIN_HEADERS or own.startswith(_PLAIN_PREFIXES):
                value = self._places.text(value)
            else:
                # Most of them are plain words, which stand elsewhere with another meaning.
                value = self._places.secret(value, "header", everywhere=is_opaque_id(value) or "@" in value)
            made[name.lower()] = value
        return made

    def _url(self, url: str) -> str:
        parts = urlsplit(url)
        _, at, host = parts.netloc.rpartition("@")
        path = self._places.text(parts.path)
        return urlunsplit((parts.scheme, host if at else parts.netloc, path, self._query(parts.query), ""))

    def _query(self, query: str) -> str:
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = [(name, value if name in _PLAIN_QUERY else self._places.secret(value, "query")) for name, value in pairs]
        return urlencode(kept)

    def _body(self, body: bytes) -> bytes:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, (dict, list)):
            try:
                made = self._walk(parsed)
                return body if made == parsed else dumped(made)
            except (ValueError, RecursionError):
                pass  # nested too deep, or a number that is none: its text will do
        text = body.decode("utf-8", "surrogateescape")
        try:
            made_text = self._stream(text) if _is_stream(text) else self._places.form(text)
        except (ValueError, RecursionError):
            made_text = self._places.form(text)
        return made_text.encode("utf-8", "surrogateescape")

    def _stream(self, text: str) -> str:
        """What is cut over several frames as a whole; afterwards each frame."""
        lines = _lines(text)
        frames = {index: payload for index, line in enumerate(lines) if (payload := _payload(line)) is not None}
        join_deltas(list(frames.values()), self._places.text)
        made = []
        for framed, indices in groupby(range(len(lines)), frames.__contains__):
            if framed:
                made += [self._frame(lines[index], frames[index]) for index in indices]
            else:
                made.append(self._places.text("".join(lines[index] for index in indices)))
        return "".join(made)

    def _frame(self, line: str, payload: Any) -> str:
        walked = self._walk(payload)
        ending = line[len(line.rstrip("\r\n")) :]
        return line if walked == _payload(line) else "data: " + dumped(walked).decode() + ending

    def _values(self, body: bytes) -> list[Any]:
        """The JSON in a body: the whole, or the frames of a stream."""
        try:
            return [json.loads(body)]
        except (ValueError, RecursionError):
            text = body.decode("utf-8", "replace")
        if not _is_stream(text):
            return []
        frames = [payload for line in _lines(text) if (payload := _payload(line)) is not None]
        join_deltas(frames, self._places.text)
        return frames

    def _walk(self, value: Any, name: str = "", *, secret: bool = False) -> Any:
        if isinstance(value, dict):
            return {self._places.text(key): self._member(value, key, member, secret) for key, member in value.items()}
        if isinstance(value, list):
            return [self._walk(item, name, secret=secret) for item in value]
        if isinstance(value, str):
            return self._string(name, value, secret)
        # A number, too, may say who it is.
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return 0 if number and (secret or name in SECRET_NAMES) else value

    def _member(self, parent: dict[str, Any], key: str, value: Any, secret: bool) -> Any:
        name = key if key in OPAQUE_NAMES else key.lower().replace("-", "_")
        # What a client attaches for itself, and headers for servers of tools, may be anything.
        secret = secret or (name in ("metadata", "headers", "litellm_metadata") and isinstance(value, dict))
        if name == "token" and "logprob" in parent:
            return self._places.known(value) if isinstance(value, str) else value
        if key == "data" and parent.get("type") == "redacted_thinking":
            name = "signature"
        return self._walk(value, name, secret=secret)

    def _string(self, name: str, value: str, secret: bool) -> str:
        if not value:
            return value
        if name in OPAQUE_NAMES:
            return self._opaque(value)
        if name in SECRET_NAMES:
            return self._places.secret(value, "user" if "user" in name else "secret")
        if secret:
            return self._places.secret(value, "metadata", everywhere=is_opaque_id(value) or "@" in value)
        value = self._places.text(value)
        wrapped = value.startswith("resp_bGl0")  # its inside was replaced with the rest of the text
        if (name == "id" or name.endswith(("_id", "_ids"))) and is_opaque_id(value) and not wrapped:
            return self._places.id(value)
        return value

    def _opaque(self, value: str) -> str:
        match = _WRAPPED.fullmatch(value)
        assert match is not None
        prefix, rest = match.group(1) or "", match.group(2)
        if rest.startswith(("[", "{")):
            try:
                return prefix + dumped(self._walk(json.loads(rest))).decode()
            except (ValueError, RecursionError):
                pass
        return prefix + (self._places.opaque(rest) if rest else "")


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _is_stream(text: str) -> bool:
    return re.search(r"(?m)^data:", text) is not None


def _payload(line: str) -> Any:
    """The object in a frame's line of data."""
    if not line.startswith("data:"):
        return None
    try:
        parsed = json.loads(line[5:])
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, (dict, list)) else None


def dumped(value: Any) -> bytes:
    """Compact JSON; ``ValueError`` for numbers that JSON has not."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8, only an escape
        return json.dumps(value, separators=(",", ":")).encode()
