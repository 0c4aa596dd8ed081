"""Gateways whose switches are set while they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rig import Reply, Running, Upstream, config_document

SWITCHES = "/interlingua/switches"
OPEN = {"openai_chat/openai": {"features": ["system", "sampling", "user"], "cases": 12, "date": "2026-11-01"}}


def migrating(upstream: Upstream, litellm: Upstream, folder: Path, **migration: Any) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    gate = folder / "gate.json"
    gate.write_text(json.dumps({"oracle": "1.109.1", "routes": OPEN}))
    section = {"gate_file": str(gate), "python": {"url": litellm.url}, **migration}
    return config_document(upstream.url, migration=section)


def put(gateway: Running, switches: dict[str, Any], query: str = "") -> Reply:
    return gateway.request("PUT", SWITCHES + query, switches)


def engine(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return "python" if reply.json()["id"] == "from-litellm" else "rust"
