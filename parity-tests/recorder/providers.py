"""How each provider of ours is called in LiteLLM, and what it needs besides a key."""

import json
from dataclasses import dataclass
from typing import Any

UPSTREAM = "http://upstream.test/v1"
API_KEY = "sk-test"


@dataclass(frozen=True)
class Deployment:
    """One model at one provider, as LiteLLM is to be told."""

    provider: str
    model: str
    api_base: str | None = None
    drop_params: bool = False
    route: str = "openai_chat"
    requested: str | None = None
    settings_json: str = "{}"

    @property
    def group(self) -> str:
        """The name that clients ask the proxy for."""
        return self.requested or f"{self.provider}/{self.model}"

    @property
    def settings(self) -> dict[str, Any]:
        """Parameters for requests that do not set them, and headers."""
        settings: dict[str, Any] = json.loads(self.settings_json)
        return settings

    @property
    def litellm_params(self) -> dict[str, object]:
        """The deployment's ``litellm_params``."""
        return self.settings | self.place

    @property
    def place(self) -> dict[str, object]:
        """Where requests go; retries off, so that one case is one request."""
        prefix = _LITELLM_NAMES.get((self.provider, self.route), self.provider)
        params: dict[str, object] = {
            "model": f"{prefix}/{self.model}",
            "api_key": API_KEY,
            "max_retries": 0,
            "num_retries": 0,
        }
        base = self.api_base or (UPSTREAM if self.provider in _NEEDS_API_BASE else None)
        if base:
            params["api_base"] = base
        if self.drop_params:
            params["drop_params"] = True
        return params


# `ollama_openai`, Ollama's OpenAI endpoint, is no provider of LiteLLM (whose `ollama` is Ollama's own dialect): its
# users write `openai/<model>` with an api_base. On the other routes that would go to /responses, so there the oracle is
# LiteLLM's `custom_openai`, any server that speaks openai_chat.
_LITELLM_NAMES = {
    ("ollama_openai", "openai_chat"): "openai",
    ("ollama_openai", "anthropic_messages"): "custom_openai",
    ("ollama_openai", "openai_responses"): "custom_openai",
}
_NEEDS_API_BASE = frozenset({"hosted_vllm", "lm_studio", "custom_openai", "ollama_openai"})
