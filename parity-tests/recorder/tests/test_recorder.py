"""The recorder's parts that need no oracle: cases, files, answers, pins."""

import json
import tomllib
from pathlib import Path

import pytest

from recorder import pins
from recorder.canned import canned_answer
from recorder.case import CaseError, find_cases, read_case
from recorder.environments import REPOSITORY, VERSIONS, lock_file
from recorder.media import fetched_media
from recorder.providers import Deployment
from recorder.record import _toml_text, apply
from recorder.wire import Sent

FIXTURES = REPOSITORY / "fixtures"


def test_every_fixture_is_well_formed_and_recorded() -> None:
    directories = list(find_cases(FIXTURES))
    assert len(directories) >= 212
    for directory in directories:
        case = read_case(directory)
        case.answer()
        assert case.client_request["model"] == f"{case.provider}/{case.facts['model']}", directory
        facts = tomllib.loads((directory / "oracle.toml").read_text(encoding="utf-8"))
        sent = facts["request"]["outcome"] == "sent"
        assert sent == (directory / "provider_request.json").exists(), directory


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('title = "t"\norigin = "own"\nmodel = "m"\nfeatures = ["flying"]\n', "flying"),
        ('title = "t"\norigin = "own"\nmodel = "m"\n', "features"),
        ('title = "t"\norigin = "own"\nmodel = "m"\nfeatures = []\nexpect = "magic"\n', "expect"),
        ('title = "t"\norigin = "own"\nmodel = "m"\nfeatures = []\nzz = 1\n', "zz"),
    ],
)
def test_a_wrong_case_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    directory = tmp_path / "openai_chat" / "openai" / "case"
    directory.mkdir(parents=True)
    (directory / "case.toml").write_text(text, encoding="utf-8")
    (directory / "client_request.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CaseError, match=complaint):
        read_case(directory)


def test_facts_survive_toml() -> None:
    facts = {"a": 'quote " \\ 🦀\n\t', "n": 3, "yes": True, "list": ["x"], "h": {"x-a": "1", "b c": "2"}}
    assert tomllib.loads(_toml_text(facts)) == facts


def test_applying_twice_changes_nothing_and_check_writes_nothing(tmp_path: Path) -> None:
    files = {"oracle.toml": "x = 1\n", "client_response.sse": "data: é\r\n\r\n"}
    (tmp_path / "client_response.json").write_text("{}", encoding="utf-8")
    expected = ["client_response.json", "client_response.sse", "oracle.toml"]
    assert apply(tmp_path, files, check=True) == expected
    assert not (tmp_path / "oracle.toml").exists()
    assert apply(tmp_path, files, check=False) == expected
    assert apply(tmp_path, files, check=False) == []
    assert (tmp_path / "client_response.sse").read_bytes() == "data: é\r\n\r\n".encode()
    assert not (tmp_path / "client_response.json").exists()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/ocr"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_dialect_has_a_canned_answer(path: str, stream: bool) -> None:
    body = json.dumps({"model": "m", "stream": stream}).encode()
    answer = canned_answer(Sent("POST", f"http://host{path}?a=1", {}, body))
    text = b"".join(answer.parts).decode()
    assert answer.status == 200
    if stream and path != "/v1/ocr":
        frames = [line[6:] for line in text.splitlines() if line.startswith("data: ") and line != "data: [DONE]"]
        assert all(isinstance(json.loads(frame), dict) for frame in frames)
        assert len(frames) >= 4
    else:
        assert json.loads(text)["model"] == "m"


def test_fetched_media_follow_the_name() -> None:
    assert dict(fetched_media("http://host/a.PDF?x=1")[0])["content-type"] == "application/pdf"
    assert dict(fetched_media("http://host/a.jpg")[0])["content-type"] == "image/jpeg"
    assert dict(fetched_media("http://host/a")[0])["content-type"] == "image/png"


def test_a_deployment_tells_litellm_where_to_send() -> None:
    assert Deployment("hosted_vllm", "m").litellm_params["api_base"] == "http://upstream.test/v1"
    assert "api_base" not in Deployment("groq", "m").litellm_params
    assert Deployment("custom_openai", "m", "http://own/v1").litellm_params["api_base"] == "http://own/v1"
    assert Deployment("ollama_openai", "m").litellm_params["model"] == "openai/m"
    assert Deployment("ollama_openai", "m", route="anthropic_messages").litellm_params["model"] == "custom_openai/m"


def _one() -> str:
    return str(pins._pinned_uuid4())


def test_a_case_of_real_traffic_says_how_its_deployment_is_set_up(tmp_path: Path) -> None:
    directory = tmp_path / "openai_chat" / "openai" / "case"
    directory.mkdir(parents=True)
    facts = {
        "title": "Recorded",
        "origin": "recorded",
        "model": "gpt-4o",
        "features": ["custom_tools"],
        "requested_model": "fast",
        "defaults": '{"temperature": 0.5}',
        "extra_headers": {"x-team": "blue"},
    }
    (directory / "case.toml").write_text(_toml_text(facts), encoding="utf-8")
    (directory / "client_request.json").write_text('{"model": "fast", "messages": []}', encoding="utf-8")
    question = read_case(directory).question()
    assert question["settings"] == {"temperature": 0.5, "extra_headers": {"x-team": "blue"}}
    deployment = Deployment(
        "openai", "gpt-4o", requested=question["requested_model"], settings_json=json.dumps(question["settings"])
    )
    assert deployment.group == "fast"
    assert deployment.litellm_params["temperature"] == 0.5 and "temperature" not in deployment.place


def test_ids_repeat_from_case_to_case_and_differ_within_one() -> None:
    def draw() -> list[str]:
        pins.reset()
        return [_one() for _ in range(3)]

    first, second = [draw() for _ in range(2)]
    assert first == second
    assert len(set(first)) == 3


def test_locks_are_complete_pins_without_addresses() -> None:
    for version in VERSIONS:
        lines = [line for line in lock_file(version).read_text().splitlines() if not line.startswith("#")]
        assert f"litellm=={version}" in lines
        assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)


@pytest.mark.parametrize(
    ("dialect", "side", "body", "valid"),
    [
        ("openai_chat", "request", {"model": "m", "messages": [{"role": "user", "content": "x"}], "zz": 1}, True),
        ("openai_chat", "request", {"model": "m", "messages": [{"role": "narrator", "content": "x"}]}, False),
        ("anthropic_messages", "request", {"model": "m", "messages": [{"role": "user", "content": "x"}]}, False),
        ("anthropic_messages", "event", {"type": "ping"}, True),
        ("anthropic_messages", "event", {"type": "content_block_stop"}, False),
    ],
)
def test_the_providers_types_judge_bodies(dialect: str, side: str, body: object, valid: bool) -> None:
    pytest.importorskip("anthropic")
    pytest.importorskip("openai")
    from recorder.validate import problems

    assert (problems(dialect, side, body) == []) == valid
