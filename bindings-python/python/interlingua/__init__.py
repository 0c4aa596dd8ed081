"""One exact translation between every LLM API.

The core takes bytes and returns bytes; it opens no socket and knows no secret. ``interlingua.gateway`` is
the server around it; it needs the extra ``interlingua[gateway]``.
"""

from interlingua._native import (
    Attempt,
    ClientResponse,
    Decline,
    HttpRequest,
    InterlinguaError,
    InvalidRequest,
    Misuse,
    Operation,
    Outcome,
    Request,
    Target,
    Unsupported,
    __version__,
    features,
    providers,
    render_error,
    response_deployment,
    routes,
    translate_request,
    translate_response,
)

__all__ = [
    "Attempt",
    "ClientResponse",
    "Decline",
    "HttpRequest",
    "InterlinguaError",
    "InvalidRequest",
    "Misuse",
    "Operation",
    "Outcome",
    "Request",
    "Target",
    "Unsupported",
    "__version__",
    "features",
    "providers",
    "render_error",
    "response_deployment",
    "routes",
    "translate_request",
    "translate_response",
]
