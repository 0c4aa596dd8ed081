"""A pair's panel: changing its mode, its proof, its switches, its differences."""

from __future__ import annotations

from typing import Any

import pytest
from fake_admin import CLOSED, pair
from ui_site import Site

CHANGED = "PUT"


def changes(site: Site) -> list[tuple[str, Any]]:
    """What was set: the query and the body."""
    return [(query, document) for method, _, query, document in site.admin.asked if method == CHANGED]


def opened(board: Any, name: str) -> Any:
    board.locator(f"button[data-pair='{name}']").click()
    panel = board.get_by_role("dialog")
    panel.wait_for()
    return panel


def choose(panel: Any, mode: str) -> None:
    panel.get_by_role("radio", name=mode).check()


def test_with_the_keyboard_alone(page: Any, site: Site) -> None:
    """From the key to a changed switch and back, without a mouse."""
    page.goto(site.url)
    page.keyboard.type("sk-test-master-8f2c")
    page.keyboard.press("Enter")
    page.locator("button.cell").first.wait_for()

    def tab_to(condition: str, key: str = "Tab") -> None:
        for _ in range(40):
            if page.evaluate(f"(() => {{ const at = document.activeElement; return Boolean({condition}); }})()"):
                return
            page.keyboard.press(key)
        raise AssertionError(f"the focus never comes to {condition}")

    tab_to("at.dataset.pair === 'openai_responses/anthropic'")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    tab_to("at.name === 'mode'")
    tab_to("at.name === 'mode' && at.value === 'canary'", "ArrowDown")
    tab_to("at.id === 'share'")
    page.keyboard.press("Control+A")
    page.keyboard.type("2.5")
    tab_to("at.type === 'submit'")
    page.keyboard.press("Enter")
    assert changes(site) == []  # not before it is confirmed
    assert page.evaluate("document.activeElement.textContent") == "Yes, change it"
    page.keyboard.press("Enter")
    page.get_by_text("openai_responses/anthropic is set to canary 2.5 %").wait_for()
    assert changes(site) == [("", {"openai_responses/anthropic": "canary=2.5"})]
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.dataset.pair") == "openai_responses/anthropic"
    assert "canary 2.5 %" in page.locator("button[data-pair='openai_responses/anthropic']").inner_text()


