"""Config files: includes, what is wrong with them and how that is said, and the ``migration`` section."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from interlingua.gateway.config import Config, ConfigError, build_config, load_config
from interlingua.gateway.migration import Keys


def build(text: str) -> Config:
    return build_config(yaml.safe_load(text), "config.yaml", None, {})


def test_includes(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(
        "model_list: [{model_name: gpt-4o, litellm_params: {model: openai/gpt-4o}}]\n"
    )
    (tmp_path / "config.yaml").write_text(
        "include: [models.yaml]\nmodel_list: []\ngeneral_settings: {master_key: sk}\n"
    )
    assert [deployment.group for deployment in load_config(tmp_path / "config.yaml", {}).deployments] == ["gpt-4o"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_list: {a: b}", ["model_list", "list"]),
        ("model_list: [{litellm_params: {model: x}}]", ["model_list[0].model_name", "missing"]),
        ("model_list: [{model_name: a}]", ["model_list[0].litellm_params.model", "provider/model"]),
        ("model_list: [{model_name: a, litellm_params: {model: openai/x, timeout: soon}}]", ["timeout", "number"]),
        (
            "model_list: [{model_name: a, litellm_params: {model: openai/x, api_base: 'localhost:8000'}}]",
            ["api_base", "http"],
        ),
        (
            'model_list: [{model_name: a, litellm_params: {model: openai/x, api_key: "k\\n"}}]',
            ["api_key", "line break"],
        ),
        ("general_settings: [1]", ["general_settings", "mapping"]),
        ("migration: {switches: {openai_chat/anthropic: fast}}", ["switches.openai_chat/anthropic", "auto"]),
        ("migration: {switches: {openai-chat/anthropic: auto}}", ["openai-chat", "openai_chat"]),
        ("migration: {switches: {'*': canary=200}}", ["migration.switches.*", "percentage"]),
        ("migration: {switches: {'*@': auto}}", ["migration.switches.*@", "group"]),
        ("migration: {switches: {'*': 1}}", ["migration.switches.*", "canary=N"]),
        ("migration: {state: 'mysql://x'}", ["migration.state", "redis://"]),
        ("migration: {state_file: x.json}", ["migration.state_file", "state"]),
        ("migration: {trip: {errors: 5}}", ["migration.trip.errors", "between 0 and 1"]),
        ("migration: {trip: {window: 0.5}}", ["migration.trip.window", "between 1 and 3600"]),
        ("migration: {trip: {window: null}}", ["migration.trip.window", "number"]),
        ("migration: {trip: {min_requests: 1.5}}", ["migration.trip.min_requests", "whole"]),
        ("migration: {trip: {retry: 5}}", ["migration.trip.retry", "retry_after"]),
        ("migration: {trip: 5}", ["migration.trip", "mapping"]),
        ("migration: {pyton: {}}", ["migration.pyton", "python"]),
        ("migration: {python: {url: 'http://x', command: litellm}}", ["python.url", "either"]),
        ("router_settings: {num_retries: -1}", ["num_retries", "0 or more"]),
    ],
)
def test_errors_say_file_key_and_what_to_do(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(text)
    message = str(caught.value)
    assert message.startswith("config.yaml: ")
    for word in words:
        assert word in message


def test_an_included_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("include: [models.yaml]\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: include: there is no file models\.yaml"):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "no such file"),
        ("a: [", "not valid YAML at line"),
        ("", "is empty"),
        ("- 1", "mapping"),
        ("\x00", "YAML"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: str | None, word: str) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=word):
        load_config(path)


def test_includes_are_merged_as_litellm_does(tmp_path: Path) -> None:
    """Lists grow, anything else is replaced; beside the file that names it, or else beside the first; once each."""
    files = {
        "config.yaml": "include: [sub/one.yaml, config.yaml]\n"
        "model_list: [{model_name: a, litellm_params: {model: openai/a}}]\n"
        "general_settings: {master_key: sk-first, max_request_size_mb: 1}\n",
        "sub/one.yaml": "include: [two.yaml, three.yaml, ../config.yaml]\n"
        "model_list:\n- model_name: b\n  litellm_params:\n    model: openai/b\n    timeout: soon\n",
        "sub/two.yaml": "general_settings: {master_key: sk-second}\n",
        "three.yaml": "include: [sub/two.yaml]\nrouter_settings: {num_retries: 7}\n",
    }
    (tmp_path / "sub").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=r"one\.yaml:6: model_list\[1\].litellm_params.timeout: must be a number"):
        load_config(tmp_path / "config.yaml", {})
    (tmp_path / "sub/one.yaml").write_text(files["sub/one.yaml"].replace("soon", "5"))
    config = load_config(tmp_path / "config.yaml", {})
    assert [deployment.group for deployment in config.deployments] == ["a", "b"]
    assert (config.master_key, config.max_request_bytes, config.num_retries) == ("sk-second", 100 * 1024 * 1024, 7)


def test_switches_and_trips() -> None:
    migration = build(
        "migration:\n"
        "  switches: {openai_chat/anthropic@cl*: canary 12.50%, '*@claude': shadow, '*': auto}\n"
        "  trip: {window: 30, errors: null, retry_after: 300}\n"
        "  state: redis://host/1\n"
    ).migration
    assert migration.switches == (
        ("openai_chat/anthropic@cl*", "canary=12.5"),
        ("*@claude", "shadow"),
        ("*", "auto"),
    )
    trip = migration.trip
    assert (trip.window, trip.errors, trip.retry_after, trip.min_requests, trip.p95_ratio) == (30, None, 300, 20, 3)
    assert migration.state == "redis://host/1"


def test_state_is_beside_the_config(tmp_path: Path) -> None:
    path = tmp_path / "proxy.config.yaml"
    for text, file in (("{}", "proxy.config.interlingua.db"), ("{state: my.db}", "my.db")):
        path.write_text(f"model_list: []\nmigration: {text}\n")
        assert load_config(path, {}).migration.state == str(tmp_path / file)
    assert build("{}").migration.state is None


def test_how_long_keys_are_remembered() -> None:
    assert build("model_list: []").migration.keys == Keys(30.0, 5.0, 10_000)
    assert build("migration: {keys: {ttl: 3, negative_ttl: 0, max: 7}}").migration.keys == Keys(3.0, 0.0, 7)
    for wrong in ("{ttl: -1}", "{max: 0}", "{max: 1.5}", "{tlt: 3}", "[]"):
        with pytest.raises(ConfigError, match=r"migration\.keys"):
            build(f"migration: {{keys: {wrong}}}")
