"""The gateway as an ASGI app. No framework: one dict look-up leads from a path to its handler.

``create_app(config)`` makes one; ``app`` is made on first use from the file that ``INTERLINGUA_CONFIG`` names.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from interlingua.gateway import admin, handovers, handshakes, ui_page
from interlingua.gateway.asgi import AsgiClient, Departures, Receive, Scope, Send, without_root
from interlingua.gateway.auth import Auth, Verdict
from interlingua.gateway.client import Client, ClientGone
from interlingua.gateway.client_connection import ClientConnection
from interlingua.gateway.config import Config, load_config
from interlingua.gateway.control import Control
from interlingua.gateway.dispatch import Dispatcher, Refusal
from interlingua.gateway.endpoints import Endpoints
from interlingua.gateway.engine_python import PythonEngine
from interlingua.gateway.engine_rust import RustEngine
from interlingua.gateway.exchange import Exchange, Handler, Terms
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Groups
from interlingua.gateway.keys import Keys
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import Metrics
from interlingua.gateway.modes import ROUTE_PATHS
from interlingua.gateway.pool import Pool, tls_context
from interlingua.gateway.relay import Relay
from interlingua.gateway.shadowing import Shadow
from interlingua.gateway.short_way import SHORT_BYTES, ShortWay
from interlingua.gateway.switches import Gate, Switches
from interlingua.gateway.transport import Limits, Transport
from interlingua.gateway.ui_page import Page
from interlingua.gateway.windows import speaks_against_core

if TYPE_CHECKING:
    from interlingua.cases.recorder import Recorder

CONFIG_VARIABLE = "INTERLINGUA_CONFIG"


class Gateway:
    """The ASGI app. A server that does not speak ASGI's lifespan to it must call ``close`` at the end."""

    def __init__(
        self,
        config: Config,
        *,
        log: Log | None = None,
        rust: RustEngine | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.config = config
        self.recorder = recorder
        self.log = log or Log()
        self.metrics = Metrics()
        self.groups = Groups(config)
        self.switches = Switches(
            Gate.read(config.migration.gate_file),
            config.migration.switches,
            allow_ungated=config.migration.allow_ungated,
        )
        self.auth = Auth(config.master_key, config.key_header)
        limits = Limits(max_body_bytes=config.max_response_bytes)
        self.transport = Transport(
            limits, Pool(max_head_bytes=limits.max_head_bytes, tls=tls_context(config.ssl_verify))
        )
        self.python = PythonEngine(config.migration.python, config.path, self.transport, self.log)
        self.relay = Relay(self.transport)
        rust = rust or RustEngine(self.transport)
        self.clock = rust.clock
        self.control = Control(config, self.switches, self.groups, self.metrics, self.log, lambda: self.python)
        store = self.control.keeper.store
        self.shadow = Shadow(config, self.groups, self.metrics, self.transport, self.python, store, self.log)
        self.keys = Keys(
            config.migration.keys,
            config.master_key,
            self._litellm_url,
            self.transport,
            self.groups,
            open_response_ids=config.open_response_ids,
        )
        self.dispatcher = Dispatcher(
            config, self.groups, self.switches, rust, self.python, self.relay, self.metrics, self.shadow, self.keys
        )
        self._serve: Handler = self.dispatcher.serve
        self._serve_guarded: Handler = self.dispatcher.serve_guarded
        self._short_way: type[ShortWay] = ShortWay
        if recorder is not None:
            from interlingua.gateway import recording  # few record, and redaction is much to load

            self._serve = recording.Recording(self._serve, recorder).serve
            self._serve_guarded = recording.Recording(self._serve_guarded, recorder).serve
            self._short_way = recording.SampledShortWay
            self.metrics.recorder = recorder.counts
        self._departures = Departures()
        self.endpoints = Endpoints(self)
        self._routes = self._make_routes()
        # A relayed path is LiteLLM's to guard; metrics are open unless the config says otherwise, as LiteLLM's.
        self._open_routes = {"health", "relay", "handover", "ui"}
        self._open_routes |= set() if config.metrics_need_key else {"metrics"}

    def _litellm_url(self) -> Awaitable[str]:
        return self.python.base_url()  # which a worker has put another one in the place of

    def _make_routes(self) -> dict[str, tuple[tuple[str, ...], str, str, Handler]]:
        """Path → (methods, route, dialect, handler)."""
        table: dict[str, tuple[tuple[str, ...], str, str, Handler]] = {}
        for dialect, path in ROUTE_PATHS.items():
            table[path] = table[f"/v1{path}"] = (("POST",), dialect, dialect, self._serve)
        table["/openai/v1/responses"] = table["/responses"]
        table["/models"] = table["/v1/models"] = (("GET",), "models", "openai_chat", self.endpoints.models)
        for name in ("liveliness", "liveness"):
            table[f"/health/{name}"] = (("GET",), "health", "openai_chat", self.endpoints.alive)
        table["/health/readiness"] = (("GET",), "health", "openai_chat", self.endpoints.ready)
        table["/metrics"] = (("GET",), "metrics", "openai_chat", self.endpoints.metrics)
        table[handovers.PATH] = (("POST",), "handover", "openai_chat", self.shadow.handovers.serve)
        page = Page(has_master_key=self.auth.has_master_key)
        table[ui_page.PATH] = (("GET", "HEAD"), "ui", "openai_chat", page.serve)
        return table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Below an ASGI server."""
        kind = scope["type"]
        if scope.get("root_path"):
            scope = without_root(scope)
        self.control.open()  # a server that hosts us may leave the lifespan out
        if kind == "http":
            client = AsgiClient(scope, receive, send)
            await self._departures.serve(client, self.serve(client))
        elif kind == "websocket":
            await handshakes.serve_asgi(self, scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)

    async def serve(self, client: Client) -> None:
        """Answer a client's request, whichever server brought it."""
        terms = client.terms
        if not isinstance(terms, Terms):
            terms = client.terms = self._judge(client)
            if isinstance(client, ClientConnection) and self._has_short_way(client, terms):
                client.short_way = self._short_way(self, client, terms)
        underway = client.underway
        exchange = Exchange(client, terms, None if underway is None else underway.begun)
        self.metrics.in_flight += 1
        try:
            await terms.handler(exchange)
        except ClientGone:
            exchange.outcome = "disconnected"
        except UpstreamFault:
            raise  # the relay's head is out; the server breaks the connection
        except asyncio.CancelledError:
            if client.left:
                exchange.outcome = "disconnected"
            raise
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # the core's panics are no Exceptions
            await self._broken(exchange, error)
        finally:
            self.metrics.in_flight -= 1
            self._record(exchange)

    def _judge(self, client: Client) -> Terms:
        """What the head of a request says: where it goes, and whether it may."""
        found = self._found(client.path)
        handler: Handler
        if found is None:
            route, dialect, handler = "relay", _dialect_of(client.path), self._relay
        else:
            methods, route, dialect, handler = found
            if client.method not in methods:
                handler = self._wrong_method
        key_hash = None
        if route not in self._open_routes and self.auth.check(client.headers) is not Verdict.ACCEPTED:
            key_hash = self.auth.virtual_key(client.headers) if self.config.virtual_keys else None
            guarded = key_hash is not None and handler == self._serve
            handler = self._serve_guarded if guarded else self._without_key
        elif self.config.database and handler == self._serve:
            handler = self._serve_guarded  # an end user may have a budget there
        elif not self.auth.has_master_key:
            key_hash = self.auth.key_hash(client.headers)  # nobody checks it, but a canary knows a client by it
        return Terms(client.headers, route, dialect, handler, key_hash)

    def _found(self, path: str) -> tuple[tuple[str, ...], str, str, Handler] | None:
        found = self._routes.get(path)
        if found is None and path.startswith(admin.PREFIX):
            return admin.METHODS, "admin", "openai_chat", self._admin
        if found is not None or not path.startswith(("/v1/responses/", "/responses/", "/openai/v1/responses/")):
            return found
        return ("GET", "POST", "DELETE"), "openai_responses", "openai_responses", self.dispatcher.serve_operation

    def _has_short_way(self, client: ClientConnection, terms: Terms) -> bool:
        translated = terms.handler == self._serve and terms.plain_json
        limited = self.config.max_response_bytes < SHORT_BYTES
        return translated and not limited and terms.call_id is None and client.repeatable

    async def _without_key(self, exchange: Exchange) -> None:
        if self.config.virtual_keys and exchange.terms.route != "admin":
            await self._relay(exchange)  # LiteLLM knows whether this key is valid
        else:
            await self._unauthenticated(exchange, self.auth.check(exchange.client.headers))

    async def _unauthenticated(self, exchange: Exchange, verdict: Verdict) -> None:
        exchange.outcome = "unauthenticated"
        missing = verdict is Verdict.MISSING
        # LiteLLM looks a strange key up in its database, and says 400 when it has none.
        status = 401 if missing else 400
        message = "no API key in the request's headers" if missing else "the API key is not valid here"
        kind = "auth_error" if missing else "no_db_connection"
        if exchange.terms.dialect == "anthropic_messages":
            kind = "authentication_error"
        await exchange.refuse(status, f"Authentication Error: {message}", type=kind)

    async def _wrong_method(self, exchange: Exchange) -> None:
        path = exchange.client.path
        found = self._found(path)
        methods = ", ".join(found[0] if found is not None else ())
        exchange.outcome = "refused"
        await exchange.refuse(405, f"{path} takes {methods} only", lines=f"allow: {methods}\r\n".encode())

    async def _relay(self, exchange: Exchange) -> None:
        """Everything that is not served here."""
        exchange.engine = "python"
        if not self.python.available:
            exchange.outcome = "refused"
            await exchange.refuse(
                501,
                f"{exchange.client.method} {exchange.client.path} is not served here, and there is no LiteLLM to"
                " relay it to: install litellm[proxy] beside the gateway, or set migration.python.url",
            )
            return
        if not self.python.running and not self._may_start(exchange):
            await self._unauthenticated(exchange, self.auth.check(exchange.client.headers))
            return
        try:
            await self.dispatcher.relay(exchange, None, "")
        except Refusal as refusal:
            exchange.outcome = "refused"
            await exchange.refuse(refusal.status, refusal.message)

    def _may_start(self, exchange: Exchange) -> bool:
        """A child costs seconds and hundreds of megabytes: not for a request without a valid key."""
        return self.config.virtual_keys or self.auth.check(exchange.client.headers) is Verdict.ACCEPTED

    async def _admin(self, exchange: Exchange) -> None:
        if not self.auth.has_master_key:
            await exchange.refuse(403, "the switches need a general_settings.master_key", type="permission_error")
            return
        await self.control.admin.serve(exchange)

    async def serve_websocket(self, client: ClientConnection) -> None:
        """A WebSocket's handshake on our own server."""
        exchange = Exchange(client, Terms(client.headers, "websocket", "openai_chat", self._relay))
        try:
            await handshakes.serve_own(self, client, exchange)
        finally:
            self._record(exchange)

    def refused(self, status: int, reason: str) -> None:
        """Our own server got bytes that are no request."""
        self.metrics.record("none", "", "gateway", "refused", status, 0.0)
        self.log.line("bad_request", status=status, reason=reason)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.announce()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def listens_at(self, url: str) -> None:
        """Where other processes of this host reach us; known once there is a listening socket."""
        self.python.child_environment = self.shadow.child_environment(url)

    def announce(self) -> None:
        """Say at start what will not be served by the core, and why."""
        for notice in self.notices():
            self.log.line("notice", message=notice)
        self.log.line("ready", groups=len(self.config.deployments), python_engine=self.python.description)
        self.log.flush()

    def notices(self) -> Iterator[str]:
        """What the operator should know."""
        for notice in self.config.notices:
            yield notice.message
        for _, message in (*self.control.notices(), *self.control.lost_groups()):
            yield message
        for choice in self.groups.choices():
            if choice.notice is not None:
                yield choice.notice
        kept = {choice.group: choice.python_reasons for choice in self.groups.choices()}
        kept |= {deployment.group: deployment.python_reasons for deployment in self.groups.wildcards()}
        for group, reasons in kept.items():
            own = [reason for reason in reasons if reason not in self.config.python_reasons]
            if own:
                yield f"group {group} stays on the python engine: {'; '.join(own)}"

    def open(self) -> None:
        """Begin what goes on beside the exchanges, in the loop that serves them."""
        self.control.open()

    async def close(self) -> None:
        """End what the gateway started. In-flight exchanges are the server's to wait for."""
        self.shadow.close()
        await self.control.close()
        self.keys.close()
        await self.python.close()
        self.transport.close()
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)
        self.log.flush()

    async def _broken(self, exchange: Exchange, error: BaseException) -> None:
        self.log.bug(error, call_id=exchange.call_id)
        exchange.outcome = "bug"
        if exchange.provider and exchange.engine == "gateway":
            exchange.engine = "rust"  # it was the core's to serve: the switch may have to trip
        if exchange.sent:
            raise RuntimeError("the answer broke off") from None
        await exchange.refuse(500, f"the gateway failed; its log has more under {exchange.call_id}")

    def _record(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        route, engine, outcome = exchange.terms.route, exchange.engine, exchange.outcome
        provider = exchange.provider if engine != "gateway" else ""
        status = 499 if outcome == "disconnected" else exchange.status
        group = exchange.group if exchange.group in self.switches.groups else None
        self.metrics.record(route, provider, engine, outcome, status, seconds, exchange.gate, group or "")
        if engine == "rust" and speaks_against_core(outcome, status):
            self.control.fault()
        if exchange.retries:
            self.metrics.retried(route, provider, exchange.retries)
        attempt = exchange.attempt
        if attempt is not None and (losses := attempt.losses):
            self.metrics.lost(route, provider, losses)
        if self.log.access and route not in ("health", "metrics", "handover"):
            self.log.request(exchange, status, seconds)


def _dialect_of(path: str) -> str:
    """In whose shape errors of a relayed path are."""
    return "anthropic_messages" if path.removeprefix("/v1").startswith("/messages") else "openai_chat"


def create_app(
    config: Config | str | Path, *, log: Log | None = None, recorder: Recorder | None = None, strict: bool = True
) -> Gateway:
    """The ASGI app for a config or for the path of one. Raises ``ConfigError``, ``SwitchError`` or, if ``strict``,
    ``StoreError``."""
    loaded = config if isinstance(config, Config) else load_config(Path(config))
    app = Gateway(loaded, log=log, recorder=recorder)
    app.control.load(strict=strict)
    return app


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        raise RuntimeError(f"set {CONFIG_VARIABLE} to the path of a config.yaml")
    made = create_app(path)
    globals()["app"] = made
    return made
