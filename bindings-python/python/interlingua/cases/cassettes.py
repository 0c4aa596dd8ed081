"""Reads recordings of other tools: cassettes of VCR (YAML or JSON, as vcrpy writes them) and HAR 1.2 files."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024


class NotARecording(Exception):
    """A file holds no exchanges; the message says why."""


class Unreadable(Exception):
    """One exchange cannot be read; the message says why, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange; bodies without content codings, names of headers in lower case."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    response_headers: Mapping[str, str]
    response_body: bytes


Reader = Callable[[], Recorded]
"""Reads one exchange. Raises ``Unreadable``."""


def exchanges(file: Path) -> Iterator[Reader]:
    """The exchanges of a file, each to be read by itself. Raises ``NotARecording``."""
    document = _document(file)
    if isinstance(document, dict) and isinstance(document.get("interactions"), list):
        yield from (_reader(_interaction, item) for item in document["interactions"])
        return
    log = document.get("log") if isinstance(document, dict) else None
    if isinstance(log, dict) and isinstance(log.get("entries"), list):
        yield from (_reader(_entry, item) for item in log["entries"])
        return
    raise NotARecording("neither a VCR cassette (interactions: …) nor a HAR file (log.entries: …)")


def _document(file: Path) -> Any:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise NotARecording(f"larger than {MAX_FILE_BYTES // (1024 * 1024)} MB")
        content = file.read_bytes()
    except OSError as error:
        raise NotARecording(error.strerror or type(error).__name__) from error
    if content.lstrip()[:1] in (b"{", b"["):
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass  # YAML may begin like this, too
    import yaml

    try:
        return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotARecording(f"neither JSON nor YAML: {type(error).__name__}") from error


def _reader(read: Callable[[Any], Recorded], item: Any) -> Reader:
    def reader() -> Recorded:
        try:
            return read(item)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise Unreadable("its layout is not known") from error

    return reader


def _interaction(item: Any) -> Recorded:
    request, response = item["request"], item["response"]
    status = response["status"] if "status" in response else response["status_code"]
    received = _headers(response.get("headers") or {})
    # The stubs for httpx once wrote `content`, all others write `body`.
    told = response["body"] if "body" in response else response.get("content")
    sent = _headers(request.get("headers") or {})
    return Recorded(
        method=str(request["method"]).upper(),
        url=str(request["uri"] if "uri" in request else request["url"]),
        request_headers=sent,
        request_body=_decoded(_vcr_body(request.get("body")), sent),
        status=int(status["code"] if isinstance(status, dict) else status),
        response_headers=received,
        response_body=_decoded(_vcr_body(told), received),
    )


def _vcr_body(told: Any) -> bytes:
    if isinstance(told, dict):
        if "base64_string" in told:
            return _base64(told["base64_string"])
        if "string" in told:
            content = _vcr_body(told["string"])
            return _base64(content) if told.get("encoding") == "base64" else content
        if "b64" in told:
            return _base64(told["b64"])
    if told is None:
        return b""
    if isinstance(told, bytes):
        return told
    if isinstance(told, str):
        return told.encode("utf-8", "surrogateescape")
    # Filters of some projects store JSON as itself.
    return json.dumps(told, ensure_ascii=False).encode()


def _entry(item: Any) -> Recorded:
    request, response = item["request"], item["response"]
    content = response.get("content") or {}
    text = content.get("text") or ""
    sent, received = _pairs(request.get("headers") or ()), _pairs(response.get("headers") or ())
    received.setdefault("content-type", str(content.get("mimeType") or ""))
    posted = request.get("postData") or {}
    # HAR keeps what the browser saw: the coding is undone, whatever the headers say.
    return Recorded(
        method=str(request["method"]).upper(),
        url=str(request["url"]),
        request_headers=sent,
        request_body=_har_body(posted),
        status=int(response["status"]),
        response_headers=received,
        response_body=_base64(text) if content.get("encoding") == "base64" else text.encode(),
    )


def _har_body(posted: Mapping[str, Any]) -> bytes:
    text = posted.get("text") or ""
    return _base64(text) if posted.get("encoding") == "base64" else str(text).encode()


def _headers(told: Mapping[str, Any] | Iterable[Any]) -> dict[str, str]:
    if not isinstance(told, Mapping):
        return _pairs(told)
    table: dict[str, str] = {}
    for name, value in told.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        table[str(name).lower()] = ", ".join(_text(one) for one in values)
    return table


def _pairs(told: Iterable[Any]) -> dict[str, str]:
    return {str(pair["name"]).lower(): _text(pair["value"]) for pair in told}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _base64(text: str | bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("a body's base64 is broken") from error


def _decoded(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Undoes the content coding, if it was not undone when it was recorded."""
    coding = headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity") or not body or body.lstrip()[:1] in (b"{", b"[", b"d", b"e", b":"):
        return body
    try:
        if coding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
            with gzip.open(BytesIO(body)) as unpacked:
                return _bounded(unpacked.read(MAX_BODY_BYTES + 1))
        if coding == "deflate":
            return _bounded(zlib.decompressobj().decompress(body, MAX_BODY_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"its {coding} coding is broken") from error
    raise Unreadable("its body has a coding that is not known here (only gzip and deflate are)")


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise Unreadable(f"its body is larger than {MAX_BODY_BYTES // (1024 * 1024)} MB")
    return body
