"""Three turns of an agent with the official SDKs, through a running gateway, from each client dialect to each provider
dialect and back, whole and streamed: parallel calls, reasoning that must come back, a picture, a custom tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from agent_provider import BOTH, FINAL, PATCH, PNG, Agent
from openai.types.responses import Response
from pydantic import TypeAdapter
from rig import KEY, Running, Upstream, config_document

PROVIDERS = {"responses": "gpt-5.4", "messages": "claude", "chat": "mistral-medium"}
PATH = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": True,
}
IMAGE = f"data:image/png;base64,{PNG}"


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def gateway(agent: Agent, tmp_path: Path) -> Iterator[Running]:
    with Upstream() as upstream:
        upstream.answers = [agent]

        def deployment(name: str, model: str, base: str) -> dict[str, Any]:
            return {"model_name": name, "litellm_params": {"model": model, "api_key": "sk-up", "api_base": base}}

        models = [
            deployment("gpt-5.4", "openai/gpt-5.4", f"{upstream.url}/v1"),
            deployment("claude", "anthropic/claude-sonnet-4-5", upstream.url),
            deployment("mistral-medium", "mistral/mistral-medium-latest", f"{upstream.url}/v1"),
        ]
        with Running(config_document(upstream.url, model_list=models), tmp_path) as running:
            yield running


def results(provider: str) -> dict[str, Any]:
    """What the client's tools found; a picture where the provider can see one in a result."""
    return {"call_list": "a.py\nb.py", "call_look": None if provider == "chat" else IMAGE, "call_patch": "ok"}


def by_responses(url: str, model: str, found: dict[str, Any], stream: bool) -> list[Any]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=10)
    tools: list[Any] = [
        {"type": "function", "name": name, "parameters": PATH, "strict": False} for name in ("list_files", "look")
    ]
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /(.|\\n)+/"}
    tools.append({"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": grammar})
    options: Any = {
        "model": model,
        "instructions": "You are a coding agent.",
        "tools": tools,
        "parallel_tool_calls": True,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low", "summary": "auto"},
        "store": False,
    }
    items: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "Fix it."}]}]
    turns = []
    for _ in range(3):
        if stream:
            with client.responses.stream(input=items, **options) as events:
                seen = [event.sequence_number for event in events]
                response = events.get_final_response()
            assert seen == list(range(len(seen)))
        else:
            response = client.responses.create(input=items, **options)
        TypeAdapter(Response).validate_python(response.to_dict())
        assert response.status == "completed" and response.model == model
        assert response.usage is not None and (response.usage.input_tokens, response.usage.output_tokens) == (20, 10)
        turns.append(response)
        for item in response.output:
            # What the stream helper has parsed beside the item is not the API's.
            items.append({key: value for key, value in item.to_dict(mode="json").items() if key != "parsed_arguments"})
            if item.type == "function_call":
                output = found[item.call_id]
                if output == IMAGE:
                    output = [{"type": "input_image", "image_url": IMAGE}]
                items.append(
                    {"type": "function_call_output", "call_id": item.call_id, "output": output or "no picture"}
                )
            elif item.type == "custom_tool_call":
                assert item.input == PATCH
                items.append(
                    {"type": "custom_tool_call_output", "call_id": item.call_id, "output": found[item.call_id]}
                )
    calls = [item for item in turns[0].output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [call["arguments"] for call in BOTH]
    assert any(item.type == "custom_tool_call" for item in turns[1].output)
    assert turns[2].output_text == FINAL
    return turns


def by_chat(url: str, model: str, found: dict[str, Any], stream: bool) -> list[Any]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=10)
    names = ("list_files", "look", "apply_patch")
    tools: list[Any] = [{"type": "function", "function": {"name": name, "parameters": PATH}} for name in names]
    messages: list[Any] = [{"role": "system", "content": "You are a coding agent."}]
    messages.append({"role": "user", "content": "Fix it."})
    turns = []
    for _ in range(3):
        options: Any = {"model": model, "messages": messages, "tools": tools}
        if "mistral" not in model:
            options["reasoning_effort"] = "low"
        if stream:
            helper = client.chat.completions.stream(**options, stream_options={"include_usage": True})
            with helper as events:
                for _event in events:
                    pass
                choice = events.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(**options).choices[0]
        message: Any = choice.message
        calls = message.tool_calls or []
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        turns.append(message)
        told = message.to_dict(mode="json")
        for call in told.get("tool_calls") or []:
            call["function"].pop("parsed_arguments", None)
            call.pop("index", None)
        told.pop("parsed", None)
        messages.append(told)
        for call in calls:
            output = found[call.id]
            if output == IMAGE:
                output = [{"type": "image_url", "image_url": {"url": IMAGE}}]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": output or "no picture"})
    assert [json.loads(call.function.arguments) for call in turns[0].tool_calls] == [c["arguments"] for c in BOTH]
    assert turns[2].content == FINAL
    return turns


def by_messages(url: str, model: str, found: dict[str, Any], stream: bool) -> list[Any]:
    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=10)
    tools: list[Any] = [{"name": name, "input_schema": PATH} for name in ("list_files", "look", "apply_patch")]
    options: Any = {"model": model, "max_tokens": 4000, "system": "You are a coding agent.", "tools": tools}
    if "mistral" not in model:
        options["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    messages: list[Any] = [{"role": "user", "content": "Fix it."}]
    turns = []
    for _ in range(3):
        if stream:
            with client.messages.stream(messages=messages, **options) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(messages=messages, **options)
        uses = [block for block in message.content if block.type == "tool_use"]
        assert message.stop_reason == ("tool_use" if uses else "end_turn")
        turns.append(message)
        messages.append({"role": "assistant", "content": [block.to_dict(mode="json") for block in message.content]})
        answers: list[Any] = []
        for use in uses:
            output = found[use.id]
            if output == IMAGE:
                source = {"type": "base64", "media_type": "image/png", "data": PNG}
                output = [{"type": "image", "source": source}]
            answers.append({"type": "tool_result", "tool_use_id": use.id, "content": output or "no picture"})
        if answers:
            messages.append({"role": "user", "content": answers})
    assert [block.input for block in turns[0].content if block.type == "tool_use"] == [c["arguments"] for c in BOTH]
    assert turns[2].content[-1].text == FINAL
    return turns


CLIENTS: dict[str, Callable[[str, str, dict[str, Any], bool], list[Any]]] = {
    "responses": by_responses,
    "chat": by_chat,
    "messages": by_messages,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_three_turns(gateway: Running, agent: Agent, client: str, provider: str, stream: bool) -> None:
    CLIENTS[client](gateway.url, PROVIDERS[provider], results(provider), stream)
    assert agent.dialects == [provider] * 3
