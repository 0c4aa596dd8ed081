"""Asking a gateway that runs through its admin API: what the command line does."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

DEFAULT_URL: Final = "http://127.0.0.1:4000"
KEY_VARIABLE: Final = "LITELLM_MASTER_KEY"
SECONDS: Final = 30.0


class Refused(Exception):
    """The gateway said no. The message is its own."""


class Unreached(Exception):
    """The gateway could not be asked. Says what to do."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def add_to(parser: argparse.ArgumentParser) -> None:
    """Where the gateway is, and the key to it."""
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default=os.environ.get(KEY_VARIABLE), help=f"the master key ({KEY_VARIABLE})")


def ask(options: argparse.Namespace, method: str, path: str, document: object = None, *, by: str | None = None) -> Any:
    """What the gateway answers below ``/interlingua/``. Raises ``Refused`` or ``Unreached``."""
    if not options.key:
        raise Unreached(f"give the master key: set {KEY_VARIABLE}, or use --key")
    headers = {"authorization": f"Bearer {options.key}"}
    if by is not None:
        headers["x-interlingua-by"] = by
    body = None
    if document is not None:
        body, headers["content-type"] = json.dumps(document).encode(), "application/json"
    try:
        url = f"{options.url.rstrip('/')}/interlingua/{path}"
        # Without the environment's proxies, and nowhere on: the master key goes to the gateway and to nobody else.
        opener = build_opener(ProxyHandler({}), _NoRedirects)
        with opener.open(Request(url, body, headers, method=method), timeout=SECONDS) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise Refused(_message(error)) from None
    except (URLError, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise Unreached(f"no gateway answers at {options.url} ({reason}); name it with --url") from None


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"the gateway answered with status {error.code}"
