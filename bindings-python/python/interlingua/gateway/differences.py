"""What is stored of an exchange in which the core does something else than LiteLLM."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from interlingua.cases import redact
from interlingua.cases.case import MESSAGES
from interlingua.gateway.handed_over import HandedOver

MAX_LEAVES: Final = 200
"""Differences of one exchange that are stored one by one."""
MAX_BYTES: Final = 1024 * 1024
"""Of an entry: a thousand of each pair are kept."""
MAX_LINE: Final = 500

Json = dict[str, Any]
Compare = Callable[[Json], Json]


def entry_of(handed: HandedOver, verdict: Json, *, content: bool, compare: Compare) -> Json:
    """For the store. Without ``content`` all values are replaced by their types and lengths; with it, only secrets are,
    and the differences are those of the exchange without its secrets: what a case that is made of it will show. What
    is too large is told of with less."""
    facts = {
        "time": time.time(),
        "pair": handed.pair,
        "group": handed.choice.group,
        "model": handed.choice.model[:200],
        "features": verdict["features"],
        "class": verdict["class"],
    }
    for told in _told(handed, verdict, content=content, compare=compare):
        entry = {**facts, **told}
        if len(json.dumps(entry)) <= MAX_BYTES:
            return entry
    return {**facts, "content": False, "paths": list(map(_place, told["paths"])), "layers": {}, "exchange": {}}


def _place(found: Json) -> Json:
    """Where something differs, with what fits on a line."""
    sides = {side: found[side] for side in ("ours", "theirs") if side in found}
    short: Json = {side: value if len(json.dumps(value)) <= MAX_LINE else "<long>" for side, value in sides.items()}
    return {"layer": found["layer"], "path": found["path"][:MAX_LINE], **short}


def _told(handed: HandedOver, verdict: Json, *, content: bool, compare: Compare) -> Iterator[Json]:
    """What may be kept, the most telling first; the last one is without a value."""
    if content:
        exchange = redact.secrets(handed.exchange)
        again = compare(exchange)
        if again["class"] == "unexplained":
            yield _of(again, exchange, content=True)
    yield _of(redact.verdict(verdict), skeleton(handed.exchange), content=False)


def _of(verdict: Json, exchange: Json, *, content: bool) -> Json:
    paths = verdict["differences"][:MAX_LEAVES]
    return {"content": content, "paths": paths, "layers": verdict["layers"], "exchange": exchange}


def with_command(entry: Json) -> Json:
    """A stored difference, with what turns it into a case."""
    return {**entry, "command": f"interlingua record difference {entry['id']} --to cases"}


def skeleton(exchange: Json) -> Json:
    """The exchange without a value of the client's or the provider's; its bodies as structures."""
    kept = {name: exchange[name] for name in ("route", "provider", "model", "drop_params")}
    return {**kept, **{name: _structure_of(exchange[name]) for name in MESSAGES}}


def _structure_of(message: Json | None) -> Json | None:
    if message is None or "body_b64" not in message:
        shape: Json | None = redact.structure(message)
        return shape
    body = base64.b64decode(message["body_b64"])
    known: Json = {name: message[name] for name in ("method", "status") if name in message}
    return {**known, "headers": sorted(message["headers"]), "body": redact.structure(_parsed(body))}


def _parsed(body: bytes) -> Any:
    """A body as JSON, or a stream as the JSON of its frames; what is neither stays a text."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    frames = [line.partition(":")[2] for line in text.splitlines() if line.startswith("data:")]
    return [_frame(frame) for frame in frames] if frames else text


def _frame(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
