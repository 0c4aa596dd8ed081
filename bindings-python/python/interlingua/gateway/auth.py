"""Who may use the gateway: LiteLLM's master key, in any header that LiteLLM takes it from."""

from __future__ import annotations

import enum
from hashlib import sha256
from hmac import compare_digest

from interlingua.gateway.client import Headers

_BEARER = b"bearer "


class Verdict(enum.Enum):
    """What a request's key is worth."""

    ACCEPTED = enum.auto()
    MISSING = enum.auto()
    REFUSED = enum.auto()


class Auth:
    """Compares keys in constant time."""

    def __init__(self, master_key: str | None, key_header: str | None = None) -> None:
        self._master = master_key.encode() if master_key else None
        names = [key_header.encode("latin-1", "ignore")] if key_header else []
        names += [b"x-litellm-api-key", b"authorization", b"api-key", b"x-api-key"]
        self._names = tuple(names)

    @property
    def has_master_key(self) -> bool:
        return self._master is not None

    def check(self, headers: Headers) -> Verdict:
        """Judge a request by its headers. Without a master key everyone is accepted, as in LiteLLM."""
        if self._master is None:
            return Verdict.ACCEPTED
        key = self.presented(headers)
        if key is None:
            return Verdict.MISSING
        return Verdict.ACCEPTED if compare_digest(key, self._master) else Verdict.REFUSED

    def virtual_key(self, headers: Headers) -> bytes | None:
        """The hash of a key that may be one of LiteLLM's virtual keys, as LiteLLM makes it."""
        key = self.presented(headers)
        return sha256(key).digest() if key is not None and key.startswith(b"sk-") else None

    def key_hash(self, headers: Headers) -> bytes | None:
        """The hash of whatever key a client shows."""
        key = self.presented(headers)
        return None if key is None else sha256(key).digest()

    def presented(self, headers: Headers) -> bytes | None:
        """The key that a client shows."""
        for name in self._names:
            value = headers.get(name)
            if value:
                return value[7:].strip() if value[:7].lower() == _BEARER else value
        return None
