"""The native core: bytes in, bytes out. No sockets, no clocks, no secrets, no threads."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

__all__ = [
    "AnswerReader",
    "Attempt",
    "BadMessage",
    "Begun",
    "CallIds",
    "ClientResponse",
    "Decline",
    "HttpRequest",
    "InterlinguaError",
    "InvalidRequest",
    "Lanes",
    "Misuse",
    "Operation",
    "Outcome",
    "Request",
    "RequestHead",
    "RequestReader",
    "ResponseHead",
    "Tally",
    "Target",
    "Unsupported",
    "__version__",
    "compare",
    "features",
    "providers",
    "render_error",
    "response_deployment",
    "routes",
    "translate_request",
    "translate_response",
]

__version__: Final[str]

class InterlinguaError(Exception):
    """Base of every error of the core. All fields are safe to log."""

    code: str
    """Stable snake_case name of the reason, for example ``unsupported_parameter``."""
    status: int
    """HTTP status that the error deserves."""
    param: str | None
    """Path of the offending request field, where there is one."""

class InvalidRequest(InterlinguaError):
    """The client's request is wrong; no engine would accept it."""

class Unsupported(InterlinguaError):
    """The request is valid, the provider or the translation cannot carry it."""

class Decline(InterlinguaError):
    """Not translated by this core (yet); another engine may serve it."""

class Misuse(InterlinguaError):
    """The host called the API in an order that its grammar does not allow."""

@final
class Target:
    """Where a request goes. Build it once per deployment."""

    def __new__(
        cls,
        provider: str,
        model: str,
        /,
        *,
        base_url: str | None = None,
        has_credential: bool = True,
        drop_params: bool = False,
        capabilities: bytes | None = None,
        defaults: bytes | None = None,
        extra_headers: Sequence[tuple[str, str]] = (),
        deployment: str | None = None,
    ) -> Target:
        """``deployment`` is the host's id of it: ids of responses carry it, so that what refers to them comes back."""

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def key_variable(self) -> str | None:
        """Name of the environment variable that conventionally holds this provider's key."""

@final
class Request:
    """A client's request, parsed once."""

    def __new__(
        cls,
        dialect: str,
        body: bytes,
        /,
        *,
        headers: Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]] = (),
        query: str | bytes = "",
        max_body_bytes: int = ...,
        max_depth: int = ...,
    ) -> Request: ...
    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def features(self) -> tuple[str, ...]:
        """The features that this request uses, in the gate's vocabulary."""
    @property
    def facts(self) -> tuple[str, bool, tuple[str, ...], bool]:
        """``model``, ``stream``, ``features``, and whether there are ``host_controls``: in one call."""
    @property
    def previous_response_id(self) -> str | None:
        """The response that the request goes on from, as the client knows it (see ``response_deployment``)."""
    @property
    def host_controls(self) -> bytes:
        """The fields meant for the host (``num_retries``, ``fallbacks``, ``metadata`` …) as one JSON object."""
    def attempt(
        self,
        target: Target,
        /,
        *,
        now_unix: int,
        id_seed: int,
        requested_model: str | None = None,
    ) -> Attempt: ...

@final
class Operation:
    """What a client wants of ``/v1/responses`` beside a response: a stored one, compaction, a token count."""

    @staticmethod
    def read(
        method: str, path: str, body: bytes, /, *, query: str | bytes = "", max_body_bytes: int = ...
    ) -> Operation | None:
        """``path`` is what follows ``/responses``; ``None`` if the API has no such operation."""
    @property
    def deployment(self) -> str | None:
        """The deployment that the id in the path leads to."""
    @property
    def model(self) -> str | None:
        """The model that the body names, for operations that have one."""
    @property
    def stream(self) -> bool: ...
    def attempt(
        self, target: Target, /, *, now_unix: int, id_seed: int, requested_model: str | None = None
    ) -> Attempt: ...

def response_deployment(id: str, /) -> str | None:
    """The deployment that an id of a response leads back to; ``None`` for an id that a provider made."""

@final
class HttpRequest:
    """What to send. The host adds the credential as ``auth`` says, and signs."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def parts(self) -> tuple[bytes, bytes]:
        """What varies in the request's head (method, URL, and the headers as lines), and its body: in one call.

        Raises ``ValueError`` for a header that would break out of its line.
        """
    @property
    def auth(self) -> list[tuple[str, str, str]]:
        """How to authenticate: ``("header", name, value_prefix)`` or ``("query", name, "")``; empty for none."""
    @property
    def body(self) -> bytes: ...

@final
class Outcome:
    """How an attempt ended."""

    @property
    def answered(self) -> bool: ...
    @property
    def status(self) -> int:
        """The provider's status, or the one that the failure stands for."""
    @property
    def kind(self) -> str:
        """``answered``, or the failure's kind: ``rate_limited``, ``truncated``, ``malformed`` …"""
    @property
    def message(self) -> str: ...
    @property
    def retry(self) -> bool:
        """Whether the failure is worth another try. False once committed."""
    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asked to wait."""
    @property
    def committed(self) -> bool: ...

@final
class ClientResponse:
    """A whole answer for the client."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def lines(self) -> bytes:
        """The headers as lines of an HTTP/1.1 head, each with its CRLF."""
    @property
    def body(self) -> bytes: ...

