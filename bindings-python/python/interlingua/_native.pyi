"""The native core: bytes in, bytes out. No sockets, no clocks, no secrets, no threads."""

from collections.abc import Mapping, Sequence
from typing import Final, final

__all__ = [
    "Attempt",
    "ClientResponse",
    "Decline",
    "HttpRequest",
    "InterlinguaError",
    "InvalidRequest",
    "Misuse",
    "Outcome",
    "Request",
    "Target",
    "Unsupported",
    "__version__",
    "providers",
    "render_error",
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
    ) -> Target: ...
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
        headers: Sequence[tuple[str, str]] = (),
        query: str = "",
        max_body_bytes: int = ...,
        max_depth: int = ...,
    ) -> Request: ...
    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def features(self) -> list[str]:
        """The features that this request uses, in the gate's vocabulary."""
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
class HttpRequest:
    """What to send. The host adds the credential as ``auth`` says, and signs."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
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
    def body(self) -> bytes: ...

@final
class Attempt:
    """One try at one target: a state machine without sockets."""

    def step(self) -> HttpRequest | Outcome | None:
        """What to do next: send a request, nothing yet (``None``: feed the answer), or be done."""
    def head(self, status: int, headers: Sequence[tuple[str, str]], /) -> None: ...
    def body(self, chunk: bytes, /) -> bytes:
        """Feed any slice of the provider's body; returns the bytes owed to the client now."""
    def end(self) -> bytes: ...
    def abort(self, reason: str, /) -> bytes:
        """``timeout``, ``disconnected`` or ``connection``: the host gives up; returns what is owed to the client."""
    @property
    def client_head(self) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers owed to the client; ``None`` until the attempt is committed."""
    def failure(self) -> ClientResponse:
        """The failure of an attempt that never committed, in the client's dialect."""
    @property
    def usage(self) -> Mapping[str, int] | None: ...
    @property
    def losses(self) -> list[tuple[str, str]]:
        """``(path, code)`` of everything that the translation could not carry."""
    @property
    def rewrites(self) -> list[tuple[str, str]]: ...

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

def providers() -> list[tuple[str, str | None, str | None]]:
    """``(name, base URL, key variable)`` of every provider."""

def routes() -> list[tuple[str, str, str]]:
    """``(client dialect, provider, upstream dialect)`` of every pair that the core translates."""
