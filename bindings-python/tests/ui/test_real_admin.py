"""The page with the gateway's own admin API, not a made-up one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_admin import a_difference
from rig import KEY, Running, Upstream, config_document


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    gate = tmp_path / "gate.json"
    gate.write_text(json.dumps({"routes": {"openai_chat/openai": {"features": ["streaming"], "cases": 12}}}))
    with Upstream() as upstream:
        document = config_document(upstream.url, migration={"gate_file": str(gate)})
        with Running(document, tmp_path) as running:
            yield running


@pytest.fixture
def page_of(page: Any, gateway: Running) -> Any:
    page.goto(f"{gateway.url}/ui")
    page.get_by_label("general_settings.master_key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator("button.cell").first.wait_for()
    return page


def modes(gateway: Running) -> dict[str, str]:
    found: dict[str, str] = gateway.request("GET", "/interlingua/switches").json()["switches"]
    return found


def test_traffic_and_a_changed_switch(page_of: Any, gateway: Running) -> None:
    for _ in range(3):
        assert gateway.chat().status == 200
    cell = page_of.locator("button[data-pair='openai_chat/openai']")
    cell.get_by_text("100 % by the core").wait_for()
    cell.click()
    panel = page_of.get_by_role("dialog")
    panel.get_by_role("radio", name="canary").check()
    panel.get_by_role("spinbutton").fill("12.5")
    panel.get_by_label("Note for the audit trail").fill("über")
    panel.get_by_role("button", name="Change …").click()
    panel.get_by_role("button", name="Yes").click()
    page_of.get_by_text("is set to canary 12.5 %").wait_for()
    assert modes(gateway) == {"openai_chat/openai": "canary=12.5"}
    panel.get_by_text("not set → canary 12.5 %").wait_for()
    panel.get_by_text("über").first.wait_for()
    panel.get_by_role("button", name="Back to the config").click()
    panel.get_by_role("button", name="Really forget").click()
    page_of.get_by_text("is forgotten").wait_for()
    assert modes(gateway) == {}


def test_force(page_of: Any, gateway: Running) -> None:
    page_of.locator("button[data-pair='openai_chat/groq']").click()
    panel = page_of.get_by_role("dialog")
    panel.get_by_role("radio", name="rust").check()
    panel.get_by_role("checkbox").check()
    panel.get_by_label("Note for the audit trail").fill("a trial")
    panel.get_by_label("For", exact=True).select_option("openai_chat/groq@groq/*")
    panel.get_by_role("button", name="Change …").click()
    panel.get_by_role("button", name="Yes").click()
    page_of.get_by_text("is set to rust").wait_for()
    assert modes(gateway) == {"openai_chat/groq@groq/*": "rust"}
    panel.get_by_role("button", name="Close", exact=True).click()
    assert "without proof of parity: a trial" in page_of.locator("#marked").inner_text()
    page_of.locator("button[data-pair='openai_chat/groq']").click()
    panel.get_by_role("button", name="Back to the config").click()
    panel.get_by_role("button", name="Really forget").click()
    page_of.get_by_text("is forgotten").wait_for()
    assert modes(gateway) == {}


def test_stored_differences(page_of: Any, gateway: Running) -> None:
    entry = {name: value for name, value in a_difference().items() if name not in ("id", "command")}
    for _ in range(25):
        gateway.app.control.keeper.store.add_difference({**entry, "pair": "openai_chat/openai"})
    page_of.locator("button[data-pair='openai_chat/openai']").click()
    panel = page_of.get_by_role("dialog")
    panel.locator("[data-difference]").first.wait_for()
    assert panel.locator("[data-difference]").count() == 20
    panel.get_by_role("button", name="Older ones").click()
    panel.locator("[data-difference]").nth(24).wait_for()
    panel.locator("[data-difference]").first.click()
    panel.locator(".sides").wait_for()
    assert panel.locator(".pair.differs").count() == 3
