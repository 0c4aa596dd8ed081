"""LiteLLM's options on the command line of ``interlingua serve``."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest
from interlingua.cli import _add_serve, _parser, _worker_arguments, main
from interlingua.gateway.config import load_config
from interlingua.gateway.findings import Kind
from interlingua.litellm_options import FOREIGN, for_child, given, overrides

CONFIG = """
model_list: [{model_name: a, litellm_params: {model: openai/x, api_key: k}}]
litellm_settings: {num_retries: 4, request_timeout: 7}
router_settings: {timeout: 9, retry_after: 2}
migration: {python: {command: [my-litellm, --quiet]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def test_options_with_a_meaning(config: Path) -> None:
    options = _parser().parse_args(
        ["serve", "-c", str(config), "--num_workers", "3", "--request_timeout", "30", "--drop_params"]
    )
    assert options.workers == 3
    loaded = load_config(config, {}, overrides(options))
    assert (loaded.timeout, loaded.num_retries, loaded.retry_after) == (30, 4, 2)
    assert loaded.deployments[0].drop_params
    child = for_child(loaded, given(options)).migration.python
    assert child.command == ("my-litellm", "--quiet")
    assert child.arguments == ("--request_timeout", "30", "--drop_params")
    assert _worker_arguments(options) == ["serve", "--config", str(config), "--request_timeout", "30", "--drop_params"]


def test_without_them_nothing_changes(config: Path) -> None:
    options = _parser().parse_args(["serve", "-c", str(config)])
    loaded = load_config(config, {}, overrides(options))
    assert (loaded.timeout, loaded.deployments[0].drop_params) == (9, False)
    assert for_child(loaded, given(options)) is loaded


def test_defaults_come_from_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "NUM_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    options = _parser().parse_args(["serve", "-c", str(config)])
    assert (options.host, options.port, options.workers) == ("127.0.0.1", 4000, 1)
    for name, value in (("HOST", "0.0.0.0"), ("PORT", "8080"), ("NUM_WORKERS", "2")):
        monkeypatch.setenv(name, value)
    options = _parser().parse_args(["serve", "-c", str(config), "--port", "81"])
    assert (options.host, options.port, options.workers) == ("0.0.0.0", 81, 2)


@pytest.mark.parametrize("option", sorted(FOREIGN))
@pytest.mark.parametrize("value", [[], ["7"]])
def test_other_options_say_what_to_do(
    option: str, value: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "-c", str(config), option, *value])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{option} is an option of litellm" in said and FOREIGN[option] in said


def test_every_option_of_litellm_is_known() -> None:
    """``litellm --help`` of the oracle, recorded."""
    recorded = json.loads((Path(__file__).resolve().parent / "litellm_options.json").read_text())
    serve = argparse.ArgumentParser()
    _add_serve(serve)
    ours = {option for action in serve._actions for option in action.option_strings}
    assert set(recorded["options"]) <= ours


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1e9"])
def test_wrong_timeouts_are_refused(text: str, config: Path) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["serve", "-c", str(config), f"--request_timeout={text}"])


def test_documentation_has_every_kind_of_finding() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", page, re.MULTILINE))
    assert rows == {kind.value: "yes" if kind.needs_attention else "no" for kind in Kind}
