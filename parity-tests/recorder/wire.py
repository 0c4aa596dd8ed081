"""Stands in for the network: what LiteLLM sends is put on a tape, what it receives comes from the case.

The transports are replaced at class level, so clients that LiteLLM has cached are covered too. Everything else that
could reach the network is refused, which proves that a recording is offline.
"""

import base64
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from recorder.media import fetched_media

_TOKENIZER_HOSTS = ("huggingface.co",)


@dataclass(frozen=True)
class Sent:
    """One HTTP request of the oracle."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        """The form of the worker's protocol."""
        plain: dict[str, Any] = {"method": self.method, "url": self.url, "headers": self.headers}
        try:
            plain["body"] = json.loads(self.body) if self.body else None
        except ValueError:
            plain["body_b64"] = base64.b64encode(self.body).decode()
        return plain


@dataclass(frozen=True)
class Answer:
    """What the provider answers, in parts as they arrive."""

    status: int
    headers: list[tuple[str, str]]
    parts: list[bytes]


Responder = Callable[[Sent], Answer]


@dataclass
class Tape:
    """One case: the requests that were sent, and who answers them."""

    responder: Responder | None = None
    sent: list[Sent] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def answer(self, sent: Sent) -> Answer:
        """Takes a request down and answers it."""
        host = urlsplit(sent.url).hostname or ""
        if host.endswith(_TOKENIZER_HOSTS):
            return Answer(404, [("content-type", "text/plain")], [b"not found"])
        if sent.method == "GET":
            self.fetched.append(sent.url)
            return Answer(200, *fetched_media(sent.url))
        if self.responder is None:
            # A background task of an earlier case; its request belongs to nobody.
            raise RuntimeError("oracle: a request outside any case was refused")
        self.sent.append(sent)
        return self.responder(sent)


class Wire:
    """The patched network; one tape at a time."""

    def __init__(self) -> None:
        self.tape = Tape()

    def new_tape(self, responder: Responder) -> Tape:
        """Starts a case."""
        self.tape = Tape(responder)
        return self.tape

    def close_tape(self) -> None:
        """Ends a case: later requests are nobody's."""
        self.tape = Tape()

    def install(self) -> None:
        """Replaces every transport that LiteLLM can send through; call once, after LiteLLM is imported."""
        import httpx
        import litellm.llms.custom_httpx.aiohttp_transport as litellm_transport

        self._patch(httpx, httpx.HTTPTransport, httpx.AsyncHTTPTransport)
        self._patch(httpx, None, litellm_transport.LiteLLMAiohttpTransport)
        try:
            import httpx2
        except ImportError:
            pass
        else:
            self._patch(httpx2, httpx2.HTTPTransport, httpx2.AsyncHTTPTransport)
        _refuse_everything_else()

    def _patch(self, library: Any, sync_transport: Any, async_transport: Any) -> None:
        """``library`` is httpx or httpx2: two libraries with the same classes."""
        sync_stream, async_stream = _stream_classes(library)

        def handle_request(_: Any, request: Any) -> Any:
            request.read()
            answer = self.tape.answer(_sent(request))
            return library.Response(
                answer.status, headers=answer.headers, stream=sync_stream(answer.parts), request=request
            )

        async def handle_async_request(_: Any, request: Any) -> Any:
            await request.aread()
            answer = self.tape.answer(_sent(request))
            return library.Response(
                answer.status, headers=answer.headers, stream=async_stream(answer.parts), request=request
            )

        if sync_transport is not None:
            sync_transport.handle_request = handle_request
        async_transport.handle_async_request = handle_async_request


def _sent(request: Any) -> Sent:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
    return Sent(request.method, str(request.url), headers, request.content)


def _stream_classes(library: Any) -> tuple[type, type]:
    class SyncParts(library.SyncByteStream):  # type: ignore[misc]
        def __init__(self, parts: list[bytes]) -> None:
            self.parts = parts

        def __iter__(self) -> Iterator[bytes]:
            yield from self.parts

    class AsyncParts(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, parts: list[bytes]) -> None:
            self.parts = parts

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in self.parts:
                yield part

    return SyncParts, AsyncParts


def _refuse_everything_else() -> None:
    import aiohttp
    import requests.adapters

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("oracle: the network is refused")

    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refuse()
        real_connect(self, address)

    socket.socket.connect = connect  # type: ignore[assignment,method-assign]
    socket.getaddrinfo = refuse
    aiohttp.ClientSession._request = refuse
    requests.adapters.HTTPAdapter.send = refuse
    try:
        import botocore.httpsession
    except ImportError:
        return
    botocore.httpsession.URLLib3Session.send = refuse
