"""The store in a Redis, for gateways on several hosts. Needs the ``redis`` package: ``interlingua[redis]``.

Keys, below a prefix (``interlingua``, or what ``?prefix=`` in the URL says): ``version``, ``switches`` (a hash by
pattern), ``audit`` (a list, the newest first), ``salt``, ``differences`` and ``difference:bodies`` (hashes by id),
``difference:last``, ``difference:pairs`` (a set) and ``difference:of:PAIR`` (a list of ids, the newest first).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from secrets import token_bytes
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from interlingua.gateway.store import (
    MAX_AUDIT,
    MAX_DIFFERENCES,
    MAX_PAIRS,
    Changes,
    Entry,
    StoredSwitch,
    StoreError,
    parted,
)

WAIT_SECONDS: Final = 2.0
PREFIX: Final = "interlingua"


class RedisStore:
    """Connects when it is first asked, and again when the connection was lost."""

    def __init__(self, url: str) -> None:
        shown = url.partition("?")[0].rpartition("@")[2].rpartition("//")[2]
        self._name = f"{url.partition(':')[0]}://{shown}"
        try:
            import redis
        except ImportError:
            raise StoreError(
                f"migration.state names {self._name}, which needs the package redis: pip install 'interlingua[redis]'"
            ) from None
        self._errors = (redis.RedisError, OSError)
        self._conflict = redis.WatchError
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query))
            self._prefix = query.pop("prefix", PREFIX)
            self._redis: Any = redis.Redis.from_url(
                urlunsplit(parts._replace(query=urlencode(query))),
                socket_timeout=WAIT_SECONDS,
                socket_connect_timeout=WAIT_SECONDS,
                decode_responses=False,
            )
        except (ValueError, TypeError):
            raise StoreError(f"migration.state: {self._name} is no URL of a Redis") from None

    remote = writable = True

    @property
    def description(self) -> str:
        return f"redis {self._name} {self._prefix}"

    def version(self) -> int:
        with self._telling("asked"):
            return int(self._redis.get(self._key("version")) or 0)

    def switches(self) -> tuple[int, dict[str, StoredSwitch]]:
        with self._telling("read"):
            version, found = (
                self._redis.pipeline(transaction=True)
                .get(self._key("version"))
                .hgetall(self._key("switches"))
                .execute()
            )
            switches = {pattern.decode(): StoredSwitch.of(json.loads(switch)) for pattern, switch in found.items()}
        return int(version or 0), switches

    def change(self, changes: Changes, audit: Sequence[Entry], expected: int | None = None) -> bool:
        switches, trail = self._key("switches"), self._key("audit")
        with self._telling("written"), self._redis.pipeline(transaction=True) as pipeline:
            if expected is not None:
                pipeline.watch(self._key("version"))
                if int(pipeline.get(self._key("version")) or 0) != expected:
                    return False
                pipeline.multi()
            for pattern, switch in changes.items():
                if switch is None:
                    pipeline.hdel(switches, pattern)
                else:
                    pipeline.hset(switches, pattern, json.dumps(switch.as_json()))
            if audit:
                pipeline.lpush(trail, *(json.dumps(entry) for entry in audit))
                pipeline.ltrim(trail, 0, MAX_AUDIT - 1)
            pipeline.incr(self._key("version"))
            try:
                pipeline.execute()
            except self._conflict:
                return False
        return True

    def salt(self, proposed: bytes | None = None) -> bytes:
        with self._telling("written"):
            self._redis.set(self._key("salt"), proposed or token_bytes(16), nx=True)
            return bytes(self._redis.get(self._key("salt")) or b"")

    def audit(self, limit: int) -> list[Entry]:
        with self._telling("read"):
            found = self._redis.lrange(self._key("audit"), 0, limit - 1) if limit else []
            return [json.loads(entry) for entry in found]

    def add_difference(self, entry: Entry) -> int:
        pair = str(entry["pair"])
        told, bodies = parted(entry)
        pairs, of_pair = self._key("difference:pairs"), self._key(f"difference:of:{pair}")
        with self._telling("written"):
            if not self._redis.sismember(pairs, pair) and self._redis.scard(pairs) >= MAX_PAIRS:
                raise StoreError(f"differences of {MAX_PAIRS} pairs are kept already")
            number = int(self._redis.incr(self._key("difference:last")))
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hset(self._key("differences"), number, json.dumps(told))
            pipeline.hset(self._key("difference:bodies"), number, json.dumps(bodies))
            pipeline.sadd(pairs, pair)
            pipeline.lpush(of_pair, number)
            pipeline.lrange(of_pair, MAX_DIFFERENCES, -1)
            pipeline.ltrim(of_pair, 0, MAX_DIFFERENCES - 1)
            *_, old, _ = pipeline.execute()
            if old:
                self._redis.hdel(self._key("differences"), *old)
                self._redis.hdel(self._key("difference:bodies"), *old)
        return number

    def differences(self, pair: str | None, limit: int, before: int | None = None) -> list[Entry]:
        with self._telling("read"):
            pairs = [pair] if pair is not None else [one.decode() for one in self._redis.smembers(self._pairs_key())]
            lists = [self._redis.lrange(self._key(f"difference:of:{one}"), 0, -1) for one in pairs]
            numbers = sorted((int(number) for found in lists for number in found), reverse=True)
            chosen = [number for number in numbers if before is None or number < before][:limit]
            found = self._redis.hmget(self._key("differences"), chosen) if chosen else []
            told = zip(chosen, found, strict=True)
            return [{"id": number, **json.loads(entry)} for number, entry in told if entry is not None]

    def difference(self, number: int) -> Entry | None:
        with self._telling("read"):
            told = self._redis.hget(self._key("differences"), number)
            bodies = self._redis.hget(self._key("difference:bodies"), number)
            return None if told is None or bodies is None else {"id": number, **json.loads(told), **json.loads(bodies)}

    def close(self) -> None:
        with contextlib.suppress(*self._errors):
            self._redis.close()

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _pairs_key(self) -> str:
        return self._key("difference:pairs")

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except (*self._errors, ValueError) as error:
            # The client's own messages may hold the URL, and so a password.
            raise StoreError(f"{self._name}: the stored switches cannot be {what} ({type(error).__name__})") from None
