"""Who is in a canary: by the client's key, else by the user that the request names, else by chance.

A client has one place between 0 and 1, the same for all pairs, workers and gateways that share a store, and after a
restart. It is in a canary of N percent if its place is below N / 100: a larger N keeps all that were in.
"""

from __future__ import annotations

import json
import random
import re
from hashlib import blake2b
from typing import Final

_NAMED: Final = re.compile(rb'"(?:user|safety_identifier|user_id)"\s*:')
"""No request without this names a user: most need not be read again."""


def place(identity: bytes, salt: bytes) -> float:
    """Where a client is."""
    digest = blake2b(identity, key=salt, digest_size=8).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def user_of(dialect: str, body: bytes) -> str | None:
    """The user whom a request names."""
    if _NAMED.search(body) is None:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if dialect == "anthropic_messages":
        metadata = document.get("metadata")
        named = metadata.get("user_id") if isinstance(metadata, dict) else None
    else:
        named = document.get("user") or document.get("safety_identifier")
    return named if isinstance(named, str) and named else None


def place_of(key_hash: bytes | None, dialect: str, body: bytes, salt: bytes) -> float:
    """Where the client of a request is. ``key_hash`` is of its key, if that is not the master key."""
    if key_hash is not None:
        return place(b"key\0" + key_hash, salt)
    user = user_of(dialect, body)
    if user is not None:
        return place(b"user\0" + user.encode("utf-8", "surrogatepass"), salt)
    return random.random()
