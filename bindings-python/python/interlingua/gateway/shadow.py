"""What shadow has found, as counts."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

OUTCOMES: Final = ("sampled", "compared", "identical", "explained", "mismatches", "declined", "dropped", "failed")

Snapshot: TypeAlias = dict[str, Any]


class ShadowCounts:
    """Per pair and model group; plain numbers, so that workers sum up."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], dict[str, int]] = {}

    def count(self, pair: str, group: str, *outcomes: str, times: int = 1) -> None:
        self._add(pair, group, dict.fromkeys(outcomes, times))

    def of(self, pair: str, group: str | None = None) -> dict[str, int]:
        """The counts of a pair, of all its groups together if none is named."""
        found = [
            counts for (one, of_group), counts in self._counts.items() if one == pair and group in (None, of_group)
        ]
        return {outcome: sum(counts.get(outcome, 0) for counts in found) for outcome in OUTCOMES}

    def snapshot(self) -> Snapshot:
        """All counts, as JSON can carry them."""
        return {"counts": [[*key, dict(counts)] for key, counts in self._counts.items()]}

    def add(self, other: Snapshot) -> None:
        """Add another process's counts."""
        for pair, group, counts in other["counts"]:
            self._add(pair, group, counts)

    def _add(self, pair: str, group: str, counts: dict[str, int]) -> None:
        known = self._counts.setdefault((pair, group), {})
        for outcome, times in counts.items():
            known[outcome] = known.get(outcome, 0) + times
