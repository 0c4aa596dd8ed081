"""The shadow plug-in: runs inside a LiteLLM proxy and tells the gateway what LiteLLM really sent and received.

This one file needs nothing of Interlingua, so that it can be copied beside the config of a LiteLLM elsewhere. It is
loaded by ``litellm_settings: {callbacks: [interlingua_plugin.plugin]}`` with the file copied as
``interlingua_plugin.py``, or by running it in place of the ``litellm`` command. ``INTERLINGUA_HANDOVER_URL`` and
``INTERLINGUA_HANDOVER_TOKEN`` say where hand-overs go; without them it does nothing.

Only requests that the gateway has marked are looked at. Nothing that goes wrong here may reach an answer: every
step of ours is guarded, and what cannot be told is dropped and counted. Keys are removed before anything leaves.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import http.client
import json
import logging
import os
import queue
import re
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

HEADER = "x-interlingua-shadow"
"""Marks a request; its value is the gateway's name for what the request counts under."""
TOKEN_HEADER = "x-interlingua-token"
URL_VARIABLE = "INTERLINGUA_HANDOVER_URL"
TOKEN_VARIABLE = "INTERLINGUA_HANDOVER_TOKEN"
VERSION = 1
KEY = "<key>"

MAX_BYTES = 8 * 1024 * 1024
"""Of all bodies of an exchange together; a larger one is told of without its content."""
MAX_PLACES = 4
"""Places that one request may be seen to send to: guardrails and loggers use the same transports as providers."""
MAX_LIVE = 32
QUEUE_LENGTH = 64
QUEUE_BYTES = 64 * 1024 * 1024
MAX_TICKET = 300
MAX_TICKETS = 256
SEND_SECONDS = 5.0

