"""The translated routes: read, decide on an engine, run it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from interlingua import _native
from interlingua.gateway import litellm_keys
from interlingua.gateway.client import BodyTooLarge
from interlingua.gateway.config import Config
from interlingua.gateway.engine_python import PythonEngine, PythonUnavailable
from interlingua.gateway.engine_rust import CredentialError, Plan, Ready, RustEngine, signed
from interlingua.gateway.exchange import CALL_IDS, Exchange, Terms
from interlingua.gateway.faults import UpstreamFault, UpstreamTimeout
from interlingua.gateway.groups import Choice, Groups
from interlingua.gateway.guard import guarded
from interlingua.gateway.keys import KeyRefused, Keys, KeyUnserved
from interlingua.gateway.metrics import Metrics
from interlingua.gateway.multipart import MultipartError, ocr_request
from interlingua.gateway.relay import BUFFERED_BYTES, Relay
from interlingua.gateway.retries import retries_allowed
from interlingua.gateway.shadowing import Shadow
from interlingua.gateway.stickiness import place_of
from interlingua.gateway.switches import Decision, Place, Switches, nowhere
from interlingua.gateway.transport import Timeouts

CONNECT_SECONDS = 10.0
MAX_LANES = 64
"""Clients' headers are among what lanes are kept by."""


