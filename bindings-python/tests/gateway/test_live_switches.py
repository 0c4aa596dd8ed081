"""Switches of gateways that run: set by the admin API, kept, and shared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua import cli
from interlingua.gateway.application import create_app
from interlingua.gateway.store import StoreError, open_store
from redis_server import RedisServer
from rig import CHAT, KEY, Reply, Running, Upstream, within
from switch_rig import SWITCHES, engine, migrating, put


@pytest.fixture
def gateway(upstream: Upstream, litellm: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(migrating(upstream, litellm, tmp_path), tmp_path) as running:
        yield running


# -- the admin API -----------------------------------------------------------------------------------------


def test_set_and_reset_with_an_audit_trail(gateway: Running, tmp_path: Path) -> None:
    assert not list(tmp_path.glob("*.db")), "nothing is stored before something is set"
    assert put(gateway, {"openai_chat/openai": "canary 10%", "*": "shadow"}, "?note=first%20try").status == 200
    state = gateway.request("GET", SWITCHES).json()
    assert state["switches"] == {"openai_chat/openai": "canary=10", "*": "shadow"}
    detail = next(one for one in state["details"] if one["pattern"] == "*")
    assert (detail["source"], detail["by"], detail["note"], detail["tripped"]) == ("stored", "api", "first try", None)
    assert put(gateway, {"*": "python"}, "?force=true").status == 200
    reply = gateway.request("DELETE", f"{SWITCHES}/%2A", x_interlingua_by="ann@host")
    assert reply.status == 200 and reply.json()["switches"] == {"openai_chat/openai": "canary=10"}
    assert gateway.request("DELETE", f"{SWITCHES}/openai_chat/openai").status == 200
    assert gateway.request("DELETE", f"{SWITCHES}/openai_chat/openai").status == 404
    trail = gateway.request("GET", "/interlingua/audit").json()["audit"]
    told = [(line["by"], line["pattern"], line["from"], line["to"], line["forced"], line["note"]) for line in trail]
    assert told == [
        ("api", "openai_chat/openai", "canary=10", None, False, None),
        ("cli ann@host", "*", "python", None, False, None),
        ("api", "*", "shadow", "python", False, None),
        ("api", "*", None, "shadow", False, "first try"),
        ("api", "openai_chat/openai", None, "canary=10", False, "first try"),
    ]
    assert len(gateway.request("GET", "/interlingua/audit?limit=2").json()["audit"]) == 2
    assert gateway.wait_for_log("switch")["switch"] == "openai_chat/openai"


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"openai_chat/openai": "fast"}, "modes are"),
        ({"openai_chat/openai": 10}, "modes are"),
        ({"openai_chat/openai": "canary=0"}, "percentage"),
        ({"chat/completions/openai": "auto"}, "route/provider"),
        ({"openai_chat/openai@nobody": "python"}, "no model group"),
        ({"openai_chat/antropic": "python"}, "providers are anthropic, groq, mistral, openai"),
        ({"openai_chat/groq": "rust"}, "force=true"),
        ({"openai_chat/openai": "python", "*": "rust"}, "gate of \\*"),
        ({}, "for example"),
        ([], "for example"),
    ],
)
def test_all_or_nothing_is_set(gateway: Running, switches: Any, words: str) -> None:
    reply = gateway.request("PUT", SWITCHES, json.dumps(switches).encode())
    assert reply.status == 400 and re.search(words, reply.json()["error"]["message"])
    assert gateway.request("GET", SWITCHES).json()["switches"] == {}
    assert gateway.request("GET", "/interlingua/audit").json()["audit"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/interlingua/nothing", 404),
        ("PUT", "/interlingua/audit", 404),
        ("POST", "/interlingua/switches", 405),
        ("DELETE", "/interlingua/switches", 404),
        ("DELETE", "/interlingua/switches/nonsense", 400),
        ("GET", "/interlingua/audit?limit=many", 400),
        ("PUT", "/interlingua/switches?force=perhaps", 400),
        ("GET", "/interlingua/differences/x", 404),
        ("GET", "/interlingua/differences/7", 404),
        ("PUT", f"/interlingua/switches?note={'x' * 501}", 400),
        ("PUT", "/interlingua/switches?note=%1b%5B2Jgone", 400),
    ],
)
def test_what_the_admin_api_refuses(gateway: Running, method: str, path: str, status: int) -> None:
    body = b'{"*": "auto"}' if method == "PUT" else None
    assert gateway.request(method, path, body).status == status
    for key in (None, "sk-wrong"):
        assert gateway.request(method, path, body, key=key).status in (400, 401, 405)


def test_forcing_is_explicit_and_marked_everywhere(gateway: Running, upstream: Upstream) -> None:
    assert gateway.chat(model="groq/x").json()["id"] == "from-litellm"
    assert put(gateway, {"openai_chat/groq": "rust"}, "?force=true&note=as%20agreed").status == 200
    reply = gateway.chat(model="groq/x")
    assert engine(reply) == "rust" and reply.headers["x-interlingua-gate"] == "ungated"
    assert "x-interlingua-gate" not in gateway.chat(model="gpt-4o").headers
    text = gateway.request("GET", "/metrics").body.decode()
    assert 'interlingua_ungated_switch{switch="openai_chat/groq"} 1' in text
    assert 'provider="groq",engine="rust",outcome="answered",status="200",gate="ungated"' in text
    status = gateway.request("GET", "/interlingua/status").json()
    pair = next(pair for pair in status["pairs"] if pair["pair"] == "openai_chat/groq")
    assert pair["forced"] and not pair["gate"]["open"]
    assert gateway.request("GET", "/interlingua/audit").json()["audit"][0]["forced"]
    assert gateway.wait_for_log("switch")["forced"] is True


def test_differences_are_told(gateway: Running) -> None:
    assert gateway.request("GET", "/interlingua/differences").json() == {"differences": []}
    store = gateway.app.control.keeper.store
    for number in range(3):
        store.add_difference({"pair": "openai_chat/openai", "n": number, "layers": {"request": {"ours": 1}}})
    store.add_difference({"pair": "openai_chat/groq", "n": 9})
    listed = gateway.request("GET", "/interlingua/differences?pair=openai_chat/openai&limit=2").json()["differences"]
    assert [one["n"] for one in listed] == [2, 1] and "layers" not in listed[0]
    more = gateway.request("GET", f"/interlingua/differences?before={listed[-1]['id']}").json()["differences"]
    assert [one["n"] for one in more] == [0]
    one = gateway.request("GET", f"/interlingua/differences/{listed[0]['id']}").json()
    assert one["layers"] == {"request": {"ours": 1}}


# -- groups ------------------------------------------------------------------------------------------------


def test_switch_of_one_group_and_its_counts(gateway: Running) -> None:
    model_list = [deployment.group for deployment in gateway.app.config.deployments]
    assert model_list == ["gpt-4o", "claude", "ocr", "groq/*"]
    assert engine(gateway.chat()) == "rust"
    assert put(gateway, {"*@gpt-4o": "python", "*@groq/*": "auto"}).status == 200
    assert engine(gateway.chat()) == "python"
    text = gateway.request("GET", "/metrics").body.decode()
    assert 'engine="python",outcome="relayed",status="200",gate="",group="gpt-4o"} 1' in text
    assert 'engine="rust",outcome="answered",status="200",gate=""} 1' in text
    assert gateway.request("DELETE", f"{SWITCHES}/*@gpt-4o").status == 200
    assert engine(gateway.chat()) == "rust"


# -- canaries ----------------------------------------------------------------------------------------------

USERS = [f"user-{number}" for number in range(60)]


def engines(gateway: Running) -> dict[str, str]:
    """On one connection: the decision of one request must not be the next one's."""
    client, found = gateway.connect(), {}
    for user in USERS:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        client.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "user": user}), headers)
        found[user] = engine(Reply(client.getresponse()))
    client.close()
    return found


