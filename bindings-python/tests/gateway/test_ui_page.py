"""The document at /ui, without a browser: what it says to one, and that it holds nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from interlingua.gateway.ui_page import FOLDER, SCRIPTS
from litellm_rows import RELAYED, LiteLLM
from rig import Running, Upstream, config_document


def test_it_is_open_and_runs_its_own_script_only(gateway: Running) -> None:
    reply = gateway.request("GET", "/ui", key=None)
    assert reply.status == 200 and reply.headers["content-type"] == "text/html; charset=utf-8"
    text = reply.body.decode()
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'" and "unsafe" not in str(policy)
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["referrer-policy"] == "no-referrer"
    assert " style=" not in text and " onclick=" not in text and "innerHTML" not in text
    outside = set(re.findall(r"https?://[^\"' )]+", text)) - {"http://www.w3.org/2000/svg"}
    assert outside == set()


def test_it_holds_nothing_of_the_config(gateway: Running) -> None:
    text = gateway.request("GET", "/ui", key=None).body.decode()
    assert "gpt-4o" not in text and "127.0.0.1" not in text and "@style@" not in text
    assert 'data-master-key="set"' in text


def test_a_browser_keeps_it_and_asks_whether_it_is_the_same(gateway: Running) -> None:
    first = gateway.request("GET", "/ui", key=None)
    assert first.headers["cache-control"] == "no-cache"
    again = gateway.request("GET", "/ui", key=None, if_none_match=f'"x", W/{first.headers["etag"]}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert gateway.request("GET", "/ui", key=None, if_none_match='"x"').status == 200
    head = gateway.request("HEAD", "/ui", key=None)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(first.body)))


def test_without_a_master_key_it_says_so(upstream: Upstream, tmp_path: Path) -> None:
    with Running(config_document(upstream.url, general_settings={}), tmp_path) as gateway:
        assert b'data-master-key="none"' in gateway.request("GET", "/ui", key=None).body


def test_litellms_own_page_stays_where_it_is(upstream: Upstream, tmp_path: Path) -> None:
    with LiteLLM() as litellm:
        document = config_document(upstream.url, migration={"python": {"url": litellm.url}})
        with Running(document, tmp_path) as gateway:
            assert gateway.request("GET", "/ui/").json()["id"] == RELAYED
            assert gateway.request("GET", "/ui/assets/x.js").json()["id"] == RELAYED


def test_every_script_is_in_the_page() -> None:
    assert {path.name for path in FOLDER.glob("*.js")} == set(SCRIPTS)
