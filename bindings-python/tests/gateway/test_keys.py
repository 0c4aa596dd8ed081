"""Virtual keys of the LiteLLM behind the gateway, for requests that the core serves."""

from __future__ import annotations

import asyncio
import json
import socket
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from interlingua.gateway.engine_python import PythonEngine
from interlingua.gateway.keys import KeysUnreadable
from interlingua.gateway.migration import PythonEngine as PythonSettings
from litellm_rows import (
    CUSTOMER_ROW,
    PLAIN,
    RELAYED,
    TEAM_ROW,
    USER_ROW,
    LiteLLM,
    chat,
    document,
    engine_of,
    error_of,
    running,
)
from rig import CHAT, KEY, MESSAGES, Reply, Running, Upstream, within


@pytest.fixture
def litellm() -> Iterator[LiteLLM]:
    with LiteLLM() as server:
        server.add(PLAIN)
        yield server


@pytest.fixture
def gateway(upstream: Upstream, litellm: LiteLLM, tmp_path: Path, server: str) -> Iterator[Running]:
    with running(document(upstream, litellm), tmp_path, server=server) as made:
        yield made


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
    responses = gateway.request("POST", "/v1/responses", {"model": "gpt-4o", "input": "x", "store": False}, key=key)
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


def test_a_stored_response_is_litellms_to_give_to_whom_it_belongs(gateway: Running, litellm: LiteLLM) -> None:
    body = {"model": "gpt-4o", "input": "x", "previous_response_id": "resp_1"}
    assert engine_of(gateway.request("POST", "/v1/responses", body, key=PLAIN)) == "python"
    assert gateway.request("GET", "/v1/responses/resp_1", key=PLAIN).json()["id"] == RELAYED


def test_an_answer_that_is_stored_is_litellms_unless_ids_are_open(
    upstream: Upstream, litellm: LiteLLM, tmp_path: Path
) -> None:
    body = {"model": "gpt-4o", "input": "x"}
    for settings, expected in (({}, "python"), ({"allow_unmanaged_response_ids": True}, "rust")):
        config = document(upstream, litellm)
        config["general_settings"] |= settings
        with running(config, tmp_path / expected) as gateway:
            gateway.request("POST", "/v1/responses", body, key=PLAIN)
            assert gateway.wait_for_log("request")["engine"] == expected
            gateway.request("POST", "/v1/responses", {**body, "store": False}, key=PLAIN)
    assert litellm.relayed == 1 and len(upstream.received) == 3


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


def test_what_is_remembered_of_a_failure_holds_no_request(gateway: Running, litellm: LiteLLM) -> None:
    litellm.status = 500
    for _ in range(3):
        chat(gateway, PLAIN)
    [(_, remembered)] = gateway.app.keys._bad._entries.values()
    assert isinstance(remembered, KeysUnreadable)
    frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(remembered.__traceback__)]
    assert "_ask" not in frames and len(litellm.lookups) == 1


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
        within(5, lambda: gateway.app.metrics.in_flight == 8)
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


def test_a_worker_asks_where_its_supervisor_has_litellm(gateway: Running, litellm: LiteLLM, upstream: Upstream) -> None:
    with LiteLLM() as other:
        settings = PythonSettings(url=other.url)
        gateway.app.python = PythonEngine(settings, None, gateway.app.transport, gateway.app.log)
        assert chat(gateway, PLAIN).status == 401  # the other one does not know it
        assert len(other.lookups) == 1 and litellm.lookups == []