def test_canary_is_sticky_by_user_through_restarts_and_grows(
    upstream: Upstream, litellm: Upstream, tmp_path: Path, server: str
) -> None:
    document = migrating(upstream, litellm, tmp_path, switches={"*": "canary=40"})
    with Running(document, tmp_path, server=server) as gateway:
        first = engines(gateway)
        assert set(first.values()) == {"python", "rust"}
        assert engines(gateway) == first
        assert gateway.chat(user=USERS[0], stream_options=None).status == 200
    with Running(document, tmp_path, server=server) as gateway:
        assert engines(gateway) == first
        assert put(gateway, {"*": "canary=80"}).status == 200
        larger = engines(gateway)
        assert all(larger[user] == "rust" for user in USERS if first[user] == "rust")
        assert list(larger.values()).count("rust") > list(first.values()).count("rust")
        assert put(gateway, {"*": "canary=100"}).status == 200
        assert set(engines(gateway).values()) == {"rust"}


def test_canary_is_sticky_by_key(upstream: Upstream, litellm: Upstream, tmp_path: Path) -> None:
    """Without a master key every client has its own."""
    document = migrating(upstream, litellm, tmp_path, switches={"*": "canary=50"})
    document["general_settings"] = {}
    with Running(document, tmp_path) as gateway:

        def by_key(key: str, user: str) -> str:
            return engine(gateway.request("POST", "/v1/chat/completions", {**CHAT, "user": user}, key=key))

        found = {key: {by_key(key, user) for user in USERS[:6]} for key in USERS[:20]}
        assert all(len(engines) == 1 for engines in found.values())
        assert len({next(iter(engines)) for engines in found.values()}) == 2


def test_canary_leaves_what_is_not_proven_to_litellm(gateway: Running) -> None:
    assert put(gateway, {"*": "canary=100"}).status == 200
    assert engine(gateway.chat()) == "rust"
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert engine(gateway.chat(tools=[tool])) == "python"
    assert engine(gateway.chat(model="groq/x")) == "python"
    assert engine(gateway.chat(fallbacks=["claude"])) == "python"