_KEY_NAME = re.compile(
    r"(?i)(?:^|[-_.])(?:auth|authorization|authentication|keys?|apikey|token|secret|cookie|session|signature|sig"
    r"|credentials?|password|jwt|csrf|assertion|code)(?:$|[-_.])"
)
_USUAL_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_KEY_VALUE = re.compile(
    r"(?i)(?:bearer|basic)\s+\S|\b(?:sk|pk|rk|gsk|hf|ghp|xai|xox[a-z])[-_][-\w]{8,}|\bAIza[-\w]{20,}|\beyJ[-\w]{10,}\."
)
# Two looks: the first is quick, as it holds the interpreter for as long as it takes.
_MAYBE_KEY = re.compile(
    rb'(?:key|authorization|token|secret|password|credentials?|cookie)"(?=\s*:\s*"[^"])|user_config"(?=\s*:)'
)
_KEY_MEMBER = re.compile(
    rb"(?:api[-_]?key|private_key|secret(?:[-_](?:access[-_])?key)?|(?:access|auth|authorization|ad|session|bearer)"
    rb"[-_]?token|authorization|password|credentials?|cookie|user_config)$"
)
MAX_MAYBE = 10_000
_CODINGS = ("gzip", "deflate", "br", "zstd")
_CLIENT_HEADERS = ("content-type", "content-encoding", "anthropic-")
_MARK = HEADER.encode("ascii")
_LOG = logging.getLogger("interlingua")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def clean_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers without keys: of the usual ones only the fact that they were there is left."""
    cleaned: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        if name in _USUAL_KEY_HEADERS:
            scheme, space, _ = value.partition(" ")
            value = f"{scheme} {KEY}" if space else KEY
        elif _KEY_NAME.search(name):
            continue
        elif _KEY_VALUE.search(value):
            value = KEY
        cleaned[name] = f"{cleaned[name]}, {value}" if name in cleaned else value
    return cleaned


def clean_query(query: str) -> str:
    """A query without the values of keys."""
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        parts.append(name + equals + KEY if _KEY_NAME.search(name) or _KEY_VALUE.search(value) else part)
    return "&".join(parts)


def names_credential(body: bytes) -> bool:
    """Whether a body has a member with a credential; also if it has too many that might be one."""
    lower = body.lower()
    for count, found in enumerate(_MAYBE_KEY.finditer(lower)):
        if count >= MAX_MAYBE or _KEY_MEMBER.search(lower, max(0, found.start() - 40), found.end() - 1):
            return True
    return False


def clean_url(url: str) -> str:
    base, mark, query = url.partition("?")
    scheme, slashes, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + slashes + authority.rpartition("@")[2] + slash + path + mark + clean_query(query)


class Room:
    """What an exchange may take of our memory."""

    def __init__(self) -> None:
        self.used = 0

    @property
    def over(self) -> bool:
        return self.used > MAX_BYTES


class Message:
    """A request or an answer as it comes."""

    def __init__(self, room: Room, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.headers = list(headers)
        self.status: int | None = None
        self.complete = False
        self._room = room
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> None:
        self._room.used += len(data)
        if self._room.over:
            self._parts.clear()
        else:
            self._parts.append(bytes(data))

    def body(self) -> bytes | None:
        """Without its content-coding; ``None`` if that is none that we know, or if it hides too much."""
        data = b"".join(self._parts)
        coding = next((value for name, value in self.headers if name.lower() == "content-encoding"), "identity")
        if coding.lower() in ("", "identity"):
            return data
        if coding.lower() not in _CODINGS:
            return None
        pieces = (data[start : start + 4096] for start in range(0, len(data), 4096))
        decoded = b""
        try:
            answer = sys.modules["httpx"].Response(200, headers={"content-encoding": coding}, content=pieces)
            for part in answer.iter_bytes():
                decoded += part
                if len(decoded) > MAX_BYTES:
                    return None
        except Exception:
            return None
        return decoded

    def told(self) -> dict[str, Any]:
        body = self.body()
        text = None if body is None else base64.b64encode(body).decode("ascii")
        return {"headers": clean_headers(self.headers), "body_b64": text}

    def answer(self) -> dict[str, Any] | None:
        return None if self.status is None else {"status": self.status, "complete": self.complete, **self.told()}


class Call:
    """The last request to one place, and its answer."""

    def __init__(self, room: Room, count: int, request: Any) -> None:
        self.count = count
        self.method = str(request.method)
        self.url = str(request.url)
        self.sent = Message(room, request.headers.multi_items())
        self.sent.add(request.content)  # raises if it streams in
        self.received = Message(room)

    def answered(self, response: Any, stream: Any) -> None:
        self.received.headers = list(response.headers.multi_items())
        self.received.status = int(response.status_code)
        response.stream = stream(response.stream, self.received)

    def told(self) -> dict[str, Any]:
        told = {"count": self.count, "method": self.method, "url": clean_url(self.url)}
        return {**told, **self.sent.told(), "response": self.received.answer()}


class Capture:
    """One marked request."""

    def __init__(self, ticket: str, scope: Scope) -> None:
        self.ticket = ticket
        self.open = True
        self.room = Room()
        self.path = str(scope["path"])
        self.query = bytes(scope["query_string"]).decode("latin-1")
        told = (pair for pair in _texts(scope["headers"]) if pair[0].startswith(_CLIENT_HEADERS))
        self.request = Message(self.room, told)
        self.response = Message(self.room)
        self.calls: dict[str, Call] = {}

    def call(self, request: Any) -> Call | None:
        """LiteLLM is about to send this somewhere."""
        if request.method != "POST":
            return None
        place = f"{request.url.scheme}://{request.url.host}:{request.url.port}"
        before = self.calls.pop(place, None)
        if len(self.calls) >= MAX_PLACES:
            del self.calls[next(iter(self.calls))]
        made = self.calls[place] = Call(self.room, before.count + 1 if before else 1, request)
        return made

    def received(self, message: Any) -> None:
        if message.get("type") == "http.request":
            self.request.add(message.get("body", b""))

    def answered(self, message: Any) -> None:
        if message.get("type") == "http.response.start":
            self.response.status = int(message["status"])
            self.response.headers = _texts(message.get("headers", ()))
        elif message.get("type") == "http.response.body":
            self.response.add(message.get("body", b""))
            self.response.complete = not message.get("more_body", False)

    def document(self) -> dict[str, Any]:
        """The hand-over."""
        document: dict[str, Any] = {"version": VERSION, "ticket": self.ticket}
        sent = [self.request, *(call.sent for call in self.calls.values())]
        if self.room.over:
            document["withheld"] = "too_large"
        elif any(names_credential(message.body() or b"") for message in sent):
            document["withheld"] = "credentials_in_body"
        if "withheld" in document:
            return document
        document["request"] = {"path": self.path, "query": clean_query(self.query), **self.request.told()}
        document["calls"] = [call.told() for call in self.calls.values()]
        document["response"] = self.response.answer()
        return document


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")) for name, value in headers]


class Sender:
    """Takes hand-overs to the gateway in a thread of its own. Never waited for."""

    def __init__(self, url: str, token: str) -> None:
        self._url = urlsplit(url)
        self._token = token
        self._queue: queue.Queue[tuple[Capture, int]] = queue.Queue(QUEUE_LENGTH)
        self._lock = threading.Lock()
        self._bytes = 0
        self._live = 0
        self._dropped: Counter[str] = Counter()
        self.pid = os.getpid()
        threading.Thread(target=self._run, name="interlingua-shadow", daemon=True).start()

    def begin(self, ticket: str) -> bool:
        """Whether another request may be looked at; ``offer`` must follow."""
        with self._lock:
            if self._live >= MAX_LIVE or self._bytes >= QUEUE_BYTES:
                self._drop(ticket)
                return False
            self._live += 1
            return True

    def offer(self, capture: Capture) -> None:
        with self._lock:
            self._live -= 1
            size = min(capture.room.used, MAX_BYTES)
            if self._bytes + size > QUEUE_BYTES or self._queue.full():
                self._drop(capture.ticket)
                return
            self._bytes += size
            self._queue.put_nowait((capture, size))  # there is room: nobody else puts without the lock

    def _drop(self, ticket: str) -> None:
        if ticket in self._dropped or len(self._dropped) < MAX_TICKETS:
            self._dropped[ticket] += 1

    def _run(self) -> None:
        while True:
            capture, size = self._queue.get()
            try:
                self._send(capture)
            except Exception as error:
                with self._lock:
                    self._drop(capture.ticket)
                _warn(type(error).__name__)
            with self._lock:
                self._bytes -= size

    def _send(self, capture: Capture) -> None:
        document = capture.document()
        with self._lock:
            document["dropped"] = dropped = dict(self._dropped)
        body = json.dumps(document).encode()
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=SEND_SECONDS)
        try:
            headers = {"content-type": "application/json", TOKEN_HEADER: self._token, HEADER: capture.ticket}
            connection.request("POST", self._url.path or "/", body, headers)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status == 202:
            with self._lock:
                self._dropped -= Counter(dropped)
        elif status != 503:  # the gateway counts what it has no room for
            _warn(f"status {status}")


@functools.lru_cache(maxsize=16)
def _warn(reason: str) -> None:
    """Once for each reason."""
    _LOG.warning("interlingua: hand-overs do not reach the gateway (%s); see %s", reason, URL_VARIABLE)


_CAPTURE: contextvars.ContextVar[Capture | None] = contextvars.ContextVar("interlingua_capture", default=None)
_SENDERS: list[Sender] = []


def _sender() -> Sender | None:
    """This process's sender: threads do not survive a fork."""
    if _SENDERS and _SENDERS[0].pid == os.getpid():
        return _SENDERS[0]
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if not url or not token or urlsplit(url).scheme not in ("http", "https"):
        return None
    _SENDERS[:] = [Sender(url, token)]
    return _SENDERS[0]


