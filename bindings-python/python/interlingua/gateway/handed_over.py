"""Reading hand-overs: from what the plug-in tells to the exchange that is compared.

The form of a hand-over is the plug-in's (``interlingua.litellm_plugin``); that of an exchange is ``_native.compare``'s.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from interlingua.gateway.groups import Choice, Groups
from interlingua.gateway.modes import ROUTE_PATHS
from interlingua.gateway.pool import locate
from interlingua.litellm_plugin import VERSION, clean_headers

WITHHELD: Final = ("too_large", "credentials_in_body")
"""Why the plug-in tells no more. Reasons are metrics' labels: there are no others."""
_DIALECTS: Final = {path: dialect for dialect, path in ROUTE_PATHS.items()}


Json = dict[str, Any]


class NotComparable(Exception):
    """A hand-over says nothing that could be compared. ``reason`` is one word, for a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HandedOver(NamedTuple):
    """An exchange that LiteLLM served, and whose it is."""

    choice: Choice
    pair: str
    exchange: Json


def exchange_of(document: Mapping[str, Any], groups: Groups) -> HandedOver:
    """Raises ``NotComparable``."""
    if document.get("version") != VERSION:
        raise NotComparable("other_version")
    if document.get("withheld"):
        known = document["withheld"] in WITHHELD
        raise NotComparable(document["withheld"] if known else "malformed")
    try:
        return _read(document, groups)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise NotComparable("malformed") from None


def _read(document: Mapping[str, Any], groups: Groups) -> HandedOver:
    request, answer = document["request"], document["response"]
    dialect = dialect_of(request["path"])
    body = json.loads(base64.b64decode(request["body_b64"]))
    choice = groups.find(body["model"])
    if choice is None:
        raise NotComparable("unknown_group")
    if answer is None or not answer["complete"]:
        raise NotComparable("no_whole_answer")
    sent, received = _provider_side(document["calls"], answer, choice, groups)
    if sent is not None and received is None:
        answer = None  # the provider was not reached: how LiteLLM says so is no reading of its answer
    exchange = {
        **asked(choice, dialect, request),
        "provider_request": sent,
        "provider_response": received,
        "client_response": None if answer is None else _without_own_headers(answer),
    }
    return HandedOver(choice, f"{dialect}/{choice.provider}", exchange)


def dialect_of(path: str) -> str:
    """Raises ``NotComparable``."""
    for prefix in ("/v1", "/openai/v1", ""):
        found = _DIALECTS.get(path.removeprefix(prefix)) if path.startswith(prefix) else None
        if found is not None:
            return found
    raise NotComparable("other_path")


def asked(choice: Choice, dialect: str, request: Mapping[str, Any]) -> Json:
    """The client's half of an exchange, and what the config says of the deployment."""
    if choice.target is None:
        raise NotComparable("not_built")
    return {
        "route": dialect,
        **choice.as_case(),
        # As the plug-in tells of them: without keys.
        "extra_headers": clean_headers(choice.deployment.extra_headers),
        "features": [],
        "request": {"headers": request["headers"], "query": request["query"], "body_b64": request["body_b64"]},
    }


def _provider_side(calls: list[Json], answer: Json, choice: Choice, groups: Groups) -> tuple[Json | None, Json | None]:
    """What LiteLLM sent to the deployment that the config names, and what came back."""
    if not calls:
        if answer["status"] >= 400:
            return {"refused": {"status": answer["status"], "message": _message_of(answer)}}, None
        raise NotComparable("sent_nothing")  # from a cache, or by a client that the plug-in does not see
    _check_deployment(answer, choice, groups)
    own = [call for call in calls if choice.origin is None or locate(call["url"]).origin == choice.origin]
    if not own:
        raise NotComparable("sent_elsewhere")
    call = own[-1]
    if call["body_b64"] is None:
        raise NotComparable("unreadable_request")
    received = call["response"]
    if received is not None and received["body_b64"] is None:
        raise NotComparable("unreadable_answer")
    return (
        _message(call, ("method", "url", "headers", "body_b64")),
        None if received is None else _message(received, ("status", "headers", "body_b64")),
    )


def _check_deployment(answer: Json, choice: Choice, groups: Groups) -> None:
    """Another deployment than the config's one may have served: a router's choice, a fallback."""
    headers = answer["headers"]
    if headers.get("x-litellm-attempted-fallbacks", "0") != "0":
        raise NotComparable("fallback")
    served = groups.of_deployment(str(headers.get("x-litellm-model-id")))
    if served is not None and served.deployment is not choice.deployment:
        raise NotComparable("other_deployment")


def _without_own_headers(answer: Json) -> Json:
    """What LiteLLM says of itself is not compared, and names the deployment."""
    headers = {name: value for name, value in answer["headers"].items() if not name.startswith("x-litellm-")}
    return {**_message(answer, ("status", "body_b64")), "headers": headers}


def _message(source: Json, names: tuple[str, ...]) -> Json:
    return {name: source[name] for name in names}


def _message_of(answer: Json) -> str:
    """The message of LiteLLM's own refusal."""
    try:
        error = json.loads(base64.b64decode(answer["body_b64"]))["error"]
        return str(error["message"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""
