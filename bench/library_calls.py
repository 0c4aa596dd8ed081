"""One chat request as a library call, one after the other, in whichever interpreter runs this; prints one JSON object.

Usage: <python> library_calls.py interlingua|litellm|fast-litellm|liter-llm PORT BODY.json

The same request goes to the same upstream: the time holds building the request from a dict, translating it, sending it
on a kept connection, and reading the answer into what the library's user gets.
"""

import asyncio
import http.client
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROUNDS = 7
SECONDS_A_ROUND = 0.4
MODELS = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-5"}
Call = Callable[[], Awaitable[object]]


def interlingua(provider: str, port: int, fields: dict[str, Any]) -> Call:
    """The core's translation around the standard library's HTTP client."""
    core = importlib.import_module("interlingua")
    base = f"http://127.0.0.1:{port}" + ("/v1" if provider == "openai" else "")
    target = core.Target(provider, MODELS[provider], base_url=base)
    connection = http.client.HTTPConnection("127.0.0.1", port)

    async def call() -> object:
        attempt = core.Request("openai_chat", json.dumps(fields).encode()).attempt(target, now_unix=1, id_seed=1)
        request = attempt.step()
        path = request.url.partition("://")[2].partition("/")[2]
        connection.request("POST", f"/{path}", body=request.body, headers=dict(request.headers))
        answer = connection.getresponse()
        attempt.head(answer.status, answer.getheaders())
        return json.loads(attempt.body(answer.read()) + attempt.end())

    return call


def litellm(provider: str, port: int, fields: dict[str, Any]) -> Call:
    """``litellm.acompletion``."""
    module: Any = importlib.import_module("litellm")
    module.drop_params = True
    base = f"http://127.0.0.1:{port}" + ("/v1" if provider == "openai" else "")
    arguments = fields | {"model": f"{provider}/{MODELS[provider]}", "api_base": base, "api_key": "sk-none"}

    async def call() -> object:
        return await module.acompletion(**arguments, num_retries=0)

    return call


def fast_litellm(provider: str, port: int, fields: dict[str, Any]) -> Call:
    """The same with fast-litellm's patches."""
    importlib.import_module("fast_litellm")
    return litellm(provider, port, fields)


def liter_llm(provider: str, port: int, fields: dict[str, Any]) -> Call:
    """liter-llm's native client, without its dataclasses around it."""
    native = importlib.import_module("liter_llm._internal_bindings")
    client = native.create_client(api_key="sk-none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    chosen = fields | {"model": f"{provider}/{MODELS[provider]}"}

    async def call() -> object:
        return await client.chat(native.ChatCompletionRequest.from_json(json.dumps(chosen)))

    return call


LIBRARIES = {"interlingua": interlingua, "litellm": litellm, "fast-litellm": fast_litellm, "liter-llm": liter_llm}


async def measure(call: Call) -> dict[str, float]:
    """Microseconds a call, and processor time of it."""
    for _ in range(20):
        await call()
    rounds, spent = [], []
    for _ in range(ROUNDS):
        started, before, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - started < SECONDS_A_ROUND:
            await call()
            count += 1
        rounds.append((time.perf_counter() - started) / count * 1e6)
        spent.append((time.process_time() - before) / count * 1e6)
    return {"us": statistics.median(rounds), "lowest": min(rounds), "highest": max(rounds), "cpu_us": min(spent)}


def main() -> None:
    library, port, body = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    fields = json.loads(body.read_bytes())
    results = {}
    for provider in MODELS:
        results[provider] = asyncio.run(measure(LIBRARIES[library](provider, port, fields)))
    print(json.dumps(results), flush=True)
    os._exit(0)  # liter-llm's threads abort an interpreter that ends in good order


if __name__ == "__main__":
    main()