def _guarded(action: Callable[..., Any], *arguments: Any) -> Any:
    """What we do on the way of an answer never breaks it."""
    try:
        return action(*arguments)
    except Exception as error:
        _LOG.debug("interlingua: %s", type(error).__name__)
        return None


def _begin(ticket: str, scope: Scope) -> Capture | None:
    sender = _sender()
    if sender is None:
        return None
    _tee_transports()
    capture = Capture(ticket, scope)
    # Last: whatever fails before has taken no place from the others.
    return capture if sender.begin(ticket) else None


def _finish(capture: Capture) -> None:
    capture.open = False
    sender = _sender()
    if sender is not None:
        sender.offer(capture)


async def _watched(inner: Any, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a marked request, and look on."""
    mark = next(value for name, value in scope["headers"] if name == _MARK)
    # LiteLLM may pass headers on to providers: the mark is not for them.
    scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != _MARK]}
    capture: Capture | None = _guarded(_begin, bytes(mark[:MAX_TICKET]).decode("latin-1"), scope)
    if capture is None:
        await inner(app, scope, receive, send)
        return
    watched = capture

    async def receive_and_tell() -> Any:
        message = await receive()
        _guarded(watched.received, message)
        return message

    async def send_and_tell(message: Any) -> None:
        await send(message)
        _guarded(watched.answered, message)

    token = _CAPTURE.set(watched)
    try:
        await inner(app, scope, receive_and_tell, send_and_tell)
    finally:
        _CAPTURE.reset(token)
        _guarded(_finish, watched)


def install() -> None:
    """Look at what FastAPI apps of this process serve, from the next request on."""
    fastapi: Any = __import__("fastapi").FastAPI
    inner: Any = fastapi.__call__
    if hasattr(inner, "interlingua"):
        return

    @functools.wraps(inner)
    async def serve(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name == _MARK for name, _ in scope["headers"]):
            await _watched(inner, self, scope, receive, send)
        else:
            await inner(self, scope, receive, send)

    vars(serve)["interlingua"] = True
    fastapi.__call__ = serve


def _tee_transports() -> None:
    """Whatever LiteLLM may send with and has loaded by now."""
    for name in ("httpx", "httpx2"):
        library: Any = sys.modules.get(name)
        if library is not None:
            _tee(library.AsyncHTTPTransport, "handle_async_request", library)
            _tee(library.HTTPTransport, "handle_request", library)
    aiohttp: Any = sys.modules.get("litellm.llms.custom_httpx.aiohttp_transport")
    if aiohttp is not None:
        _tee(aiohttp.LiteLLMAiohttpTransport, "handle_async_request", sys.modules["httpx"])


def _tee(transport: Any, method: str, library: Any) -> None:
    original = getattr(transport, method)
    if hasattr(original, "interlingua"):
        return
    stream = _stream(library)

    def begun(request: Any) -> Call | None:
        capture = _CAPTURE.get()
        return _guarded(capture.call, request) if capture is not None and capture.open else None

    def answered(call: Call | None, response: Any) -> Any:
        if call is not None:
            _guarded(call.answered, response, stream)
        return response

    @functools.wraps(original)
    async def asynchronous(self: Any, request: Any) -> Any:
        call = begun(request)
        return answered(call, await original(self, request))

    @functools.wraps(original)
    def synchronous(self: Any, request: Any) -> Any:
        call = begun(request)
        return answered(call, original(self, request))

    wrapper: Any = asynchronous if "async" in method else synchronous
    wrapper.interlingua = True
    setattr(transport, method, wrapper)


def _stream(library: Any) -> Any:
    """A stream that passes bytes on and keeps a copy, of the classes that clients of ``library`` ask for."""

    class Tee(library.AsyncByteStream, library.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, message: Message) -> None:
            self._inner, self._message = inner, message

        async def __aiter__(self) -> Any:
            async for data in self._inner:
                _guarded(self._message.add, data)
                yield data
            self._message.complete = True

        def __iter__(self) -> Any:
            for data in self._inner:
                _guarded(self._message.add, data)
                yield data
            self._message.complete = True

        async def aclose(self) -> None:
            await self._inner.aclose()

        def close(self) -> None:
            self._inner.close()

    return Tee


def _run_litellm() -> None:
    """The ``litellm`` command."""
    import importlib

    sys.argv[0] = "litellm"
    importlib.import_module("litellm.proxy.proxy_cli").run_server()


def __getattr__(name: str) -> Any:
    """``plugin`` is what LiteLLM's config names: asking for it is what loads this."""
    if name != "plugin":
        raise AttributeError(name)
    install()
    return sys.modules["litellm.integrations.custom_logger"].CustomLogger()


if __name__ in ("__main__", "__mp_main__"):  # the latter in workers that LiteLLM's command spawns
    # Run as a script: our own folder must not hide other packages.
    if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    install()
    if __name__ == "__main__":
        _run_litellm()
