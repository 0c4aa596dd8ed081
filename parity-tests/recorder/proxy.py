"""The second oracle layer: what a client of LiteLLM's proxy application receives."""

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from recorder import pins
from recorder.providers import Deployment
from recorder.sdk import Headers
from recorder.wire import Answer, Responder, Sent, Wire

_PATHS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "mistral_ocr": "/v1/ocr",
}


class Proxy:
    """LiteLLM's proxy application, driven in-process; one router per deployment, all with the cooldowns off.

    Cooldowns would outlive their case: the clock never moves on.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._routers: dict[Deployment, Any] = {}
        self._client: httpx.AsyncClient | None = None

    async def answer(
        self, route: str, deployment: Deployment, body: Mapping[str, Any], headers: Headers, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Sends the client's request through the proxy; the provider answers as ``given``."""
        client = await self._started()
        self._use(deployment)
        tape = self._wire.new_tape(provider_answer(given))
        sent_headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
        try:
            response = await client.post(
                _PATHS[route],
                json={**body, "model": deployment.group},
                headers=[("authorization", f"Bearer {pins.MASTER_KEY}"), *sent_headers],
            )
        finally:
            self._wire.close_tape()
        result: dict[str, Any] = {"request": tape.sent[0].as_json() if tape.sent else None}
        if len(tape.sent) > 1:
            result["more"] = [sent.as_json() for sent in tape.sent[1:]]
        result["response"] = {
            "status": response.status_code,
            "headers": dict(response.headers),
            "body": response.content.decode("utf-8", "replace"),
        }
        return result

    async def _started(self) -> httpx.AsyncClient:
        if self._client is None:
            import litellm
            from litellm.proxy import proxy_server

            with tempfile.TemporaryDirectory() as folder:
                config = Path(folder) / "config.yaml"
                config.write_text(f"model_list: []\ngeneral_settings: {{master_key: {pins.MASTER_KEY}}}\n")
                # The proxy's own defaults would turn drop_params on for everybody.
                await proxy_server.initialize(config=str(config), drop_params=False, add_function_to_prompt=False)
            litellm.drop_params = False
            transport = httpx.ASGITransport(app=proxy_server.app, raise_app_exceptions=False)
            self._client = httpx.AsyncClient(transport=transport, base_url="http://proxy.test", timeout=None)
        return self._client

    def _use(self, deployment: Deployment) -> None:
        from litellm import Router
        from litellm.proxy import proxy_server

        entry = {"model_name": deployment.group, "litellm_params": deployment.litellm_params}
        if deployment not in self._routers:
            self._routers[deployment] = Router(model_list=[entry], num_retries=0, disable_cooldowns=True)
        proxy_server.llm_router = self._routers[deployment]
        proxy_server.llm_model_list = [entry]


def provider_answer(given: Mapping[str, Any]) -> Responder:
    """The answer of a case; ``chunk`` > 0 cuts the body into parts of that many bytes."""
    raw = base64.b64decode(given["body_b64"]) if "body_b64" in given else str(given.get("body", "")).encode()
    size = int(given.get("chunk") or 0)
    parts = [raw[at : at + size] for at in range(0, len(raw), size)] if size > 0 else [raw]
    headers = _header_pairs(given.get("headers") or {})
    if not any(name.lower() == "content-type" for name, _ in headers):
        looks_like_sse = raw.lstrip().startswith((b"data:", b"event:", b":"))
        headers.append(("content-type", "text/event-stream" if looks_like_sse else "application/json"))
    answer = Answer(int(given.get("status", 200)), headers, parts)

    def respond(_: Sent) -> Answer:
        return answer

    return respond


def _header_pairs(headers: Mapping[str, str] | Headers) -> list[tuple[str, str]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(str(name), str(value)) for name, value in pairs]
