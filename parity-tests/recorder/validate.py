"""Checks bodies against the providers' own SDK types (``python -m recorder.validate``): JSON lines in, JSON lines out.

Runs with the Python of the ``provider-models`` environment; README.md holds the protocol. Unknown fields pass, as they do at
the providers; wrong types, missing fields and unknown kinds of blocks do not.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

_MAX_ERRORS = 10


@cache
def _adapters(dialect: str, side: str) -> tuple[TypeAdapter[Any], ...]:
    """One of these must accept the body: the released types, then the beta ones."""
    if dialect == "openai_chat":
        from openai.types import chat

        by_side: dict[str, tuple[Any, ...]] = {
            "request": (chat.completion_create_params.CompletionCreateParams,),
            "answer": (chat.ChatCompletion,),
            "event": (chat.ChatCompletionChunk,),
        }
    elif dialect == "anthropic_messages":
        from anthropic import types
        from anthropic.types import beta

        by_side = {
            "request": (
                types.message_create_params.MessageCreateParams,
                beta.message_create_params.MessageCreateParams,
            ),
            "answer": (types.Message, beta.BetaMessage),
            "event": (types.RawMessageStreamEvent, beta.BetaRawMessageStreamEvent),
        }
    elif dialect == "openai_responses":
        from openai.types import responses

        by_side = {
            "request": (responses.response_create_params.ResponseCreateParams,),
            "answer": (responses.Response,),
            "event": (responses.ResponseStreamEvent,),
        }
    elif dialect == "mistral_ocr":
        from mistralai.client import models

        by_side = {"request": (models.OCRRequest,), "answer": (models.OCRResponse,)}
    else:
        raise ValueError(f"unknown dialect {dialect}")
    return tuple(TypeAdapter(kind) for kind in by_side[side])


def problems(dialect: str, side: str, body: Any) -> list[str]:
    """What the provider's types say against the body; empty if nothing. The released types' complaints are reported."""
    if dialect == "anthropic_messages" and side == "event" and isinstance(body, dict) and body.get("type") == "ping":
        return []  # the SDK skips pings before it parses
    complaints: list[list[str]] = []
    for adapter in _adapters(dialect, side):
        try:
            _exhaust(adapter.validate_python(body))
        except ValidationError as error:
            complaints.append([_complaint(detail) for detail in error.errors(include_url=False)[:_MAX_ERRORS]])
        else:
            return []
    return complaints[0]


def _exhaust(value: Any) -> None:
    """The SDKs type lists as ``Iterable``, which pydantic only checks while it is walked."""
    if isinstance(value, Mapping):
        for item in value.values():
            _exhaust(item)
    elif isinstance(value, (list, Iterator)):
        for item in value:
            _exhaust(item)


def _complaint(detail: Mapping[str, Any]) -> str:
    # Never the value itself: it may be a prompt.
    return f"{'.'.join(str(step) for step in detail['loc'])}: {detail['msg']}"


def _handle(line: str) -> dict[str, Any]:
    try:
        case = json.loads(line)
        found = problems(case["dialect"], case["side"], case["body"])
    except (ValueError, KeyError, TypeError) as error:
        return {"id": None, "fault": f"not a case: {type(error).__name__}: {error}"}
    return {"id": case.get("id"), "valid": not found, "errors": found}


def main() -> None:
    """Serves the protocol on stdin and stdout."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(_handle(line)), flush=True)


if __name__ == "__main__":
    main()
