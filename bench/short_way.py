"""What a 1 KB chat costs the gateway in instructions, sockets left out: the same request again and again. It takes the
short way where the core serves it, and the handler's where LiteLLM does.

    python -m bench.short_way                                          # this checkout
    python -m bench.short_way OTHER/bindings-python/python             # and another one, built, beside it

callgrind counts two runs of different lengths; the difference is what an exchange costs, without start-up and without
what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import servers
from bench.budget import collected

PACKAGE = servers.ROOT / "bindings-python" / "python"
FEW, MANY = 500, 2500
UPSTREAM = 9
"""No connection is made; the port stands in URLs only."""

_SENTENCE = "The deployment returns the value when the index exceeds the limit, then retries. "
_USAGE = {"prompt_tokens": 120, "completion_tokens": 41, "total_tokens": 161}
ANSWERS: dict[str, object] = {
    "bench-openai": {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": _SENTENCE * 8}, "finish_reason": "stop"},
        ],
        "usage": _USAGE,
    },
    "bench-anthropic": {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": _SENTENCE * 8}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 120, "output_tokens": 41},
    },
}
"""What the upstream says, per model."""
WAYS = {
    "same-dialect": ("bench-openai", "rust"),
    "translated": ("bench-anthropic", "rust"),
    "relayed": ("bench-openai", "python"),
}
"""Model and mode."""

MIGRATION = """\
migration:
  allow_ungated: true
  switches: {{"*": {mode}}}
  python: {{url: "http://127.0.0.1:{port}"}}
"""


class Wire(asyncio.Transport):
    """A socket's other end in the same process: keeps what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written = bytes(data)

    def close(self) -> None:
        """Nothing is open."""


def message(first_line: str, document: object, *headers: str) -> bytes:
    """An HTTP message with a JSON body."""
    body = json.dumps(document, separators=(",", ":")).encode()
    lines = (first_line, *headers, "content-type: application/json", f"content-length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


def chat(model: str) -> bytes:
    """A request of about 1 KB."""
    turns = [{"role": "system", "content": _SENTENCE}]
    turns += [{"role": role, "content": _SENTENCE * 2} for role in ("user", "assistant", "user")]
    document = {"model": model, "messages": turns, "max_tokens": 512, "temperature": 0.2}
    first = "POST /v1/chat/completions HTTP/1.1"
    return message(first, document, "host: 127.0.0.1:4000", f"authorization: Bearer {servers.KEY}")


def exchanges(way: str, count: int) -> None:
    """Serve so many requests of one client, in the interpreter that this runs in."""
    model, mode = WAYS[way]

    def load(module: str, name: str) -> Any:
        return getattr(importlib.import_module(f"interlingua.gateway.{module}"), name)

    load("serving", "settle_memory")()
    with tempfile.TemporaryDirectory(prefix="interlingua-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(servers.config(UPSTREAM) + MIGRATION.format(mode=mode, port=UPSTREAM))

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            gateway = load("application", "create_app")(config, log=load("logs", "Log")(access=False))
            client_wire, upstream_wire = Wire(), Wire()
            idle = gateway.transport.pool.idle(load("pool", "locate")(f"http://127.0.0.1:{UPSTREAM}/").origin)
            deadlines = load("waiting", "Deadlines")(loop)
            upstream = load("connection", "Connection")(64 * 1024, deadlines, idle.give_back)
            upstream.connection_made(upstream_wire)
            idle.give_back(upstream)
            server = load("server", "Server")(gateway, loop)
            client = load("client_connection", "ClientConnection")(server)
            client.connection_made(client_wire)
            request, answer = chat(model), message("HTTP/1.1 200 OK", ANSWERS[model])
            for _ in range(count):
                client.data_received(request)
                upstream.data_received(answer)
            if count and b" 200 OK\r\n" not in client_wire.written:
                raise SystemExit(f"bench: the gateway answered {client_wire.written[:200]!r}")
            deadlines.close()
            server.deadlines.close()
            await gateway.close()

        asyncio.run(serve())


def instructions(way: str, package: Path) -> int:
    """What one exchange costs."""

    env = {"PYTHONHASHSEED": "0", "PYTHONPATH": f"{package}{os.pathsep}{servers.ROOT}"}

    def run(count: int) -> int:
        return collected([sys.executable, "-m", "bench.short_way", "--do", way, str(count)], env)

    return (run(MANY) - run(FEW)) // (MANY - FEW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, help="the folder of another interlingua to count as well")
    parser.add_argument("--do", nargs=2, metavar=("WAY", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        exchanges(options.do[0], int(options.do[1]))
        return
    for way in WAYS:
        here = instructions(way, PACKAGE)
        line = f"  {way:<20}{here:>10,}"
        if options.package:
            there = instructions(way, options.package.resolve())
            line += f"  other {there:>10,}  {here / there - 1:+.2%}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
