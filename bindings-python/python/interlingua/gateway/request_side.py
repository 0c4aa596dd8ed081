"""Shadow without the plug-in: LiteLLM is asked what it would send, and only that is compared.

``/utils/transform_request`` is asked after the answer, once in a while, with the master key. What it tells are the
fields of a chat request's body before an HTTP client has a hand in it; URL and headers are not judged, and neither
are answers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any, Final

from interlingua import _native
from interlingua.gateway.client import header_lines
from interlingua.gateway.engine_python import PythonEngine, PythonUnavailable
from interlingua.gateway.faults import UpstreamFault
from interlingua.gateway.groups import Choice
from interlingua.gateway.handed_over import HandedOver, NotComparable, asked
from interlingua.gateway.handovers import Handovers
from interlingua.gateway.pool import locate
from interlingua.gateway.shadow import ShadowCounts
from interlingua.gateway.transport import Timeouts, Transport, request_head
from interlingua.litellm_plugin import KEY

PATH: Final = "/utils/transform_request"
GRACE_SECONDS: Final = 3.0
"""How long a hand-over may take to come after its answer."""
MAX_PENDING: Final = 16
MAX_BODY: Final = 1024 * 1024
_TIMEOUTS: Final = Timeouts(connect=5.0, read=30.0)
_REFUSALS: Final = ("litellm.UnsupportedParamsError", "litellm.BadRequestError")


class RequestSide:
    """Asks the LiteLLM behind us, as long as no hand-over has come from it."""

    def __init__(
        self, transport: Transport, python: PythonEngine, key: str | None, handovers: Handovers, counts: ShadowCounts
    ) -> None:
        self._transport = transport
        self.python = python
        self._key = key
        self._handovers = handovers
        self._counts = counts
        self._tasks: set[asyncio.Task[None]] = set()
        self.grace = GRACE_SECONDS

    def after(self, dialect: str, raw: bytes, choice: Choice) -> None:
        """LiteLLM has served this."""
        if self._handovers.plugin_seen:
            return
        pair = f"{dialect}/{choice.provider}"
        if len(self._tasks) >= MAX_PENDING or len(raw) > MAX_BODY:
            self._counts.count(pair, choice.group, "dropped")
            return
        task = asyncio.get_running_loop().create_task(self._ask(dialect, raw, choice))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _ask(self, dialect: str, raw: bytes, choice: Choice) -> None:
        pair = f"{dialect}/{choice.provider}"
        await asyncio.sleep(self.grace)
        if self._handovers.plugin_seen:
            return
        try:
            if dialect != "openai_chat":
                raise NotComparable("no_plugin")
            body = json.loads(raw)
            told = await self._transformed({**body, "model": f"{choice.provider}/{choice.model}"}, choice)
        except NotComparable as error:
            self._counts.failed(pair, choice.group, error.reason)
            return
        except (ValueError, TypeError, RecursionError):
            self._counts.failed(pair, choice.group, "malformed")
            return
        self._handovers.offer(pair, choice.group, 2 * len(raw), lambda: _exchange(dialect, raw, choice, told))

    async def _transformed(self, body: dict[str, Any], choice: Choice) -> dict[str, Any]:
        """What LiteLLM says that it would send."""
        if choice.deployment.drop_params:
            body = {**body, "drop_params": True}
        payload = json.dumps({"call_type": "completion", "request_body": body}).encode()
        lines = [(b"content-type", b"application/json")]
        if self._key is not None:
            lines.append((b"authorization", b"Bearer " + self._key.encode()))
        try:
            location = locate(await self.python.base_url() + PATH)
            head = request_head("POST", location, header_lines(lines))
            answer = await self._transport.send(location, head, payload, _TIMEOUTS)
            status, data = answer.head.status, await answer.read_out()
        except (UpstreamFault, PythonUnavailable):
            raise NotComparable("transform_unreachable") from None
        if status != 200:
            raise NotComparable("transform_refused")
        told = json.loads(data)
        if not isinstance(told, dict):
            raise NotComparable("malformed")
        return told


def _exchange(dialect: str, raw: bytes, choice: Choice, told: dict[str, Any]) -> HandedOver:
    request = {"headers": {}, "query": "", "body_b64": base64.b64encode(raw).decode()}
    half = asked(choice, dialect, request)
    exchange = {
        **half,
        "provider_request": _provider_request(dialect, raw, choice, told),
        "provider_response": None,
        "client_response": None,
    }
    return HandedOver(choice, f"{dialect}/{choice.provider}", exchange)


def _provider_request(dialect: str, raw: bytes, choice: Choice, told: dict[str, Any]) -> dict[str, Any]:
    error = told.get("error")
    if error:
        if not str(error).startswith(_REFUSALS):
            raise NotComparable("transform_failed")
        return {"refused": {"status": 400, "message": str(error)}}
    body = told.get("raw_request_body")
    if not isinstance(body, dict):
        raise NotComparable("transform_failed")
    extra = body.pop("extra_body", None)
    body.update(extra if isinstance(extra, dict) else {})
    try:
        request = _native.Request(dialect, raw)
        if request.stream:
            body.setdefault("stream", True)  # some of LiteLLM's handlers put it in later
        assert choice.target is not None
        sent = request.attempt(
            choice.target, now_unix=int(time.time()), id_seed=0, requested_model=choice.requested
        ).step()
    except _native.InterlinguaError:
        # The core does not send anything; whether it should is what is compared.
        return {"method": "POST", "url": "", "headers": {}, "body_b64": _base64(body)}
    assert isinstance(sent, _native.HttpRequest)
    # Where and how LiteLLM would send it is not told reliably: these two are not judged.
    headers = dict(sent.headers)
    headers.update({name: f"{prefix}{KEY}" for kind, name, prefix in sent.auth if kind == "header"})
    return {"method": sent.method, "url": sent.url, "headers": headers, "body_b64": _base64(body)}


def _base64(body: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()
