"""The shadow plug-in: runs inside a LiteLLM proxy and tells the gateway what LiteLLM really sent and received.

This one file needs nothing of Interlingua, so that it can be copied beside the config of a LiteLLM elsewhere. It is loaded by
``litellm_settings: {callbacks: [interlingua_plugin.plugin]}`` with the file copied as ``interlingua_plugin.py``, or by
running it in place of the ``litellm`` command. ``INTERLINGUA_HANDOVER_URL`` and ``INTERLINGUA_HANDOVER_TOKEN`` say where
hand-overs go; without them it does nothing.

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
import time
from collections import Counter
from typing import Any, Awaitable, Callable, Dict, Iterable, List, MutableMapping, Optional, Tuple
from urllib.parse import urlsplit

HEADER = "x-interlingua-shadow"
"""Marks a request; its value is the gateway's name for what the request counts under."""
TOKEN_HEADER = "x-interlingua-token"
URL_VARIABLE = "INTERLINGUA_HANDOVER_URL"
TOKEN_VARIABLE = "INTERLINGUA_HANDOVER_TOKEN"
VERSION = 1

PIECE_BYTES = 4 * 1024 * 1024
"""Of each body; an exchange with a larger one is told of without its content."""
MAX_PLACES = 4
"""Places that one request may be seen to send to: guardrails and loggers use the same transports as providers."""
MAX_LIVE = 64
QUEUE_LENGTH = 64
QUEUE_BYTES = 64 * 1024 * 1024
MAX_TICKET = 300
SEND_SECONDS = 5.0

_KEY_WORDS = frozenset(
    "auth authorization authentication key keys apikey token secret cookie session signature sig credential"
    " credentials password jwt csrf assertion code".split()
)
_KEY_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
_KEY_VALUE = re.compile(r"(?i)(bearer|basic)\s+\S|(sk|pk|rk|gsk|hf|ghp|xai|xox[a-z])[-_][-\w]{8,}|AIza[-\w]{20,}|eyJ[-\w]{10,}\.")
_KEY_IN_BODY = re.compile(
    rb'(?i)"(?:[-\w]{0,40}api[-_]?key|[-\w]{0,40}authorization(?:_token)?|[-\w]{0,40}(?:access|auth|ad|session|bearer)_?token'
    rb'|[-\w]{0,40}secret(?:_access)?(?:_key)?|[-\w]{0,40}password|[-\w]{0,40}credentials?|cookie|user_config)"\s*:\s*["{\[][^"}\]]'
)
_CLIENT_HEADERS = ("content-type", "content-encoding", "anthropic-")
KEY = "<key>"

_LOG = logging.getLogger("interlingua")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Pairs = Iterable[Tuple[str, str]]


def names_key(name: str) -> bool:
    """Whether a header or a query parameter of this name may hold a key."""
    return not _KEY_WORDS.isdisjoint(re.split(r"[-_.]", name.lower()))


def clean_headers(pairs: Pairs) -> Dict[str, str]:
    """Headers without keys: of the usual ones only the fact that they were there is left."""
    cleaned: Dict[str, str] = {}
    for name, value in pairs:
        name = name.lower()
        if name in _KEY_HEADERS:
            scheme, space, _ = value.partition(" ")
            value = "%s %s" % (scheme, KEY) if space else KEY
        elif names_key(name):
            continue
        elif _KEY_VALUE.search(value):
            value = KEY
        cleaned[name] = "%s, %s" % (cleaned[name], value) if name in cleaned else value
    return cleaned


def clean_query(query: str) -> str:
    """A query without the values of keys."""
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        parts.append(name + equals + KEY if names_key(name) or _KEY_VALUE.search(value) else part)
    return "&".join(parts)


def clean_url(url: str) -> str:
    base, mark, query = url.partition("?")
    scheme, slashes, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + slashes + authority.rpartition("@")[2] + slash + path + (mark + clean_query(query) if query else "")


class Piece:
    """A body as it comes, up to a limit."""

    def __init__(self) -> None:
        self._parts: List[bytes] = []
        self.size = 0
        self.over = False

    def add(self, data: bytes) -> None:
        if self.over or not data:
            return
        self.size += len(data)
        if self.size > PIECE_BYTES:
            self.over, self.size = True, 0
            self._parts.clear()
        else:
            self._parts.append(bytes(data))

    def whole(self) -> bytes:
        return b"".join(self._parts)


