"""Write what LiteLLM offers, its providers and its proxy's paths: ``make litellm-names``.

docs/not-here-yet.md says by this list what is not built.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no network

import litellm
from litellm.proxy import proxy_server
from starlette.routing import Route

OUT = Path(__file__).resolve().parents[1] / "litellm-surface.json"


def main() -> None:
    paths = {route.path for route in proxy_server.app.routes if isinstance(route, Route)}
    paths |= set(proxy_server.app.openapi()["paths"])
    document = {
        "litellm": importlib.metadata.version("litellm"),
        "providers": sorted(str(getattr(name, "value", name)) for name in litellm.provider_list),
        "paths": sorted(paths),
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
