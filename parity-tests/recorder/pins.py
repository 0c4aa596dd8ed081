"""Makes LiteLLM repeatable: environment, clock and ids. Imported before anything of LiteLLM.

Several LiteLLM modules bind ``uuid4`` and ``time`` by name while they are imported, so the replacements must already be
in place by then. An id is made from the call stack that asks for it, not from a counter: LiteLLM also draws ids for its
logging, in tasks and threads whose order is left to chance, and that must not decide which id an answer carries.
"""

import hashlib
import os
import sys
import time
import uuid
from collections import Counter
from types import FrameType

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

_drawn: Counter[bytes] = Counter()


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
    _drawn.clear()


def _pinned_uuid4() -> uuid.UUID:
    stack = _stack_digest()
    _drawn[stack] += 1
    number = hashlib.sha256(stack + str(_drawn[stack]).encode()).digest()[:6]
    # Version 4 and variant bits are kept, so that whoever validates an id accepts it.
    return uuid.UUID(int=(0xDEADBEEF << 96) | (0x4 << 76) | (0x8 << 60) | int.from_bytes(number))


def _stack_digest() -> bytes:
    digest = hashlib.sha256()
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        digest.update(f"{os.path.basename(code.co_filename)}:{code.co_name};".encode())
        frame = frame.f_back
    return digest.digest()
