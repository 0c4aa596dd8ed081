"""For everyone: small screens, dark and light, contrast, names for those who hear the page, and reduced motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ui_site import Site

VIEWS: dict[str, Callable[[Any], None]] = {}


def view(show: Callable[[Any], None]) -> Callable[[Any], None]:
    VIEWS[show.__name__] = show
    return show


@view
def matrix(page: Any) -> None:
    page.locator("button.cell").first.wait_for()


@view
def panel(page: Any) -> None:
    page.locator("button[data-pair='openai_chat/groq']").click()
    page.get_by_role("radio", name="rust").check()
    page.get_by_text("no traffic of ours uses tools").first.wait_for()


@view
def differences(page: Any) -> None:
    page.locator("button[data-pair='openai_chat/anthropic']").click()
    page.locator("[data-difference='7']").click()
    page.locator(".sides").wait_for()


@view
def confirmation(page: Any) -> None:
    page.locator("button[data-pair='openai_chat/anthropic']").click()
    page.get_by_role("button", name="Change …").click()


CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const within = document.querySelector("dialog[open]") || document.body;
  const walker = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility() || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
    const [one, other] = [light(channels(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([ratio, `${text.data.trim().slice(0, 40)} in ${node.tagName}.${node.className}`]);
  }
  return found;
}"""


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(board: Any, name: str, scheme: str) -> None:
    board.emulate_media(color_scheme=scheme)
    VIEWS[name](board)
    found = board.evaluate(CONTRAST)
    assert len(found) > 10
    assert [text for ratio, text in found if ratio < 4.5] == []


def test_dark_and_light(board: Any) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        board.emulate_media(color_scheme=scheme)
        grounds.append(board.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(245, 246, 244)", "rgb(15, 19, 23)"]


def test_reduced_motion(board: Any) -> None:
    durations = []
    for wish in ("no-preference", "reduce"):
        board.emulate_media(reduced_motion=wish)
        durations.append(
            board.locator(".share > span").first.evaluate("(one) => getComputedStyle(one).transitionDuration")
        )
    assert durations == ["0.3s", "0s"]


class TestOnAPhone:
    """320 pixels wide."""

    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}

    @pytest.mark.parametrize("name", VIEWS)
    def test_nothing_has_to_be_scrolled_sideways(self, board: Any, site: Site, name: str) -> None:
        site.admin.pairs[0]["groups"].append("a-group-with-a-name-that-is-quite-long-" * 3)
        site.admin.switches[0]["note"] = "averylongwordthatdoesnotbreak" * 10
        site.admin.differences[0]["layers"]["request"]["ours"]["body"]["model"] = "long" * 60
        VIEWS[name](board)
        too_wide = board.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll("dialog[open]")]
                .map((one) => one.scrollWidth - one.clientWidth).filter((more) => more > 0)"""
        )
        assert too_wide == [] and board.evaluate("visualViewport.width") == 320

    def test_fingers_find_the_buttons(self, board: Any) -> None:
        panel(board)
        low = board.evaluate(
            """() => [...document.querySelectorAll("dialog[open] button, dialog[open] select, dialog[open] .choice")]
                .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 30)
                .map((one) => one.textContent)"""
        )
        assert low == []

    def test_the_columns_have_names_in_the_cells(self, board: Any) -> None:
        assert board.locator("button.cell .route").first.is_visible()

    def test_the_key_can_be_typed(self, page: Any, site: Site) -> None:
        page.goto(site.url)
        assert page.locator("#login").bounding_box()["width"] <= 320


@pytest.mark.parametrize("name", VIEWS)
def test_everything_has_a_name(board: Any, name: str) -> None:
    VIEWS[name](board)
    nameless = board.evaluate(
        """() => [...document.querySelectorAll("button, input, select, dialog, [role=img], [role=table], [role=group]")]
            .filter((one) => one.checkVisibility())
            .filter((one) => {
                const by = one.getAttribute("aria-labelledby");
                const labels = one.labels ? [...one.labels].map((label) => label.textContent).join("") : "";
                const text = one.tagName === "BUTTON" ? one.textContent : "";
                const named = by ? document.getElementById(by).textContent : "";
                return !(one.getAttribute("aria-label") || named || labels || text).trim();
            })
            .map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert nameless == []
    ids = board.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert board.evaluate("document.documentElement.lang") == "en"
    assert board.get_by_role("heading", level=1).count() >= (0 if board.locator("dialog[open]").count() else 1)


def test_the_focus_stays_in_the_panel_and_comes_back(board: Any) -> None:
    opener = board.locator("button[data-pair='openai_chat/anthropic']")
    opener.click()
    assert board.evaluate("document.activeElement.id") == "panel-title"
    for _ in range(60):
        board.keyboard.press("Tab")
        # The body: the focus is at the browser's own controls.
        assert board.evaluate(
            "Boolean(document.activeElement.closest('dialog')) || document.activeElement.tagName === 'BODY'"
        )
    board.get_by_role("button", name="Close", exact=True).click()
    assert board.evaluate("document.activeElement.dataset.pair") == "openai_chat/anthropic"
