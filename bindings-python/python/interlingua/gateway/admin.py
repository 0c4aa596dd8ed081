"""The admin endpoint: see and change the switches. For the master key only."""

from __future__ import annotations

import json
from collections.abc import Callable

from interlingua.gateway.client import JSON_LINES, BodyTooLarge
from interlingua.gateway.exchange import Exchange
from interlingua.gateway.switches import SwitchError, Switches

PATH = "/interlingua/switches"
MAX_BODY = 64 * 1024


def _state(switches: Switches) -> bytes:
    document = {
        "switches": switches.modes(),
        "default": "auto",
        "allow_ungated": switches.allow_ungated,
        "ungated": switches.ungated(),
        "gate": switches.gate.pairs(),
    }
    return json.dumps(document, indent=2).encode()


async def serve_switches(exchange: Exchange, switches: Switches, changed: Callable[[str, str], None]) -> None:
    """GET shows the state. PUT takes ``{"route/provider": "mode", …}``: all of it, or nothing, takes effect."""
    exchange.outcome = "answered"
    if exchange.client.method == "GET":
        await exchange.reply(200, JSON_LINES, _state(switches))
        return
    try:
        document = json.loads(await exchange.client.body(MAX_BODY))
        if not isinstance(document, dict) or not document:
            raise SwitchError('send {"route/provider": "mode"}, for example {"openai_chat/anthropic": "auto"}')
        pairs = [(str(pattern), str(mode)) for pattern, mode in document.items()]
        switches.check_all(pairs)
    except (SwitchError, BodyTooLarge, ValueError, RecursionError) as error:
        message = str(error) if isinstance(error, SwitchError) else "the body is not valid JSON of a sensible size"
        await exchange.refuse(400, message, type="invalid_request_error")
        return
    for pattern, mode in pairs:
        switches.set(pattern, mode)
        changed(pattern, mode)
    await exchange.reply(200, JSON_LINES, _state(switches))
