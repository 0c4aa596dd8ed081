"""The gateway's tests run on the compiled core where it is installed, else on the stand-in beside this file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACKAGE_FOLDER = HERE.parent.parent / "python"

sys.path.insert(0, str(HERE))
if importlib.util.find_spec("interlingua") is None:
    sys.path.insert(0, str(PACKAGE_FOLDER))

import standin  # noqa: E402

if not standin.real_core_exists():
    standin.install()

from rig import Running, Upstream, config_document  # noqa: E402


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted upstream on loopback."""
    with Upstream() as server:
        yield server


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Running]:
    with Running(config_document(upstream.url), tmp_path) as running:
        yield running
