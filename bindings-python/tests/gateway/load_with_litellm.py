"""Load configs with a real LiteLLM, each in a process of its own.

Usage: PYTHON-WITH-LITELLM load_with_litellm.py FILE …

Prints one JSON line for each: ``file``, and ``models`` or ``error``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path

NO_NETWORK = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "true",
}


def load(path: str) -> None:
    from litellm.proxy.proxy_server import ProxyConfig

    if "REDIS_HOST" not in Path(path).read_text(encoding="utf-8"):
        os.environ.pop("REDIS_HOST", None)  # LiteLLM's router would try to connect, for every config
    try:
        _, models, _ = asyncio.run(ProxyConfig().load_config(router=None, config_file_path=path))
        said = {"file": path, "models": [model["model_name"] for model in models]}
    except BaseException as error:
        traceback.print_exc()
        said = {"file": path, "error": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(said), flush=True)


def main() -> None:
    os.environ.update(NO_NETWORK)
    import litellm.proxy.proxy_server  # noqa: F401 - once, before the processes part

    for path in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            load(path)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
