"""Valid answers of OpenAI's responses for requests that no fixture knows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from interlingua.replay.answers import CREATED, Json, named, pieces, sample, words


def responses(body: Json) -> Json:
    """A whole response."""
    tokens = 8 + len(json.dumps(body.get("input", ""))) // 4
    return {
        "id": "resp_replay",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": str(body.get("model", "")),
        "output": [_item(body)],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "temperature": 1.0,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 12,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens + 12,
        },
    }


def responses_stream(body: Json) -> Iterator[bytes]:
    """The same as events."""
    for number, event in enumerate(_events(responses(body))):
        yield named({**event, "sequence_number": number})


def _events(whole: Json) -> Iterator[Json]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    (item,) = whole["output"]
    at = {"item_id": item["id"], "output_index": 0}
    nothing: Json = {"content": []} if "content" in item else {"arguments": ""}
    empty = {**item, "status": "in_progress", **nothing}
    yield {"type": "response.output_item.added", "output_index": 0, "item": empty}
    if item["type"] == "message":
        (part,) = item["content"]
        at["content_index"] = 0
        yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
        for word in words(part["text"]):
            yield {"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}
        yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
        yield {"type": "response.content_part.done", **at, "part": part}
    else:
        for piece in pieces(item["arguments"]):
            yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
        yield {
            "type": "response.function_call_arguments.done",
            **at,
            "name": item["name"],
            "arguments": item["arguments"],
        }
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": whole}


def _item(body: Json) -> Json:
    given = body.get("input")
    items = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict) and tool.get("type") == "function"]
    answered = any(item.get("type") == "function_call_output" for item in items)
    if tools and not (items and items[-1].get("type") == "function_call_output"):
        schema = tools[0].get("parameters")
        arguments = sample(schema) if isinstance(schema, dict) else {}
        return {
            "type": "function_call",
            "id": "fc_replay_1",
            "call_id": "call_replay_1",
            "name": str(tools[0].get("name", "")),
            "arguments": json.dumps(arguments),
            "status": "completed",
        }
    hello = f"Hello from the replay upstream, which stands in for {body.get('model', 'a model')}."
    text = "According to the tool, all is well." if answered else hello
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "id": "msg_replay", "role": "assistant", "status": "completed", "content": [part]}
