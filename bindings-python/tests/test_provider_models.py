"""The providers' own SDK types accept every request that the core makes of the fixtures."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import interlingua
import pytest
from sdk_cases import Case, cases

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "parity-tests"))

from recorder.validate import problems  # noqa: E402

OTHER_TYPES = {
    # Mistral's word for `required`, which OpenAI's types do not have.
    "anthropic_messages/mistral/tool_choice_any",
    "openai_chat/mistral/tool_choice_required",
    "openai_responses/mistral/tool_choice_required",
    # The API's documentation has sound in messages, the SDK's union of parts has it not yet.
    "openai_chat/openai/responses_audio",
    # What the client got wrong is the provider's to say.
    "openai_chat/openai/invalid_role",
    "openai_responses/openai/invalid_input_number",
}
SENT = {"anthropic_messages": "/v1/messages", "openai_chat": "/chat/completions", "openai_responses": "/responses"}


def sent_by(case: Case) -> tuple[str, object] | None:
    """The dialect and the body that the provider gets; ``None`` where nothing is sent."""
    facts = tomllib.loads((case.directory / "case.toml").read_text(encoding="utf-8"))
    try:
        attempt = case.attempt(facts)
    except interlingua.InterlinguaError:
        return None
    request = attempt.step()
    assert isinstance(request, interlingua.HttpRequest)
    dialect = next((name for name, path in SENT.items() if request.url.split("?")[0].endswith(path)), None)
    return (dialect, json.loads(request.body)) if dialect else None


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_request(case: Case) -> None:
    sent = sent_by(case)
    if sent is None or case.name in OTHER_TYPES:
        return
    if sent[0] == "openai_responses":
        complete(sent[1])
    assert problems(sent[0], "request", sent[1]) == []


def complete(body: Any) -> None:
    """Add what the types demand of an answer's items and the API does not when they are given back."""
    for item in body["input"] if isinstance(body.get("input"), list) else ():
        parts = item.get("content")
        if item.get("type") == "reasoning" or (item.get("role") == "assistant" and isinstance(parts, list)):
            item.setdefault("id", "any")
        if item.get("role") == "assistant" and isinstance(parts, list):
            item.setdefault("status", "completed")
            for part in parts:
                part.setdefault("annotations", [])
        for part in parts if isinstance(parts, list) else ():
            if part.get("type") == "input_image":
                part.setdefault("detail", "auto")