class Refusal(Exception):
    """The gateway answers by itself, in the client's dialect."""

    def __init__(self, status: int, message: str, *, type: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param


class Unserved(Refusal):
    """The switch leaves the request to the core, which does not serve it."""


async def refuse(exchange: Exchange, error: Refusal | KeyRefused | CredentialError | _native.InterlinguaError) -> None:
    """Tell the client why it has no answer."""
    if isinstance(error, _native.InterlinguaError):
        exchange.outcome = error.code
        await exchange.refuse(error.status, str(error), param=error.param)
        if isinstance(error, _native.Unsupported | _native.Decline):
            exchange.engine = "rust"  # LiteLLM might have served it: it counts against the core
        return
    exchange.outcome = "refused"
    if isinstance(error, Unserved | KeyUnserved | CredentialError) and exchange.provider:
        exchange.outcome, exchange.engine = "unserved", "rust"
    if isinstance(error, CredentialError):
        kind = "authentication_error" if error.status == 401 else None
        await exchange.refuse(error.status, str(error), type=kind)
    elif isinstance(error, KeyRefused) and exchange.terms.dialect == "anthropic_messages":
        await exchange.refuse(error.status, error.message)  # Anthropic's types are fewer: one per status
    else:
        await exchange.refuse(error.status, error.message, type=error.type, param=error.param)


class Dispatcher:
    """Serves the routes that the core translates."""

    def __init__(
        self,
        config: Config,
        groups: Groups,
        switches: Switches,
        rust: RustEngine,
        python: PythonEngine,
        relay: Relay,
        metrics: Metrics,
        shadow: Shadow,
        client_keys: Keys,
    ) -> None:
        self._config = config
        self._groups = groups
        self._switches = switches
        self._rust = rust
        self.python = python
        self._relay = relay
        self._metrics = metrics
        self._shadow = shadow
        self._keys = client_keys
        self._lanes: dict[tuple[object, ...], _native.Lanes] = {}
        self._lanes_version: object = None

    async def serve(self, exchange: Exchange) -> None:
        """Answer the exchange, whatever happens."""
        try:
            terms = exchange.terms
            if terms.version is not self._switches.version:
                self._renew(terms, exchange)
            underway = exchange.client.underway
            if underway is not None and underway.error is not None:
                if underway.begun is not None:
                    exchange.follow(underway.begun.decision)
                raise underway.error
            raw = body = exchange.client.body_here(self._config.max_request_bytes) if terms.plain_json else None
            if raw is None or body is None:
                raw, body = await self._read(exchange)
            if exchange.tape is not None:
                exchange.tape.body = body
            begun = None if underway is None else underway.begun
            if begun is None:
                begun = terms.lanes.begin(body, self._rust.clock(), exchange.started)
            ready = _ready(begun)
            if ready is None:
                request = self._request(exchange, body) if begun is None else begun.take()[0]
                ready = await self._decide(exchange, raw, body, request)
            if ready is not None:
                await self._rust.serve(exchange, ready, underway)
        except (Refusal, CredentialError, _native.InterlinguaError) as error:
            await refuse(exchange, error)

    async def serve_guarded(self, exchange: Exchange) -> None:
        """Answer the exchange where LiteLLM's database may limit the client. What is not for the core goes to LiteLLM
        as it came, to be judged there."""
        try:
            key, length = exchange.terms.key_hash, exchange.client.length
            long = length is None or length > BUFFERED_BYTES
            if key is not None and long and not await self._keys.is_good(key):
                await self.relay(exchange, None, "")  # it streams through: it is read for a good key only
                return
            raw, body = await self._read(exchange)
            if exchange.tape is not None:
                exchange.tape.body = body
            try:
                request = self._request(exchange, body)
            except _native.InterlinguaError:
                if key is None:
                    raise
                await self.relay(exchange, raw, "")
                return
            ready = await self._decide(exchange, raw, body, request, limited=True)
            if ready is not None:
                await self._rust.serve(exchange, ready, None)
        except (Refusal, KeyRefused, CredentialError, _native.InterlinguaError) as error:
            await refuse(exchange, error)

    async def serve_operation(self, exchange: Exchange) -> None:
        """Answer what a client wants of ``/v1/responses`` beside a response."""
        try:
            _, _, path = exchange.client.path.partition("/responses")
            raw, body = await self._read(exchange)
            operation = _native.Operation.read(
                exchange.client.method,
                path,
                body,
                query=exchange.client.query,
                max_body_bytes=max(self._config.max_request_bytes, len(body)),
            )
            choice = None if operation is None else self._keeper(operation)
            if operation is None or choice is None:
                await self._without_keeper(exchange, raw)
                return
            exchange.stream = operation.stream
            exchange.group, exchange.provider = choice.group, choice.provider
            decision = self._engine(
                exchange.terms.dialect, ("stored_state",), choice, {}, self._place(exchange.terms, body)
            )
            if decision.engine == "python":
                await self._by_python(exchange, raw, decision)
                return
            attempt, sent = self._rust.begin(operation, choice)
            gate = "ungated" if decision.ungated else ""
            decided = self._rust.decided(choice, self._plan(exchange, choice, {}), gate, sent.url)
            await self._rust.serve(exchange, (decided, operation, attempt, sent), None)
        except (Refusal, CredentialError, _native.InterlinguaError) as error:
            await refuse(exchange, error)

    def _keeper(self, operation: _native.Operation) -> Choice | None:
        """Who keeps the response that the operation is about, or serves the model."""
        if operation.model is not None:
            return self._groups.find(operation.model)
        return None if operation.deployment is None else self._groups.of_deployment(operation.deployment)

    async def _without_keeper(self, exchange: Exchange, raw: bytes) -> None:
        if not self.python.available:
            raise Refusal(404, "no deployment here keeps this response, or there is no such operation")
        await self.relay(exchange, raw, "")

    def _renew(self, terms: Terms, exchange: Exchange) -> None:
        """Look up what was decided for requests whose heads say the same to us, with the switches as they are."""
        version = terms.version = self._switches.version
        if self._lanes_version is not version or len(self._lanes) >= MAX_LANES:
            self._lanes_version = version
            self._lanes.clear()
        query = exchange.client.query
        key = (terms.dialect, query, *terms.passed_headers, *terms.wishes)
        lanes = self._lanes.get(key)
        if lanes is None:
            limit = self._config.max_request_bytes
            lanes = self._lanes[key] = _native.Lanes(
                terms.dialect, terms.passed_headers, query, limit, CALL_IDS, random.getrandbits(128)
            )
        terms.lanes = lanes

    def _request(self, exchange: Exchange, body: bytes) -> _native.Request:
        return _native.Request(
            exchange.terms.dialect,
            body,
            headers=exchange.terms.passed_headers,
            query=exchange.client.query,
            max_body_bytes=max(self._config.max_request_bytes, len(body)),
        )

    async def _decide(
        self, exchange: Exchange, raw: bytes, body: bytes, request: _native.Request, *, limited: bool = False
    ) -> Ready | None:
        """Decide who serves the request. ``None`` if somebody else has. ``limited``: by LiteLLM's database, perhaps."""
        terms = exchange.terms
        choice = self._groups.find(request.model)
        if choice is None:
            await self._without_choice(exchange, request, raw)
            return None
        exchange.group, exchange.provider, exchange.extra_lines = choice.group, choice.provider, choice.lines
        exchange.stream = request.stream
        told = request.host_controls
        controls = json.loads(told) if told != b"{}" else {}  # few have any
        decision = self._engine(terms.dialect, request.features, choice, controls, self._place(terms, body))
        if limited and decision.engine == "rust":
            decision = await guarded(self._keys, exchange, body, request, choice.group, decision)
        if decision.engine == "python":
            if decision.shadowed and choice.target is not None:
                exchange.shadow = self._shadow.sampler.take(f"{terms.dialect}/{choice.provider}", choice.group)
            await self._by_python(exchange, raw, decision)
            if exchange.shadow is not None:
                self._shadow.request_side.after(terms.dialect, raw, choice)
            return None
        try:
            attempt, sent = self._rust.begin(request, choice)
        except (_native.Decline, _native.Unsupported) as error:
            if decision.mode == "rust" or not self.python.available:
                raise
            await self.relay(exchange, raw, str(error))
            return None
        plan = self._plan(exchange, choice, controls)
        decided = self._rust.decided(choice, plan, "ungated" if decision.ungated else "", sent.url)
        exchange.follow(decided)
        # A canary decides about each request: it has no lane. Neither has a request that LiteLLM's database may limit.
        if not controls and choice.target is not None and decision.holds and not limited:
            _, head = signed(sent, choice, sent.parts[0], stream=request.stream)
            lines = exchange.lines_behind_call_id()
            group = choice.group if choice.group in self._switches.groups else ""
            tally = self._metrics.tally(terms.route, choice.provider, "rust", "answered", 200, decided.gate, group)
            terms.lanes.add(request, choice.target, choice.requested, decided, sent, head, lines, tally)
        return decided, request, attempt, sent

    async def _without_choice(self, exchange: Exchange, request: _native.Request, raw: bytes) -> None:
        """Another proxy may know models that our config does not; our own child reads the same config."""
        if not self.python.external and exchange.terms.key_hash is None:
            raise Refusal(
                400,
                f"there is no model {request.model[:100]!r} here; GET /v1/models lists what there is",
                type="invalid_request_error",
            )
        await self.relay(exchange, raw, "")

    async def _read(self, exchange: Exchange) -> tuple[bytes, bytes]:
        """The body as it came, and as JSON."""
        headers = exchange.client.headers
        kind = headers.get(b"content-type") or b""
        coding = (headers.get(b"content-encoding") or b"").strip().lower()
        if coding not in (b"", b"identity"):
            raise Refusal(415, "a compressed request body is not accepted; send it without Content-Encoding")
        content_type = kind.decode("latin-1")
        media, _, rest = content_type.partition(";")
        media = media.strip().lower()
        form = media in ("multipart/form-data", "application/x-www-form-urlencoded")
        if form and not (media == "multipart/form-data" and exchange.terms.dialect == "mistral_ocr"):
            raise Refusal(415, f"a request body of type {media} is not accepted; send JSON as application/json")
        charset = rest.lower().replace(" ", "").replace('"', "").partition("charset=")[2].partition(";")[0]
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise Refusal(415, "a request body must be UTF-8")
        raw = await self._raw(exchange)
        if not form:
            return raw, raw
        try:
            return raw, ocr_request(content_type, raw)
        except MultipartError as error:
            raise Refusal(400, str(error), type="invalid_request_error", param=error.param) from None

    async def _raw(self, exchange: Exchange) -> bytes:
        limit = self._config.max_request_bytes
        try:
            return await exchange.client.body(limit)
        except BodyTooLarge:
            raise Refusal(413, f"the request body is over {limit} bytes") from None

    def _engine(
        self,
        route: str,
        features: tuple[str, ...],
        choice: Choice,
        controls: Mapping[str, object],
        place: Place = nowhere,
    ) -> Decision:
        provider, group = choice.provider, choice.group
        reasons: tuple[str, ...] = choice.python_reasons
        if not controls and not reasons:
            return self._switches.decide(route, provider, group, features, place)
        mode = self._switches.mode(route, provider, group)
        if controls and mode != "python":
            reasons += tuple(_foreign_controls(controls))
        if reasons and mode == "rust":
            raise Unserved(400, f"the switch is set to rust, and this is not built in it: {'; '.join(reasons)}")
        if reasons:
            return Decision("python", mode, why=f"not built in the rust engine: {'; '.join(reasons)}")
        return self._switches.decide(route, provider, group, features, place)

    def _place(self, terms: Terms, body: bytes) -> Place:
        """Where the client is in canaries, if one asks."""
        return lambda: place_of(terms.key_hash, terms.dialect, body, self._switches.salt)

    async def _by_python(self, exchange: Exchange, raw: bytes, decision: Decision) -> None:
        if decision.mode == "rust":
            raise Unserved(400, f"the switch is set to rust, but {decision.why}")
        await self.relay(exchange, raw, decision.why)

    async def relay(self, exchange: Exchange, body: bytes | None, why: str) -> None:
        """Hand the exchange to LiteLLM as it came."""
        exchange.engine = "python"
        exchange.extra_lines = b""
        try:
            base_url = await self.python.base_url()
        except PythonUnavailable as error:
            prefix = f"this request is for the python engine ({why}): " if why else "this is not served here: "
            raise Refusal(error.status, prefix + str(error)) from None
        try:
            await self._relay.serve(exchange, base_url, body)
        except UpstreamFault as fault:
            exchange.outcome, exchange.fault = fault.reason, fault
            if exchange.sent:
                # The head is out and promised more: only breaking the connection tells the client the truth.
                raise
            status = 504 if isinstance(fault, UpstreamTimeout) else 502
            raise Refusal(status, f"the python engine did not answer: {fault.message}") from None

    def _plan(self, exchange: Exchange, choice: Choice, controls: Mapping[str, object]) -> Plan:
        deployment, config = choice.deployment, self._config
        read = (
            _seconds(controls.get("timeout"))
            or _seconds(controls.get("request_timeout"))
            or _seconds(exchange.header(b"x-litellm-timeout"))
            or deployment.timeout
            or config.timeout
        )
        if exchange.stream:
            read = (
                _seconds(controls.get("stream_timeout"))
                or _seconds(exchange.header(b"x-litellm-stream-timeout"))
                or deployment.stream_timeout
                or config.stream_timeout
                or read
            )
        retries = retries_allowed(
            controls.get("num_retries"),
            exchange.header(b"x-litellm-num-retries"),
            deployment.num_retries,
            config.num_retries,
        )
        return Plan(Timeouts(connect=min(read, CONNECT_SECONDS), read=read), retries, config.retry_after)


def _ready(begun: _native.Begun | None) -> Ready | None:
    """What is known of a request that has a lane."""
    decision = None if begun is None else begun.decision
    if begun is None or decision is None:
        return None
    request, attempt, sent = begun.take()
    assert attempt is not None and sent is not None
    return decision, request, attempt, sent


def _foreign_controls(controls: Mapping[str, object]) -> list[str]:
    names = litellm_keys.odd_keys(dict(controls), litellm_keys.CONTROLS_SERVED, litellm_keys.CONTROLS_HARMLESS)
    metadata = controls.get("metadata")
    if isinstance(metadata, dict) and litellm_keys.is_set(metadata.get("guardrails")):
        names.append("metadata.guardrails")
    return names


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e6 else None
