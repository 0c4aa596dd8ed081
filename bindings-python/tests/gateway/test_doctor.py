"""``interlingua doctor`` on configs as people publish them. INTERLINGUA_WRITE_GOLDENS=1 writes the goldens anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interlingua.cli import main
from interlingua.gateway import engine_python, switches
from interlingua.gateway.application import Gateway
from interlingua.gateway.config import load_config
from interlingua.gateway.dispatch import Refusal
from interlingua.gateway.doctor import Report, as_json, diagnose
from interlingua.gateway.doctor_text import as_text, wants_colour
from interlingua.gateway.store import StoredSwitch, Trip, open_store

CONFIGS = Path(__file__).resolve().parent / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
ENVIRONMENT = {
    "LITELLM_MASTER_KEY": "sk-master-of-tests",
    "OPENAI_API_KEY": "sk-openai",
    "ANTHROPIC_API_KEY": "sk-anthropic",
    "GROQ_API_KEY": "sk-groq",
    "MISTRAL_API_KEY": "sk-mistral",
    "AZURE_API_KEY": "sk-azure",
    "AZURE_API_BASE": "https://example.openai.azure.com",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
}
LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")
NEEDS_A_PACKAGE = {"prometheus": "prometheus_client"}
"""Configs that the oracle's environment misses a package for."""


