"""Fills in the oracle's part of the fixture cases: ``python -m recorder.record [--check] [PATH …]``.

Writes ``provider_request.json``, ``client_response.{json,sse}`` and ``oracle.toml`` beside what a person wrote, and
removes what no longer belongs. Running it again changes nothing; ``--check`` writes nothing and fails if something
would change.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recorder.case import Case, CaseError, find_cases, read_case
from recorder.environments import CHAT_ORACLE, OCR_ORACLE, REPOSITORY
from recorder.oracle_process import Oracle, OracleFault

_WRITTEN = ("provider_request.json", "client_response.json", "client_response.sse", "oracle.toml")
_TRANSPORT_HEADERS = frozenset(("host", "accept", "accept-encoding", "connection", "user-agent", "content-length"))
_ANSWER_HEADERS = frozenset(("content-type", "retry-after", "request-id", "cache-control"))
_ANSWER_HEADER_PREFIXES = ("llm_provider-", "x-ratelimit-")
_KEY = "sk-test"
_ABSENT = object()


def recorded_files(oracle: Oracle, case: Case) -> dict[str, str]:
    """Asks the oracle; returns the texts of all files that it accounts for."""
    version = OCR_ORACLE if case.route == "mistral_ocr" else CHAT_ORACLE
    question = case.question()
    files: dict[str, str] = {}
    facts: dict[str, Any] = {"litellm": version}
    sent = oracle.ask(version, {"op": "request", **question})
    if "request" in sent:
        request = _provider_request(sent["request"])
        files["provider_request.json"] = _json_text(request)
        facts["request"] = {"outcome": "sent", "requests": 1 + len(sent.get("more", ()))}
    else:
        request = None
        facts["request"] = {"outcome": "refused", **_without_none(sent["error"])}
    answer = case.answer()
    if answer is not None:
        received = oracle.ask(version, {"op": "answer", **question, "answer": answer})
        differs = _differences(request, received["request"])
        if differs:
            facts["request"]["proxy_differs_in"] = differs
        name, text = _client_response(received["response"])
        files[name] = text
        facts["client_response"] = _client_facts(received["response"])
    files["oracle.toml"] = _toml_text(facts)
    return files


def _provider_request(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps what the provider can rely on: not the transport's headers, not the key."""
    url = urlsplit(sent["url"])
    headers = {
        name: value.replace(_KEY, "<key>")
        for name, value in sorted(sent["headers"].items())
        if name not in _TRANSPORT_HEADERS and not name.startswith("x-stainless-")
    }
    body = {"body": sent["body"]} if "body" in sent else {"body_b64": sent["body_b64"]}
    return {
        "method": sent["method"],
        "origin": f"{url.scheme}://{url.netloc}",
        "path": url.path,
        "query": url.query,
        "headers": headers,
        **body,
    }


def _differences(request: Mapping[str, Any] | None, sent_by_proxy: Mapping[str, Any] | None) -> list[str]:
    """What the proxy sends otherwise than the SDK: top-level body fields and parts of the URL, by name."""
    if request is None or sent_by_proxy is None:
        return [] if request is sent_by_proxy else ["whether anything is sent"]
    other = _provider_request(sent_by_proxy)
    names = [key for key in ("method", "origin", "path", "query") if request[key] != other[key]]
    ours, theirs = request.get("body") or {}, other.get("body") or {}
    fields = {key for key in (*ours, *theirs) if ours.get(key, _ABSENT) != theirs.get(key, _ABSENT)}
    return names + [f"body.{key}" for key in sorted(fields)]


def _client_response(response: Mapping[str, Any]) -> tuple[str, str]:
    body: str = response["body"]
    if response["headers"].get("content-type", "").startswith("text/event-stream"):
        return "client_response.sse", body
    try:
        return "client_response.json", _json_text(json.loads(body))
    except ValueError:
        return "client_response.json", _json_text({"text": body})


def _client_facts(response: Mapping[str, Any]) -> dict[str, Any]:
    headers = {
        name: value
        for name, value in sorted(response["headers"].items())
        if name in _ANSWER_HEADERS or name.startswith(_ANSWER_HEADER_PREFIXES)
    }
    return {"status": response["status"], "headers": headers}


def _json_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8, only an escape
        text = json.dumps(value, ensure_ascii=True, indent=2) + "\n"
    return text


def _toml_text(facts: Mapping[str, Any]) -> str:
    lines = ["# Written by recorder.record from what the oracle did; edit case.toml instead.", *_toml_table("", facts)]
    return "\n".join(lines) + "\n"


def _toml_table(prefix: str, table: Mapping[str, Any]) -> list[str]:
    # A JSON string, number or boolean is a TOML one as well (DEL is the exception, and never occurs).
    lines = [
        f"{_toml_key(key)} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if not isinstance(value, dict)
    ]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{prefix}{_toml_key(key)}"
            lines += ["", f"[{name}]", *_toml_table(f"{name}.", value)]
    return lines


def _toml_key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def apply(directory: Path, files: Mapping[str, str], *, check: bool) -> list[str]:
    """Brings the directory to ``files``; returns the names that changed or, with ``check``, would."""
    changed = []
    for name in _WRITTEN:
        path, wanted = directory / name, files.get(name)
        present = path.read_bytes() if path.exists() else None
        if present == (None if wanted is None else wanted.encode()):
            continue
        changed.append(name)
        if not check:
            if wanted is None:
                path.unlink()
            else:
                path.write_bytes(wanted.encode())
    return changed


def _progress(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} {name}\x1b[K", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done % 50 == 0 or done == total:
        print(f"{done}/{total} cases", file=sys.stderr, flush=True)


def main() -> None:
    """Records all cases at or below the given paths."""
    parser = argparse.ArgumentParser(prog="python -m recorder.record", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything would change")
    parser.add_argument("paths", nargs="*", type=Path, default=[REPOSITORY / "fixtures"])
    arguments = parser.parse_args()
    directories = [found for path in arguments.paths for found in find_cases(path.resolve())]
    counts: Counter[str] = Counter()
    with Oracle() as oracle:
        for done, directory in enumerate(directories, 1):
            try:
                case = read_case(directory)
                changed = apply(directory, recorded_files(oracle, case), check=arguments.check)
            except (CaseError, OracleFault) as error:
                print(f"\n{directory}: {error}", file=sys.stderr)
                counts["failed"] += 1
                continue
            counts["changed" if changed else "unchanged"] += 1
            if changed and arguments.check:
                print(f"{case.name}: would change {', '.join(changed)}")
            _progress(done, len(directories), case.name)
    print(
        f"recorded {len(directories)} cases: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    )
    if counts["failed"] or (arguments.check and counts["changed"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