@final
class Attempt:
    """One try at one target: a state machine without sockets."""

    def step(self) -> HttpRequest | Outcome | None:
        """What to do next: send a request, nothing yet (``None``: feed the answer), or be done."""
    def head(
        self, status: int, headers: ResponseHead | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]], /
    ) -> None: ...
    def answer(
        self,
        status: int,
        headers: ResponseHead | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]],
        body: bytes,
        /,
    ) -> tuple[int, bytes, bytes] | None:
        """The whole answer at once: ``head``, ``body`` and ``end`` in one call.

        Returns status, header lines and body of the client's answer; ``None`` if there is none.
        """
    def body(self, chunk: bytes, /) -> bytes:
        """Feed any slice of the provider's body; returns the bytes owed to the client now."""
    def end(self) -> bytes: ...
    def abort(self, reason: str, /) -> bytes:
        """``timeout``, ``disconnected`` or ``connection``: the host gives up; returns what is owed to the client."""
    @property
    def upstream_dialect(self) -> str:
        """The dialect that the provider is asked in."""
    @property
    def client_head(self) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers owed to the client; ``None`` until the attempt is committed."""
    @property
    def client_lines(self) -> tuple[int, bytes] | None:
        """``client_head`` with the headers as lines of an HTTP/1.1 head, each with its CRLF."""
    def failure(self) -> ClientResponse:
        """The failure of an attempt that never committed, in the client's dialect."""
    @property
    def usage(self) -> Mapping[str, int] | None: ...
    @property
    def losses(self) -> list[tuple[str, str]]:
        """``(path, code)`` of everything that the translation could not carry."""
    @property
    def rewrites(self) -> list[tuple[str, str]]: ...

@final
class Lanes:
    """Decisions that were made before, for requests whose heads say the same.

    Most requests differ from an earlier one in nothing that a decision looks at: a lane is found by model, ``stream``
    and features.
    """

    def __new__(
        cls,
        dialect: str,
        headers: Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]],
        query: str | bytes,
        max_body_bytes: int,
        call_ids: CallIds,
        id_seed: int,
        /,
    ) -> Lanes: ...
    def add(
        self,
        request: Request,
        target: Target,
        requested_model: str,
        decision: object,
        sent: HttpRequest,
        head: bytes,
        lines: bytes,
        tally: Tally,
        /,
    ) -> None:
        """Keep the decision for requests like this one, which has no ``host_controls``.

        ``head`` is what was signed for ``sent``, up to the body's length; ``lines`` are those of answers behind the
        call id's value; ``tally`` is where answers with status 200 are counted.
        """
    def begin(self, body: bytes, now_unix: float, started: float, /) -> Begun | None:
        """Begin the first attempt of a request whose decision is known; of another one it is only read.

        ``None`` if no decision is known at all, or if anything is wrong with the request.
        """

@final
class Begun:
    """An exchange at its beginning: a request that has been read, with its first attempt if the decision was known."""

    @property
    def started(self) -> float:
        """When that was, as ``begin`` was told."""
    @property
    def call_id(self) -> str: ...
    @property
    def body(self) -> bytes:
        """The request's."""
    @property
    def decision(self) -> Any:
        """What was decided for requests like this one; ``None`` if that is not known."""
    def take(self) -> tuple[Request, Attempt | None, HttpRequest | None]:
        """Hand out the request, and the attempt with what it sends if the decision was known: once."""
    def count(self, now: float, /) -> list[tuple[str, str]] | None:
        """Count the answer that the client has. Returns the losses, if there are any."""

@final
class CallIds:
    """The call ids of a process: ``start``, which has 24 characters, and a number, counted from ``first``."""

    def __new__(cls, start: str, first: int, /) -> CallIds: ...
    def next(self) -> str: ...

@final
class Tally:
    """How many exchanges ended in one way, and how long they took: a histogram."""

    def __new__(cls, bounds: Sequence[float], /) -> Tally: ...
    def count(self, seconds: float, /) -> None: ...
    def add(self, row: Sequence[float], /) -> None:
        """Add the counts of another one, as its ``row``."""
    @property
    def row(self) -> list[float]:
        """How many took up to each bound, how many longer, and all their seconds."""

class BadMessage(Exception):
    """Bytes that are no HTTP/1.1 message, or an ambiguous one. The text never holds content."""

    status: int
    """HTTP status that the error deserves."""

@final
class RequestHead:
    """The head of an HTTP/1.1 request. Strict: what two parsers could read differently is a ``BadMessage``."""

    @property
    def parts(self) -> tuple[str, bytes, bool, bool]:
        """Method, target, whether the connection may stay, and whether ``Connection: upgrade`` is there."""
    @property
    def http_1_0(self) -> bool: ...
    def get(self, name: bytes, /) -> bytes | None:
        """The first value of a header; ``name`` in any case."""
    def pairs(self, prefix: bytes = b"", /) -> list[tuple[bytes, bytes]]:
        """All headers whose names begin with ``prefix``: names in lower case, in order."""

