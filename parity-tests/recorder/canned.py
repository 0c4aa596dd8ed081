"""A valid answer for every dialect: what a case is answered with when only the request matters."""

import json
from collections.abc import Iterable
from typing import Any

from recorder.wire import Answer, Sent

_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
_RESPONSES_USAGE = {
    "input_tokens": 9,
    "output_tokens": 2,
    "total_tokens": 11,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}


def canned_answer(sent: Sent) -> Answer:
    """Answers in the dialect that the path names, streamed if the request says so."""
    body = _json_object(sent.body)
    path = sent.url.split("?", 1)[0].rstrip("/")
    model = str(body.get("model", "model"))
    streamed = body.get("stream") is True
    if path.endswith("/messages"):
        return _sse(_anthropic_events(model), named=True) if streamed else _json(_anthropic_message(model))
    if path.endswith("/responses"):
        return _sse(_responses_events(model), named=True) if streamed else _json(_responses_object(model, "completed"))
    if path.endswith("/ocr"):
        return _json(_ocr_answer(model))
    return _sse(_chat_chunks(model), named=False) if streamed else _json(_chat_completion(model))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(value: dict[str, Any]) -> Answer:
    return Answer(200, [("content-type", "application/json")], [json.dumps(value).encode()])


def _sse(events: Iterable[dict[str, Any]], *, named: bool) -> Answer:
    frames = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        frames.append(f"{name}data: {json.dumps(event)}\n\n")
    if not named:
        frames.append("data: [DONE]\n\n")
    return Answer(200, [("content-type", "text/event-stream")], ["".join(frames).encode()])


def _chat_completion(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello!"}
    return {
        "id": "chatcmpl-canned",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "service_tier": "default",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _USAGE,
    }


def _chat_chunks(model: str) -> list[dict[str, Any]]:
    head = {"id": "chatcmpl-canned", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hello!"}, None),
        ({}, "stop"),
    ]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} for delta, finish in deltas
    ]
    return [*chunks, {**head, "choices": [], "usage": _USAGE}]


def _anthropic_message(model: str) -> dict[str, Any]:
    return {
        "id": "msg_canned",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 2},
    }


def _anthropic_events(model: str) -> list[dict[str, Any]]:
    start = {**_anthropic_message(model), "content": [], "stop_reason": None}
    start["usage"] = {"input_tokens": 9, "output_tokens": 1}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello!"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]


def _responses_object(model: str, status: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Hello!", "annotations": []}
    message = {"id": "msg_canned", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": "resp_canned",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": model,
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": _RESPONSES_USAGE if status == "completed" else None,
    }


def _responses_events(model: str) -> list[dict[str, Any]]:
    completed = _responses_object(model, "completed")
    message = completed["output"][0]
    text = message["content"][0]
    place = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _responses_object(model, "in_progress")},
        {"type": "response.in_progress", "response": _responses_object(model, "in_progress")},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**text, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": text["text"], "logprobs": []},
        {"type": "response.output_text.done", **place, "text": text["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": text},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": completed},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _ocr_answer(model: str) -> dict[str, Any]:
    page = {"index": 0, "markdown": "# Hello", "images": [], "dimensions": {"dpi": 200, "height": 2200, "width": 1700}}
    return {
        "pages": [page],
        "model": model,
        "document_annotation": None,
        "usage_info": {"pages_processed": 1, "doc_size_bytes": 1024},
    }
