"""A gateway to look at: the real page, and an admin API that is made up."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "gateway"))

from fake_admin import FakeAdmin
from interlingua.gateway.application import create_app
from interlingua.gateway.config import build_config
from interlingua.gateway.serving import bind
from rig import KEY
from servers import UvicornThread

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Site:
    """Where the page is, and what answers it."""

    def __init__(self, url: str, admin: FakeAdmin) -> None:
        self.url = f"{url}/ui"
        self.admin = admin


def serving(*, master_key: str | None = KEY) -> Iterator[Site]:
    general = {"master_key": master_key} if master_key else {}
    config = build_config({"model_list": [], "general_settings": general}, "config.yaml", None, {})
    admin = FakeAdmin(create_app(config))
    listener = bind("127.0.0.1", 0)
    server = UvicornThread(admin, listener)
    server.start()
    yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", admin)
    server.stop()
