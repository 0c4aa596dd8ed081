"""The page in a headless Chromium. Skipped without Playwright for Python or without Chromium."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parent))

from ui_site import CHROMIUM, KEY, OPTIONS, Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serving()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-ui")
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
    context.set_default_timeout(10_000)
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
