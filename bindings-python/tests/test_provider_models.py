"""The providers' own SDK types accept every request that the core makes of the fixtures."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

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
    # What the client got wrong is the provider's to say.
    "openai_chat/openai/invalid_role",
}
SENT = {"anthropic_messages": "/v1/messages", "openai_chat": "/chat/completions"}


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
    assert problems(sent[0], "request", sent[1]) == []
