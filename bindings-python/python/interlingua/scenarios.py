"""What the demo does with the official SDKs. Each scenario raises if the answer is not what a client needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import anthropic
import openai

PROMPT = "Say hello in one sentence."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PDF = b"%PDF-1.4\n% a very small document\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the demo's table."""

    route: str
    provider: str
    what: str
    run: Callable[[], str]
    """Returns a short word on what came back."""


class Clients:
    """The SDKs, pointed at the gateway."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)
        self.anthropic = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20)

    # The SDKs' parameter types are unions of hundreds of TypedDicts; the demo speaks plain dictionaries.
    def chat(self, model: str, **options: Any) -> Any:
        create: Any = self.openai.chat.completions.create
        return create(model=model, **{"messages": [{"role": "user", "content": PROMPT}], **options})

    def messages(self, model: str, **options: Any) -> Any:
        create: Any = self.anthropic.messages.create
        defaults = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 256}
        return create(model=model, **{**defaults, **options})

    def responses(self, model: str, **options: Any) -> Any:
        create: Any = self.openai.responses.create
        return create(model=model, **{"input": PROMPT, **options})

    def post(self, path: str, content_type: str, body: bytes) -> tuple[int, Any]:
        """Plain HTTP, for what the SDKs do not have."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            headers = {"content-type": content_type, "authorization": f"Bearer {self.key}"}
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def scenarios(clients: Clients) -> Iterator[Scenario]:
    """All of them, in the order of the table."""
    for provider, model in (
        ("openai", "gpt-4o"),
        ("anthropic", "claude"),
        ("groq", "groq/llama-3.3-70b-versatile"),
        ("hosted_vllm", "qwen3-32b"),
    ):
        yield Scenario("chat", provider, "answer", partial(_chat, clients, model))
        yield Scenario("chat", provider, "stream", partial(_chat_stream, clients, model))
        yield Scenario("chat", provider, "tool loop", partial(_chat_tools, clients, model))
    for provider, model in (
        ("anthropic", "claude"),
        ("groq", "groq/llama-3.3-70b-versatile"),
        ("hosted_vllm", "qwen3-32b"),
    ):
        yield Scenario("messages", provider, "answer", partial(_messages, clients, model))
        yield Scenario("messages", provider, "stream", partial(_messages_stream, clients, model))
        yield Scenario("messages", provider, "tool loop", partial(_messages_tools, clients, model))
    for provider, model in (
        ("openai", "gpt-4o"),
        ("anthropic", "claude"),
        ("groq", "groq/llama-3.3-70b-versatile"),
    ):
        yield Scenario("responses", provider, "answer", partial(_responses, clients, model))
        yield Scenario("responses", provider, "stream", partial(_responses_stream, clients, model))
        yield Scenario("responses", provider, "tool loop", partial(_responses_tools, clients, model))
    yield Scenario("ocr", "mistral", "JSON", partial(_ocr, clients))
    yield Scenario("ocr", "mistral", "file upload", partial(_ocr_upload, clients))
    yield Scenario("chat", "(none)", "unknown model", partial(_unknown_model, clients))
    yield Scenario("messages", "(none)", "wrong key", partial(_wrong_key, clients))


def expect(condition: object, message: str) -> None:
    """Fail the scenario unless ``condition`` holds."""
    if not condition:
        raise AssertionError(message)


def _chat(clients: Clients, model: str) -> str:
    answer = clients.chat(model)
    expect(answer.choices[0].message.content, "no text came back")
    expect(answer.choices[0].finish_reason == "stop", "the answer did not finish")
    expect(answer.usage.total_tokens > 0, "no usage came back")
    return f"{answer.usage.total_tokens} tokens"


def _chat_stream(clients: Clients, model: str) -> str:
    text, chunks, finish = "", 0, None
    for chunk in clients.chat(model, stream=True, stream_options={"include_usage": True}):
        chunks += 1
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    expect(text and finish == "stop", "the stream did not finish")
    return f"{chunks} chunks"


def _chat_tools(clients: Clients, model: str) -> str:
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    message = clients.chat(model, messages=turns, tools=[tool]).choices[0].message
    expect(message.tool_calls, "no tool was called")
    call = message.tool_calls[0]
    expect("city" in json.loads(call.function.arguments), "the arguments do not fit")
    turns += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "18 °C"}]
    last = clients.chat(model, messages=turns, tools=[tool]).choices[0]
    expect(last.message.content and last.finish_reason == "stop", "the loop did not close")
    return f"called {call.function.name}"