def test_a_change_can_be_called_off(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/anthropic")
    choose(panel, "rust")
    panel.get_by_role("button", name="Change …").click()
    assert "from canary 10 % to rust?" in panel.get_by_role("group", name="Confirm").inner_text()
    panel.get_by_role("button", name="No", exact=True).click()
    panel.get_by_role("button", name="Close").click()
    assert changes(site) == []


def test_the_slider_and_the_number_are_one(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/anthropic")
    slider, number = panel.get_by_role("slider"), panel.get_by_role("spinbutton")
    assert number.input_value() == "10"
    slider.fill("35")
    assert number.input_value() == "35"
    number.fill("101")
    panel.get_by_role("button", name="Change …").click()
    assert panel.get_by_role("group", name="Confirm").count() == 0  # the browser says what is wrong
    number.fill("40")
    panel.get_by_label("Note for the audit trail").fill("second step & more")
    panel.get_by_role("button", name="Change …").click()
    panel.get_by_role("button", name="Yes").click()
    board.get_by_text("is set to canary 40 %").wait_for()
    assert changes(site) == [("note=second+step+%26+more", {"openai_chat/anthropic": "canary=40"})]
    choose(panel, "python")
    assert slider.is_hidden()


def test_force_needs_a_tick_and_a_note(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/groq")
    choose(panel, "auto")
    assert panel.get_by_role("checkbox").is_hidden()
    choose(panel, "rust")
    submit = panel.get_by_role("button", name="Change …")
    submit.click()
    assert panel.get_by_role("group", name="Confirm").count() == 0
    panel.get_by_role("checkbox", name="Serve without proof").check()
    submit.click()
    assert panel.get_by_role("group", name="Confirm").count() == 0
    panel.get_by_label("Note for the audit trail").fill("a trial")
    submit.click()
    assert "without proof of parity?" in panel.get_by_role("group", name="Confirm").inner_text()
    panel.get_by_role("button", name="Yes").click()
    board.get_by_text("openai_chat/groq is set to rust").wait_for()
    assert changes(site) == [("force=true&note=a+trial", {"openai_chat/groq": "rust"})]


def test_what_the_gateway_refuses_is_said(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/anthropic")
    site.admin.pairs[0] |= {"gate": {**site.admin.pairs[0]["gate"], "open": False}}  # since the panel was opened
    choose(panel, "rust")
    panel.get_by_role("button", name="Change …").click()
    panel.get_by_role("button", name="Yes").click()
    panel.get_by_text("the gate of openai_chat/anthropic is closed").wait_for()
    assert panel.get_by_role("button", name="Change …").is_visible()


def test_one_group_and_back_to_the_config(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/anthropic")
    choose(panel, "shadow")
    panel.get_by_label("For", exact=True).select_option("openai_chat/anthropic@claude-haiku")
    panel.get_by_role("button", name="Change …").click()
    panel.get_by_role("button", name="Yes").click()
    board.get_by_text("openai_chat/anthropic@claude-haiku is set to shadow").wait_for()
    assert changes(site) == [("", {"openai_chat/anthropic@claude-haiku": "shadow"})]
    item = panel.get_by_role("listitem").filter(has_text="@claude-legacy")
    item.get_by_role("button").click()
    assert not any(method == "DELETE" for method, *_ in site.admin.asked)
    item.get_by_role("button", name="Really forget").click()
    board.get_by_text("is forgotten").wait_for()
    assert ("DELETE", "switches/openai_chat/anthropic@claude-legacy", "", None) in site.admin.asked
    assert panel.get_by_role("listitem").filter(has_text="@claude-legacy").count() == 0


def test_a_pair_that_the_core_does_not_translate(board: Any, site: Site) -> None:
    site.admin.pairs.append(pair("openai_chat", "sagemaker", "auto", ["old"], translated=False, gate=CLOSED))
    panel = opened(board, "openai_chat/sagemaker")
    panel.get_by_text("The core does not translate this pair").wait_for()
    assert panel.get_by_role("radio").count() == 0
    assert "LiteLLM only" in board.locator("button[data-pair='openai_chat/sagemaker']").inner_text()


def test_proof_switches_and_audit_trail(board: Any) -> None:
    panel = opened(board, "openai_responses/openai")
    text = panel.inner_text()
    for part in ("Tripped", "core errors 7.4 %", "Was rust, is tried again", "LiteLLM 1.109.1", "2026-11-20", "142"):
        assert part in text
    panel.get_by_text("rust → python").wait_for()
    assert panel.get_by_role("list", name="Proven features").get_by_role("listitem").count() == 9
    assert "openai_chat/groq" not in text


def test_the_panel_stays_up_to_date_while_one_writes(board: Any, site: Site) -> None:
    panel = opened(board, "openai_chat/anthropic")
    panel.get_by_label("Note for the audit trail").fill("half a th")
    site.admin.pairs[0]["shadow"]["mismatches"] = 77
    panel.get_by_text("77", exact=True).wait_for()
    assert panel.get_by_label("Note for the audit trail").input_value() == "half a th"
    assert board.evaluate("document.activeElement.id") == "note"


def test_differences_side_by_side(board: Any, site: Site) -> None:
    board.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = opened(board, "openai_chat/anthropic")
    panel.locator("[data-difference='7']").click()
    panel.locator(".sides").wait_for()
    marked = panel.locator(".pair.differs")
    assert [one.get_attribute("data-path") for one in marked.all()] == [
        *("body.max_tokens", "body.messages[2].content[0].content", "body.tools[0].strict")
    ]
    assert marked.nth(0).inner_text().count("<integer>") == 2  # they differ, and look the same
    assert "(not there)" in marked.nth(2).inner_text() and "≠" in marked.nth(2).inner_text()
    assert panel.locator(".pair.heads").inner_text().split() == ["core", "LiteLLM"]
    before = panel.locator(".pair").count()
    panel.get_by_role("button", name="equal lines").first.click()
    assert panel.locator(".pair").count() > before
    panel.get_by_role("button", name="Copy").click()
    panel.get_by_role("button", name="Copied").wait_for()
    assert board.evaluate("navigator.clipboard.readText()") == "interlingua record difference 7 --to cases"
    panel.get_by_role("button", name="All differences").click()
    assert panel.locator("[data-difference]").count() == 2


def test_no_differences(board: Any) -> None:
    panel = opened(board, "openai_chat/openai")
    panel.get_by_text("None: whatever was compared").wait_for()


@pytest.mark.parametrize("failing", [503])
def test_lists_that_cannot_be_read(board: Any, site: Site, failing: int) -> None:
    site.admin.failing = failing
    panel = opened(board, "openai_chat/anthropic")
    panel.get_by_text("not now").first.wait_for()
