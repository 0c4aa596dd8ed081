"""Scripted upstreams, and gateways on both servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rig import Running, Upstream, chat_answer, config_document


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted upstream on loopback."""
    with Upstream() as server:
        yield server


@pytest.fixture
def litellm() -> Iterator[Upstream]:
    """A scripted server in LiteLLM's place."""
    with Upstream() as server:
        server.answers = [chat_answer(id="from-litellm")]
        yield server


@pytest.fixture(params=["lean", "uvicorn"])
def server(request: pytest.FixtureRequest) -> str:
    """The server that the gateway runs on: the same must hold on each."""
    return str(request.param)


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path, server: str) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path, server=server) as running:
        yield running
