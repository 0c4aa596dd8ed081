"""One client request on its way through the gateway: what is known of it, and what has been sent back."""

from __future__ import annotations

import random
import re
from time import perf_counter

from interlingua import _native
from interlingua.gateway.asgi import ByteHeaders, Message, Receive, Scope, Send, encode_headers, respond
from interlingua.gateway.faults import UpstreamFault

_CALL_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
VERSION = f"interlingua/{_native.__version__}".encode("ascii", "replace")


class Exchange:
    """Facts for the log line and the metrics, and the way back to the client."""

    __slots__ = (
        "_receive",
        "body_taken",
        "call_id",
        "dialect",
        "disconnected",
        "engine",
        "extra_headers",
        "fault",
        "gate",
        "group",
        "headers",
        "losses",
        "method",
        "outcome",
        "path",
        "provider",
        "retries",
        "route",
        "scope",
        "send",
        "sent",
        "started",
        "status",
        "stream",
        "usage",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, route: str, dialect: str) -> None:
        self.scope = scope
        self._receive = receive
        self.send = send
        self.route = route
        self.dialect = dialect
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.body_taken = b"transfer-encoding" not in self.headers and self.headers.get(b"content-length", b"0") == b"0"
        """No more of the request's body is to come."""
        self.started = perf_counter()
        self.call_id = self._call_id()
        self.extra_headers: ByteHeaders = []
        self.disconnected = False
        self.sent = False
        self.status = 0
        self.outcome = "error"
        self.engine = "gateway"
        self.group: str | None = None
        self.provider: str | None = None
        self.gate: str | None = None
        self.stream = False
        self.retries = 0
        self.fault: UpstreamFault | None = None
        """What went wrong on the wire in the last try."""
        self.usage: dict[str, int] | None = None
        self.losses: list[tuple[str, str]] = []

    def _call_id(self) -> str:
        given = self.headers.get(b"x-litellm-call-id")
        if given is not None and _CALL_ID.fullmatch(given):
            return given.decode("ascii")
        raw = f"{random.getrandbits(128):032x}"
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"

    async def receive(self) -> Message:
        """The next ASGI message from the client."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.body_taken = True
        return message

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def gateway_headers(self) -> ByteHeaders:
        """The ``x-litellm-*`` headers of this exchange."""
        headers = [(b"x-litellm-call-id", self.call_id.encode()), (b"x-litellm-version", VERSION), *self.extra_headers]
        if self.engine == "rust":
            headers.append((b"x-litellm-attempted-retries", b"%d" % self.retries))
            headers.append((b"x-litellm-attempted-fallbacks", b"0"))
        if self.gate is not None:
            headers.append((b"x-interlingua-gate", self.gate.encode()))
        return headers

    async def start(self, status: int, headers: ByteHeaders) -> None:
        """Begin a response whose body follows in pieces."""
        self.sent = True
        self.status = status
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *self.gateway_headers()]}
        )

    async def piece(self, data: bytes) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        await self.send({"type": "http.response.body", "body": data})

    async def reply(self, status: int, headers: ByteHeaders, body: bytes) -> None:
        """Send a whole response."""
        self.sent = True
        self.status = status
        await respond(self.send, status, [*headers, *self.gateway_headers()], body)

    async def refuse(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        param: str | None = None,
        headers: ByteHeaders | None = None,
    ) -> None:
        """An error of the gateway itself, in the client's dialect."""
        answer = _native.render_error(self.dialect, status, message, type=type, param=param)
        await self.reply(answer.status, [*encode_headers(answer.headers), *(headers or [])], answer.body)
