"""The first oracle layer: what LiteLLM's SDK sends for a client's request."""

from collections.abc import Mapping, Sequence
from typing import Any

from recorder.canned import canned_answer
from recorder.providers import Deployment
from recorder.wire import Tape, Wire

Headers = Sequence[Sequence[str]]


async def provider_request(
    wire: Wire, route: str, deployment: Deployment, body: Mapping[str, Any], headers: Headers
) -> dict[str, Any]:
    """The requests that LiteLLM sends, or the error with which it refuses to."""
    tape = wire.new_tape(canned_answer)
    error: BaseException | None = None
    try:
        answer = await _call(route, deployment, body, headers)
        if hasattr(answer, "__aiter__"):
            async for _ in answer:
                pass
    except Exception as raised:  # noqa: BLE001 - whatever LiteLLM raises is the recording
        error = raised
    finally:
        wire.close_tape()
    return _requests(tape) if tape.sent else {"error": _error(error)}


async def _call(route: str, deployment: Deployment, body: Mapping[str, Any], headers: Headers) -> Any:
    import litellm

    # What the client sets counts more than what the deployment says of requests in general.
    arguments = deployment.settings | dict(body) | deployment.place
    if headers:
        arguments |= _forwarded(headers)
    if route == "openai_chat":
        return await litellm.acompletion(**arguments)
    if route == "anthropic_messages":
        return await litellm.anthropic.messages.acreate(**arguments)
    if route == "openai_responses":
        return await litellm.aresponses(**arguments)
    if route == "mistral_ocr":
        return await litellm.aocr(**arguments)
    raise ValueError(f"unknown route {route}")


def _forwarded(headers: Headers) -> dict[str, Any]:
    """The client headers that the proxy hands to the SDK (``anthropic-beta``, ``anthropic-version``)."""
    from litellm.proxy.litellm_pre_call_utils import add_provider_specific_headers_to_request

    data: dict[str, Any] = {}
    add_provider_specific_headers_to_request(data=data, headers={name.lower(): value for name, value in headers})
    return data


def _requests(tape: Tape) -> dict[str, Any]:
    first, *more = [sent.as_json() for sent in tape.sent]
    result: dict[str, Any] = {"request": first}
    if more:
        result["more"] = more
    if tape.fetched:
        result["fetched"] = tape.fetched
    return result


def _error(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {"class": "NothingSent", "status": None, "message": "LiteLLM answered without sending a request"}
    status = getattr(error, "status_code", None)
    return {
        "class": type(error).__name__,
        "status": status if isinstance(status, int) else None,
        # Some messages carry a traceback, which says nothing but where the oracle is installed.
        "message": str(error).split("\nTraceback (most recent call last)", 1)[0],
    }
