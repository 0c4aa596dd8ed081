"""The page at ``/ui``: one document with its style and script in it, and nothing that it would load from elsewhere.

It holds no data: it asks the admin API, with the master key that its reader types in.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from interlingua.gateway.exchange import Exchange

PATH: Final = "/ui"
FOLDER: Final = Path(__file__).resolve().parent.parent / "ui"
SCRIPTS: Final = ("basics.js", "matrix.js", "change.js", "differences.js", "panel.js", "page.js")
"""In this order, as one module."""


class Page:
    """The page as bytes, with the headers that hold a browser to it."""

    def __init__(self, *, has_master_key: bool) -> None:
        style = (FOLDER / "style.css").read_text(encoding="utf-8")
        script = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
        text = (FOLDER / "index.html").read_text(encoding="utf-8")
        text = text.replace("@master-key@", "set" if has_master_key else "none")
        self.body = text.replace("@style@", style).replace("@script@", script).encode()
        self._etag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'.encode()
        # Only this very style and script run, whatever else should get into the page.
        policy = (
            f"default-src 'none'; script-src '{_source(script)}'; style-src '{_source(style)}'; connect-src 'self';"
            " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
            " require-trusted-types-for 'script'; trusted-types 'none'"
        )
        self._lines = (
            b"cache-control: no-cache\r\netag: %b\r\n" % self._etag
            + f"content-security-policy: {policy}\r\n".encode()
            + b"x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
            b"cross-origin-opener-policy: same-origin\r\ncross-origin-resource-policy: same-origin\r\n"
        )

    async def serve(self, exchange: Exchange) -> None:
        exchange.outcome = "answered"
        known = exchange.client.headers.get(b"if-none-match") or b""
        if self._etag in [one.strip().removeprefix(b"W/") for one in known.split(b",")]:
            await exchange.start(304, self._lines)  # of no length: it is the same as before
            await exchange.client.finish()
            return
        await exchange.reply(200, b"content-type: text/html; charset=utf-8\r\n" + self._lines, self.body)


def _source(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
