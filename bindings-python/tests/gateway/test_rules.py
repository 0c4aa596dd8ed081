"""Small rules: authentication, retries, gate files, OCR forms, metrics, log lines."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from interlingua.gateway.auth import Auth, Verdict
from interlingua.gateway.engine_python import litellm_command
from interlingua.gateway.logs import Log
from interlingua.gateway.metrics import MAX_TALLIES, Metrics
from interlingua.gateway.multipart import MultipartError, ocr_request, parse_form
from interlingua.gateway.retries import is_retryable, retries_allowed, wait_seconds
from interlingua.gateway.switches import Gate, SwitchError


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ([(b"authorization", b"Bearer sk-1")], Verdict.ACCEPTED),
        ([(b"authorization", b"bearer sk-1")], Verdict.ACCEPTED),
        ([(b"x-api-key", b"sk-1")], Verdict.ACCEPTED),
        ([(b"api-key", b"sk-1")], Verdict.ACCEPTED),
        ([(b"x-litellm-api-key", b"Bearer sk-1")], Verdict.ACCEPTED),
        ([(b"x-litellm-api-key", b"sk-1"), (b"authorization", b"Bearer other")], Verdict.ACCEPTED),
        ([(b"authorization", b"Bearer sk-2")], Verdict.REFUSED),
        ([(b"authorization", b"Bearer sk-11")], Verdict.REFUSED),
        ([(b"authorization", b"Basic sk-1")], Verdict.REFUSED),
        ([(b"x-api-key", b"sk-1\xff")], Verdict.REFUSED),
        ([(b"authorization", b"")], Verdict.MISSING),
        ([], Verdict.MISSING),
    ],
)
def test_auth(headers: list[tuple[bytes, bytes]], verdict: Verdict) -> None:
    assert Auth("sk-1").check(dict(headers)) is verdict


def test_auth_without_a_master_key_and_with_a_header_of_its_own() -> None:
    assert Auth(None).check({}) is Verdict.ACCEPTED
    assert Auth("sk-1", "x-team-key").check({b"x-team-key": b"Bearer sk-1"}) is Verdict.ACCEPTED


def test_retryable_statuses() -> None:
    assert [status for status in range(400, 600) if is_retryable(status)] == [408, 409, 429, *range(500, 600)]


@pytest.mark.parametrize(
    ("attempt", "after", "shortest", "seconds"),
    [
        (0, None, 0, 0.5),
        (1, None, 0, 1),
        (3, None, 0, 4),
        (9, None, 0, 8),
        (0, 7.0, 0, 7),
        (0, 60.0, 0, 60),
        (0, 61.0, 0, 0.5),
        (0, 0.0, 0, 0.5),
        (0, -3.0, 0, 0.5),
        (0, None, 3, 3),
        (9999, None, 0, 8),
    ],
)
def test_waits(attempt: int, after: float | None, shortest: float, seconds: float) -> None:
    assert wait_seconds(attempt, after, shortest, lambda: 0.0) == seconds
    assert wait_seconds(attempt, after, shortest, lambda: 1.0) == seconds + 0.75


@pytest.mark.parametrize(
    ("body", "header", "deployment", "settings", "allowed"),
    [
        (1, "5", 7, 9, 1),
        (None, "5", 7, 9, 5),
        (None, None, 7, 9, 7),
        (None, None, None, 9, 9),
        (0, "5", 7, 9, 0),
        ("x", "y", None, 2, 2),
        (True, None, None, 2, 2),
        (-1, "-1", 3, 2, 3),
        (10**9, None, None, 2, 100),
    ],
)
def test_who_says_how_often(
    body: object, header: str | None, deployment: int | None, settings: int, allowed: int
) -> None:
    assert retries_allowed(body, header, deployment, settings) == allowed


def test_gate_files(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text(json.dumps({"routes": {"openai_chat/openai": {"features": ["tools"]}}}))
    assert Gate.read(path).missing("openai_chat/openai", ["tools", "audio"]) == ["audio"]
    for content in ("{", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(SwitchError, match="gate file"):
            Gate.read(path)
    with pytest.raises(SwitchError, match="no such"):
        Gate.read(tmp_path / "none.json")


FORM = "multipart/form-data; boundary=edge"


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b"--edge\r\ncontent-disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return body + b"--edge--\r\n"


def test_ocr_form() -> None:
    body = form(
        ('name="model"', b"ocr"),
        ('name="pages"', b"[0,1]"),
        ('name="include_image_base64"', b"true"),
        ('name="id"', b"abc"),
        ('name="document"', b"ignored"),
        ('name="file"; filename="d.pdf"\r\ncontent-type: application/pdf', b"%PDF\r\n--edg\r\n"),
    )
    assert json.loads(ocr_request(FORM, body)) == {
        "model": "ocr",
        "pages": [0, 1],
        "include_image_base64": True,
        "id": "abc",
        "document": {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERg0KLS1lZGcNCg=="},
    }


@pytest.mark.parametrize(
    ("head", "kind", "mime"),
    [
        ('name="file"; filename="a.png"\r\ncontent-type: image/png', "image_url", "image/png"),
        ('name="file"; filename="a.png"\r\ncontent-type: application/octet-stream', "image_url", "image/png"),
        (
            'name="file"; filename="a.bin"\r\ncontent-type: application/octet-stream',
            "document_url",
            "application/octet-stream",
        ),
        ('name="file"; filename="a.pdf"', "document_url", "application/pdf"),
        ("name=file; filename=a.jpeg\r\nContent-Type: image/jpeg; q=1", "image_url", "image/jpeg"),
    ],
)
def test_ocr_file_types(head: str, kind: str, mime: str) -> None:
    document = json.loads(ocr_request(FORM, form((head, b"x"))))["document"]
    assert document == {"type": kind, kind: f"data:{mime};base64,eA=="}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form(('name="file"; filename="a"', b"x"))),
        (FORM, b""),
        (FORM, b"--edge\r\n"),
        (FORM, form(('name="model"', b"ocr"))),
        (FORM, form(('name="file"', b"not an upload"))),
        (FORM, form(('name="file"; filename="a"', b""))),
        (FORM, form(('filename="a"', b"x"))),
        (FORM, form(('name="x"', b"\xff"), ('name="file"; filename="a"', b"x"))),
        (FORM, form(('name="x"', b"NaN"), ('name="file"; filename="a"', b"x"))),
        (FORM, form(('name="x"', b'"\\ud800"'), ('name="file"; filename="a"', b"x"))),
    ],
)
def test_bad_ocr_forms(content_type: str, body: bytes) -> None:
    with pytest.raises(MultipartError):
        ocr_request(content_type, body)


def test_form_with_too_many_parts() -> None:
    with pytest.raises(MultipartError, match="parts"):
        parse_form(FORM, form(*[('name="a"', b"")] * 300))


def test_metrics_text() -> None:
    metrics = Metrics()
    metrics.record("openai_chat", "groq", "rust", "answered", 200, 0.02)
    metrics.retried("openai_chat", "groq", 2)
    metrics.lost("openai_chat", "groq", [("a", "dropped")])
    metrics.record("openai_chat", "groq", "rust", 'odd"\n\\', 500, 999.0)
    text = metrics.render(idle_connections=3, ungated=["*"], python_running=False).decode()
    assert 'interlingua_requests_total{route="openai_chat",provider="groq",engine="rust",outcome="answered",' in text
    assert 'outcome="odd\\"\\n\\\\"' in text
    assert 'interlingua_losses_total{pair="openai_chat/groq",code="dropped"} 1' in text
    assert 'interlingua_retries_total{route="openai_chat",provider="groq"} 2' in text
    assert 'le="0.01"} 0' in text and 'le="0.025"} 1' in text and 'le="+Inf"} 2' in text
    assert 'interlingua_ungated_switch{switch="*"} 1' in text


def test_providers_that_clients_name_never_fill_memory() -> None:
    metrics = Metrics()
    for number in range(MAX_TALLIES + 100):
        metrics.record("openai_chat", f"p{number}", "python", "relayed", 400, 0.01)
    metrics.record("openai_chat", "one-more", "python", "relayed", 200, 0.01, group="g")
    text = metrics.render(idle_connections=0, python_running=True)
    assert text.count(b"interlingua_requests_total{") == MAX_TALLIES + 2
    assert b'provider="other",engine="python",outcome="relayed",status="400",gate=""} 100' in text


def test_group_is_a_label_only_where_there_is_one() -> None:
    metrics = Metrics()
    metrics.record("openai_chat", "groq", "rust", "answered", 200, 0.0007, group="fast")
    metrics.record("openai_chat", "groq", "rust", "answered", 200, 0.0007)
    text = metrics.render(idle_connections=0, python_running=False, tripped=["*"], store_failing=True).decode()
    assert 'engine="rust",outcome="answered",status="200",gate="",group="fast"} 1' in text
    assert 'engine="rust",outcome="answered",status="200",gate=""} 1' in text
    assert 'engine="rust",group="fast",le="0.0005"} 0' in text and 'engine="rust",group="fast",le="0.001"} 1' in text
    assert 'interlingua_switch_tripped{switch="*"} 1' in text and "interlingua_store_failing 1" in text


def test_log_lines_are_json_and_survive_a_broken_stream() -> None:
    out = io.StringIO()
    log = Log(out)
    log.line("request", group=None, text='quo"te\n')
    assert json.loads(out.getvalue())["text"] == 'quo"te\n'
    out.close()
    log.line("request")


def test_litellm_beside_another_python(tmp_path: Path) -> None:
    (tmp_path / "litellm").write_text("")
    assert litellm_command(tmp_path / "python") == (str(tmp_path / "litellm"),)