def test_shadow_serves_by_litellm(gateway: Running, upstream: Upstream) -> None:
    assert put(gateway, {"*": "shadow"}).status == 200
    assert engine(gateway.chat()) == "python"
    assert upstream.received == []


# -- the store ---------------------------------------------------------------------------------------------


def test_modes_outlive_a_restart(upstream: Upstream, litellm: Upstream, tmp_path: Path, server: str) -> None:
    document = migrating(upstream, litellm, tmp_path, switches={"openai_chat/openai": "rust"})
    with Running(document, tmp_path, server=server) as gateway:
        assert put(gateway, {"openai_chat/openai": "python"}).status == 200
        assert engine(gateway.chat()) == "python"
    assert (tmp_path / "config.interlingua.db").exists()
    with Running(document, tmp_path, server=server) as gateway:
        assert engine(gateway.chat()) == "python"
        assert gateway.request("DELETE", f"{SWITCHES}/openai_chat/openai").status == 200
        assert engine(gateway.chat()) == "rust"


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_two_gateways_with_one_store_agree(
    upstream: Upstream, litellm: Upstream, tmp_path: Path, kind: str, server: str
) -> None:
    def agree(state: str) -> None:
        document = migrating(upstream, litellm, tmp_path, state=state)
        with (
            Running(document, tmp_path / "one", server=server) as one,
            Running(document, tmp_path / "other", server=server) as other,
        ):
            for turn, mode in enumerate(("python", "auto", "shadow", "rust")):
                here, there = (one, other) if turn % 2 else (other, one)
                assert put(here, {"openai_chat/openai": mode}).status == 200
                wanted = "rust" if mode in ("auto", "rust") else "python"
                assert engine(here.chat()) == wanted
                within(1, lambda there=there, wanted=wanted: engine(there.chat()) == wanted)  # type: ignore[misc]
            assert put(one, {"*": "canary=50", "openai_chat/openai": "canary=50"}).status == 200
            within(1, lambda: other.request("GET", SWITCHES).json()["switches"].get("*") == "canary=50")
            assert engines(one) == engines(other)

    if kind == "sqlite":
        agree(str(tmp_path / "shared.db"))
    else:
        with RedisServer.or_skip() as redis:
            agree(redis.url)


def test_redis_that_goes_away_leaves_the_modes_as_they_are(
    upstream: Upstream, litellm: Upstream, tmp_path: Path
) -> None:
    with RedisServer.or_skip() as redis:
        document = migrating(upstream, litellm, tmp_path, state=redis.url)
        with Running(document, tmp_path) as gateway:
            assert put(gateway, {"openai_chat/openai": "python"}).status == 200
            redis.stop()
            assert gateway.wait_for_log("store_failed")["store"].startswith("redis redis://127.0.0.1")
            assert engine(gateway.chat()) == "python"
            assert put(gateway, {"openai_chat/openai": "rust"}).status == 503
            assert engine(gateway.chat()) == "python"
            assert b"interlingua_store_failing 1" in gateway.request("GET", "/metrics").body
            redis.start()
            gateway.wait_for_log("store_back")
            assert [line["event"] for line in gateway.logs()].count("store_failed") == 1
            assert b"interlingua_store_failing 0" in gateway.request("GET", "/metrics").body
            # It has lost all that it had: who is there still knows.
            assert open_store(redis.url).switches()[1]["openai_chat/openai"].mode == "python"
            assert gateway.request("GET", "/interlingua/audit").json()["audit"][0]["by"] == "restored"
            assert engine(gateway.chat()) == "python"
            assert put(gateway, {"openai_chat/openai": "rust"}).status == 200
        redis.stop()
        with Running(document, tmp_path) as gateway:
            assert engine(gateway.chat()) == "rust", "by the config"
            notices = " ".join(line.get("message", "") for line in gateway.logs())
            assert "cannot be reached" in notices


def test_store_that_cannot_be_written_changes_nothing(upstream: Upstream, litellm: Upstream, tmp_path: Path) -> None:
    document = migrating(upstream, litellm, tmp_path, state=str(tmp_path / "nowhere" / "switches.db"))
    with Running(document, tmp_path) as gateway:
        reply = put(gateway, {"openai_chat/openai": "python"})
        assert reply.status == 503 and "migration.state" in reply.json()["error"]["message"]
        assert any("no switch can be set" in line.get("message", "") for line in gateway.logs())
        assert engine(gateway.chat()) == "rust"


def test_store_that_is_corrupt(
    upstream: Upstream, litellm: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = migrating(upstream, litellm, tmp_path)
    with Running(document, tmp_path):
        pass
    (tmp_path / "config.interlingua.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="move it away"):
        create_app(tmp_path / "config.yaml")
    assert cli.main(["serve", "--config", str(tmp_path / "config.yaml"), "--port", "0"]) == 2
    assert cli.main(["doctor", "--config", str(tmp_path / "config.yaml")]) == 2
    assert capsys.readouterr().err.count("move it away") == 2


def test_memory_is_the_store_without_a_config_file(tmp_path: Path) -> None:
    assert open_store(None).description == "memory"