class Call:
    """The last request to one place, and its answer."""

    def __init__(self, count: int, request: Any) -> None:
        self.count = count
        self.method = str(request.method)
        self.url = str(request.url)
        self.headers = [(str(name), str(value)) for name, value in request.headers.items()]
        self.sent = Piece()
        self.readable = True
        try:
            self.sent.add(request.content)
        except Exception:  # a body that streams in
            self.readable = False
        self.status: Optional[int] = None
        self.response_headers: List[Tuple[str, str]] = []
        self.received = Piece()
        self.complete = False

    def answered(self, response: Any) -> None:
        self.status = int(response.status_code)
        self.response_headers = [(str(name), str(value)) for name, value in response.headers.multi_items()]


class Capture:
    """One marked request."""

    def __init__(self, ticket: str, scope: Scope) -> None:
        self.ticket = ticket
        self.open = True
        self.method = str(scope.get("method", ""))
        self.path = str(scope.get("path", ""))
        self.query = bytes(scope.get("query_string", b"")).decode("latin-1")
        self.headers = _texts(scope["headers"])
        self.request = Piece()
        self.calls: Dict[str, Call] = {}
        self.status: Optional[int] = None
        self.response_headers: List[Tuple[str, str]] = []
        self.response = Piece()
        self.complete = False

    def call(self, request: Any) -> Optional[Call]:
        """LiteLLM is about to send this somewhere."""
        if request.method != "POST":
            return None
        url = request.url
        place = "%s://%s:%s" % (url.scheme, url.host, url.port)
        before = self.calls.pop(place, None)
        if len(self.calls) >= MAX_PLACES:
            del self.calls[next(iter(self.calls))]
        self.calls[place] = made = Call(before.count + 1 if before else 1, request)
        return made

    def received(self, message: Any) -> None:
        if message.get("type") == "http.request":
            self.request.add(message.get("body", b""))

    def answered(self, message: Any) -> None:
        if message.get("type") == "http.response.start":
            self.status = int(message["status"])
            self.response_headers = _texts(message.get("headers", ()))
        elif message.get("type") == "http.response.body":
            self.response.add(message.get("body", b""))
            self.complete = not message.get("more_body", False)

    @property
    def size(self) -> int:
        pieces = [self.request, self.response]
        for call in self.calls.values():
            pieces += [call.sent, call.received]
        return sum(piece.size for piece in pieces)

    def withheld(self) -> str:
        """Why nothing of the content is told; empty if it is."""
        pieces = [self.request, self.response]
        for call in self.calls.values():
            pieces += [call.sent, call.received]
        if any(piece.over for piece in pieces):
            return "too_large"
        if any(_KEY_IN_BODY.search(piece.whole()) for piece in [self.request, *(call.sent for call in self.calls.values())]):
            return "credentials_in_body"
        return ""

    def document(self) -> Dict[str, Any]:
        """The hand-over."""
        document: Dict[str, Any] = {"version": VERSION, "ticket": self.ticket, "time": time.time(), "litellm": _litellm()}
        withheld = self.withheld()
        if withheld:
            document["withheld"] = withheld
            return document
        kept = [(name, value) for name, value in self.headers if name.startswith(_CLIENT_HEADERS)]
        document["request"] = {
            "method": self.method,
            "path": self.path,
            "query": clean_query(self.query),
            "headers": clean_headers(kept),
            "body_b64": _base64(self.request.whole()),
        }
        document["calls"] = [self._call(call) for call in self.calls.values()]
        document["response"] = None if self.status is None else {
            "status": self.status,
            "headers": clean_headers(self.response_headers),
            "body_b64": _base64(self.response.whole()),
            "complete": self.complete,
        }
        return document

    @staticmethod
    def _call(call: Call) -> Dict[str, Any]:
        told: Dict[str, Any] = {
            "count": call.count,
            "method": call.method,
            "url": clean_url(call.url),
            "headers": clean_headers(call.headers),
            "body_b64": _base64(call.sent.whole()) if call.readable else None,
            "response": None,
        }
        if call.status is not None:
            body = _decoded(call)
            told["response"] = {
                "status": call.status,
                "headers": clean_headers(call.response_headers),
                "body_b64": None if body is None else _base64(body),
                "complete": call.complete,
            }
        return told


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _texts(headers: Iterable[Tuple[bytes, bytes]]) -> List[Tuple[str, str]]:
    return [(bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")) for name, value in headers]


def _decoded(call: Call) -> Optional[bytes]:
    """The bytes of the answer without its content-coding; ``None`` if it is none that we know."""
    coding = next((value for name, value in call.response_headers if name.lower() == "content-encoding"), "")
    if coding.lower() in ("", "identity"):
        return call.received.whole()
    httpx = sys.modules.get("httpx")
    try:
        if httpx is None:
            return None
        answer = httpx.Response(200, headers={"content-encoding": coding}, content=call.received.whole())
        return answer.content if len(answer.content) <= PIECE_BYTES else None
    except Exception:
        return None


@functools.lru_cache(maxsize=None)
def _litellm() -> str:
    try:
        from importlib.metadata import version

        return version("litellm")
    except Exception:
        return ""


class Sender:
    """Takes hand-overs to the gateway in a thread of its own. Never waited for."""

    def __init__(self, url: str, token: str) -> None:
        self._url = urlsplit(url)
        self._token = token
        self._queue: "queue.Queue[Capture]" = queue.Queue(QUEUE_LENGTH)
        self._lock = threading.Lock()
        self._bytes = 0
        self._live = 0
        self._dropped: "Counter[str]" = Counter()
        self._warned = False
        self.pid = os.getpid()
        threading.Thread(target=self._run, name="interlingua-shadow", daemon=True).start()

    def begin(self, ticket: str) -> bool:
        """Whether another request may be looked at; ``end`` or ``offer`` must follow."""
        with self._lock:
            if self._live >= MAX_LIVE or self._bytes >= QUEUE_BYTES:
                self._drop(ticket)
                return False
            self._live += 1
            return True

    def offer(self, capture: Capture) -> None:
        size = capture.size
        with self._lock:
            self._live -= 1
            if self._bytes + size > QUEUE_BYTES:
                self._drop(capture.ticket)
                return
            try:
                self._queue.put_nowait(capture)
            except queue.Full:
                self._drop(capture.ticket)
                return
            self._bytes += size

    def _drop(self, ticket: str) -> None:
        if ticket in self._dropped or len(self._dropped) < 256:
            self._dropped[ticket] += 1

    def _run(self) -> None:
        while True:
            capture = self._queue.get()
            size = capture.size
            try:
                self._send(capture)
            except Exception as error:
                with self._lock:
                    self._drop(capture.ticket)
                self._warn(type(error).__name__)
            finally:
                with self._lock:
                    self._bytes -= size
                del capture

    def _send(self, capture: Capture) -> None:
        document = capture.document()
        with self._lock:
            dropped = dict(self._dropped)
        document["dropped"] = dropped
        body = json.dumps(document).encode()
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=SEND_SECONDS)
        try:
            headers = {"content-type": "application/json", TOKEN_HEADER: self._token, HEADER: capture.ticket}
            connection.request("POST", self._url.path or "/", body, headers)
            answer = connection.getresponse()
            answer.read(1024)
            if answer.status == 202:
                with self._lock:
                    self._dropped.subtract(dropped)
                    self._dropped += Counter()  # only what is above zero stays
            elif answer.status != 503:  # the gateway counts what it has no room for
                self._warn("status %d" % answer.status)
        finally:
            connection.close()

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning("interlingua: hand-overs do not reach the gateway (%s); check %s", reason, URL_VARIABLE)


_CAPTURE: "contextvars.ContextVar[Optional[Capture]]" = contextvars.ContextVar("interlingua_capture", default=None)
_SENDERS: Dict[str, Sender] = {}


def _sender() -> Optional[Sender]:
    """This process's sender: threads do not survive a fork."""
    sender = _SENDERS.get("one")
    if sender is not None and sender.pid == os.getpid():
        return sender
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if not url or not token or urlsplit(url).scheme not in ("http", "https"):
        return None
    made = _SENDERS["one"] = Sender(url, token)
    return made


def _guarded(action: Callable[..., Any], *arguments: Any) -> Any:
    """What we do on the way of an answer never breaks it."""
    try:
        return action(*arguments)
    except Exception as error:
        _LOG.debug("interlingua: %s", type(error).__name__)
        return None


def _begin(ticket: str, scope: Scope) -> Optional[Capture]:
    sender = _sender()
    if sender is None or not sender.begin(ticket):
        return None
    _tee_transports()
    return Capture(ticket, scope)


def _finish(capture: Capture) -> None:
    capture.open = False
    sender = _sender()
    if sender is not None:
        sender.offer(capture)


async def _watched(inner: Callable[..., Awaitable[None]], app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a marked request, and look on."""
    marks = [value for name, value in scope["headers"] if name == HEADER.encode()]
    headers = [pair for pair in scope["headers"] if pair[0] != HEADER.encode()]
    # LiteLLM may pass headers on to providers: the mark is not for them.
    scope = {**scope, "headers": headers}
    ticket = marks[0][:MAX_TICKET].decode("latin-1")
    capture: Optional[Capture] = _guarded(_begin, ticket, scope)
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


def _is_marked(scope: Scope) -> bool:
    wanted = HEADER.encode()
    return scope["type"] == "http" and any(name == wanted for name, _ in scope["headers"])


def install() -> None:
    """Look at what FastAPI apps of this process serve, from the next request on."""
    from fastapi import FastAPI

    inner = FastAPI.__call__
    if getattr(inner, "interlingua", False):
        return

    @functools.wraps(inner)
    async def serve(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_marked(scope):
            await _watched(inner, self, scope, receive, send)
        else:
            await inner(self, scope, receive, send)

    serve.interlingua = True  # type: ignore[attr-defined]
    FastAPI.__call__ = serve


def _tee_transports() -> None:
    """Whatever LiteLLM may send with and has loaded by now."""
    for library in ("httpx", "httpx2"):
        module = sys.modules.get(library)
        if module is not None:
            _tee(module.AsyncHTTPTransport, "handle_async_request", module)
            _tee(module.HTTPTransport, "handle_request", module)
    aiohttp = sys.modules.get("litellm.llms.custom_httpx.aiohttp_transport")
    if aiohttp is not None:
        _tee(aiohttp.LiteLLMAiohttpTransport, "handle_async_request", sys.modules["httpx"])


def _tee(transport: Any, method: str, library: Any) -> None:
    original = getattr(transport, method)
    if getattr(original, "interlingua", False):
        return
    asynchronous, synchronous = _streams(library)

    def begun(request: Any) -> Optional[Call]:
        capture = _CAPTURE.get()
        if capture is None or not capture.open:
            return None
        made: Optional[Call] = _guarded(capture.call, request)
        return made

    def teed(call: Call, response: Any, stream: Any) -> None:
        call.answered(response)
        response.stream = stream(response.stream, call)

    @functools.wraps(original)
    async def handle_async_request(self: Any, request: Any) -> Any:
        call = begun(request)
        response = await original(self, request)
        if call is not None:
            _guarded(teed, call, response, asynchronous)
        return response

    @functools.wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        call = begun(request)
        response = original(self, request)
        if call is not None:
            _guarded(teed, call, response, synchronous)
        return response

    wrapper: Any = handle_async_request if method == "handle_async_request" else handle_request
    wrapper.interlingua = True
    setattr(transport, method, wrapper)


def _streams(library: Any) -> Tuple[Any, Any]:
    """Streams that pass bytes on and keep a copy: the clients of ``library`` ask for its own classes."""

    class AsyncTee(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner, self._call = inner, call

        async def __aiter__(self) -> Any:
            async for data in self._inner:
                _guarded(self._call.received.add, data)
                yield data
            self._call.complete = True

        async def aclose(self) -> None:
            await self._inner.aclose()

    class Tee(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, call: Call) -> None:
            self._inner, self._call = inner, call

        def __iter__(self) -> Any:
            for data in self._inner:
                _guarded(self._call.received.add, data)
                yield data
            self._call.complete = True

        def close(self) -> None:
            self._inner.close()

    return AsyncTee, Tee


def _run_litellm() -> None:
    """The ``litellm`` command."""
    sys.argv[0] = "litellm"
    try:
        from litellm_cli.main import proxy_server as command
    except ImportError:  # before LiteLLM had this module
        from litellm.proxy.proxy_cli import run_server as command
    command()


def __getattr__(name: str) -> Any:
    """``plugin`` is what LiteLLM's config names: asking for it is what loads this."""
    if name != "plugin":
        raise AttributeError(name)
    install()
    from litellm.integrations.custom_logger import CustomLogger

    return CustomLogger()


if __name__ in ("__main__", "__mp_main__"):  # the latter in workers that LiteLLM's command spawns
    # Run as a script: our own folder must not hide other packages.
    if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    install()
    if __name__ == "__main__":
        _run_litellm()
