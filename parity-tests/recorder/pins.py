"""Makes LiteLLM repeatable: environment, clock and ids. Imported before anything of LiteLLM.

Several LiteLLM modules bind ``uuid4`` and ``time`` by name while they are imported, so the replacements must already be
in place by then. Threads other than the main one draw their ids from a second counter: LiteLLM logs in background
threads, and when those run must not decide which id an answer carries.
"""

import itertools
import os
import threading
import time
import uuid
from collections.abc import Iterator

FROZEN_TIME = 1_700_000_000.0
MASTER_KEY = "sk-oracle-master-key-0123456789abcdef"

_ENVIRONMENT = {
    # Bundled tables instead of downloads.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "true",
    # The oracle is the pure-Python path.
    "LITELLM_RUST": "0",
    "LITELLM_USER_AGENT": "litellm/oracle",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_MASTER_KEY": MASTER_KEY,
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "*",
}
_FOREIGN_SUFFIXES = ("_API_KEY", "_API_BASE", "_BASE_URL", "_ORGANIZATION", "_AUTH_TOKEN")
_FOREIGN_NAMES = ("DATABASE_URL", "REDIS_URL", "REDIS_HOST", "CONFIG_FILE_PATH", "LITELLM_LOG")

_main_thread = threading.main_thread()
_main_ids: Iterator[int] = itertools.count(1)
_background_ids: Iterator[int] = itertools.count(1)


def install() -> None:
    """Pins everything; call once, before LiteLLM is imported."""
    for name in list(os.environ):
        if name.endswith(_FOREIGN_SUFFIXES) or name in _FOREIGN_NAMES:
            del os.environ[name]
    os.environ.update(_ENVIRONMENT)
    time.time = lambda: FROZEN_TIME
    uuid.uuid4 = _pinned_uuid4
    try:
        import fastuuid
    except ImportError:
        return
    fastuuid.uuid4 = _pinned_uuid4


def reset() -> None:
    """Starts the ids of the next case from the beginning."""
    global _main_ids
    _main_ids = itertools.count(1)


def _pinned_uuid4() -> uuid.UUID:
    on_main = threading.current_thread() is _main_thread
    number = next(_main_ids if on_main else _background_ids)
    # Version 4 and variant bits are kept, so that whoever validates an id accepts it.
    prefix = 0xDEADBEEF if on_main else 0xBACC6D00
    return uuid.UUID(int=(prefix << 96) | (0x4 << 76) | (0x8 << 60) | number)
