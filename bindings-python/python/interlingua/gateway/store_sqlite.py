"""The store in an SQLite file, created at the first write. For all processes of a host."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_bytes
from typing import Final

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

BUSY_SECONDS: Final = 5.0
FORMAT: Final = 1
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS switches (pattern TEXT PRIMARY KEY, switch TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS differences
  (id INTEGER PRIMARY KEY AUTOINCREMENT, pair TEXT NOT NULL, entry TEXT NOT NULL, bodies TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS differences_of ON differences (pair, id);
INSERT OR IGNORE INTO facts VALUES ('format', 1), ('version', 0);
COMMIT;
"""


class SqliteStore:
    """``None`` as the file keeps everything in memory, for this process alone."""

    def __init__(self, file: str | None) -> None:
        self._file = None if file is None else Path(file)
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        """Which file it is that is open: it may be replaced under our feet."""
        self._lock = threading.Lock()

    remote = False

    @property
    def description(self) -> str:
        return "memory" if self._file is None else f"sqlite {self._file}"

    @property
    def writable(self) -> bool:
        if self._file is None:
            return True
        return os.access(self._file.parent, os.W_OK) and (not self._file.exists() or os.access(self._file, os.W_OK))

    def version(self) -> int:
        with self._reading() as database:
            return 0 if database is None else _version(database)

    def switches(self) -> tuple[int, dict[str, StoredSwitch]]:
        with self._reading() as database:
            if database is None:
                return 0, {}
            database.execute("BEGIN")
            version = _version(database)
            rows = database.execute("SELECT pattern, switch FROM switches").fetchall()
            database.execute("COMMIT")
            return version, {pattern: StoredSwitch.of(json.loads(switch)) for pattern, switch in rows}

    def change(self, changes: Changes, audit: Sequence[Entry], expected: int | None = None) -> bool:
        with self._writing() as database:
            if expected is not None and _version(database) != expected:
                return False
            for pattern, switch in changes.items():
                if switch is None:
                    database.execute("DELETE FROM switches WHERE pattern = ?", (pattern,))
                else:
                    row = (pattern, json.dumps(switch.as_json()))
                    database.execute("INSERT OR REPLACE INTO switches VALUES (?, ?)", row)
            database.executemany("INSERT INTO audit (entry) VALUES (?)", [(json.dumps(entry),) for entry in audit])
            database.execute("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", (MAX_AUDIT,))
            database.execute("UPDATE facts SET value = value + 1 WHERE name = 'version'")
        return True

    def salt(self, proposed: bytes | None = None) -> bytes:
        with self._writing() as database:
            database.execute("INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (proposed or token_bytes(16),))
            (salt,) = database.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()
        return bytes(salt)

    def audit(self, limit: int) -> list[Entry]:
        with self._reading() as database:
            if database is None:
                return []
            rows = database.execute("SELECT id, entry FROM audit ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            return [{"id": number, **json.loads(entry)} for number, entry in rows]

    def add_difference(self, entry: Entry) -> int:
        pair = str(entry["pair"])
        told, bodies = parted(entry)
        with self._writing() as database:
            known = database.execute("SELECT 1 FROM differences WHERE pair = ? LIMIT 1", (pair,)).fetchone()
            (pairs,) = database.execute("SELECT count(DISTINCT pair) FROM differences").fetchone()
            if known is None and pairs >= MAX_PAIRS:
                raise StoreError(f"differences of {MAX_PAIRS} pairs are kept already")
            row = (pair, json.dumps(told), json.dumps(bodies))
            number = database.execute("INSERT INTO differences (pair, entry, bodies) VALUES (?, ?, ?)", row).lastrowid
            database.execute(
                "DELETE FROM differences WHERE pair = ?1 AND id <="
                " (SELECT id FROM differences WHERE pair = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (pair, MAX_DIFFERENCES),
            )
        assert number is not None
        return number

    def differences(self, pair: str | None, limit: int, before: int | None = None) -> list[Entry]:
        with self._reading() as database:
            if database is None:
                return []
            rows = database.execute(
                "SELECT id, entry FROM differences WHERE (?1 IS NULL OR pair = ?1) AND (?2 IS NULL OR id < ?2)"
                " ORDER BY id DESC LIMIT ?3",
                (pair, before, limit),
            ).fetchall()
            return [{"id": number, **json.loads(entry)} for number, entry in rows]

    def difference(self, number: int) -> Entry | None:
        with self._reading() as database:
            if database is None:
                return None
            row = database.execute("SELECT entry, bodies FROM differences WHERE id = ?", (number,)).fetchone()
            return None if row is None else {"id": number, **json.loads(row[0]), **json.loads(row[1])}

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    # -- the connection -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The database, if there is one."""
        with self._lock, self._telling("read"):
            yield self._connected(create=False)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The database, made if need be, within a transaction."""
        with self._lock, self._telling("written"):
            database = self._connected(create=True)
            assert database is not None
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                if database.in_transaction:  # SQLite has ended it by itself where the disk is full
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            self._disconnect()
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"{self._file}: the stored switches cannot be {what} ({why or type(error).__name__});"
                " repair the file or move it away, or name another one as migration.state"
            ) from None

    def _connected(self, *, create: bool) -> sqlite3.Connection | None:
        identity = self._identity_now()
        if self._connection is not None and (self._file is None or identity == self._identity):
            return self._connection
        self._disconnect()
        if self._file is not None and identity is None:
            if not create:
                return None
            # Made by us so that nobody else may read it: SQLite gives its other files the same mode.
            os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = connection = self._open()
        self._identity = self._identity_now()
        return connection

    def _open(self) -> sqlite3.Connection:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._opened()
            except sqlite3.OperationalError as error:
                # Another process makes the file at this moment: SQLite does not wait by itself for that.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _opened(self) -> sqlite3.Connection:
        name = ":memory:" if self._file is None else str(self._file)
        connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            known = connection.execute("SELECT name FROM sqlite_master WHERE name = 'facts'").fetchone()
            if known is None:
                if self._file is not None:
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
            (found,) = connection.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
            if found != FORMAT:
                raise ValueError("another version has written it")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _identity_now(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("SELECT value FROM facts WHERE name = 'version'").fetchone()
    return int(version)
