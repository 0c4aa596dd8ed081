"""Test rig: scripted upstreams and real gateways, each in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import yaml
from interlingua.cases.recorder import Recorder
from interlingua.gateway.application import Gateway, create_app
from interlingua.gateway.logs import Log
from interlingua.gateway.serving import bind
from servers import LeanThread, UvicornThread

T = TypeVar("T")

KEY = "sk-test-master-8f2c"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


MESSAGES = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


def http_answer(status: int, body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    """A whole HTTP/1.1 answer with its length."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {content_type}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat_answer(**changes: Any) -> bytes:
    return http_answer(200, json.dumps({**CHAT_ANSWER, **changes}).encode())


def chunk(**delta: Any) -> bytes:
    finish = delta.pop("finish", None)
    document = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


STREAM = [chunk(role="assistant", content="a"), chunk(content="b"), chunk(finish="stop"), b"data: [DONE]\n\n"]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Received:
    """One request as the upstream saw it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if line]
        self.body = body

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[Received, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Upstream:
    """A raw HTTP/1.1 server. ``answers`` are sent one per request, the last one again and again; an item may be
    bytes, a list of byte slices (each in its own write), or a coroutine function that does as it likes."""

    def __init__(self) -> None:
        self.answers: list[bytes | list[bytes] | Script] = [chat_answer()]
        self.received: list[Received] = []
        self.connections = 0
        self.closed_by_client = threading.Event()
        self.close_after_answer = False
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Upstream:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await read_request(reader)
                if request is None:
                    return
                self.received.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self._answer(answer, request, reader, writer)
                if self.close_after_answer:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_client.set()
        finally:
            writer.close()

    async def _answer(
        self,
        answer: bytes | list[bytes] | Script,
        request: Received,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if isinstance(answer, bytes):
            writer.write(answer)
        elif isinstance(answer, list):
            for slice_ in answer:
                writer.write(slice_)
                await writer.drain()
                await asyncio.sleep(0.001)
        else:
            await answer(request, reader, writer)
        await writer.drain()


async def read_request(reader: asyncio.StreamReader) -> Received | None:
    """One HTTP request; ``None`` at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request = Received(head, b"")
    if request.header("transfer-encoding") == "chunked":
        while True:
            size = int(await reader.readline(), 16)
            request.body += (await reader.readexactly(size + 2))[:-2]
            if size == 0:
                return request
    request.body = await reader.readexactly(int(request.header("content-length") or 0))
    return request


async def until_closed(request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A script that never answers, and ends when the client hangs up."""
    if not await reader.read(1):
        raise ConnectionError


def config_document(base: str, **changes: Any) -> dict[str, Any]:
    """A config with one group per route, all at ``base``."""
    document: dict[str, Any] = {
        "model_list": [
            {
                "model_name": "gpt-4o",
                "litellm_params": {"model": "openai/gpt-4o", "api_key": "sk-up-openai", "api_base": f"{base}/v1"},
            },
            {
                "model_name": "claude",
                "litellm_params": {
                    "model": "anthropic/claude-sonnet-4-5",
                    "api_key": "sk-up-anthropic",
                    "api_base": base,
                },
            },
            {
                "model_name": "ocr",
                "litellm_params": {
                    "model": "mistral/mistral-ocr-latest",
                    "api_key": "sk-up-mistral",
                    "api_base": f"{base}/v1",
                },
            },
            {
                "model_name": "groq/*",
                "litellm_params": {"model": "groq/*", "api_key": "sk-up-groq", "api_base": f"{base}/openai/v1"},
            },
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"num_retries": 0},
        "migration": {"allow_ungated": True, "switches": {"*": "rust"}},
    }
    document.update(changes)
    return document


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.02)


class Running:
    """A gateway on a real socket, on our own server or on uvicorn."""

    def __init__(
        self,
        document: dict[str, Any],
        folder: Path,
        *,
        shutdown_seconds: int = 2,
        server: str = "lean",
        recorder: Recorder | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "config.yaml"
        # The packaged gate opens as parity is proven; tests decide for themselves what is.
        gate = folder / "closed-gate.json"
        gate.write_text('{"routes": {}}')
        document = {**document, "migration": {"gate_file": str(gate), **document.get("migration", {})}}
        path.write_text(yaml.safe_dump(document))
        self.log_text = io.StringIO()
        self.app: Gateway = create_app(path, log=Log(self.log_text), recorder=recorder)
        listener = bind("127.0.0.1", 0)
        self.port: int = listener.getsockname()[1]
        self.app.listens_at(self.url)
        kind = LeanThread if server == "lean" else UvicornThread
        self._server = kind(self.app, listener, shutdown_seconds=shutdown_seconds)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Running:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.stop()

    def in_its_loop(self, action: Callable[[], T]) -> T:
        """Of our own server: what ``action`` finds when nothing is half done."""
        assert isinstance(self._server, LeanThread)
        return self._server.run(action)

    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_text.getvalue().splitlines()]

    def wait_for_log(self, event: str) -> dict[str, Any]:
        """The first line of this kind; lines are written a moment after what they tell."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = next((line for line in self.logs() if line["event"] == event), None)
            if found is not None:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no line {event!r}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        *,
        key: str | None = KEY,
        **headers: str,
    ) -> Reply:
        connection = self.connect()
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            if key is not None:
                names.setdefault("authorization", f"Bearer {key}")
            if isinstance(body, dict):
                body = json.dumps(body).encode()
                names.setdefault("content-type", "application/json")
            connection.request(method, path, body, names)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def chat(self, **changes: Any) -> Reply:
        return self.request("POST", "/v1/chat/completions", {**CHAT, **changes})


class Reply:
    """A whole answer of the gateway."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)
