"""What the core serves becomes cases: redacted, bounded, off the exchange's way, and replayable."""

from __future__ import annotations

import base64
import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from interlingua import _native, cli
from interlingua.cases import case
from interlingua.cases.case import Exchange
from interlingua.cases.recorder import Limits, Recorder
from rig import (
    CHAT,
    KEY,
    MESSAGES,
    STREAM,
    STREAM_HEAD,
    Running,
    Upstream,
    chat_answer,
    chunked,
    config_document,
    http_answer,
)

ALL = Limits(sample=1.0)


def cases(root: Path) -> Iterator[Exchange]:
    yield from map(case.read, case.find(root))


def body_of(part: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(part["body_b64"]))


@pytest.mark.parametrize("server", ["lean", "uvicorn"])
def test_a_case_holds_both_halves_and_no_secret(upstream: Upstream, tmp_path: Path, server: str) -> None:
    recorder = Recorder(tmp_path / "cases", ALL)
    upstream.answers = [http_answer(200, chat_answer().split(b"\r\n\r\n", 1)[1], "x-request-id: req_0123456789ab")]
    with Running(config_document(upstream.url), tmp_path, server=server, recorder=recorder) as gateway:
        asked = {**CHAT, "user": "jane@corp.example", "temperature": 0.5}
        assert gateway.request("POST", "/v1/chat/completions", asked, x_team="blue").status == 200
    (found,) = cases(tmp_path / "cases")
    assert (found["route"], found["provider"], found["model"]) == ("openai_chat", "openai", "gpt-4o")
    assert body_of(found["request"])["temperature"] == 0.5
    assert body_of(found["provider_response"])["choices"][0]["message"]["content"] == "hi"
    assert found["provider_request"] is None and found["client_response"] is None
    text = b"".join(file.read_bytes() for file in (tmp_path / "cases").rglob("*") if file.is_file()).decode()
    assert not [
        secret for secret in ("jane", "corp.example", KEY, "sk-up-openai", "req_0123", "blue") if secret in text
    ]
    verdict = json.loads(_native.compare(json.dumps(found).encode()))
    assert verdict["class"] == "unjudged" and verdict["checks"]["answer"] == "read"
    assert recorder.counts == {"written": 1, "dropped": 0}


def test_streams_and_other_routes_are_recorded_whole(upstream: Upstream, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "cases", ALL)
    upstream.answers = [[STREAM_HEAD, *(chunked(part) for part in STREAM), chunked(b"")], http_answer(529, b"{}")]
    with Running(config_document(upstream.url), tmp_path, recorder=recorder) as gateway:
        assert gateway.chat(stream=True).status == 200
        assert gateway.request("POST", "/v1/messages", MESSAGES).status == 529
    by_route = {found["route"]: found for found in cases(tmp_path / "cases")}
    stream = by_route["openai_chat"]["provider_response"]
    assert base64.b64decode(stream["body_b64"]).count(b"data:") == len(STREAM)
    assert by_route["anthropic_messages"]["provider_response"]["status"] == 529


def test_the_short_way_is_left_by_the_sampled_only(upstream: Upstream, tmp_path: Path) -> None:
    chances = iter([0.9, 0.9, 0.001, 0.9, 0.001, *[0.9] * 20])
    recorder = Recorder(tmp_path / "cases", Limits(sample=0.01), chance=lambda: next(chances))
    with Running(config_document(upstream.url), tmp_path, recorder=recorder) as gateway:
        connection = gateway.connect()
        for number in range(8):
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps({**CHAT, "seed": number}),
                {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
            )
            answer = connection.getresponse()
            assert answer.status == 200 and json.loads(answer.read())["choices"]
        connection.close()
    assert sorted(body_of(found["request"])["seed"] for found in cases(tmp_path / "cases")) == [2, 4]


