"""``interlingua parity``: the table, the report, the exit code."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from interlingua.cases import case
from interlingua.cli import main

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
CHAT = FIXTURES / "openai_chat/anthropic/cache_usage_stream"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three cases."""
    for name in ("cache_usage_stream", "citations", "beta_header"):
        shutil.copytree(CHAT.parent / name, tmp_path / "cases/openai_chat/anthropic" / name)
    return tmp_path / "cases"


def differing(root: Path, text: str = "<script>alert('x')</script>") -> None:
    file = root / "openai_chat/anthropic/citations/provider_request.json"
    sent = json.loads(file.read_text())
    sent["body"]["messages"][0]["content"] = text
    file.write_text(json.dumps(sent))


def test_without_differences_it_succeeds(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "--cases", str(root)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("parity: 3 cases, ")
    assert re.search(r"^openai_chat/anthropic +3 ", out, re.M)
    assert "provider docs" in out or "recorded bytes" in out or "provider types" in out


def test_an_unexplained_difference_fails_and_is_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    differing(root, "something else")
    assert main(["parity", "--cases", str(root)]) == 1
    out = capsys.readouterr().out
    assert "1 times: openai_chat request body.messages[*].content" in out
    assert "openai_chat/anthropic/citations" in out and "something else" in out and "1 unexplained" in out


def test_one_case_is_a_folder_of_cases_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "openai_chat/anthropic/beta_header")
    assert main(["parity", "--cases", "."]) == 0


class Page(HTMLParser):
    """What a browser would load, and the text of what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.links.append(value or "")
            elif name == "id":
                self.ids.add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_report_is_one_file_and_shows_both_sides(root: Path, tmp_path: Path) -> None:
    differing(root)
    assert main(["parity", "--cases", str(root), "--html", str(tmp_path / "report.html")]) == 1
    content = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(content)
    assert "script" not in page.tags and "img" not in page.tags and "url(" not in content
    assert page.links and all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert "<script>alert('x')</script>" in page.text  # what LiteLLM sent, as text
    assert "1 unexplained" in page.text and "pre" in page.tags


def test_the_json_report_holds_every_verdict(root: Path, tmp_path: Path) -> None:
    differing(root)
    main(["parity", "--cases", str(root), "--json", str(tmp_path / "report.json")])
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["cases"], told["totals"]["unexplained"], len(told["verdicts"])) == (3, 1, 3)
    assert told["groups"][0]["cases"] == ["openai_chat/anthropic/citations"]
    assert all({"code", "evidence", "cases", "leaves"} == set(rule) for rule in told["rules"])


def test_cases_without_litellms_half_are_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exchange = case.read(root / "openai_chat/anthropic/citations")
    exchange["provider_request"] = exchange["client_response"] = None
    exchange["provider_response"]["body_b64"] = "PGh0bWw+"
    shutil.rmtree(root)
    case.write(case.place(root, exchange), exchange)
    assert main(["parity", "--cases", str(root)]) == 0
    out = capsys.readouterr().out
    assert "1 unjudged" in out and "unjudged: the core cannot read the answer" in out


def test_what_is_no_case_is_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "openai_chat/anthropic/citations/client_request.json").write_text("{")
    assert main(["parity", "--cases", str(root)]) == 2
    assert "citations" in capsys.readouterr().err
    assert main(["parity", "--cases", str(tmp_path / "nothing")]) == 2


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for directory in case.find(FIXTURES / "openai_responses/anthropic"):
        exchange = case.read(directory)
        written = case.place(tmp_path, exchange)
        case.write(written, exchange)
        again = case.read(written)
        for name in ("request", "provider_request", "provider_response", "client_response"):
            left, right = (part[name] for part in (exchange, again))
            assert (left or {}).get("status") == (right or {}).get("status")
            if left and "body_b64" in left and name != "provider_request":
                assert left["body_b64"] == right["body_b64"], (directory, name)
        keys = ("route", "provider", "model", "requested_model", "api_base", "drop_params", "defaults", "features")
        assert {key: exchange[key] for key in keys} == {key: again[key] for key in keys}


def test_settings_of_a_deployment_survive(tmp_path: Path) -> None:
    exchange = case.read(CHAT)
    settings = {
        "requested_model": "my model\x7f",
        "api_base": "https://llm.test/v1",
        "has_credential": False,
        "defaults": {"temperature": 0.5, "stop": None},
        "extra_headers": {"x-team": 'bl"ue'},
    }
    exchange |= settings
    exchange["request"]["query"] = "beta=true"
    case.write(case.place(tmp_path, exchange), exchange)
    (directory,) = case.find(tmp_path)
    again = case.read(directory)
    assert {key: again[key] for key in settings} == settings
    assert again["request"]["query"] == "beta=true"


def test_a_case_cannot_be_written_elsewhere(tmp_path: Path) -> None:
    exchange = case.read(CHAT)
    with pytest.raises(ValueError, match="belongs into"):
        case.write(tmp_path / "case", exchange)
    for changes in ({"provider": "../x"}, {"route": "gemini"}, {"provider": ""}):
        with pytest.raises(ValueError, match="is not"):
            case.place(tmp_path, {**exchange, **changes})
