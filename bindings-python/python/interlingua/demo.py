"""The demo: gateway and replay upstream as child processes, used by the official SDKs. No key, no network."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import Request, urlopen

from interlingua.children import Child, ChildError
from interlingua.gateway.switches import Gate, SwitchError

KEY = "sk-interlingua-demo"

CONFIG = """\
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_key: replay, api_base: "{upstream}/v1"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_key: replay, api_base: "{upstream}"}}
  - model_name: groq/*
    litellm_params: {{model: groq/*, api_key: replay, api_base: "{upstream}/openai/v1"}}
  - model_name: qwen3-32b
    litellm_params: {{model: hosted_vllm/qwen3-32b, api_base: "{upstream}/v1"}}
  - model_name: mistral-ocr
    litellm_params: {{model: mistral/mistral-ocr-latest, api_key: replay, api_base: "{upstream}/v1"}}
general_settings: {{master_key: {key}}}
litellm_settings: {{num_retries: 0}}
migration: {{allow_ungated: {ungated}, switches: {{"*": {mode}}}}}
"""

PAIRS = (
    *(f"openai_chat/{provider}" for provider in ("openai", "anthropic", "groq", "hosted_vllm")),
    *(f"anthropic_messages/{provider}" for provider in ("anthropic", "groq", "hosted_vllm")),
    *(f"openai_responses/{provider}" for provider in ("openai", "anthropic", "groq")),
)
FEATURES = ("streaming", "tools", "tool_results", "multi_turn")

CURLS = """
Try it:
  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "claude", "messages": [{{"role": "user", "content": "Hello"}}]}}'
  curl -N {url}/v1/messages -H 'x-api-key: {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "qwen3-32b", "max_tokens": 64, "stream": true, "messages": [{{"role": "user", "content": "Hi"}}]}}'
  curl {url}/v1/responses -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "claude", "input": "Hello"}}'
  curl {url}/v1/ocr -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "mistral-ocr", "document": {{"type": "document_url", "document_url": "https://example.com/a.pdf"}}}}'
  curl {url}/v1/models -H 'Authorization: Bearer {key}'
  curl {url}/metrics -H 'Authorization: Bearer {key}'
"""


def run(*, keep: bool, port: int, fixtures: Path | None = None, command: Sequence[str] | None = None) -> int:
    """Run the demo, or with ``keep`` leave both processes up until Ctrl-C. Returns the exit code."""
    # Also when somebody ends us from outside, the children must go first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="interlingua-demo-") as folder:
            return _run(Path(folder), keep, port, fixtures, command)
    except ChildError as error:
        print(f"interlingua: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0 if keep else 130


def _run(folder: Path, keep: bool, port: int, fixtures: Path | None, command: Sequence[str] | None) -> int:
    _say("starting the replay upstream …")
    replay = ["replay", "--port", "0", *(["--fixtures", str(fixtures)] if fixtures else [])]
    with Child(replay, folder / "replay.log", command) as upstream:
        config = folder / "config.yaml"
        proven = _proven()
        mode = {"mode": "auto" if proven else "rust", "ungated": "false" if proven else "true"}
        config.write_text(CONFIG.format(upstream=upstream.url, key=KEY, **mode), encoding="utf-8")
        _say(f"starting the gateway, {'gate open' if proven else 'ungated: parity is not proven for all of this'} …")
        serve = ["serve", "--config", str(config), "--port", str(port)]
        with Child(serve, folder / "gateway.log", command) as gateway:
            print(f"gateway {gateway.url} → replay upstream {upstream.url}")
            return _keep(gateway, upstream) if keep else _use(gateway)


def _proven() -> bool:
    """Whether the gate is open for all that the demo does. If not, nothing real is at stake here."""
    try:
        gate = Gate.read()
    except SwitchError:
        return False
    return gate.is_open("mistral_ocr/mistral") and not any(gate.missing(pair, FEATURES) for pair in PAIRS)


def _say(text: str) -> None:
    print(text, flush=True)


def _keep(gateway: Child, upstream: Child) -> int:
    _say(CURLS.format(url=gateway.url, key=KEY) + "\nCtrl-C ends both.")
    while gateway.running and upstream.running:
        gateway.drain()
        time.sleep(0.2)
    print("interlingua: a process ended by itself", file=sys.stderr)
    return 1


def _use(gateway: Child) -> int:
    try:
        from interlingua.scenarios import Clients, scenarios
    except ModuleNotFoundError as error:
        print(f"interlingua: the demo uses the official SDKs: pip install openai anthropic ({error.name} is missing)")
        return 2
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(variable, None)  # everything here is on loopback
    failed = total = 0
    print(f"\n{'route':<10}{'provider':<13}{'what':<15}{'result':<26}{'ms':>7}")
    print("─" * 71)
    clients = Clients(gateway.url, KEY)
    for scenario in scenarios(clients):
        total += 1
        started = time.perf_counter()
        try:
            result, mark = scenario.run(), "✓"
        except Exception as error:
            failed += 1
            result, mark = f"{type(error).__name__}: {error}", "✗"
        milliseconds = (time.perf_counter() - started) * 1000
        gateway.drain()
        row = f"{scenario.route:<10}{scenario.provider:<13}{scenario.what:<15}{mark} {result:<24}{milliseconds:>7.1f}"
        print(row, flush=True)
    print("─" * 71)
    print(f"{total - failed} of {total} as they should be; {_engines(gateway.url)}")
    return 1 if failed else 0


def _engines(url: str) -> str:
    """Who served, by the gateway's own count."""
    with urlopen(Request(f"{url}/metrics", headers={"Authorization": f"Bearer {KEY}"}), timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counts = {"rust": 0, "python": 0}
    for line in lines:
        for engine in counts:
            if line.startswith("interlingua_requests_total{") and f'engine="{engine}"' in line:
                counts[engine] += int(line.rsplit(" ", 1)[1])
    return f"{counts['rust']} exchanges through the Rust core, {counts['python']} through LiteLLM"
