"""Take the pictures of docs/ui.md: ``python pictures.py FOLDER``. Needs pngquant, which makes them small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright import sync_api as playwright
from ui_site import CHROMIUM, KEY, OPTIONS, Site, serving


def opened(browser: Any, site: Site, **options: Any) -> Any:
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator("button.cell").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    return page


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    desktop = {"viewport": {"width": 1280, "height": 800}}
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        for site in serving():
            for scheme in ("light", "dark"):
                page = opened(browser, site, color_scheme=scheme, **desktop)
                page.screenshot(path=folder / f"{scheme}.png")
            page = opened(browser, site, color_scheme="light", **desktop)
            page.locator("[data-pair='openai_chat/anthropic']").click()
            page.locator("[data-difference]").first.wait_for()
            page.screenshot(path=folder / "panel.png")
            page.locator("[data-difference]").first.click()
            page.locator(".sides").first.wait_for()
            page.screenshot(path=folder / "differences.png")
            page = opened(browser, site, color_scheme="light", viewport={"width": 360, "height": 740})
            page.screenshot(path=folder / "phone.png")
        browser.close()
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--strip", *map(str, folder.glob("*.png"))], check=True)


if __name__ == "__main__":
    main()
