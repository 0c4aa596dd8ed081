"""The parts of the shadow, put together for a gateway."""

from __future__ import annotations

import secrets
from typing import Final

from interlingua.gateway.config import Config
from interlingua.gateway.engine_python import PythonEngine
from interlingua.gateway.groups import Groups
from interlingua.gateway.handovers import PATH, Handovers
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import Metrics
from interlingua.gateway.modes import ROUTE_DIALECTS
from interlingua.gateway.request_side import RequestSide
from interlingua.gateway.shadow import Sampler
from interlingua.gateway.store import Store
from interlingua.gateway.transport import Transport
from interlingua.litellm_plugin import TOKEN_VARIABLE, URL_VARIABLE

_EVERYWHERE: Final = (("://0.0.0.0:", "://127.0.0.1:"), ("://[::]:", "://[::1]:"))


class Shadow:
    """Choosing requests, taking hand-overs, and comparing."""

    def __init__(
        self,
        config: Config,
        groups: Groups,
        metrics: Metrics,
        transport: Transport,
        python: PythonEngine,
        store: Store,
        log: Log,
    ) -> None:
        settings = config.migration.shadow
        self._given_url = config.environment.get(URL_VARIABLE)
        self.token = config.environment.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
        """Who has it may hand over."""
        names = [deployment.group for deployment in config.deployments]
        self.sampler = Sampler(settings, metrics.shadow, ROUTE_DIALECTS, names)
        counts = metrics.shadow
        self.handovers = Handovers(settings, self.token, groups, self.sampler, counts, store.add_difference, log)
        self.request_side = RequestSide(transport, python, config.master_key, self.handovers, counts)

    def child_environment(self, url: str) -> dict[str, str]:
        """What tells the plug-in in our own LiteLLM where its hand-overs go."""
        for any_address, loopback in _EVERYWHERE:
            url = url.replace(any_address, loopback)
        return {URL_VARIABLE: self._given_url or url + PATH, TOKEN_VARIABLE: self.token}

    def close(self) -> None:
        self.request_side.close()
        self.handovers.close()
