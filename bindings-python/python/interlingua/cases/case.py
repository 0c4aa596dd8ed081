"""A case folder: one exchange on disk, in the layout of ``fixtures/<route>/<provider>/<case>/``.

The exchange is the dictionary that ``interlingua._native.compare`` takes. What LiteLLM did (``provider_request``,
``client_response`` and ``oracle.toml``) is missing from a case that the core served: such a case is not judged.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

Exchange: TypeAlias = dict[str, Any]

ROUTES = ("openai_chat", "anthropic_messages", "openai_responses", "mistral_ocr")
MESSAGES = ("request", "provider_request", "provider_response", "client_response")
"""Of an exchange, in the order of time; LiteLLM's are the second and the last."""
WIRE_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
"""Headers about a body as it was on the wire, which a case does not keep."""
_ENDINGS = ("json", "sse", "txt", "bin")
_SSE = "text/event-stream"


class CaseError(Exception):
    """A folder is not a case; the message names the file."""


def find(root: Path) -> Iterator[Path]:
    """All case folders at or below ``root``, in a fixed order."""
    for marker in sorted(root.rglob("case.toml")):
        yield marker.parent


def place(root: Path, exchange: Exchange) -> Path:
    """The folder below ``root`` for this exchange, named by its content: the same exchange is the same case."""
    digest = hashlib.sha256(json.dumps(exchange, sort_keys=True).encode()).hexdigest()
    route, provider = str(exchange["route"]), str(exchange["provider"])
    _check_names(route, provider)
    return root / route / provider / f"case_{digest[:16]}"


def write(directory: Path, exchange: Exchange, *, title: str = "Recorded", origin: str = "recorded") -> None:
    """Writes a case folder. The folder appears whole: ``case.toml``, which marks it, is written last."""
    route, provider = str(exchange["route"]), str(exchange["provider"])
    _check_names(route, provider)
    if (directory.parent.parent.name, directory.parent.name) != (route, provider):
        raise ValueError(f"{directory}: a case of {route}/{provider} belongs into <root>/{route}/{provider}/<case>")
    directory.mkdir(parents=True, exist_ok=True)
    asked = exchange["request"]
    body = base64.b64decode(asked["body_b64"])
    _store(directory / f"client_request.{'json' if _is_json(body) else 'bin'}", body)
    facts: dict[str, Any] = {"title": title, "origin": origin, "model": exchange["model"]}
    facts["features"] = list(exchange.get("features") or ())
    if exchange.get("requested_model") not in (None, _default_name(exchange)):
        facts["requested_model"] = exchange["requested_model"]
    facts |= {key: exchange[key] for key in ("api_base", "drop_params") if exchange.get(key)}
    if exchange.get("has_credential") is False:
        facts["has_credential"] = False
    # TOML has no null, so what may hold any JSON is its text.
    facts |= {key: json.dumps(exchange[key]) for key in ("defaults", "capabilities") if exchange.get(key)}
    if exchange.get("extra_headers"):
        facts["extra_headers"] = _table(exchange["extra_headers"])
    request = {key: value for key, value in (("query", asked.get("query")),) if value}
    request |= {"headers": _table(asked["headers"])} if asked.get("headers") else {}
    if request:
        facts["request"] = request
    given = exchange.get("provider_response")
    if given is not None:
        facts["answer"] = {"status": given["status"], "headers": _table(given.get("headers") or {})}
        content = base64.b64decode(given["body_b64"])
        _store(directory / f"provider_response.{_ending(facts['answer']['headers'], content)}", content)
    oracle = _write_oracle(directory, exchange)
    if oracle:
        _store(directory / "oracle.toml", _toml(oracle).encode("utf-8", "replace"))
    _store(directory / "case.toml", _toml(facts).encode("utf-8", "replace"))


def _write_oracle(directory: Path, exchange: Exchange) -> dict[str, Any]:
    """LiteLLM's half: its files, and what ``oracle.toml`` says."""
    oracle: dict[str, Any] = {}
    sent, received = exchange.get("provider_request"), exchange.get("client_response")
    if sent is None and received is None:
        return oracle
    if sent is None:
        oracle["request"] = {"outcome": "unknown"}
    elif "refused" in sent:
        known = {key: value for key, value in sent["refused"].items() if value is not None}
        oracle["request"] = {"outcome": "refused", **known}
    else:
        oracle["request"] = {"outcome": "sent"}
        _store(directory / "provider_request.json", _json_text(_sent_file(sent)))
    if received is not None:
        headers = _table(received.get("headers") or {})
        oracle["client_response"] = {"status": received["status"], "headers": headers}
        ending = "sse" if headers.get("content-type", "").startswith(_SSE) else "json"
        _store(directory / f"client_response.{ending}", base64.b64decode(received["body_b64"]))
    return oracle


