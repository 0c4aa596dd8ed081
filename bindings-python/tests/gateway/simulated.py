"""A gateway's watch without a gateway: seconds are simulated, the store is real."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterable
from typing import Any

from interlingua.gateway.keeper import Keeper
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import Metrics
from interlingua.gateway.migration import TripRules
from interlingua.gateway.store import Store, StoredSwitch, open_store
from interlingua.gateway.switches import Gate, Switches
from interlingua.gateway.watch import Watch

PAIR = "openai_chat/openai"
GATE = Gate({PAIR: ["tools"], "anthropic_messages/anthropic": ["tools"]})
RULES = TripRules()


class Simulated:
    """A gateway's watch, a second at a time."""

    def __init__(
        self,
        rules: TripRules = RULES,
        switches: Iterable[tuple[str, str]] = ((PAIR, "rust"),),
        store: Store | None = None,
        *,
        has_python: bool = True,
    ) -> None:
        self.metrics, self.out, self.now = Metrics(), io.StringIO(), 1000.0
        self.log = Log(self.out)
        self.switches = Switches(GATE, switches, allow_ungated=False)
        self.store = store or open_store(None)
        self.keeper = Keeper(self.switches, self.store, self.log)
        self.keeper.load()
        self.watch = Watch(
            self.switches,
            self.keeper,
            rules,
            self.log,
            can_trip=lambda: has_python,
            snapshots=self._snapshots,
        )

    async def _snapshots(self) -> dict[object, Any]:
        return {"self": json.loads(json.dumps(self.metrics.snapshot()))}

    def serve(
        self,
        count: int,
        outcome: str = "answered",
        status: int = 200,
        *,
        engine: str = "rust",
        seconds: float = 0.02,
        group: str = "",
        provider: str = "openai",
    ) -> None:
        if engine == "python" and outcome == "answered":
            outcome = "relayed"
        for _ in range(count):
            self.metrics.record("openai_chat", provider, engine, outcome, status, seconds, group=group)

    def pass_seconds(self, count: int = 1) -> None:
        for _ in range(count):
            self.look_after(1)

    def look_after(self, seconds: float) -> None:
        self.now += seconds
        asyncio.run(self.watch.look(self.now))

    def set(self, mode: str, pattern: str = PAIR) -> None:
        self.now += 0.001
        asyncio.run(self.keeper.change({pattern: StoredSwitch(mode, since=self.now, by="api")}, []))

    @property
    def mode(self) -> str:
        return self.switches.mode("openai_chat", "openai")

    def events(self) -> list[str]:
        self.log.flush()
        return [json.loads(line)["event"] for line in self.out.getvalue().splitlines()]
