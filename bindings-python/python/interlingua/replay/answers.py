"""Valid answers for requests that no fixture knows, so that every SDK call works.

A request with tools is answered with a call of the first tool until the client sends a tool's result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
CREATED = 1_700_000_000
MAX_DEPTH = 8
_SAMPLES: Json = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def chat(body: Json) -> Json:
    """A whole OpenAI chat answer."""
    message, finish = _chat_message(body)
    return {
        "id": "chatcmpl-replay",
        "object": "chat.completion",
        "created": CREATED,
        "model": str(body.get("model", "")),
        "choices": [
            {"index": index, "message": message, "finish_reason": finish, "logprobs": None}
            for index in range(_count(body.get("n")))
        ],
        "usage": _chat_usage(body),
        "system_fingerprint": "fp_replay",
    }


def chat_stream(body: Json) -> Iterator[bytes]:
    """The same as chunks."""
    message, finish = _chat_message(body)
    base = {
        "id": "chatcmpl-replay",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": str(body.get("model", "")),
        "system_fingerprint": "fp_replay",
    }

    def chunk(index: int, delta: Json, finish_reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**base, "choices": [choice]})

    for index in range(_count(body.get("n"))):
        yield chunk(index, {"role": "assistant", "content": None if message["content"] is None else ""})
        for word in words(message["content"] or ""):
            yield chunk(index, {"content": word})
        for number, call in enumerate(message.get("tool_calls", [])):
            name = {"name": call["function"]["name"], "arguments": ""}
            yield chunk(
                index, {"tool_calls": [{"index": number, "id": call["id"], "type": "function", "function": name}]}
            )
            for piece in pieces(call["function"]["arguments"]):
                yield chunk(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        yield chunk(index, {}, finish)
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        yield _data({**base, "choices": [], "usage": _chat_usage(body)})
    yield b"data: [DONE]\n\n"


def messages(body: Json) -> Json:
    """A whole Anthropic messages answer."""
    blocks, stop = _blocks(body)
    return {
        "id": "msg_replay",
        "type": "message",
        "role": "assistant",
        "model": str(body.get("model", "")),
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": _tokens(body),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 12,
            "service_tier": "standard",
        },
    }


def messages_stream(body: Json) -> Iterator[bytes]:
    """The same as events."""
    whole = messages(body)
    start = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield named({"type": "message_start", "message": start})
    yield named({"type": "ping"})
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty: Json = {"type": "text", "text": ""}
            deltas: list[Json] = [{"type": "text_delta", "text": word} for word in words(block["text"])]
        else:
            empty = {**block, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece} for piece in pieces(json.dumps(block["input"]))
            ]
        yield named({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in deltas:
            yield named({"type": "content_block_delta", "index": index, "delta": delta})
        yield named({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 12}})
    yield named({"type": "message_stop"})


def ocr(body: Json) -> Json:
    """A whole Mistral OCR answer."""
    page = {
        "index": 0,
        "markdown": "# Replay\n\nThis page comes from the replay upstream.",
        "images": [],
        "dimensions": {"dpi": 200, "height": 2200, "width": 1700},
    }
    usage = {"pages_processed": 1, "doc_size_bytes": 1024}
    return {"pages": [page], "model": str(body.get("model", "")), "document_annotation": None, "usage_info": usage}


def _chat_message(body: Json) -> tuple[Json, str]:
    call = _tool_call(body)
    if call is None:
        return {"role": "assistant", "content": _text(body), "refusal": None}, "stop"
    function = {"name": call[0], "arguments": json.dumps(call[1])}
    calls = [{"id": "call_replay_1", "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls}, "tool_calls"


def _blocks(body: Json) -> tuple[list[Json], str]:
    call = _tool_call(body)
    if call is None:
        return [{"type": "text", "text": _text(body)}], "end_turn"
    use = {"type": "tool_use", "id": "toolu_replay_1", "name": call[0], "input": call[1]}
    return [{"type": "text", "text": "I will look that up."}, use], "tool_use"


def _tool_call(body: Json) -> tuple[str, Json] | None:
    """The first tool with arguments that fit its schema; ``None`` if the client has just sent a result."""
    tools, turns = body.get("tools"), body.get("messages")
    if not isinstance(tools, list) or not tools or not isinstance(turns, list) or not turns:
        return None
    last = turns[-1]
    content = last.get("content") if isinstance(last, dict) else None
    results = isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "tool_result" for part in content
    )
    if results or (isinstance(last, dict) and last.get("role") == "tool"):
        return None
    for tool in tools:
        if isinstance(tool, dict):
            inner = tool.get("function")
            function: Json = inner if isinstance(inner, dict) else tool
            schema = function.get("parameters") or function.get("input_schema")
            if isinstance(function.get("name"), str) and isinstance(schema, dict):
                found = sample(schema)
                return function["name"], found if isinstance(found, dict) else {}
    return None


def sample(schema: Json, depth: int = 0) -> object:
    """A small value that a JSON schema accepts."""
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if depth < MAX_DEPTH and (kind == "object" or "properties" in schema):
        properties = schema.get("properties")
        wanted = schema.get("required")
        if not isinstance(properties, dict):
            return {}
        names = wanted if isinstance(wanted, list) else list(properties)
        return {name: sample(properties[name], depth + 1) for name in names if isinstance(properties.get(name), dict)}
    if kind == "array":
        items = schema.get("items")
        return [sample(items, depth + 1)] if isinstance(items, dict) and depth < MAX_DEPTH else []
    return _SAMPLES.get(str(kind), "example")


def _text(body: Json) -> str:
    if str(body.get("messages", "")).find("tool_result") >= 0 or any(
        isinstance(turn, dict) and turn.get("role") == "tool" for turn in body.get("messages") or []
    ):
        return "According to the tool, all is well."
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema")
        return json.dumps(sample(schema)) if isinstance(schema, dict) else "{}"
    if isinstance(wanted, dict) and wanted.get("type") == "json_object":
        return '{"answer": "replay"}'
    return f"Hello from the replay upstream, which stands in for {body.get('model', 'a model')}."


def _tokens(body: Json) -> int:
    return 8 + len(json.dumps(body.get("messages", []))) // 4


def _chat_usage(body: Json) -> Json:
    tokens = _tokens(body)
    return {"prompt_tokens": tokens, "completion_tokens": 12, "total_tokens": tokens + 12}


def _count(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 16 else 1


def words(text: str) -> list[str]:
    words = text.split(" ")
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]


def pieces(text: str, size: int = 8) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _data(document: Json) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def named(document: Json) -> bytes:
    return f"event: {document['type']}\n".encode() + _data(document)
