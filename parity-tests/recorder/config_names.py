"""Write the names of all config keys that LiteLLM knows: ``make litellm-names``.

``interlingua doctor`` tells a key that is not built here from one that nobody knows by this list.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import os
import re
import types
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no network

import litellm
from litellm.proxy import _types, proxy_server
from litellm.types.router import GenericLiteLLMParams, LiteLLM_Params

OUT = Path(__file__).resolve().parents[2] / "bindings-python/python/interlingua/gateway/litellm_names.json"
NO_SETTING = re.compile(r"[A-Z]|.*(_models|_instance|_transformation|_completions?|_embeddings?|_handler)$")


def _router() -> set[str]:
    # health_check_* stand in general_settings; the router refuses them.
    names = set(inspect.signature(litellm.Router.__init__).parameters) - {"self", "model_list"}
    return {name for name in names if not name.startswith("health_check")}


def _general() -> set[str]:
    names = set(_types.ConfigGeneralSettings.model_fields)
    read = re.compile(r"general_settings(?:\.get\(|\[)\s*[\"'](\w+)[\"']")
    for file in Path(litellm.__file__).parent.rglob("*.py"):
        names.update(read.findall(file.read_text(encoding="utf-8", errors="ignore")))
    return names


def _settings() -> set[str]:
    names = {
        name
        for name, value in vars(litellm).items()
        if not name.startswith("_")
        and not NO_SETTING.match(name)
        and not isinstance(value, types.ModuleType | type)
        and not callable(value)
    }
    source = inspect.getsource(proxy_server.ProxyConfig)
    names.update(re.findall(r"\bkey == [\"'](\w+)[\"']", source))
    names.update(re.findall(r"litellm_settings(?:\.get\(|\[)\s*[\"'](\w+)[\"']", source))
    return names


def main() -> None:
    document = {
        "litellm": importlib.metadata.version("litellm"),
        "litellm_params": sorted(set(LiteLLM_Params.model_fields) | set(GenericLiteLLMParams.model_fields)),
        "litellm_settings": sorted(_settings()),
        "router_settings": sorted(_router()),
        "general_settings": sorted(_general()),
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
