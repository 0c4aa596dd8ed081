"""The official SDKs read every answer and stream that the core makes of the fixtures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

sys.path.insert(0, str(Path(__file__).resolve().parent))
from sdk_cases import Case, Received, cases, parsed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "parity-tests"))
from recorder.validate import problems

SPEAK_RESPONSES = {"openai", "openrouter", "hosted_vllm"}
"""Their answers are passed on as they are."""
FAILED = {"response.failed", "error"}

# Items of kinds that the SDK does not know yet are read all the same; it only wonders while it writes them again.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

ALL = list(cases())
CHAT = [case for case in ALL if case.route == "openai_chat"]
MESSAGES = [case for case in ALL if case.route == "anthropic_messages"]
RESPONSES = [case for case in ALL if case.route == "openai_responses"]
OCR = [case for case in ALL if case.route == "mistral_ocr"]


def transport(received: Received) -> Any:
    def answer(request: Any) -> Any:
        return httpx2.Response(received.status, headers=received.headers, content=received.body, request=request)

    return httpx2.MockTransport(answer)


def chat_client(received: Received) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(transport=transport(received))
    return openai.OpenAI(api_key="none", base_url="http://gateway.test/v1", max_retries=0, http_client=http)


def messages_client(received: Received) -> anthropic.Anthropic:
    http = anthropic.DefaultHttpxClient(transport=transport(received))
    return anthropic.Anthropic(api_key="none", base_url="http://gateway.test", max_retries=0, http_client=http)


def listed(found: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in found]


def test_every_case_is_read_by_some_test() -> None:
    assert len(CHAT) + len(MESSAGES) + len(RESPONSES) + len(OCR) == len(ALL) >= 400


@pytest.mark.parametrize("case", listed(CHAT))
def test_openai_reads(case: Case) -> None:
    received = case.receive()
    if received is None:
        return  # only the request is recorded: there is no answer to read
    create = chat_client(received).chat.completions.create
    ask: Any = {"model": "any", "messages": [{"role": "user", "content": "any"}]}
    if received.status != 200:
        with pytest.raises(openai.APIStatusError) as raised:
            create(**ask)
        assert raised.value.status_code == received.status
        body = raised.value.body
        assert isinstance(body, dict) and body["message"] and body["type"] and body["code"]
    elif not received.stream:
        completion = create(**ask)
        assert isinstance(completion, ChatCompletion)
        assert completion.choices and all(choice.message is not None for choice in completion.choices)
        assert completion.to_dict(mode="json", exclude_unset=True) == parsed(received.body)
    elif received.outcome == "answered":
        chunks = list(create(**ask, stream=True))
        assert chunks and all(isinstance(chunk, ChatCompletionChunk) for chunk in chunks)
        assert any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
    else:
        with pytest.raises(openai.APIError):
            list(create(**ask, stream=True))


@pytest.mark.parametrize("case", listed(RESPONSES))
def test_openai_reads_responses(case: Case) -> None:
    received = case.receive()
    if received is None:
        return  # only the request is recorded: there is no answer to read
    client = chat_client(received)
    create: Any = client.responses.create
    ask: Any = {"model": "any", "input": "any"}
    if received.status != 200:
        with pytest.raises(openai.APIStatusError) as raised:
            create(**ask)
        assert raised.value.status_code == received.status
        body = raised.value.body
        assert isinstance(body, dict) and body["message"] and body["type"] and body["code"]
    elif not received.stream:
        response = create(**ask)
        assert isinstance(response, Response) and response.status is not None
        assert response.to_dict(mode="json", exclude_unset=True) == parsed(received.body)
        assert complaints(case, "answer", parsed(received.body)) == []
    else:
        events = list(create(**ask, stream=True))
        ends = {"response.completed", "response.incomplete"} if received.outcome == "answered" else FAILED
        assert events[-1].type in ends
        assert all(complaints(case, "event", event.to_dict(mode="json")) == [] for event in events)
        if received.outcome == "answered" and "incomplete" not in events[-1].type:
            # The SDK's own helper puts the same response together.
            with client.responses.stream(**ask) as stream:
                final = stream.get_final_response()
            assert [item.type for item in final.output] == [item.type for item in events[-1].response.output]


def complaints(case: Case, side: str, body: Any) -> list[str]:
    """What the official types say against an answer that is a translation."""
    if case.provider in SPEAK_RESPONSES:
        return []
    # Words that a host adds to an enumeration (groq's service tiers): the SDK lets them pass.
    return [line for line in problems("openai_responses", side, body) if "service_tier: Input should be" not in line]


@pytest.mark.parametrize("case", listed(MESSAGES))
def test_anthropic_reads(case: Case) -> None:
    received = case.receive()
    if received is None:
        return  # only the request is recorded: there is no answer to read
    create = messages_client(received).messages.create
    ask: Any = {"model": "any", "max_tokens": 9, "messages": [{"role": "user", "content": "any"}]}
    if received.status != 200:
        with pytest.raises(anthropic.APIStatusError) as raised:
            create(**ask)
        assert raised.value.status_code == received.status
        body = raised.value.body
        assert isinstance(body, dict) and body["error"]["message"] and body["error"]["type"]
    elif not received.stream:
        message = create(**ask)
        assert isinstance(message, Message)
        assert message.role == "assistant" and message.usage is not None
    elif received.outcome == "answered":
        accumulated = read_stream(received)
        assert accumulated.stop_reason is not None and accumulated.usage is not None
    else:
        with pytest.raises(anthropic.APIError):
            read_stream(received)


def read_stream(received: Received) -> Any:
    """The message that the SDK's own helper puts together."""
    ask: Any = {"model": "any", "max_tokens": 9, "messages": [{"role": "user", "content": "any"}]}
    with messages_client(received).messages.stream(**ask) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("case", listed(OCR))
def test_ocr_answers_are_what_litellms_clients_expect(case: Case) -> None:
    received = case.receive()
    if received is None:
        return  # only the request is recorded: there is no answer to read
    body = parsed(received.body)
    assert isinstance(body, dict)
    if received.status == 200:
        assert body["object"] == "ocr" and isinstance(body["pages"], list) and body["model"]
    else:
        assert body["error"]["message"]
