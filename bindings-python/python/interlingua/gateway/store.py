"""Where what is set live is kept: switches with their trips, the audit trail, and the differences that shadow finds.

All processes that share a store follow it. Calls block: they are made off the event loop, except at start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

from interlingua.gateway.migration import REDIS_SCHEMES

MAX_AUDIT: Final = 10_000
"""Older entries are forgotten."""
MAX_DIFFERENCES: Final = 1_000
"""For each pair."""
MAX_PAIRS: Final = 500
"""With differences; those of more pairs are not kept."""
_BODIES: Final = frozenset(["layers", "exchange"])

Entry: TypeAlias = dict[str, Any]


class StoreError(Exception):
    """What is stored cannot be read, or nothing can be written. Says where and why."""


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a switch has gone back to ``python`` by itself, and what it was before."""

    at: float
    reason: str
    mode: str
    """The mode before."""
    stored: bool
    """It had been set live: only then it is set again when the trial went well."""
    retry_at: float | None = None
    wait: float | None = None
    """Seconds from the last trip to the trial."""
    half_open: bool = False
    """It is being tried again."""


@dataclass(frozen=True, slots=True)
class StoredSwitch:
    """A switch that was set live."""

    mode: str
    forced: bool = False
    """Without proof, and somebody has said so."""
    since: float = 0.0
    by: str = ""
    note: str | None = None
    trip: Trip | None = None

    def as_json(self) -> Entry:
        return asdict(self)

    @classmethod
    def of(cls, document: object) -> StoredSwitch:
        """Raises ``StoreError``."""
        try:
            values = dict(cast("Mapping[str, Any]", document))
            trip = values.pop("trip", None)
            made = cls(**values, trip=None if trip is None else Trip(**trip))
        except (TypeError, ValueError):
            made = None
        if made is None or not isinstance(made.mode, str) or not isinstance(made.since, int | float):
            raise StoreError("a stored switch cannot be read; another version may have written it")
        return made


def parted(entry: Entry) -> tuple[Entry, Entry]:
    """A difference as a list tells it, and its bodies, which a list leaves out."""
    told = {name: value for name, value in entry.items() if name not in _BODIES}
    return told, {name: value for name, value in entry.items() if name in _BODIES}


Changes: TypeAlias = Mapping[str, StoredSwitch | None]
"""By pattern; ``None`` forgets a switch."""


class Store(Protocol):
    """What every store can do. Every call may raise ``StoreError``."""

    @property
    def description(self) -> str:
        """What it is and where, without a password."""

    @property
    def remote(self) -> bool:
        """It may be out of reach for a while."""

    @property
    def writable(self) -> bool:
        """As far as can be told without writing."""

    def version(self) -> int:
        """Another number whenever a switch has changed. Cheap: asked several times a second."""

    def switches(self) -> tuple[int, dict[str, StoredSwitch]]:
        """All of them, and the version that they are."""

    def change(self, changes: Changes, audit: Sequence[Entry], expected: int | None = None) -> bool:
        """Set and forget switches, all or none, with their lines of the audit trail. False, and nothing is done, if
        another version than ``expected`` is stored."""

    def salt(self, proposed: bytes | None = None) -> bytes:
        """What makes clients' places in canaries the same everywhere; the first call makes it, of what it proposes."""

    def audit(self, limit: int) -> list[Entry]:
        """The newest first."""

    def add_difference(self, entry: Entry) -> int:
        """Keep what shadow has found for ``entry["pair"]``; returns its id. The newest of each pair are kept."""

    def differences(self, pair: str | None, limit: int, before: int | None = None) -> list[Entry]:
        """The newest first, without their bodies, those with smaller ids than ``before``."""

    def difference(self, number: int) -> Entry | None: ...

    def close(self) -> None: ...


def open_store(state: str | None) -> Store:
    """The store that the config names; nothing is connected or created yet. Raises ``StoreError``."""
    if state is not None and state.startswith(REDIS_SCHEMES):
        from interlingua.gateway.store_redis import RedisStore

        return RedisStore(state)
    from interlingua.gateway.store_sqlite import SqliteStore

    return SqliteStore(state)