def read(directory: Path) -> Exchange:
    """Reads a case folder, a fixture's too."""
    route, provider = directory.parent.parent.name, directory.parent.name
    facts = _read_toml(directory / "case.toml")
    if route not in ROUTES or not isinstance(facts.get("model"), str):
        raise CaseError(f"{directory}: not a case below <route>/<provider>/, or case.toml names no model")
    request = facts.get("request") or {}
    exchange: Exchange = {
        "route": route,
        "provider": provider,
        "model": facts["model"],
        "api_base": facts.get("api_base"),
        "drop_params": bool(facts.get("drop_params")),
        "has_credential": bool(facts.get("has_credential", True)),
        "extra_headers": facts.get("extra_headers") or {},
        "features": facts.get("features") or [],
        "provider_request": None,
        "provider_response": _provider_response(directory, facts.get("answer") or {}),
        "client_response": None,
    }
    exchange["requested_model"] = facts.get("requested_model", _default_name(exchange))
    for key in ("defaults", "capabilities"):
        exchange[key] = _parse(directory / "case.toml", facts[key]) if key in facts else {}
    exchange["request"] = {
        "headers": request.get("headers") or {},
        "query": request.get("query", ""),
        "body_b64": _encoded(_client_request(directory, exchange["requested_model"])),
    }
    if (directory / "oracle.toml").is_file():
        oracle = _read_toml(directory / "oracle.toml")
        exchange["provider_request"] = _provider_request(directory, oracle)
        exchange["client_response"] = _client_response(directory, oracle.get("client_response"))
    return exchange


def _client_request(directory: Path, model: str) -> bytes:
    raw = directory / "client_request.bin"
    if raw.is_file():
        return raw.read_bytes()
    file = directory / "client_request.json"
    content = _bytes_of(file)
    body = _parse(file, content)
    if not isinstance(body, dict) or body.get("model") == model:
        return content
    # The requested name of a fixture follows from its folder; a copy of one below another provider asks for that.
    return json.dumps({**body, "model": model}).encode()


def _provider_response(directory: Path, facts: Mapping[str, Any]) -> Exchange | None:
    for ending in _ENDINGS:
        file = directory / f"provider_response.{ending}"
        if file.is_file():
            headers = dict(facts.get("headers") or {})
            if not any(name.lower() == "content-type" for name in headers):
                headers["content-type"] = _SSE if ending == "sse" else "application/json"
            return {"status": facts.get("status", 200), "headers": headers, "body_b64": _encoded(file.read_bytes())}
    return None


def _provider_request(directory: Path, oracle: Mapping[str, Any]) -> Exchange | None:
    facts = oracle.get("request") or {}
    if "whether anything is sent" in facts.get("proxy_differs_in", ()):
        # Clients talk to the proxy, and the proxy refuses.
        status = (oracle.get("client_response") or {}).get("status")
        return {"refused": {"status": status, "message": "the proxy refuses"}}
    if facts.get("outcome") == "unknown":
        return None
    if facts.get("outcome") != "sent":
        return {"refused": {"status": facts.get("status"), "message": facts.get("message", "")}}
    file = directory / "provider_request.json"
    sent = _parse(file, _bytes_of(file))
    query = f"?{sent['query']}" if sent.get("query") else ""
    body = base64.b64decode(sent["body_b64"]) if "body_b64" in sent else json.dumps(sent.get("body")).encode()
    return {
        "method": sent["method"],
        "url": f"{sent['origin']}{sent['path']}{query}",
        "headers": sent.get("headers") or {},
        "body_b64": _encoded(body),
    }


def _client_response(directory: Path, facts: Mapping[str, Any] | None) -> Exchange | None:
    if facts is None:
        return None
    file = directory / "client_response.json"
    file = file if file.is_file() else directory / "client_response.sse"
    return {
        "status": facts.get("status", 0),
        "headers": facts.get("headers") or {},
        "body_b64": _encoded(_bytes_of(file)),
    }


def _sent_file(sent: Mapping[str, Any]) -> dict[str, Any]:
    url = urlsplit(str(sent["url"]))
    body = base64.b64decode(sent["body_b64"])
    return {
        "method": sent.get("method", "POST"),
        "origin": f"{url.scheme}://{url.netloc}",
        "path": url.path,
        "query": url.query,
        "headers": _table(sent.get("headers") or {}),
        **({"body": json.loads(body)} if _is_json(body) else {"body_b64": sent["body_b64"]}),
    }


def _default_name(exchange: Mapping[str, Any]) -> str:
    return f"{exchange['provider']}/{exchange['model']}"


def _check_names(route: str, provider: str) -> None:
    if route not in ROUTES:
        raise ValueError(f"{route!r} is not one of {', '.join(ROUTES)}")
    if not provider.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"{provider!r} is not a provider's name")


def _ending(headers: Mapping[str, str], content: bytes) -> str:
    if headers.get("content-type", "").startswith(_SSE):
        return "sse"
    if _is_json(content):
        return "json"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "bin"
    return "txt"


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _table(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their lower-case names; what stands twice is joined, as HTTP has it."""
    table: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = name.lower()
        table[key] = f"{table[key]}, {value}" if key in table else value
    return table


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CaseError(f"{file}: {error.strerror or error}") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_bytes_of(file).decode())
    except ValueError as error:
        raise CaseError(f"{file}: {error}") from error


def _parse(file: Path, text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise CaseError(f"{file}: {error}") from error


def _json_text(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8, only an escape
        return (json.dumps(value, indent=2) + "\n").encode()


def _toml(facts: Mapping[str, Any], prefix: str = "") -> str:
    lines = [f"{_key(name)} = {_scalar(value)}" for name, value in facts.items() if not isinstance(value, dict)]
    text = "".join(f"{line}\n" for line in lines)
    for name, value in facts.items():
        if isinstance(value, dict):
            text += f"\n[{prefix}{_key(name)}]\n{_toml(value, f'{prefix}{_key(name)}.')}"
    return text


def _scalar(value: Any) -> str:
    # A JSON string, number, boolean or list is a TOML one as well, except for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False)


def _store(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_bytes(content)
    os.replace(temporary, file)
