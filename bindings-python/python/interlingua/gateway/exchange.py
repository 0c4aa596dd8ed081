"""One client request on its way through the gateway: what is known of it, and what has been sent back."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from interlingua import _native
from interlingua.gateway.client import Client, Headers
from interlingua.gateway.faults import UpstreamFault

if TYPE_CHECKING:
    from interlingua.gateway.engine_rust import Decided
    from interlingua.gateway.recording import Tape
    from interlingua.gateway.relay import Asked

_CALL_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_WISHES = (b"x-litellm-timeout", b"x-litellm-stream-timeout", b"x-litellm-num-retries")
_PLAIN_JSON = (b"application/json", b"application/json; charset=utf-8", b"", None)
VERSION = f"interlingua/{_native.__version__}".encode("ascii", "replace")
_VERSION_LINE = b"\r\nx-litellm-version: " + VERSION + b"\r\n"


def _retry_lines(times: int) -> bytes:
    return b"x-litellm-attempted-retries: %d\r\nx-litellm-attempted-fallbacks: 0\r\n" % times


_FIRST_TRY_LINES = _retry_lines(0)


def _call_ids() -> _native.CallIds:
    """This process's call ids, in the shape of a UUID; how they begin is random, as is where counting begins."""
    bits = f"{random.SystemRandom().getrandbits(80):020x}"
    start = f"{bits[:8]}-{bits[8:12]}-4{bits[12:15]}-a{bits[15:18]}-"
    return _native.CallIds(start, random.SystemRandom().getrandbits(40))


CALL_IDS = _call_ids()


_NO_LANES = _native.Lanes("openai_chat", (), b"", 0, CALL_IDS, 0)
Handler = Callable[["Exchange"], Awaitable[None]]


class Terms:
    """What the head of a request says, found out once for all requests with the same head."""

    __slots__ = (
        "asked",
        "call_id",
        "dialect",
        "handler",
        "key_hash",
        "lanes",
        "passed_headers",
        "plain_json",
        "route",
        "version",
        "wishes",
    )

    def __init__(
        self, headers: Headers, route: str, dialect: str, handler: Handler, key_hash: bytes | None = None
    ) -> None:
        self.key_hash = key_hash
        """Of the client's key, where it is not the master key."""
        self.route = route
        self.dialect = dialect
        self.handler = handler
        given = headers.get(b"x-litellm-call-id")
        self.call_id = given.decode("ascii") if given is not None and _CALL_ID.fullmatch(given) else None
        self.plain_json = headers.get(b"content-type") in _PLAIN_JSON and headers.get(b"content-encoding") is None
        """The body needs no more than to be read as JSON."""
        self.passed_headers = headers.pairs(b"anthropic-")
        """The client headers that mean something to a provider's API; never a key."""
        self.wishes = tuple(headers.get(name) for name in _WISHES)
        """The headers that tell the gateway how to run the exchange."""
        self.lanes: _native.Lanes = _NO_LANES
        """What was decided for requests like this one, while the switches stood at ``version``."""
        self.version: object = None
        self.asked: Asked | None = None
        """What requests like this one become on their way to LiteLLM, once one has gone there."""


class Exchange:
    """Facts for the log line and the metrics, and the way back to the client."""

    # Most exchanges never change most of these: they stand on the class until then.
    extra_lines = b""
    sent = False
    status = 0
    outcome = "error"
    engine = "gateway"
    group: str | None = None
    provider = ""
    gate = ""
    stream = False
    retries = 0
    shadow: bytes | None = None
    """The mark under which LiteLLM is to tell what it does with this exchange."""
    why = ""
    """What of the client's key keeps the exchange from the core: names of LiteLLM's columns."""
    fault: UpstreamFault | None = None
    """What went wrong on the wire in the last try."""
    attempt: _native.Attempt | None = None
    """The last try of the rust engine."""
    tape: Tape | None = None
    """Keeps what comes by, if the exchange is recorded."""

    def __init__(self, client: Client, terms: Terms, begun: _native.Begun | None = None) -> None:
        self.client = client
        self.terms = terms
        if begun is None:
            self.started = perf_counter()
            self.call_id = terms.call_id or CALL_IDS.next()
        else:
            self.started, self.call_id = begun.started, begun.call_id

    def follow(self, decided: Decided) -> None:
        """The core serves, as was decided."""
        choice, _, self.gate, *_ = decided
        self.engine = "rust"
        self.group, self.provider, self.extra_lines = choice.group, choice.provider, choice.lines

    @property
    def usage(self) -> Mapping[str, int] | None:
        return None if self.attempt is None else self.attempt.usage

    @property
    def losses(self) -> list[tuple[str, str]]:
        return [] if self.attempt is None else self.attempt.losses

    def header(self, name: bytes) -> str | None:
        value = self.client.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def _own_lines(self) -> bytes:
        """The ``x-litellm-*`` headers of this exchange."""
        return b"x-litellm-call-id: " + self.call_id.encode() + self.lines_behind_call_id()

    def lines_behind_call_id(self) -> bytes:
        lines = _VERSION_LINE + self.extra_lines
        if self.engine == "rust":
            lines += _FIRST_TRY_LINES if not self.retries else _retry_lines(self.retries)
        if self.gate:
            lines += b"x-interlingua-gate: " + self.gate.encode() + b"\r\n"
        return lines

    def start(self, status: int, lines: bytes) -> Awaitable[None]:
        """Begin a response whose body follows in pieces."""
        self.sent = True
        self.status = status
        return self.client.start(status, lines + self._own_lines())

    def reply(self, status: int, lines: bytes, body: bytes) -> Awaitable[None]:
        """Send a whole response."""
        self.sent = True
        self.status = status
        return self.client.reply(status, lines + self._own_lines(), body)

    async def refuse(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        param: str | None = None,
        lines: bytes = b"",
    ) -> None:
        """An error of the gateway itself, in the client's dialect."""
        answer = _native.render_error(self.terms.dialect, status, message, type=type, param=param)
        await self.reply(answer.status, answer.lines + lines, answer.body)
