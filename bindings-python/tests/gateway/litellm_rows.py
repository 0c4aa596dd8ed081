"""A stub of the LiteLLM proxy that knows rows: /key/info and its like, and answers everything else itself."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rig import CHAT, KEY, Received, Reply, Running, Upstream, chat_answer, config_document, http_answer

# As LiteLLM 1.109.1 tells of rows of which nothing is set.
KEY_ROW: dict[str, Any] = {
    **dict.fromkeys(("key_name", "key_alias", "expires", "user_id", "team_id", "agent_id", "project_id")),
    **dict.fromkeys(("max_parallel_requests", "blocked", "tpm_limit", "rpm_limit", "tpd_limit", "max_budget")),
    **dict.fromkeys(("budget_duration", "budget_reset_at", "key_type", "budget_id", "organization_id")),
    **dict.fromkeys(("object_permission_id", "created_by", "budget_limits", "litellm_budget_table", "last_active")),
    **{name: {} for name in ("aliases", "config", "router_settings", "permissions", "metadata", "model_spend")},
    **{name: {} for name in ("model_max_budget", "budget_fallbacks")},
    **{name: [] for name in ("models", "allowed_cache_controls", "allowed_routes", "policies", "access_group_ids")},
    "created_at": "2026-11-21T18:43:34.798182+00:00",
    "soft_budget_cooldown": False,
    "rotation_count": 0,
    "spend": 0.0,
    "status": "active",
}
USER_ROW: dict[str, Any] = {
    **dict.fromkeys(("user_alias", "team_id", "organization_id", "max_budget", "tpm_limit", "max_parallel_requests")),
    "user_role": "internal_user",
    "spend": 1.5,
    "models": [],
    "metadata": {},
    "teams": ["t"],
    "organization_memberships": [],
}
TEAM_ROW: dict[str, Any] = {
    **dict.fromkeys(("team_alias", "organization_id", "max_budget", "tpm_limit", "model_id", "litellm_model_table")),
    "models": [],
    "metadata": {},
    "blocked": False,
    "members_with_roles": [{"user_id": "u", "role": "user"}],
    "caller_edit_access": {"kind": "unrestricted"},
}
CUSTOMER_ROW: dict[str, Any] = {
    **dict.fromkeys(("alias", "allowed_model_region", "budget_id", "litellm_budget_table")),
    "blocked": False,
    "models": [],
    "spend": 0.0,
}
RELAYED = "from-litellm"
PLAIN = "sk-virtual-plain-123456"


class LiteLLM(Upstream):
    """Its tables, and what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.teams: dict[str, dict[str, Any]] = {}
        self.members: list[dict[str, Any]] = []
        self.customers: dict[str, dict[str, Any]] = {}
        self.status: int | None = None
        """Answers all look-ups with it, if it is set."""
        self.hold: asyncio.Event | None = None
        """Look-ups wait for it, if it is there."""
        self.answers = [self._tell]

    def add(self, key: str, **columns: Any) -> str:
        self.keys[key] = {**KEY_ROW, **columns}
        return key

    @property
    def lookups(self) -> list[str]:
        return [request.target for request in self.received if "/info?" in request.target]

    @property
    def relayed(self) -> int:
        return len(self.received) - len(self.lookups)

    async def _tell(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "/info?" not in request.target:
            writer.write(chat_answer(id=RELAYED))
            return
        if self.hold is not None:
            await self.hold.wait()
        status, document = self._row(request)
        writer.write(http_answer(self.status or status, json.dumps(document).encode()))

    def _row(self, request: Received) -> tuple[int, dict[str, Any]]:
        if request.header("authorization") != f"Bearer {KEY}":
            return 401, {"error": {"message": "no"}}
        url = urlsplit(request.target)
        [[asked]] = parse_qs(url.query).values()
        found: dict[str, Any] | None = None
        match url.path:
            case "/key/info":
                row = next((row for key, row in self.keys.items() if sha256(key.encode()).hexdigest() == asked), None)
                found = row and {"key": asked, "info": row}
            case "/user/info":
                found = self.users.get(asked) and {"user_id": asked, "user_info": self.users[asked], "keys": []}
            case "/team/info":
                team = self.teams.get(asked)
                found = team and {"team_id": asked, "team_info": team, "team_memberships": self.members}
            case "/customer/info":
                found = self.customers.get(asked)
        return (200, found) if found else (404, {"error": {"message": "not found", "code": "404"}})


def document(upstream: Upstream, litellm: LiteLLM, mode: str = "auto", **migration: Any) -> dict[str, Any]:
    """Everything proven; LiteLLM elsewhere, with keys of its own."""
    return config_document(
        upstream.url,
        migration={
            "python": {"url": litellm.url},
            "switches": {"*": mode},
            "allow_ungated": mode == "rust",
            **migration,
        },
    )


def running(config: dict[str, Any], folder: Path, **options: Any) -> Running:
    folder.mkdir(exist_ok=True)
    gate = folder / "gate.json"
    routes = ("openai_chat/openai", "anthropic_messages/anthropic", "openai_responses/openai", "openai_chat/groq")
    features = ["streaming", "system", "errors"]
    gate.write_text(json.dumps({"routes": {route: {"features": features} for route in routes}}))
    config["migration"]["gate_file"] = str(gate)
    return Running(config, folder, **options)


def chat(gateway: Running, key: str, **changes: Any) -> Reply:
    return gateway.request("POST", "/v1/chat/completions", {**CHAT, **changes}, key=key)


def engine_of(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return "python" if reply.json()["id"] == RELAYED else "rust"


def error_of(reply: Reply) -> tuple[int, Any, Any]:
    error = reply.json()["error"]
    return reply.status, error["type"], error.get("code")