@pytest.fixture(autouse=True)
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate of our own and a LiteLLM beside us: goldens do not move with proofs or machines."""
    monkeypatch.chdir(CONFIGS)
    monkeypatch.setattr(switches, "GATE_FILE", CONFIGS / "gate.json")
    monkeypatch.setattr(engine_python, "litellm_command", lambda: ("litellm",))


def report(name: str, **environment: str) -> Report:
    return diagnose(Path(f"{name}.yaml"), {**ENVIRONMENT, **environment})


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def kinds(found: Report) -> dict[str, list[str]]:
    """Findings that need attention, as ``line name``."""
    kinds: dict[str, list[str]] = {}
    for located in found.findings:
        if located.finding.kind.needs_attention:
            line = located.place.line if located.place else 0
            kinds.setdefault(located.finding.kind.value, []).append(f"{line} {located.finding.name}")
    return kinds


def test_enough_configs() -> None:
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_goldens(name: str) -> None:
    found = json.dumps(as_json(report(name)), indent=1, ensure_ascii=False) + "\n"
    golden = CONFIGS / f"{name}.json"
    if os.environ.get("INTERLINGUA_WRITE_GOLDENS"):
        golden.write_text(found)
    assert json.loads(found) == json.loads(golden.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_the_dispatcher_decides_the_same(name: str) -> None:
    """What a plain request meets is what the doctor says, route by route."""
    gateway = Gateway(load_config(Path(f"{name}.yaml"), ENVIRONMENT))
    for group in report(name).groups:
        choice = gateway.groups.of(group.deployments[0])
        for route in group.routes:
            if route.engine == "depends" or (route.upstream is None and choice.target is not None):
                continue  # decided by the client's model, or by the core after the dispatcher
            try:
                decision = gateway.dispatcher._engine(route.route, (), choice, {})
                engine = "refused" if (decision.engine, decision.mode) == ("python", "rust") else decision.engine
            except Refusal:
                engine = "refused"
            assert engine == route.engine, (group.name, route.route)


@pytest.mark.parametrize("name", NAMES)
def test_text_is_aligned_and_says_every_finding(name: str) -> None:
    found = report(name)
    text = as_text(found, colour=False)
    assert "\x1b" not in text
    table = text.split("\n\n")[1].splitlines()
    assert len(table) == 1 + len(found.groups)
    column = table[0].index("chat/completions")
    for line in table[1:]:
        assert line[column - 2 : column] == "  " and line[column] != " "
    for located in found.findings:
        finding = located.finding
        assert (finding.name if finding.kind.is_about_key else finding.message) in text or finding.key in text
    assert re.sub(r"\x1b\[\d+m", "", as_text(found, colour=True)) == text


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_printed(name: str) -> None:
    found = report(name)
    said = json.dumps(as_json(found)) + as_text(found, colour=False)
    for secret in ("sk-openai", "sk-anthropic", "sk-groq", "sk-azure", "sk-master", "sk-lf-example", "bearer example"):
        assert secret not in said


def test_typos_are_found_at_their_lines() -> None:
    assert kinds(report("typos")) == {
        "unknown_key": [
            "6 litellm_params.api_kye",
            "10 model_list.api_key",
            "17 litellm_setting",
            "20 litellm_settings.drop_param",
            "23 general_settings.databse_url",
            "25 router_settings.num_retires",
        ],
        "missing_variable": ["14 GROQ_KEY_WITH_ANOTHER_NAME"],
        "duplicate_key": ["15 timeout"],
    }


def test_lines_lead_through_includes() -> None:
    found = report("includes")
    places = {located.finding.name: str(located.place) for located in found.findings}
    assert places["litellm_params.merge_reasoning_content_in_choices"] == "includes/models.yaml:8"
    assert places["NOT_SET_ANYWHERE"] == "includes/more_models.yaml:5"
    assert places["general_settings"] == "includes/settings.yaml:1"


def test_missing_provider_variables() -> None:
    found = diagnose(Path("three_providers.yaml"), {"LITELLM_MASTER_KEY": "sk", "GROQ_API_KEY": "k"})
    names = [located.finding.name for located in found.findings if located.finding.kind.value == "missing_variable"]
    assert names == ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY"]


def test_groups_that_nobody_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unserved_group" not in kinds(report("azure"))
    monkeypatch.setattr(engine_python, "litellm_command", lambda: None)
    assert len(kinds(report("azure"))["unserved_group"]) == 3
    assert kinds(report("migrating"))["unserved_group"] == ["5 az"]


def test_a_wildcard_whose_names_hold_the_provider(tmp_path: Path) -> None:
    models = 'model_list: [{model_name: "*", litellm_params: {model: "*"}}]\n'
    for mode, engine in (("auto", "depends"), ("rust", "depends"), ("python", "python")):
        path = write(tmp_path, f'{models}migration: {{allow_ungated: true, switches: {{"*": {mode}}}}}\n')
        (group,) = diagnose(path, ENVIRONMENT).groups
        assert {route.engine for route in group.routes} == {engine}
    path = write(tmp_path, f"{models}litellm_settings: {{callbacks: [langfuse]}}\n")
    (group,) = diagnose(path, ENVIRONMENT).groups
    assert {route.engine for route in group.routes} == {"python"}


def test_what_the_core_declines_is_refused_under_a_forced_switch(tmp_path: Path) -> None:
    models = "model_list: [{model_name: a, litellm_params: {model: groq/x, api_key: k}}]\n"
    path = write(tmp_path, f'{models}migration: {{allow_ungated: true, switches: {{"*": rust}}}}\n')
    routes = {route.route: (route.engine, len(route.why)) for route in diagnose(path, ENVIRONMENT).groups[0].routes}
    assert routes["mistral_ocr"] == ("refused", 1) and routes["openai_chat"] == ("rust", 0)


def test_modes_and_groups(tmp_path: Path) -> None:
    models = (
        "model_list:\n"
        "- {model_name: claude, litellm_params: {model: anthropic/c, api_key: k}}\n"
        "- {model_name: mini, litellm_params: {model: anthropic/d, api_key: k}}\n"
    )
    switches = '{"*": shadow, openai_chat/anthropic: canary=10, "*@mini": auto, "*@nobody": python}'
    path = write(tmp_path, f"{models}migration: {{switches: {switches}}}\n")
    found = diagnose(path, ENVIRONMENT)
    told = {group.name: {route.route: route for route in group.routes} for group in found.groups}
    claude, mini = told["claude"], told["mini"]
    assert (claude["openai_chat"].mode, claude["openai_chat"].engine) == ("canary=10", "canary")
    assert (claude["anthropic_messages"].mode, claude["anthropic_messages"].engine) == ("shadow", "python")
    assert "its switch is set to shadow" in claude["anthropic_messages"].why
    assert (mini["openai_chat"].mode, mini["openai_chat"].engine) == ("auto", "rust")
    assert kinds(found) == {"unknown_group": ["4 *@nobody"]}
    text = as_text(found, colour=False)
    assert "canary=10 (anthropic_messages)" in text and "shadow" in text
    assert not list(tmp_path.glob("*.db")), "the doctor writes nothing"


def test_switches_that_were_set_live_are_in_force(tmp_path: Path) -> None:
    models = "model_list: [{model_name: claude, litellm_params: {model: anthropic/c, api_key: k}}]\n"
    path = write(tmp_path, models)
    store = open_store(str(tmp_path / "config.interlingua.db"))
    trip = Trip(1.0, "core-side errors", "rust", stored=True)
    store.change({"openai_chat/anthropic": StoredSwitch("python", trip=trip)}, [])
    found = diagnose(path, ENVIRONMENT)
    assert found.groups[0].routes[0].mode == "python"
    assert any("has tripped (core-side errors); it was rust" in notice for notice in found.notices)
    path.write_text(f"{models}migration: {{state: 'redis://127.0.0.1:1/0'}}\n")
    pytest.importorskip("redis")
    assert diagnose(path, ENVIRONMENT).groups[0].routes[0].mode == "auto"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["doctor", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert run(capsys, "--config", "quick_start.yaml")[0] == 0
    assert run(capsys, "-c", "typos.yaml")[0] == 1
    code, out, err = run(capsys, "-c", str(tmp_path / "none.yaml"))
    assert (code, out) == (2, "") and "no such file" in err
    broken = write(
        tmp_path, "model_list:\n- model_name: a\n  litellm_params:\n    model: openai/x\n    timeout: soon\n"
    )
    code, out, _ = run(capsys, "-c", str(broken), "--json")
    error = json.loads(out)["error"]
    assert (code, error["line"], error["key"]) == (2, 5, "model_list[0].litellm_params.timeout")
    forced = write(tmp_path, 'model_list: []\nmigration: {switches: {"openai_chat/nobody": rust}}\n')
    code, out, _ = run(capsys, "-c", str(forced), "--json")
    assert code == 2 and "gate" in json.loads(out)["error"]["message"]


def test_colour_is_for_terminals() -> None:
    assert wants_colour({"TERM": "xterm"}, is_terminal=True)
    assert not wants_colour({"TERM": "xterm", "NO_COLOR": "1"}, is_terminal=True)
    assert not wants_colour({"TERM": "xterm"}, is_terminal=False)
    assert "\x1b[32m" in as_text(report("quick_start"), colour=True)


@pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")
def test_real_litellm_loads_the_configs() -> None:
    assert LITELLM
    environment = {**ENVIRONMENT, "PATH": os.environ["PATH"]}
    script = Path(__file__).resolve().parent / "load_with_litellm.py"
    done = subprocess.run(
        [LITELLM, str(script), *(f"{name}.yaml" for name in NAMES)],
        cwd=CONFIGS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    said: dict[str, dict[str, Any]] = {}
    for line in done.stdout.splitlines():
        if line.startswith('{"file"'):
            answer = json.loads(line)
            said[Path(answer["file"]).stem] = answer
    assert sorted(said) == NAMES, done.stderr[-2000:]
    for name, answer in said.items():
        if name in NEEDS_A_PACKAGE and "models" not in answer:
            assert NEEDS_A_PACKAGE[name] in answer["error"]
            continue
        ours = {deployment.group for deployment in load_config(CONFIGS / f"{name}.yaml", ENVIRONMENT).deployments}
        assert ours <= set(answer.get("models", ())), answer
