"""What a client's key, and the end user that a request names, leave of a decision for the core."""

from __future__ import annotations

import json

from interlingua import _native
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.key_rows import CUSTOMER_HEADERS, customer_of
from interlingua.gateway.keys import KeyRefused, Keys, KeysUnreadable, KeyUnserved
from interlingua.gateway.switches import Decision


async def guarded(
    keys: Keys, exchange: Exchange, body: bytes, request: _native.Request, group: str, decision: Decision
) -> Decision:
    """The decision itself, or one for LiteLLM where only LiteLLM can apply the limits. Raises ``KeyRefused``."""
    try:
        doubts = await _doubts(keys, exchange, body, request, group)
    except KeysUnreadable as error:
        if decision.mode == "rust" or not error.relayable:
            raise KeyRefused(503, f"the API key could not be checked: {error.message}", "service_unavailable") from None
        doubts = ("unreadable",)
    if not doubts:
        return decision
    exchange.why = ", ".join(doubts)
    if decision.mode == "rust":
        message = (
            "the switch is set to rust, and only LiteLLM can apply what limits this request's key or user:"
            f" {exchange.why}"
        )
        raise KeyUnserved(403, message, "key_limits")
    return Decision("python", decision.mode, why=f"only LiteLLM can apply {exchange.why}")


async def _doubts(keys: Keys, exchange: Exchange, body: bytes, request: _native.Request, group: str) -> tuple[str, ...]:
    terms, headers = exchange.terms, exchange.client.headers
    if any(headers.get(name) for name in CUSTOMER_HEADERS):
        return ("customer",)
    if terms.key_hash is not None and "stored_state" in request.features:
        return ("previous_response_id",)  # LiteLLM knows whose it is
    try:
        asked = json.loads(body)
        customer = customer_of(asked)
    except (ValueError, RecursionError):  # Python's reader is stricter than the core's in places
        return ("customer",)
    stored = terms.dialect == "openai_responses" and asked.get("store") is not False
    if terms.key_hash is not None and stored and not keys.open_response_ids:
        return ("store",)  # LiteLLM would not let the client go on with a response that it has not made
    return await keys.admit(terms.key_hash, (request.model, group), customer)
