"""A provider of all three chat dialects that plays an agent's model, and refuses a turn in which anything of the turns
before came back changed: reasoning, calls, their results.

First turn: reasoning and two calls at once. Second: reasoning and a patch. Third: the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from rig import Received, http_answer

Json = dict[str, Any]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PATCH = '*** Begin Patch\n+print("ünï\\t\\"✓\\"")\n*** End Patch'
THOUGHTS = ("I list the files,\nand look at the picture.", "The patch is small.")
SECRETS = ("gAAAAABo+first/==", "gAAAAABo+second/==")
CALLS = ({"id": "call_list", "name": "list_files", "arguments": {"path": "src", "deep": True}},)
BOTH = (*CALLS, {"id": "call_look", "name": "look", "arguments": {"file": "ünï.png"}})
FINAL = "Done: 1 file changed."


class Objection(Exception):
    """What the provider would answer with 400."""


def expect(condition: object, message: str) -> None:
    if not condition:
        raise Objection(message)


class Agent:
    """The script for ``rig.Upstream``. ``dialects`` are those that were asked in, turn by turn."""

    def __init__(self) -> None:
        self.dialects: list[str] = []
        self.requests: list[Json] = []

    async def __call__(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = request.json()
        self.requests.append(body)
        path = request.target.partition("?")[0]
        speak = next(speak for end, speak in SPEAKERS if path.endswith(end))
        self.dialects.append(speak.__name__)
        try:
            answer, events = speak(body)
        except Objection as error:
            document = {"error": {"message": str(error), "type": "invalid_request_error", "param": None, "code": None}}
            writer.write(http_answer(400, json.dumps(document).encode()))
            return
        if body.get("stream"):
            writer.write(http_answer(200, b"".join(events), content_type="text/event-stream"))
        else:
            writer.write(http_answer(200, json.dumps(answer).encode()))


# -- responses ----------------------------------------------------------------------------------------------------


def responses(body: Json) -> tuple[Json, Iterator[bytes]]:
    items = body["input"]
    kinds = [item.get("type", "message") for item in items]
    outputs = {item["call_id"]: item for item in items if item.get("type", "").endswith("_output")}
    turn = {0: 0, 2: 1, 3: 2}.get(len(outputs))
    expect(turn is not None, f"{len(outputs)} results")
    assert turn is not None
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    told = [item.get("encrypted_content") for item in reasoning]
    expect(told == list(SECRETS[:turn]), f"reasoning came back as {told}")
    expect(all("summary" in item for item in reasoning), "reasoning without a summary")
    if turn >= 1:
        calls = [item for item in items if item.get("type") == "function_call"][:2]
        for call, made in zip(calls, BOTH, strict=True):
            expect(call["call_id"] == made["id"] and call["name"] == made["name"], "another call")
            expect(json.loads(call["arguments"]) == made["arguments"], "other arguments")
        expect(kinds.index("reasoning") < kinds.index("function_call"), "reasoning behind its call")
        expect("a.py" in json.dumps(outputs["call_list"]["output"]), "the first result is lost")
        expect(PNG in json.dumps(outputs["call_look"]["output"]), "the picture is lost")
    if turn == 2:
        patch = next(item for item in items if item.get("call_id") == "call_patch")
        given = patch["input"] if patch["type"] == "custom_tool_call" else json.loads(patch["arguments"])["content"]
        expect(given == PATCH, "another patch")
    output = _output(body, turn)
    answer = {
        "id": f"resp_{turn}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": body["model"],
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": body.get("tools", []),
        "top_p": 1.0,
        "usage": {
            "input_tokens": 20,
            "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
            "output_tokens": 10,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 30,
        },
    }
    return answer, _responses_events(answer)


def _output(body: Json, turn: int) -> list[Json]:
    if turn == 2:
        text = {"type": "output_text", "text": FINAL, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "content": [text]}
        return [message]
    summary = [{"type": "summary_text", "text": THOUGHTS[turn]}]
    thought = {"type": "reasoning", "id": f"rs_{turn}", "summary": summary, "encrypted_content": SECRETS[turn]}
    if turn == 0:
        calls = [
            {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": call["id"],
                "name": call["name"],
                "arguments": json.dumps(call["arguments"]),
                "status": "completed",
            }
            for number, call in enumerate(BOTH)
        ]
        return [thought, *calls]
    custom = any(tool["type"] == "custom" for tool in body.get("tools", []))
    named = {"call_id": "call_patch", "name": "apply_patch", "status": "completed"}
    if custom:
        return [thought, {"type": "custom_tool_call", "id": "ctc_1", "input": PATCH, **named}]
    arguments = json.dumps({"content": PATCH})
    return [thought, {"type": "function_call", "id": "fc_9", "arguments": arguments, **named}]


PARTS = {"summary_index": "reasoning_summary_part", "content_index": "content_part"}


def _responses_events(answer: Json) -> Iterator[bytes]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [{"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")]
    for index, item in enumerate(answer["output"]):
        at = {"item_id": item["id"], "output_index": index}
        hollow = {"summary": [], "content": [], "arguments": "", "input": "", "status": "in_progress"}
        empty = {key: hollow.get(key, value) for key, value in item.items() if key != "encrypted_content"}
        events.append({"type": "response.output_item.added", "output_index": index, "item": empty})
        for kind, text, more in _deltas(item):
            part = {"summary_index": "reasoning_summary_part", "content_index": "content_part"}.get(
                next(iter(more), "")
            )
            whole = (item.get("summary") or item.get("content") or [{}])[0]
            if part:
                opened = {"type": f"response.{part}.added", **at, **more, "part": {**whole, "text": ""}}
                events.append(opened)
            field = {"arguments": "arguments", "input": "input"}.get(kind.rsplit("_", 1)[-1], "text")
            logprobs = {"logprobs": []} if "content_index" in more else {}
            deltas = [{"type": f"{kind}.delta", **at, **more, **logprobs, "delta": piece} for piece in _pieces(text)]
            events += [*deltas, {"type": f"{kind}.done", **at, **more, **logprobs, field: text}]
            if part:
                events.append({"type": f"response.{part}.done", **at, **more, "part": whole})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": answer})
    for number, event in enumerate(events):
        yield _named(event["type"], {**event, "sequence_number": number})


def _deltas(item: Json) -> list[tuple[str, str, Json]]:
    if item["type"] == "reasoning":
        return [("response.reasoning_summary_text", item["summary"][0]["text"], {"summary_index": 0})]
    if item["type"] == "function_call":
        return [("response.function_call_arguments", item["arguments"], {})]
    if item["type"] == "custom_tool_call":
        return [("response.custom_tool_call_input", item["input"], {})]
    return [("response.output_text", item["content"][0]["text"], {"content_index": 0})]


# -- messages -----------------------------------------------------------------------------------------------------


def messages(body: Json) -> tuple[Json, Iterator[bytes]]:
    blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    results = {block["tool_use_id"]: block for block in blocks if block["type"] == "tool_result"}
    turn = {0: 0, 2: 1, 3: 2}.get(len(results))
    expect(turn is not None, f"{len(results)} results")
    assert turn is not None
    thinking = [(block["thinking"], block["signature"]) for block in blocks if block["type"] == "thinking"]
    due = list(zip(THOUGHTS, SECRETS, strict=True))[:turn]
    expect(thinking == due, f"thinking came back as {thinking}")
    if turn >= 1:
        uses = [block for block in blocks if block["type"] == "tool_use"]
        made = [(use["id"], use["name"], use["input"]) for use in uses[:2]]
        expect(made == [(call["id"], call["name"], call["arguments"]) for call in BOTH], f"calls as {made}")
        expect("a.py" in json.dumps(results["call_list"]["content"]), "the first result is lost")
        expect(PNG in json.dumps(results["call_look"]["content"]), "the picture is lost")
        if turn == 2:
            expect(uses[2]["input"] == {"content": PATCH}, "another patch")
    content: list[Json] = [{"type": "text", "text": FINAL}]
    if turn < 2:
        calls = [{"id": "call_patch", "name": "apply_patch", "arguments": {"content": PATCH}}] if turn else BOTH
        thought = {"type": "thinking", "thinking": THOUGHTS[turn], "signature": SECRETS[turn]}
        uses = [
            {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["arguments"]} for call in calls
        ]
        content = [thought, *uses]
    answer = {
        "id": f"msg_{turn}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "end_turn" if turn == 2 else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 15, "cache_read_input_tokens": 5, "output_tokens": 10},
    }
    return answer, _messages_events(answer)


def _messages_events(answer: Json) -> Iterator[bytes]:
    events: list[Json] = [{"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}}]
    for index, block in enumerate(answer["content"]):
        if block["type"] == "thinking":
            empty: Json = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "tool_use":
            empty = {**block, "input": {}}
            pieces = _pieces(json.dumps(block["input"]))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        else:
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}})
    events.append({"type": "message_stop"})
    for event in events:
        yield _named(event["type"], event)


# -- chat ---------------------------------------------------------------------------------------------------------


def chat(body: Json) -> tuple[Json, Iterator[bytes]]:
    results = {turn["tool_call_id"]: turn for turn in body["messages"] if turn["role"] == "tool"}
    turn = {0: 0, 2: 1, 3: 2}.get(len(results))
    expect(turn is not None, f"{len(results)} results")
    assert turn is not None
    made = [call for one in body["messages"] for call in one.get("tool_calls") or []]
    if turn >= 1:
        told = [(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in made[:2]]
        expect(told == [(call["id"], call["name"], call["arguments"]) for call in BOTH], f"calls as {told}")
        expect("a.py" in json.dumps(results["call_list"]["content"]), "the first result is lost")
    if turn == 2:
        expect(json.loads(made[2]["function"]["arguments"]) == {"content": PATCH}, "another patch")
    message: Json = {"role": "assistant", "content": FINAL}
    if turn < 2:
        calls = [{"id": "call_patch", "name": "apply_patch", "arguments": {"content": PATCH}}] if turn else BOTH
        message = {
            "role": "assistant",
            "content": None,
            "reasoning_content": THOUGHTS[turn],
            "tool_calls": [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
                }
                for call in calls
            ],
        }
    base = {"id": f"chatcmpl-{turn}", "created": 1_700_000_000, "model": body["model"]}
    finish = "stop" if turn == 2 else "tool_calls"
    usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    answer = {
        **base,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }
    return answer, _chat_events({**base, "object": "chat.completion.chunk"}, message, finish, usage)


def _chat_events(base: Json, message: Json, finish: str, usage: Json) -> Iterator[bytes]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in _pieces(message.get("reasoning_content") or "")]
    deltas += [{"content": piece} for piece in _pieces(message["content"] or "")]
    calls = message.get("tool_calls") or []
    for index, call in enumerate(calls):
        opened = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [opened]})
    # Their arguments take turns: hosts that call in parallel may send them so.
    pieces = [(index, piece) for index, call in enumerate(calls) for piece in _pieces(call["function"]["arguments"])]
    deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for index, piece in pieces]
    for delta in deltas:
        yield _data({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _data({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    yield _data({**base, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


# -- framing ------------------------------------------------------------------------------------------------------

SPEAKERS = (("/responses", responses), ("/messages", messages), ("/chat/completions", chat))


def _pieces(text: str, size: int = 5) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _named(kind: str, data: Json) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def _data(data: Json) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
