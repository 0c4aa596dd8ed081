"""Virtual keys of the LiteLLM behind the gateway, for requests that the core serves."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from interlingua.gateway.key_rows import Allowed, customer_of, judge_model
from interlingua.gateway.keys import _Remembered
from litellm_rows import CUSTOMER_ROW, RELAYED, TEAM_ROW, USER_ROW, LiteLLM
from rig import CHAT, KEY, MESSAGES, Reply, Running, Upstream, config_document

PLAIN = "sk-virtual-plain-123456"


@pytest.fixture
def litellm() -> Iterator[LiteLLM]:
    with LiteLLM() as server:
        server.add(PLAIN)
        yield server


def document(upstream: Upstream, litellm: LiteLLM, mode: str = "auto", **migration: Any) -> dict[str, Any]:
    """Everything proven; LiteLLM elsewhere, with keys of its own."""
    return config_document(
        upstream.url,
        migration={
            "python": {"url": litellm.url},
            "switches": {"*": mode},
            "allow_ungated": mode == "rust",
            **migration,
        },
    )


def running(config: dict[str, Any], folder: Path, **options: Any) -> Running:
    folder.mkdir(exist_ok=True)
    gate = folder / "gate.json"
    routes = ("openai_chat/openai", "anthropic_messages/anthropic", "openai_responses/openai", "openai_chat/groq")
    features = ["streaming", "system", "errors"]
    gate.write_text(json.dumps({"routes": {route: {"features": features} for route in routes}}))
    config["migration"]["gate_file"] = str(gate)
    return Running(config, folder, **options)


@pytest.fixture
def gateway(upstream: Upstream, litellm: LiteLLM, tmp_path: Path, server: str) -> Iterator[Running]:
    with running(document(upstream, litellm), tmp_path, server=server) as made:
        yield made


def chat(gateway: Running, key: str, **changes: Any) -> Reply:
    return gateway.request("POST", "/v1/chat/completions", {**CHAT, **changes}, key=key)


def engine_of(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return "python" if reply.json()["id"] == RELAYED else "rust"


def error_of(reply: Reply) -> tuple[int, Any, Any]:
    error = reply.json()["error"]
    return reply.status, error["type"], error.get("code")


def test_a_good_key_is_served_by_the_core_after_one_look_up(
    gateway: Running, litellm: LiteLLM, upstream: Upstream
) -> None:
    for _ in range(3):
        assert engine_of(chat(gateway, PLAIN)) == "rust"
    assert len(litellm.lookups) == 1 and litellm.relayed == 0 and len(upstream.received) == 3
    # LiteLLM is asked by the key's hash, and the key itself goes nowhere.
    assert all(PLAIN.encode() not in request.body for request in [*litellm.received, *upstream.received])
    seen = str([(request.target, request.headers) for request in [*litellm.received, *upstream.received]])
    assert PLAIN not in seen and PLAIN not in gateway.log_text.getvalue()


def test_keys_are_looked_at_again_on_a_kept_connection(upstream: Upstream, litellm: LiteLLM, tmp_path: Path) -> None:
    config = document(upstream, litellm, keys={"ttl": 0})
    with running(config, tmp_path) as gateway:
        connection = gateway.connect()
        headers = {"authorization": f"Bearer {PLAIN}", "content-type": "application/json"}
        statuses = []
        for blocked in (None, None, True):
            litellm.add(PLAIN, blocked=blocked)
            connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), headers)
            statuses.append(Reply(connection.getresponse()).status)
        connection.close()
    assert statuses == [200, 200, 401] and len(litellm.lookups) == 3


REFUSALS = [
    ({"missing": True}, 401, "token_not_found_in_db", "authentication_error"),
    ({"status": "deleted"}, 401, "token_not_found_in_db", "authentication_error"),
    ({"blocked": True, "status": "revoked"}, 401, "auth_error", "authentication_error"),
    ({"expires": "2020-01-01T00:00:00+00:00"}, 401, "expired_key", "authentication_error"),
    ({"expires": "2020-01-01T00:00:00"}, 401, "expired_key", "authentication_error"),
    ({"models": ["ocr"]}, 403, "key_model_access_denied", "permission_error"),
    # The first thing that is wrong is told, in LiteLLM's order.
    ({"models": ["ocr"], "expires": "2020-01-01T00:00:00Z"}, 403, "key_model_access_denied", "permission_error"),
    ({"blocked": True, "models": ["ocr"]}, 401, "auth_error", "authentication_error"),
]


@pytest.mark.parametrize(("columns", "status", "kind", "in_anthropic"), REFUSALS)
def test_errors_are_litellms(
    gateway: Running, litellm: LiteLLM, columns: dict[str, Any], status: int, kind: str, in_anthropic: str
) -> None:
    key = "sk-refused-123456"
    if "missing" not in columns:
        litellm.add(key, **columns)
    assert error_of(chat(gateway, key)) == (status, kind, str(status))
    responses = gateway.request("POST", "/v1/responses", {"model": "gpt-4o", "input": "x"}, key=key)
    assert error_of(responses) == (status, kind, str(status))
    messages = gateway.request("POST", "/v1/messages", MESSAGES, key=None, x_api_key=key)
    assert messages.status == status and messages.json()["type"] == "error"
    assert messages.json()["error"]["type"] == in_anthropic
    assert litellm.relayed == 0 and len(litellm.lookups) == 1  # what is no good is remembered too
    assert key not in gateway.log_text.getvalue()


@pytest.mark.parametrize(
    "columns",
    [
        {"max_budget": 10.0, "spend": 0.0},
        {"max_budget": 0.0},
        {"litellm_budget_table": {"soft_budget": 5}},
        {"budget_limits": [{"budget_duration": "1h", "max_budget": 1}]},
        {"model_max_budget": {"gpt-4o": {"budget_limit": 1}}},
        {"tpm_limit": 0},
        {"rpm_limit": 5},
        {"max_parallel_requests": 1},
        {"permissions": {"allow_pii_controls": True}},
        {"metadata": {"tags": ["a"]}},
        {"aliases": {"gpt-4o": "claude"}},
        {"config": {"model_list": []}},
        {"organization_id": "o"},
        {"project_id": "p"},
        {"agent_id": "a"},
        {"access_group_ids": ["g"]},
        {"policies": ["p"]},
        {"object_permission_id": "o"},
        {"allowed_routes": ["/embeddings"]},
        {"key_type": "management"},
        {"a_column_of_next_year": "x"},
    ],
)
def test_what_only_litellm_can_apply_goes_to_litellm(
    gateway: Running, litellm: LiteLLM, columns: dict[str, Any]
) -> None:
    key = litellm.add("sk-limited-123456", **columns)
    assert engine_of(chat(gateway, key)) == "python"
    assert gateway.wait_for_log("request")["why"] == next(iter(columns))
    litellm.add(PLAIN, key_type="llm_api", allowed_routes=["llm_api_routes"], key_alias="mine", spend=3.2)
    assert engine_of(chat(gateway, PLAIN)) == "rust"


def test_under_rust_a_budgeted_key_is_refused(upstream: Upstream, litellm: LiteLLM, tmp_path: Path) -> None:
    key = litellm.add("sk-budgeted-123456", max_budget=10.0)
    with running(document(upstream, litellm, "rust"), tmp_path) as gateway:
        reply = chat(gateway, key)
        assert error_of(reply) == (403, "key_limits", "403") and "max_budget" in reply.json()["error"]["message"]
        assert engine_of(chat(gateway, PLAIN)) == "rust"
    assert litellm.relayed == 0


@pytest.mark.parametrize(
    ("models", "asked", "expected"),
    [
        ([], "gpt-4o", "rust"),
        (["gpt-4o"], "gpt-4o", "rust"),
        (["all-proxy-models"], "gpt-4o", "rust"),
        (["*"], "gpt-4o", "rust"),
        (["all-team-models"], "gpt-4o", "rust"),
        (["groq/*"], "groq/llama", "rust"),
        (["openai/*"], "gpt-4o", "python"),  # LiteLLM knows that gpt-4o is OpenAI's
        (["beta-group"], "gpt-4o", "python"),
        (["no-default-models"], "gpt-4o", "python"),
        (["gpt-4o"], "unknown-model", "python"),
        ([], "unknown-model", "python"),
    ],
)
def test_the_list_of_models(gateway: Running, litellm: LiteLLM, models: list[str], asked: str, expected: str) -> None:
    key = litellm.add("sk-models-123456", models=models)
    assert engine_of(chat(gateway, key, model=asked)) == expected


def test_matching_models() -> None:
    def judge(models: str, *names: str) -> Allowed:
        return judge_model(tuple(models.split()), names, lambda name: name in ("a", "b", "a.b"))

    for models in ("", "a", "b a", "x* a", "*", "a*", "*a", "a*a*", "**a"):
        expected = Allowed.LITELLM_KNOWS if models == "a*a*" else Allowed.YES
        assert judge(models, "a") is expected, models
    assert judge("b", "a") is Allowed.NO
    assert judge("b", "alias", "b") is Allowed.YES
    assert judge("b c", "a") is Allowed.LITELLM_KNOWS
    assert judge("aXb*", "a.b") is Allowed.LITELLM_KNOWS
    assert judge("a*b*c", "a1b2c") is Allowed.YES
    assert judge("a*b*c", "a1b2") is judge("a*bb*b", "abb") is Allowed.LITELLM_KNOWS


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, "rust"),
        ({}, "rust"),
        ({"user_role": None, "user_email": "a@b.c"}, "rust"),
        ({"models": ["gpt-4o"]}, "rust"),
        ({"models": ["ocr"]}, "python"),
        ({"max_budget": 1.0}, "python"),
        ({"tpm_limit": 1}, "python"),
        ({"metadata": {"scim_active": False}}, "python"),
        ({"user_role": "proxy_admin"}, "python"),
        ({"organization_memberships": [{"organization_id": "o"}]}, "python"),
    ],
)
def test_the_keys_user(gateway: Running, litellm: LiteLLM, user: dict[str, Any] | None, expected: str) -> None:
    key = litellm.add("sk-user-123456", user_id="u")
    if user is not None:
        litellm.users["u"] = {**USER_ROW, **user}
    assert engine_of(chat(gateway, key)) == expected


@pytest.mark.parametrize(
    ("team", "member", "expected"),
    [
        ({}, {}, "rust"),
        ({"models": ["gpt-4o", "x"]}, {"budget_source": "none", "spend": 3}, "rust"),
        ({"models": ["x"]}, {}, "python"),
        ({"blocked": True}, {}, "python"),
        ({"max_budget": 3}, {}, "python"),
        ({"metadata": {"guardrails": ["g"]}}, {}, "python"),
        ({}, {"litellm_budget_table": {"max_budget": 1}}, "python"),
        (None, {}, "python"),
    ],
)
def test_the_keys_team(
    gateway: Running, litellm: LiteLLM, team: dict[str, Any] | None, member: dict[str, Any], expected: str
) -> None:
    key = litellm.add("sk-team-123456", user_id="u", team_id="t")
    litellm.users["u"] = USER_ROW
    litellm.members = [{"user_id": "other", "litellm_budget_table": {}, "budget_id": "b"}, {"user_id": "u", **member}]
    if team is not None:
        litellm.teams["t"] = {**TEAM_ROW, **team}
    assert engine_of(chat(gateway, key)) == expected


@pytest.mark.parametrize("key", [PLAIN, KEY])
def test_customers_with_limits_are_litellms(upstream: Upstream, litellm: LiteLLM, tmp_path: Path, key: str) -> None:
    litellm.customers = {"free": CUSTOMER_ROW, "poor": {**CUSTOMER_ROW, "budget_id": "b"}}
    config = document(upstream, litellm)
    config["general_settings"]["database_url"] = "postgresql://x"
    with running(config, tmp_path) as gateway:
        assert [engine_of(chat(gateway, key, user=name)) for name in ("free", "poor", "new", "free", "x" * 300)] == [
            *("rust", "python", "rust", "rust", "python")
        ]
        assert sum("customer" in target for target in litellm.lookups) == 3
        named = gateway.request("POST", "/v1/chat/completions", CHAT, key=key, x_litellm_end_user_id="poor")
        assert engine_of(named) == "python"


def test_where_the_customer_stands() -> None:
    assert customer_of({"user": "a", "safety_identifier": "b"}) == "a"
    assert customer_of({"user": "", "metadata": {"user_id": 7}}) == "7"
    assert customer_of({"metadata": "x", "safety_identifier": "b"}) == "b"
    assert customer_of([]) is customer_of({"user": None}) is customer_of({"user": {}}) is None


def test_a_stored_response_is_litellms_to_give_to_whom_it_belongs(gateway: Running, litellm: LiteLLM) -> None:
    body = {"model": "gpt-4o", "input": "x", "previous_response_id": "resp_1"}
    assert engine_of(gateway.request("POST", "/v1/responses", body, key=PLAIN)) == "python"
    assert gateway.request("GET", "/v1/responses/resp_1", key=PLAIN).json()["id"] == RELAYED


def test_nobody_is_accepted_while_litellm_cannot_be_asked(upstream: Upstream, litellm: LiteLLM, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        config = document(upstream, litellm, python={"url": f"http://127.0.0.1:{closed.getsockname()[1]}"})
        with running(config, tmp_path / "gone") as gateway:
            reply = chat(gateway, PLAIN)
            assert reply.status == 503 and "could not be checked" in reply.json()["error"]["message"]
            messages = gateway.request("POST", "/v1/messages", MESSAGES, key=PLAIN)
            assert messages.status == 503 and messages.json()["type"] == "error"
    assert upstream.received == []


@pytest.mark.parametrize("status", [500, 401, 403])
def test_a_litellm_that_does_not_tell_judges_itself(
    upstream: Upstream, litellm: LiteLLM, tmp_path: Path, status: int
) -> None:
    litellm.status = status
    with running(document(upstream, litellm), tmp_path / "auto") as gateway:
        assert engine_of(chat(gateway, PLAIN)) == engine_of(chat(gateway, PLAIN)) == "python"
    assert len(litellm.lookups) == 1
    with running(document(upstream, litellm, "rust"), tmp_path / "rust") as gateway:
        assert chat(gateway, PLAIN).status == 503
    assert upstream.received == []


@pytest.mark.parametrize("row", [{"info": []}, {"info": {"models": "gpt-4o"}}, {"info": {"expires": "soon"}}, {}])
def test_an_answer_that_is_not_understood_is_no_permission(
    gateway: Running, litellm: LiteLLM, upstream: Upstream, row: dict[str, Any]
) -> None:
    litellm._row = lambda request: (200, row)  # type: ignore[method-assign]
    assert engine_of(chat(gateway, PLAIN)) == "python"
    assert upstream.received == []


def test_one_look_up_at_a_time_for_each_key(gateway: Running, litellm: LiteLLM, upstream: Upstream) -> None:
    litellm.hold = asyncio.Event()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(chat, gateway, PLAIN) for _ in range(8)]
        deadline = time.monotonic() + 5
        while gateway.app.metrics.in_flight < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        litellm._loop.call_soon_threadsafe(litellm.hold.set)
        assert [engine_of(reply.result()) for reply in waiting] == ["rust"] * 8
    assert len(litellm.lookups) == 1


def test_what_is_remembered_is_bounded(upstream: Upstream, litellm: LiteLLM, tmp_path: Path) -> None:
    with running(document(upstream, litellm, keys={"max": 2}), tmp_path) as gateway:
        assert engine_of(chat(gateway, PLAIN)) == "rust"
        for number in range(5):
            assert chat(gateway, f"sk-guess-{number}").status == 401
        assert len(gateway.app.keys._bad) == 2
        before = len(litellm.lookups)
        assert engine_of(chat(gateway, PLAIN)) == "rust"
        assert len(litellm.lookups) == before  # guesses do not push a good key out


def test_remembering() -> None:
    now = 100.0
    kept = _Remembered(2, lambda: now)
    kept.put(("a",), 1, 10)
    kept.put(("b",), 2, 20)
    now = 109.9
    assert kept.get(("a",)) == 1
    now = 110.0
    assert kept.get(("a",)) is None and kept.get(("b",)) == 2 and len(kept) == 1
    kept.put(("c",), 3, 1)
    kept.put(("d",), 4, 1)
    assert kept.get(("b",)) is None and kept.get(("c",)) == 3 and len(kept) == 2


def test_what_was_decided_for_the_master_key_holds_for_no_other(
    gateway: Running, litellm: LiteLLM, upstream: Upstream
) -> None:
    key = litellm.add("sk-other-123456", models=["ocr"])
    connection = gateway.connect()

    def ask(with_key: str) -> int:
        headers = {"authorization": f"Bearer {with_key}", "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), headers)
        return Reply(connection.getresponse()).status

    assert [ask(KEY), ask(KEY), ask(KEY), ask(key), ask(KEY), ask(key), ask(PLAIN), ask(key)] == [
        *(200, 200, 200, 403, 200, 403, 200, 403)
    ]
    connection.close()
    assert len(upstream.received) == 5


def test_pairs_that_litellm_serves_need_no_look_up(upstream: Upstream, litellm: LiteLLM, tmp_path: Path) -> None:
    with running(document(upstream, litellm, "python"), tmp_path) as gateway:
        assert engine_of(chat(gateway, "sk-whatever")) == "python"
        assert gateway.request("POST", "/v1/chat/completions", b"{", key="sk-whatever").json()["id"] == RELAYED
        assert engine_of(chat(gateway, "a.jwt.perhaps")) == "python"
    assert litellm.lookups == []


def test_a_long_body_is_read_for_a_good_key_only(gateway: Running, litellm: LiteLLM, upstream: Upstream) -> None:
    long = {"messages": [{"role": "user", "content": "x" * 1_100_000}]}
    assert engine_of(chat(gateway, PLAIN, **long)) == "rust"
    assert engine_of(chat(gateway, "sk-unknown-12345", **long)) == "python"
    assert len(upstream.received) == 1 and litellm.relayed == 1


def test_the_admin_endpoint_is_not_for_virtual_keys(gateway: Running, litellm: LiteLLM) -> None:
    assert gateway.request("GET", "/interlingua/switches", key=PLAIN).status == 400
    assert litellm.lookups == []


LITELLM = os.environ.get("INTERLINGUA_LITELLM_PYTHON")
ROWS = {
    "sk-plain-000000": {},
    "sk-expired-0000": {"expires": "2020-01-01T00:00:00+00:00"},
    "sk-blocked-0000": {"blocked": True},
    "sk-models-00000": {"models": ["ocr"]},
    "sk-listed-00000": {"models": ["gpt-4o", "claude"]},
    "sk-wild-0000000": {"models": ["openai/*"]},
    "sk-budget-00000": {"max_budget": 5.0},
    "sk-user-000000": {"user_id": "u"},
    "sk-rich-000000": {"user_id": "rich"},
    "sk-team-000000": {"user_id": "u", "team_id": "t"},
}


@pytest.mark.skipif(not LITELLM, reason="INTERLINGUA_LITELLM_PYTHON names no Python with litellm")
def test_real_litellm_and_its_keys(upstream: Upstream, tmp_path: Path) -> None:
    """Its own answers to /key/info, and its own errors; only the database is a table in memory."""
    rows = {
        "LiteLLM_VerificationToken": [{"token": key, **row} for key, row in ROWS.items()],
        "LiteLLM_UserTable": [
            {"user_id": "u", "user_role": "internal_user"},
            {"user_id": "rich", "user_role": "internal_user", "max_budget": 1.0},
        ],
        "LiteLLM_TeamTable": [{"team_id": "t", "models": ["gpt-4o"]}],
        "LiteLLM_TeamMembership": [{"team_id": "t", "user_id": "u"}],
        "LiteLLM_EndUserTable": [{"user_id": "blocked", "blocked": True}],
    }
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    config = config_document(upstream.url)
    (tmp_path / "litellm.yaml").write_text(yaml.safe_dump({k: v for k, v in config.items() if k != "migration"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "litellm_with_keys.py"
    command = [str(LITELLM), str(script), str(tmp_path / "litellm.yaml"), str(tmp_path / "rows.json"), str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as child:
        try:
            _until_alive(port, child)
            config = document(upstream, LiteLLM(), python={"url": f"http://127.0.0.1:{port}"})
            with running(config, tmp_path / "gateway") as gateway:
                _compare(gateway, port)
        finally:
            child.terminate()


def _compare(gateway: Running, port: int) -> None:
    refused = ("sk-unknown-0000", "sk-expired-0000", "sk-blocked-0000", "sk-models-00000")
    for path, body in (
        ("/v1/chat/completions", CHAT),
        ("/v1/responses", {"model": "gpt-4o", "input": "x"}),
    ):
        for key in refused:
            assert error_of(gateway.request("POST", path, body, key=key)) == error_of(_direct(port, path, body, key))
    for key in refused:
        ours = gateway.request("POST", "/v1/messages", MESSAGES, key=key)
        assert ours.status == _direct(port, "/v1/messages", MESSAGES, key).status
    engines = {}
    for key in ROWS:
        if key not in refused:
            lines = len(gateway.logs())
            assert chat(gateway, key).status == 200, key
            while len(gateway.logs()) == lines:
                time.sleep(0.01)
            engines[key] = gateway.logs()[-1]["engine"]
    served_by_litellm = {"sk-budget-00000", "sk-wild-0000000", "sk-rich-000000"}
    assert {key for key, engine in engines.items() if engine == "python"} == served_by_litellm
    chat(gateway, "sk-plain-000000", user="blocked")
    deadline = time.monotonic() + 5
    while "why" not in gateway.logs()[-1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gateway.logs()[-1]["why"] == "customer.blocked"


def _direct(port: int, path: str, body: dict[str, Any], key: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    return Reply(connection.getresponse())


def _until_alive(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("LiteLLM did not start")
