"""LiteLLM's own request transform on the benchmark's inputs. Runs in the oracle environment; prints one JSON object.

Usage: <oracle python> litellm_transform.py FOLDER
"""

import functools
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 7
SECONDS_A_ROUND = 0.4
CONFIGS = {
    "chat_to_anthropic": ("litellm.llms.anthropic.chat.transformation", "AnthropicConfig", "claude-sonnet-4-5"),
    "chat_to_openai": ("litellm.llms.openai.chat.gpt_transformation", "OpenAIGPTConfig", "gpt-4o"),
}


def translation(pair: str, body: bytes) -> Callable[[], bytes]:
    """Bytes in, bytes out, as the core does it: read, map the parameters, transform, write."""
    module, name, model = CONFIGS[pair]
    config: Any = getattr(importlib.import_module(module), name)()

    def translate() -> bytes:
        fields = json.loads(body)
        del fields["model"]
        messages = fields.pop("messages")
        mapped = config.map_openai_params(non_default_params=fields, optional_params={}, model=model, drop_params=False)
        sent = config.transform_request(
            model=model, messages=messages, optional_params=mapped, litellm_params={}, headers={}
        )
        return json.dumps(sent).encode()

    return translate


def measure(work: Callable[[], object]) -> list[float]:
    """Nanoseconds a call, one figure a round."""
    work()
    started = time.perf_counter()
    work()
    count = max(3, int(SECONDS_A_ROUND / (time.perf_counter() - started)))
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            work()
        rounds.append((time.perf_counter() - started) / count * 1e9)
    return sorted(rounds)


def recoded(body: bytes) -> bytes:
    """What reading and writing the JSON costs by itself."""
    return json.dumps(json.loads(body)).encode()


def main() -> None:
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_TELEMETRY="False")
    folder = Path(sys.argv[1])
    results: dict[str, dict[str, float]] = {}
    for pair in CONFIGS:
        for size in ("1k", "60k"):
            body = (folder / f"chat_{size}.json").read_bytes()
            rounds = measure(translation(pair, body))
            codec = measure(functools.partial(recoded, body))
            results[f"{pair}/{size}"] = {
                "ns": statistics.median(rounds),
                "lowest": rounds[0],
                "highest": rounds[-1],
                "json_ns": statistics.median(codec),
            }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
