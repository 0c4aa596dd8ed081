"""When to try again, and how long to wait first."""

from __future__ import annotations

import random
from collections.abc import Callable

MAX_RETRY_AFTER = 60.0
FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
JITTER = 0.75
MAX_RETRIES = 100


def is_retryable(status: int) -> bool:
    """LiteLLM's rule for a group with one deployment."""
    return status in (408, 409, 429) or status >= 500


def wait_seconds(
    attempt: int,
    retry_after: float | None,
    shortest: float = 0.0,
    jitter: Callable[[], float] = random.random,
) -> float:
    """How long to wait before retry number ``attempt`` (from 0).

    What the provider asked for, if that is at most a minute; else twice as long each time.
    """
    if retry_after is not None and 0 < retry_after <= MAX_RETRY_AFTER:
        wait = retry_after
    else:
        wait = max(shortest, min(FIRST_WAIT * 2.0 ** min(attempt, 16), LONGEST_WAIT))
    return wait + JITTER * jitter()


def retries_allowed(body: object, header: str | None, deployment: int | None, settings: int) -> int:
    """How many retries a request may have: the request's own word counts most, the settings' least."""
    if isinstance(body, int) and not isinstance(body, bool) and body >= 0:
        return min(body, MAX_RETRIES)
    if header is not None:
        try:
            asked = int(header)
        except ValueError:
            asked = -1
        if asked >= 0:
            return min(asked, MAX_RETRIES)
    return settings if deployment is None else deployment
