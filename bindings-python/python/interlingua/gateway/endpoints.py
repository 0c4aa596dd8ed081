"""What the gateway answers by itself: the list of models, health, and metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from interlingua.gateway.client import JSON_LINES
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.metrics import Metrics

if TYPE_CHECKING:
    from interlingua.gateway.application import Gateway

MODEL_CREATED: Final = 1677610602
"""LiteLLM gives every model this time of creation."""
_METRICS_LINES: Final = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"


class Endpoints:
    """The handlers of these paths."""

    def __init__(self, gateway: Gateway) -> None:
        self.all_metrics: Callable[[], Coroutine[Any, Any, Metrics]] | None = None
        """Of all workers, where there are several."""
        self._gateway = gateway

    async def models(self, exchange: Exchange) -> None:
        data = [
            {"id": name, "object": "model", "created": MODEL_CREATED, "owned_by": "openai"}
            for name in self._gateway.groups.names()
        ]
        await _json(exchange, {"data": data, "object": "list"})

    async def alive(self, exchange: Exchange) -> None:
        await _json(exchange, "I'm alive!")

    async def ready(self, exchange: Exchange) -> None:
        await _json(exchange, {"status": "healthy", "db": "Not connected"})

    async def metrics(self, exchange: Exchange) -> None:
        exchange.outcome = "answered"
        gateway = self._gateway
        metrics = await self.all_metrics() if self.all_metrics is not None else gateway.metrics
        text = metrics.render(
            idle_connections=gateway.transport.pool.idle_count(),
            ungated=gateway.switches.ungated(),
            tripped=list(gateway.switches.tripped()),
            python_running=gateway.python.running,
            store_failing=gateway.control.keeper.failing,
        )
        await exchange.reply(200, _METRICS_LINES, text)


async def _json(exchange: Exchange, document: object) -> None:
    exchange.outcome = "answered"
    await exchange.reply(200, JSON_LINES, json.dumps(document, separators=(",", ":")).encode())
