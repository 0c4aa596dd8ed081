"""Shadow: which requests of the ``python`` engine are looked at, and what came of comparing them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote

from interlingua import _native
from interlingua.gateway.config_file import Fields

OUTCOMES: Final = ("sampled", "compared", "identical", "explained", "mismatches", "declined", "dropped", "failed")
MAX_SEEN: Final = 10_000
"""Pairs of a pair and a group that are counted apart."""
_HELP: Final = {
    "sampled": "requests that LiteLLM served and that were chosen for comparing",
    "compared": "were compared: identical, explained or mismatches",
    "identical": "the core does the same",
    "explained": "all differences are intended ones of the ledger",
    "mismatches": "there is a difference outside the ledger",
    "declined": "the core does not translate them, and leaves them to LiteLLM",
    "dropped": "were not compared for lack of room",
    "failed": "could not be compared",
}

Snapshot: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShadowSettings:
    """``migration.shadow``."""

    sample: float = 0.05
    """The share of requests that are compared."""
    max_queue: int = 64
    max_bytes: int = 32 * 1024 * 1024
    """What hand-overs that wait may take together."""
    content: bool = False
    """Keep the values that differ, and the exchange, instead of their types and lengths."""


def read_shadow(fields: Fields) -> ShadowSettings:
    """Raises ``ConfigError``."""
    fields.check_keys(("sample", "max_queue", "max_bytes", "content"))
    usual = ShadowSettings()
    sample, length, size = fields.number("sample"), fields.count("max_queue"), fields.count("max_bytes")
    if sample is not None and sample > 1:
        raise fields.error("sample", "is a share: between 0 and 1")
    if length is not None and not 1 <= length <= 100_000:
        raise fields.error("max_queue", "must be between 1 and 100000")
    if size is not None and size < 1024:
        raise fields.error("max_bytes", "must be 1024 or more")
    return ShadowSettings(
        sample=usual.sample if sample is None else sample,
        max_queue=usual.max_queue if length is None else length,
        max_bytes=usual.max_bytes if size is None else size,
        content=fields.flag("content") or False,
    )


class ShadowCounts:
    """What came of the comparisons, per pair (``route/provider``) and model group. Counted from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], Counter[str]] = {}
        self._reasons: Counter[tuple[str, str, str]] = Counter()
        """Why what is among ``failed`` is."""

    def count(self, pair: str, group: str, *outcomes: str, times: int = 1) -> None:
        with self._lock:
            self._count(pair, group, dict.fromkeys(outcomes, times))

    def failed(self, pair: str, group: str, reason: str) -> None:
        """It could not be compared, for a reason in one word."""
        with self._lock:
            self._count(pair, group, {"failed": 1})
            self._reasons[(pair, group, reason)] += 1

    def _count(self, pair: str, group: str, counts: dict[str, int]) -> None:
        key = (pair, group)
        if key not in self._counts and len(self._counts) >= MAX_SEEN:
            key = (pair, "")
        self._counts.setdefault(key, Counter()).update(counts)

    def of(self, pair: str, group: str | None = None) -> dict[str, int]:
        """The counts of a pair, of all its groups together if none is named."""
        total: Counter[str] = Counter()
        with self._lock:
            for (of_pair, of_group), counts in self._counts.items():
                if of_pair == pair and group in (None, of_group):
                    total.update(counts)
        return {outcome: total[outcome] for outcome in OUTCOMES}

    def snapshot(self) -> Snapshot:
        """All counts, as JSON can carry them."""
        with self._lock:
            return {
                "counts": [[*key, dict(counts)] for key, counts in self._counts.items()],
                "reasons": [[*key, count] for key, count in self._reasons.items()],
            }

    def add(self, other: Snapshot) -> None:
        """Add another process's counts."""
        with self._lock:
            for pair, group, counts in other["counts"]:
                self._count(pair, group, counts)
            for pair, group, reason, count in other["reasons"]:
                self._reasons[(pair, group, reason)] += count

    def lines(self, labels: Callable[..., str]) -> Iterator[str]:
        """For ``/metrics``; ``labels`` renders the labels."""
        told = self.snapshot()
        totals: dict[str, Counter[str]] = {}
        for pair, _, counts in told["counts"]:
            totals.setdefault(pair, Counter()).update(counts)
        for outcome in OUTCOMES:
            name = f"interlingua_shadow_{outcome}_total"
            yield f"# HELP {name} Shadowed requests: {_HELP[outcome]}."
            yield f"# TYPE {name} counter"
            for pair, total in sorted(totals.items()):
                yield f"{name}{labels(pair=pair)} {total[outcome]}"
        reasons: Counter[tuple[str, str]] = Counter()
        for pair, _, reason, count in told["reasons"]:
            reasons[(pair, reason)] += count
        yield "# TYPE interlingua_shadow_failures_total counter"
        for (pair, reason), count in sorted(reasons.items()):
            yield f"interlingua_shadow_failures_total{labels(pair=pair, reason=reason)} {count}"


class Sampler:
    """Chooses requests, and names what they count under on their way through LiteLLM and back."""

    def __init__(
        self,
        settings: ShadowSettings,
        counts: ShadowCounts,
        routes: Collection[str],
        groups: Collection[str],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._sample = settings.sample
        self._counts = counts
        self._routes = frozenset(routes)
        self._groups = frozenset(groups)
        self._providers = frozenset(name for name, _, _ in _native.providers())
        self._draw = draw

    def take(self, pair: str, group: str) -> bytes | None:
        """The mark of a request that is chosen."""
        if self._draw() >= self._sample:
            return None
        self._counts.count(pair, group, "sampled")
        return ticket_of(pair, group)

    def read(self, ticket: str) -> tuple[str, str] | None:
        """The pair and the group of a mark that comes back; ``None`` if it is none of ours."""
        pair, at, group = ticket.partition("@")
        pair, group = unquote(pair), unquote(group)
        route, _, provider = pair.partition("/")
        known = at and route in self._routes and provider in self._providers and group in self._groups
        return (pair, group) if known else None


def ticket_of(pair: str, group: str) -> bytes:
    """A header's value."""
    return f"{quote(pair, safe='/*')}@{quote(group, safe='/*')}".encode("ascii")