def test_the_metrics_tell_what_was_dropped(upstream: Upstream, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "cases", Limits(sample=1.0, exchange_bytes=10))
    with Running(config_document(upstream.url), tmp_path, recorder=recorder) as gateway:
        assert gateway.chat().status == 200
        text = gateway.request("GET", "/metrics").body.decode()
    assert "interlingua_recorder_dropped_total 1" in text
    assert not list((tmp_path / "cases").rglob("case.toml"))


def exchange(number: int, size: int = 10) -> Exchange:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"{number} " + "x" * size}]})
    request = {"headers": {}, "query": "", "body_b64": base64.b64encode(body.encode()).decode()}
    return {"route": "openai_chat", "provider": "openai", "model": "gpt-4o", "requested_model": "m", "request": request}


def test_the_folder_is_bounded_by_count_over_restarts(tmp_path: Path) -> None:
    for start in (0, 10):
        recorder = Recorder(tmp_path, Limits(cases=3))
        for number in range(start, start + 5):
            recorder.take(exchange(number))
        recorder.close()
        assert sum(1 for _ in case.find(tmp_path)) == 3
    assert recorder.counts == {"written": 0, "dropped": 5}


def test_the_folder_is_bounded_by_bytes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Limits(bytes=100_000))
    for number in range(20):
        recorder.take(exchange(number, 20_000))
    recorder.close()
    assert 0 < sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 100_000
    assert recorder.counts["written"] + recorder.counts["dropped"] == 20


def test_what_waits_is_bounded_and_what_is_too_much_is_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Limits())
    held, begun = threading.Event(), threading.Event()

    def slow() -> Exchange:
        begun.set()
        held.wait(10)
        return exchange(0)

    assert recorder.take_later(slow, 10)
    assert begun.wait(10)
    taken = [recorder.take(exchange(number)) for number in range(1, 400)]
    assert taken.count(True) == 255 and recorder.counts["dropped"] == 144
    held.set()
    recorder.close()
    assert recorder.counts == {"written": 256, "dropped": 144}
    assert not recorder.take(exchange(1000))


def test_an_exchange_of_no_form_is_dropped_and_the_next_is_written(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Limits())
    recorder.take({"route": "openai_chat"})
    recorder.take({**exchange(1), "provider": "../../etc"})
    recorder.take(exchange(2))
    recorder.close()
    assert recorder.counts == {"written": 1, "dropped": 2}


def test_a_panic_of_the_core_does_not_end_the_recorder(tmp_path: Path) -> None:
    class Panic(BaseException):
        pass

    def broken() -> Exchange:
        raise Panic

    recorder = Recorder(tmp_path, Limits())
    recorder.take_later(broken, 1)
    recorder.take(exchange(1))
    recorder.close()
    assert recorder.counts == {"written": 1, "dropped": 1}


def test_a_full_disk_leaves_no_half_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, stored = case._store, []

    def full(file: Path, content: bytes) -> None:
        stored.append(file)
        if len(stored) == 2:
            raise OSError(errno.ENOSPC, "no space left")
        store(file, content)

    monkeypatch.setattr(case, "_store", full)
    recorder = Recorder(tmp_path, Limits())
    recorder.take(exchange(1))
    recorder.take(exchange(2))
    recorder.close()
    assert recorder.counts == {"written": 1, "dropped": 1}
    assert len(list((tmp_path / "openai_chat/openai").iterdir())) == 1


def test_the_same_exchange_is_one_case(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Limits())
    recorder.take(exchange(1))
    recorder.take(exchange(1))
    recorder.close()
    assert len(list(case.find(tmp_path))) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_folder_that_cannot_be_written_is_told_at_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config_document("http://127.0.0.1:9")))
    options = ["--config", str(tmp_path / "config.yaml"), "--workers", workers, "--check"]
    assert cli.main(["serve", *options, "--record", str(tmp_path / "cases")]) == 0
    assert cli.main(["serve", *options, "--record", str(tmp_path / "file" / "cases")]) == 2
    assert "choose another folder for --record" in capsys.readouterr().err