@final
class RequestReader:
    """Reads the requests of one connection, one at a time."""

    def __new__(cls, max_head_bytes: int, /) -> RequestReader: ...
    @property
    def waiting(self) -> int:
        """Bytes that belong to no request yet."""
    @property
    def length(self) -> int | None:
        """What is to come of the body, ``None`` if that is unknown."""
    def feed(self, data: bytes, /) -> tuple[RequestHead | None, bytes, bool]:
        """Take bytes from the connection.

        Returns the head of the request in hand, once it is there, those bytes that belong to its body, and whether it
        is complete. What follows a complete request is kept. A head that differs from the one before in its
        ``Content-Length`` alone is the same object.
        """
    def begin(
        self, data: bytes, lanes: Lanes, now_unix: float, started: float, /
    ) -> tuple[Any, bytes | None, Begun | None] | None:
        """Begin the exchange of a request that has the same head as the one before.

        Returns what was decided, the bytes to send to the provider, and the exchange; the first two are ``None`` where
        they are not known, and all three while some of the body is still to come. ``None``, and nothing is taken, if
        there is more to it. To be called while no request is in hand.
        """
    def next(self) -> int:
        """Let go of the request in hand. The next one is read from what was kept, by ``feed(b"")``; returns how much
        that is."""
    def rest(self) -> bytes:
        """Hand out what was kept."""

@final
class ResponseHead:
    """The head of an HTTP/1.1 answer, as strict."""

    @property
    def status(self) -> int: ...
    @property
    def length(self) -> int | None:
        """The body's length in bytes; ``None`` if it is chunked or ends with the connection."""
    def get(self, name: bytes, /) -> bytes | None:
        """The first value of a header; ``name`` in any case."""
    def pairs(self, prefix: bytes = b"", /) -> list[tuple[bytes, bytes]]:
        """All headers whose names begin with ``prefix``: names in lower case, in order."""

@final
class AnswerReader:
    """Reads one answer of an upstream after the other."""

    def __new__(cls, max_head_bytes: int, /) -> AnswerReader: ...
    def expect(self, headless: bool, upgrading: bool, /) -> None:
        """The next answer is of a special kind: one without a body to a ``HEAD``, or one that may be a 101."""
    def pass_on(self, data: bytes, attempt: Attempt, chunked: bool, /) -> tuple[bytes, bool]:
        """Feed these bytes of a streamed body to ``attempt``.

        Returns what the client is owed for them, as a chunk of its own answer if that is ``chunked``, and whether the
        body or the attempt is over.
        """
    @property
    def over(self) -> bool:
        """The body is complete."""
    @property
    def unframed(self) -> bool:
        """Only the end of the connection tells where the body ends."""
    @property
    def keep_alive(self) -> bool:
        """The connection may be used again once the answer is complete."""
    def answer(self, data: bytes, begun: Begun, date_line: bytes, /) -> bytes | None:
        """The client's whole answer to an exchange, if these bytes are the upstream's and nothing about it is unusual;
        empty if the attempt has failed. ``None``, and nothing is taken, if there is more to it."""
    def feed(self, data: bytes, /) -> tuple[ResponseHead | None, bytes, bool]:
        """Take bytes from the connection.

        Returns the head of the answer, once it is there, those bytes that belong to its body, and whether it is
        complete. Bytes behind the answer were not asked for: they spoil the connection, not the answer.
        """

def translate_request(
    dialect: str, body: bytes, target: Target, /, *, now_unix: int = 0, id_seed: int = 0
) -> tuple[HttpRequest, list[tuple[str, str]]]:
    """One-shot: the provider request and its losses."""

def translate_response(
    dialect: str,
    request: bytes,
    target: Target,
    status: int,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    /,
    *,
    now_unix: int = 0,
    id_seed: int = 0,
) -> tuple[ClientResponse, list[tuple[str, str]]]:
    """One-shot: the client's answer to ``request`` for the provider's whole ``body``, streams included."""

def render_error(
    dialect: str,
    status: int,
    message: str,
    /,
    *,
    type: str | None = None,
    code: str | None = None,
    param: str | None = None,
) -> ClientResponse:
    """A host error (unknown model, bad key, body too large …) in the client's dialect."""

def compare(exchange: bytes, /) -> bytes:
    """Judges one exchange against what LiteLLM did with it: JSON in, JSON out, as docs/parity.md says.

    ``ValueError`` for what is malformed. The verdict may quote the exchange: see ``interlingua.cases.redact``.
    """

def providers() -> list[tuple[str, str | None, str | None]]:
    """``(name, base URL, key variable)`` of every provider."""

def routes() -> list[tuple[str, str, str]]:
    """``(client dialect, provider, upstream dialect)`` of every pair that the core translates."""

def features() -> list[str]:
    """Every feature of requests that the gate distinguishes."""
