"""The page in a headless Chromium. Skipped without Playwright for Python or without Chromium."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "gateway")]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

from fake_admin import FakeAdmin  # noqa: E402
from interlingua.gateway.application import create_app  # noqa: E402
from interlingua.gateway.config import build_config  # noqa: E402
from interlingua.gateway.serving import bind  # noqa: E402
from rig import KEY, UvicornThread  # noqa: E402

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Site:
    """A gateway whose admin API is made up."""

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


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serving()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {}


@pytest.fixture
def page(browser: Any, context_options: dict[str, Any]) -> Iterator[Any]:
    """A tab. What the console says of errors, or of what the policy forbids, fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context_options})
    context.set_default_timeout(5_000)
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield tab
    context.close()
    # An answer that is no success is told there as well; tests are about those on purpose.
    assert [text for text in problems if "Failed to load resource" not in text] == []


@pytest.fixture
def board(page: Any, site: Site) -> Any:
    """The page with its key."""
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator("button.cell").first.wait_for()
    return page
