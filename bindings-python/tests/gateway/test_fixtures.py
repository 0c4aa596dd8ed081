"""Every fixture through a real gateway and the replay upstream, answers read back by the official SDKs' models."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from interlingua import providers
from interlingua.gateway.serving import bind
from interlingua.replay.upstream import ReplayUpstream
from rig import KEY, Reply, Running
from servers import in_thread

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
PATHS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "mistral_ocr": "/v1/ocr",
}
FAILED = (b"event: response.failed", b"event: error")
PROVIDERS = {name for name, _, _ in providers()}

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="needs the repository's fixtures")


@dataclass(frozen=True)
class Case:
    name: str
    route: str
    request: dict[str, Any]
    headers: dict[str, str]
    deployment: dict[str, Any]
    answers_well: bool


def read_case(file: Path) -> Case | None:
    """The case, unless its request is no JSON object or its provider is not built."""
    facts = tomllib.loads(file.read_text(encoding="utf-8"))
    route, provider, case = file.parent.relative_to(FIXTURES).parts
    try:
        request = json.loads((file.parent / "client_request.json").read_bytes())
    except ValueError:
        return None
    if not isinstance(request, dict) or provider not in PROVIDERS or route not in PATHS:
        return None
    name = f"{route}/{provider}/{case}"
    deployment = {
        "model": f"{provider}/{facts['model']}",
        "api_key": "sk-test",
        "drop_params": bool(facts.get("drop_params", False)),
        "extra_headers": {"x-replay-case": name},
    }
    well = int(facts.get("answer", {}).get("status", 200)) == 200
    return Case(name, route, request, facts.get("request", {}).get("headers", {}), deployment, well)


CASES = [case for file in sorted(FIXTURES.glob("*/*/*/case.toml")) if (case := read_case(file)) is not None]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    listener = bind("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    groups = [
        {
            "model_name": case.name,
            "litellm_params": {**case.deployment, "api_base": base if "/anthropic/" in case.name else f"{base}/v1"},
        }
        for case in CASES
    ]
    document = {
        "model_list": groups,
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"num_retries": 0},
        "migration": {"allow_ungated": True, "switches": {"*": "rust"}},
    }
    with (
        in_thread(ReplayUpstream(FIXTURES), listener),
        Running(document, tmp_path_factory.mktemp("fixtures")) as running,
    ):
        yield running


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_fixture(gateway: Running, case: Case) -> None:
    body = {**case.request, "model": case.name}
    reply = gateway.request("POST", PATHS[case.route], body, **case.headers)
    # A case that records only what is asked gets a generic answer.
    recorded = any((FIXTURES / case.name).glob("provider_response.*"))
    replayed = reply.headers.get("llm_provider-x-replayed-case") if recorded else case.name
    if reply.status == 200:
        assert replayed == case.name
        assert case.answers_well
        check_answer(case, reply)
    else:
        error = reply.json()["error"]
        assert error["type"] and error["message"]
        assert replayed == case.name or reply.status in (400, 501), "only a refusal comes without a provider's answer"


def test_nothing_went_wrong_inside(gateway: Running) -> None:
    assert [line for line in gateway.logs() if line["event"] == "bug"] == []


def check_answer(case: Case, reply: Reply) -> None:
    if reply.headers["content-type"].startswith("text/event-stream"):
        frames = reply.body.replace(b"\r\n", b"\n").strip().split(b"\n\n")
        last = frames[-1]
        if case.route == "openai_chat":
            assert last.replace(b" ", b"") == b"data:[DONE]" or b'"error"' in last
        elif case.route == "openai_responses":
            assert last.startswith((b"event: response.completed", b"event: response.incomplete", *FAILED))
        else:
            assert b"message_stop" in last or b"error" in last
    elif case.route == "openai_chat":
        validate("openai.types.chat", "ChatCompletion", reply.json())
    elif case.route == "openai_responses":
        assert reply.json()["object"] == "response" and isinstance(reply.json()["output"], list)
    elif case.route == "anthropic_messages":
        document = reply.json()
        for block in document["content"]:
            if block["type"] == "thinking" and block["signature"] is None:
                block["signature"] = ""  # LiteLLM's clients get null for thinking that was not signed
        validate("anthropic.types.beta", "BetaMessage", document)
    else:
        assert isinstance(reply.json()["pages"], list)


def validate(module: str, name: str, document: dict[str, Any]) -> None:
    """With the official SDK's own model, where the SDK is installed."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return
    from pydantic import ValidationError

    try:
        getattr(importlib.import_module(module), name).model_validate(document)
    except ValidationError as error:
        # Words that a host adds to an enumeration (groq's service_tier) are no matter: the SDKs let them pass.
        assert [fault for fault in error.errors() if fault["type"] != "literal_error"] == []