def _messages(clients: Clients, model: str) -> str:
    answer = clients.messages(model)
    expect(answer.content and answer.content[0].text, "no text came back")
    expect(answer.stop_reason == "end_turn", "the answer did not finish")
    return f"{answer.usage.input_tokens + answer.usage.output_tokens} tokens"


def _messages_stream(clients: Clients, model: str) -> str:
    events, kinds, text = 0, set(), ""
    for event in clients.messages(model, stream=True):
        events += 1
        kinds.add(event.type)
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
    expect({"message_start", "message_stop"} <= kinds and text, "the stream did not finish")
    return f"{events} events"


def _messages_tools(clients: Clients, model: str) -> str:
    tool = {"name": "weather", "description": "The weather.", "input_schema": CITY}
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = clients.messages(model, messages=turns, tools=[tool])
    use = next((block for block in answer.content if block.type == "tool_use"), None)
    expect(use is not None and answer.stop_reason == "tool_use", "no tool was called")
    assert use is not None
    expect("city" in use.input, "the input does not fit")
    content = [block.model_dump(exclude_none=True) for block in answer.content]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "18 °C"}
    turns += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    last = clients.messages(model, messages=turns, tools=[tool])
    expect(last.stop_reason == "end_turn" and last.content[0].text, "the loop did not close")
    return f"called {use.name}"


def _responses(clients: Clients, model: str) -> str:
    response = clients.responses(model)
    expect(response.output_text and response.status == "completed", "the response did not complete")
    expect(response.usage.total_tokens > 0, "no usage came back")
    return f"{response.usage.total_tokens} tokens"


def _responses_stream(clients: Clients, model: str) -> str:
    stream: Any = clients.openai.responses.stream
    events = 0
    with stream(model=model, input=PROMPT) as helper:
        for _ in helper:
            events += 1
        final = helper.get_final_response()
    expect(final.output_text and final.status == "completed", "the stream did not complete")
    return f"{events} events"


def _responses_tools(clients: Clients, model: str) -> str:
    tool = {"type": "function", "name": "weather", "description": "The weather.", "parameters": CITY, "strict": False}
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    response = clients.responses(model, input=turns, tools=[tool])
    call = next((item for item in response.output if item.type == "function_call"), None)
    expect(call is not None, "no tool was called")
    assert call is not None
    expect("city" in json.loads(call.arguments), "the arguments do not fit")
    turns += [item.to_dict(mode="json") for item in response.output]
    turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "18 °C"})
    last = clients.responses(model, input=turns, tools=[tool])
    expect(last.output_text and last.status == "completed", "the loop did not close")
    return f"called {call.name}"


def _ocr(clients: Clients) -> str:
    document = {"type": "document_url", "document_url": "https://example.com/paper.pdf"}
    body = json.dumps({"model": "mistral-ocr", "document": document}).encode()
    return _pages(*clients.post("/v1/ocr", "application/json", body))


def _ocr_upload(clients: Clients) -> str:
    edge = "demo-boundary"
    body = b"".join(
        (
            f'--{edge}\r\ncontent-disposition: form-data; name="model"\r\n\r\nmistral-ocr\r\n'.encode(),
            f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="small.pdf"\r\n'.encode(),
            b"content-type: application/pdf\r\n\r\n" + PDF + b"\r\n",
            f"--{edge}--\r\n".encode(),
        )
    )
    return _pages(*clients.post("/v1/ocr", f"multipart/form-data; boundary={edge}", body))


def _pages(status: int, document: Any) -> str:
    expect(status == 200 and document.get("pages"), f"status {status}")
    return f"{len(document['pages'])} page"


def _unknown_model(clients: Clients) -> str:
    try:
        clients.chat("no-such-model")
    except openai.BadRequestError as error:
        return f"{error.status_code}, as it should be"
    raise AssertionError("an unknown model was accepted")


def _wrong_key(clients: Clients) -> str:
    stranger = Clients(clients.url, "sk-somebody-else")
    try:
        stranger.messages("claude")
    except anthropic.APIStatusError as error:
        expect(error.status_code in (400, 401), f"status {error.status_code}")
        return f"{error.status_code}, as it should be"
    raise AssertionError("a wrong key was accepted")
