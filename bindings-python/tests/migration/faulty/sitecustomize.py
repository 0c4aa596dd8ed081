"""Python imports this at start, in every worker: a core that fails while the file that INTERLINGUA_TEST_FAULT names is
there."""

from __future__ import annotations

import os
from typing import Any

from interlingua.gateway.engine_rust import RustEngine

_begin = RustEngine.begin


def _failing(self: RustEngine, request: Any, choice: Any) -> Any:
    if os.path.exists(os.environ["INTERLINGUA_TEST_FAULT"]):
        raise RuntimeError("an injected fault")
    return _begin(self, request, choice)


RustEngine.begin = _failing  # type: ignore[method-assign]
