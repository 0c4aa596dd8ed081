"""The key, the matrix, and staying up to date."""

from __future__ import annotations

from typing import Any

import pytest
from fake_admin import a_difference, pair, switch
from ui_site import KEY, Site, serving

EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"\'&amp;'


def cell(page: Any, name: str) -> Any:
    return page.locator(f"button[data-pair='{name}']")


def test_the_key_is_asked_for_once_and_stays_in_the_tab(page: Any, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(f" {KEY} ")
    page.get_by_role("button", name="Show the switches").click()
    cell(page, "openai_chat/anthropic").wait_for()
    assert page.url == site.url and all(KEY not in url for url in asked)
    page.reload()
    cell(page, "openai_chat/anthropic").wait_for()
    assert page.locator("#login").is_hidden() and page.locator("#key").input_value() == ""
    assert page.evaluate("[document.cookie, localStorage.length]") == ["", 0]
    page.get_by_role("button", name="Forget the key").click()
    assert page.locator("#login").is_visible() and page.evaluate("sessionStorage.length") == 0
    assert page.locator("button.cell").count() == 0
    page.reload()
    assert page.locator("#login").is_visible()


def test_everything_comes_from_the_gateway(board: Any, site: Site) -> None:
    origin = site.url.removesuffix("/ui")
    urls = board.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert urls and all(url.startswith(f"{origin}/interlingua/") for url in urls)


@pytest.mark.parametrize("key", ["sk-wrong", "ключ", "two words"])
def test_a_wrong_key(page: Any, site: Site, key: str) -> None:
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(key)
    page.keyboard.press("Enter")
    page.locator("#refused:not(:empty)").wait_for()
    assert page.locator("#board").is_hidden() and page.evaluate("sessionStorage.length") == 0
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    cell(page, "openai_chat/anthropic").wait_for()


def test_a_key_that_is_no_longer_valid_is_asked_for_again(board: Any, site: Site) -> None:
    site.admin.failing = 401
    board.locator("#login").wait_for()
    assert "not now" in board.locator("#refused").inner_text()


def test_without_a_master_key_the_page_says_what_to_do(page: Any) -> None:
    for site in serving(master_key=None):
        page.goto(site.url)
        assert "general_settings" in page.get_by_role("heading", name="No master key").locator("..").inner_text()
        assert page.locator("#login").is_hidden() and site.admin.asked == []


def test_the_matrix(board: Any) -> None:
    table = board.get_by_role("table", name="Switches by provider and route")
    assert table.get_by_role("columnheader").all_inner_texts() == [
        *("provider", "chat/completions", "messages", "responses", "ocr")
    ]
    assert table.get_by_role("rowheader").count() == 4
    canary = cell(board, "openai_chat/anthropic")
    text = canary.inner_text()
    for part in ("canary 10 %", "gate open", "10 % by the core", "1,240", "0.08 %", "1.9 ms", "9.1 ms", "2 of 548"):
        assert part in text
    name = canary.get_attribute("aria-label")
    assert name.startswith("chat/completions at anthropic: canary 10 %; gate open; core 1,240 requests")
    assert canary.locator("svg[role=img]").get_attribute("aria-label").startswith("Requests of the last ten minutes")
    assert canary.locator(".share > span").evaluate("(one) => one.style.getPropertyValue('--share')").startswith("9.9")


def test_tripped_and_forced_switches_stand_out_by_more_than_colour(board: Any) -> None:
    tripped, forced = cell(board, "openai_responses/openai"), cell(board, "openai_chat/groq")
    assert "▲ tripped" in tripped.inner_text() and "core errors 7.4 %" in tripped.get_attribute("aria-label")
    assert "⚠ forced" in forced.inner_text() and "gate closed" in forced.inner_text()
    styles = [one.evaluate("(one) => getComputedStyle(one).borderTopStyle") for one in (tripped, forced)]
    assert styles == ["double", "dashed"]
    marked = board.locator("#marked li").all_inner_texts()
    assert len(marked) == 2 and "was rust" in marked[0] and "no traffic of ours uses tools" in marked[1]


def test_when_a_tripped_switch_is_tried_again(board: Any, site: Site) -> None:
    trip = site.admin.switches[2]["tripped"]
    for changes, text in (
        ({"retry_at": None}, "was rust, stays so until somebody sets it"),
        ({"half_open": True}, "was rust, is being tried again"),
    ):
        trip.update(changes)
        board.locator("#marked").get_by_text(text).wait_for()


def test_a_store_that_cannot_be_reached(board: Any, site: Site) -> None:
    site.admin.store_failing = True
    board.get_by_text("the last known switches stay in force").wait_for()


def test_it_stays_up_to_date_and_leaves_the_focus_alone(board: Any, site: Site) -> None:
    focused = cell(board, "openai_chat/anthropic")
    focused.focus()
    site.admin.pairs[0]["engines"]["rust"]["requests"] = 4_321
    site.admin.pairs[0].update(mode="canary=25", share=0.25)
    board.get_by_text("4,321").wait_for()
    assert "canary 25 %" in focused.inner_text()
    site.admin.pairs.append(pair("openai_chat", "xai", "auto", ["grok"]))
    cell(board, "openai_chat/xai").wait_for()
    assert board.evaluate("document.activeElement.dataset.pair") == "openai_chat/anthropic"


def test_nobody_asks_while_the_page_is_hidden(page: Any, site: Site) -> None:
    page.clock.install()
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    cell(page, "openai_chat/anthropic").wait_for()

    def hide(hidden: bool) -> None:
        page.evaluate(
            """(hidden) => {
                Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    with page.expect_response("**/interlingua/status"):
        page.clock.run_for(2_500)
    hide(True)
    before = len(site.admin.asked)
    page.clock.run_for(60_000)
    assert len(site.admin.asked) == before
    with page.expect_response("**/interlingua/status"):
        hide(False)


def test_a_gateway_that_does_not_answer(board: Any, site: Site) -> None:
    site.admin.failing = 500
    trouble = board.locator("#trouble")
    trouble.wait_for(state="visible")
    assert "asked again" in trouble.inner_text() and cell(board, "openai_chat/anthropic").is_visible()
    site.admin.failing = None
    trouble.wait_for(state="hidden")


def test_texts_are_texts(page: Any, site: Site) -> None:
    """Names of models and groups come from configs, notes from people, reasons from the gateway."""
    evil = pair(f"openai_{EVIL}", EVIL, "auto", [EVIL], path=f"/{EVIL}", by=EVIL, source=EVIL)
    evil["tripped"] = {"at": 1.0, "reason": EVIL, "from": EVIL, "retry_at": None}
    evil["gate"] |= {"features": [EVIL], "corpora": [EVIL], "oracle": EVIL, "date": EVIL}
    site.admin.pairs.append(evil)
    site.admin.switches.append(switch(evil["pair"], EVIL, by=EVIL, note=EVIL, forced=True, tripped=evil["tripped"]))
    site.admin.audit.append({**site.admin.audit[0], "pattern": evil["pair"], "note": EVIL, "by": EVIL})
    layers = {"request": {"ours": {EVIL: EVIL}, "theirs": {EVIL: [EVIL]}}}
    named = {"layer": "request", "path": EVIL, "ours": EVIL, "theirs": EVIL}
    changes = {"group": EVIL, "model": EVIL, "features": [EVIL], "paths": [named], "layers": layers, "command": EVIL}
    site.admin.differences.append(a_difference(9, evil["pair"], **changes))
    page.goto(site.url)
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator("button.cell").last.wait_for()
    page.evaluate('(name) => document.querySelector(`button[data-pair="${CSS.escape(name)}"]`).click()', evil["pair"])
    page.locator("[data-difference='9']").click()
    page.locator(".sides").wait_for()
    assert EVIL in page.locator("#panel").inner_text()
    assert page.evaluate("[window.pwned, document.images.length, document.scripts.length]") == [None, 0, 1]
