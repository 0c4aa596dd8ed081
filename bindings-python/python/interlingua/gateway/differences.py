"""What is stored of an exchange in which the core does something else than LiteLLM."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any, Final

from interlingua.cases import redact
from interlingua.gateway.handed_over import HandedOver

MAX_LEAVES: Final = 200
"""Differences of one exchange that are stored one by one."""
_MESSAGES: Final = ("request", "provider_request", "provider_response", "client_response")

Json = dict[str, Any]
Compare = Callable[[Json], Json]


def entry_of(handed: HandedOver, verdict: Json, *, content: bool, compare: Compare) -> Json:
    """For the store. Without ``content`` all values are replaced by their types and lengths; with it, only secrets are,
    and the differences are those of the exchange without its secrets: what a case that is made of it will show."""
    facts = {
        "time": time.time(),
        "pair": handed.pair,
        "group": handed.choice.group,
        "model": handed.choice.model[:200],
        "features": verdict["features"],
        "class": verdict["class"],
    }
    if content:
        exchange = redact.secrets(handed.exchange)
        again = compare(exchange)
        if again["class"] == "unexplained":
            return {
                **facts,
                "content": True,
                "paths": again["differences"][:MAX_LEAVES],
                "layers": again["layers"],
                "exchange": exchange,
            }
    return {
        **facts,
        "content": False,
        "paths": [_without_values(leaf) for leaf in verdict["differences"][:MAX_LEAVES]],
        "layers": redact.structure(verdict["layers"]),
        "exchange": skeleton(handed.exchange),
    }


def with_command(entry: Json) -> Json:
    """A stored difference, with what turns it into a case."""
    return {**entry, "command": f"interlingua record difference {entry['id']} --to cases"}


def _without_values(leaf: Json) -> Json:
    return {name: leaf[name] if name in ("layer", "path") else redact.structure(leaf[name]) for name in leaf}


def skeleton(exchange: Json) -> Json:
    """The exchange without a value of the client's or the provider's; its bodies as structures."""
    kept = {name: exchange[name] for name in ("route", "provider", "model", "drop_params")}
    return {**kept, **{name: _structure_of(exchange[name]) for name in _MESSAGES}}


def _structure_of(message: Json | None) -> Json | None:
    if message is None or "body_b64" not in message:
        return redact.structure(message)  # type: ignore[no-any-return]
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
