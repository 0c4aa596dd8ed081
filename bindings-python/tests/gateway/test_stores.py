"""Stores of switches: SQLite, Redis and memory keep the same promises."""

from __future__ import annotations

import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interlingua.gateway.store import Store, StoredSwitch, StoreError, open_store
from redis_server import RedisServer

RUST = StoredSwitch("rust", since=5.0, by="api")


@pytest.fixture(params=["sqlite", "memory", "redis"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same store again; one in memory is always the same one."""
    if request.param == "redis":
        with RedisServer.or_skip() as server:
            yield lambda: open_store(server.url)
    elif request.param == "sqlite":
        yield lambda: open_store(str(tmp_path / "switches.db"))
    else:
        one = open_store(None)
        yield lambda: one


def entry(number: int, pair: str = "openai_chat/openai") -> dict[str, Any]:
    return {"pair": pair, "number": number, "layers": {"request": {"ours": "x", "theirs": "y"}}}


def test_switches_versions_and_audit(again: Callable[[], Store]) -> None:
    store = again()
    assert (store.version(), store.switches(), store.audit(9)) == (0, (0, {}), [])
    assert store.change({"openai_chat/openai": RUST, "*@ä b": StoredSwitch("canary=1")}, [{"n": 1}, {"n": 2}])
    version, switches = again().switches()
    assert version == store.version() != 0
    assert switches == {"openai_chat/openai": RUST, "*@ä b": StoredSwitch("canary=1")}
    assert store.change({"openai_chat/openai": None}, [{"n": 3}])
    assert again().version() != version
    assert again().switches()[1] == {"*@ä b": StoredSwitch("canary=1")}
    assert [line["n"] for line in again().audit(9)] == [3, 2, 1]
    assert [line["n"] for line in again().audit(2)] == [3, 2] and again().audit(0) == []


def test_nothing_is_changed_if_somebody_was_quicker(again: Callable[[], Store]) -> None:
    one, other = again(), again()
    assert one.change({"*": RUST}, [], expected=0)
    assert not other.change({"*": StoredSwitch("python")}, [{"n": 1}], expected=0)
    assert other.switches()[1] == {"*": RUST} and other.audit(9) == []
    assert other.change({"*": StoredSwitch("python")}, [], expected=other.version())


def test_one_salt_for_all(again: Callable[[], Store]) -> None:
    assert again().salt() == again().salt(b"another") and len(again().salt()) == 16


def test_salt_that_somebody_knows_still(again: Callable[[], Store]) -> None:
    assert again().salt(b"known") == again().salt() == b"known"


def test_the_newest_differences_of_each_pair_are_kept(
    again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("store_sqlite", "store_redis"):
        monkeypatch.setattr(f"interlingua.gateway.{module}.MAX_DIFFERENCES", 5)
        monkeypatch.setattr(f"interlingua.gateway.{module}.MAX_PAIRS", 2)
    store = again()
    assert store.differences(None, 10) == [] and store.difference(1) is None
    numbers = [store.add_difference(entry(number)) for number in range(8)]
    other = store.add_difference(entry(0, "openai_chat/groq"))
    assert numbers == sorted(numbers) and other > numbers[-1]
    with pytest.raises(StoreError, match="pairs"):
        store.add_difference(entry(0, "openai_chat/mistral"))
    of_pair = again().differences("openai_chat/openai", 100)
    assert [found["number"] for found in of_pair] == [7, 6, 5, 4, 3]
    assert all("layers" not in found for found in of_pair)
    assert [found["id"] for found in store.differences(None, 3)] == [other, numbers[7], numbers[6]]
    assert [found["id"] for found in store.differences("openai_chat/openai", 2, numbers[6])] == numbers[5:3:-1]
    assert again().difference(numbers[7]) == {"id": numbers[7], **entry(7)}
    assert again().difference(numbers[0]) is None
    assert store.version() == 0, "the switches are the same"


def test_the_audit_trail_is_bounded(again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("store_sqlite", "store_redis"):
        monkeypatch.setattr(f"interlingua.gateway.{module}.MAX_AUDIT", 10)
    store = again()
    for number in range(30):
        store.change({}, [{"n": number}])
    assert [line["n"] for line in store.audit(1000)] == list(range(29, 19, -1))


def test_many_at_once(again: Callable[[], Store]) -> None:
    """Each in a thread and with a connection of its own: nothing is lost, and nobody fails."""
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            store = again()
            for turn in range(10):
                store.change({f"openai_chat/p{number}": StoredSwitch("python")}, [{"n": number, "turn": turn}])
                store.add_difference(entry(turn))
                store.switches()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (len(again().switches()[1]), len(again().audit(1000)), again().version()) == (8, 80, 80)


def test_reading_creates_no_file_and_writing_one_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "switches.db"
    store = open_store(str(file))
    store.version(), store.switches(), store.audit(1), store.differences(None, 1), store.difference(1)
    assert list(tmp_path.iterdir()) == []
    store.change({"*": RUST}, [])
    for written in tmp_path.iterdir():
        assert stat.S_IMODE(written.stat().st_mode) == 0o600, written


def test_file_that_is_replaced_under_our_feet(tmp_path: Path) -> None:
    one = open_store(str(tmp_path / "switches.db"))
    one.change({"*": RUST}, [])
    for left in tmp_path.iterdir():
        left.unlink()
    assert one.switches() == (0, {})
    other = open_store(str(tmp_path / "switches.db"))
    other.change({"*": StoredSwitch("python")}, [])
    assert one.switches() == other.switches()


@pytest.mark.parametrize("content", [b"no database at all" * 99, b"SQLite format 3\0" + b"\xff" * 4000])
def test_corrupt_file_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "switches.db"
    file.write_bytes(content)
    asks: list[Callable[[Store], object]] = [
        lambda store: store.version(),
        lambda store: store.switches(),
        lambda store: store.change({}, []),
    ]
    for ask in asks:
        with pytest.raises(StoreError, match=r"switches\.db.*move it away"):
            ask(open_store(str(file)))
    assert file.read_bytes() == content


def test_file_of_another_version(tmp_path: Path) -> None:
    file = tmp_path / "switches.db"
    open_store(str(file)).change({"*": RUST}, [])
    with sqlite3.connect(file) as database:
        database.execute('UPDATE switches SET switch = \'{"mode": "rust", "new": 1}\'')
    with pytest.raises(StoreError, match="another version"):
        open_store(str(file)).switches()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE facts SET value = 99 WHERE name = 'format'")
    with pytest.raises(StoreError, match="another version"):
        open_store(str(file)).version()


def test_rows_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "switches.db"
    store = open_store(str(file))
    store.change({"*": RUST}, [{"n": 1}])
    number = store.add_difference(entry(1))
    with sqlite3.connect(file) as database:
        for table, column in (("switches", "switch"), ("audit", "entry"), ("differences", "entry")):
            database.execute(f"UPDATE {table} SET {column} = '{{half'")
    asks: list[Callable[[Store], object]] = [
        lambda store: store.switches(),
        lambda store: store.audit(9),
        lambda store: store.differences(None, 9),
        lambda store: store.difference(number),
    ]
    for ask in asks:
        with pytest.raises(StoreError, match=r"switches\.db.*cannot be read"):
            ask(store)


def test_disk_that_is_full(tmp_path: Path) -> None:
    """The cause is told, and the store goes on once there is room again."""
    code = (
        "import resource, signal, sys; from interlingua.gateway.store import open_store, StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = open_store(sys.argv[1])\n"
        "store.change({}, [{'n': 1}])\n"
        "unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))\n"
        "for many in (50, 4000):\n"
        "    try: store.change({}, [{'note': 'x' * 4096}] * many)\n"
        "    except StoreError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)\n"
        "store.change({}, [{'n': 2}])\n"
        "print([line.get('n') for line in store.audit(9)])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "switches.db")]
    *told, newest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(told) == 2 and all(re.search("cannot be written .*(I/O error|is full)", line) for line in told), told
    assert newest == "[2, 1]"


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "nowhere" / "switches.db"))
    assert store.switches() == (0, {})
    with pytest.raises(StoreError, match=r"cannot be written.*migration\.state"):
        store.change({"*": RUST}, [])


def test_every_process_may_be_the_first(tmp_path: Path) -> None:
    """Several processes make the file at the same moment."""
    code = (
        "import sys; from interlingua.gateway.store import open_store, StoredSwitch;"
        "s = open_store(sys.argv[1]); s.change({sys.argv[2]: StoredSwitch('python')}, []); print(s.salt().hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "switches.db")]
    started = [subprocess.Popen([*command, f"*/p{number}"], stdout=subprocess.PIPE) for number in range(6)]
    told = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0] * 6
    assert len(told) == 1 and len(open_store(str(tmp_path / "switches.db")).switches()[1]) == 6


def test_somebody_else_makes_the_file_at_this_moment(tmp_path: Path) -> None:
    """SQLite does not wait by itself where the kind of journal changes."""
    other = sqlite3.connect(tmp_path / "switches.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    failures: list[BaseException] = []

    def write() -> None:
        try:
            open_store(str(tmp_path / "switches.db")).change({"*": RUST}, [])
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    writer.join(0.2)
    other.execute("ROLLBACK")
    writer.join()
    assert failures == [] and open_store(str(tmp_path / "switches.db")).switches()[1] == {"*": RUST}


# -- Redis -------------------------------------------------------------------------------------------------


def test_redis_that_goes_away_and_comes_back() -> None:
    pytest.importorskip("redis")
    with RedisServer.or_skip() as server:
        store = open_store(server.url)
        store.change({"*": RUST}, [])
        server.stop()
        with pytest.raises(StoreError) as caught:
            store.switches()
        assert "secret" not in str(caught.value)
        server.start()
        assert store.switches() == (0, {}), "it has kept nothing, and says so"


def test_redis_prefixes_keep_gateways_apart() -> None:
    pytest.importorskip("redis")
    with RedisServer.or_skip() as server:
        one, other = open_store(server.url), open_store(f"{server.url}?prefix=team-b")
        one.change({"*": RUST}, [])
        assert other.switches() == (0, {}) and "team-b" in other.description


def test_redis_says_no_password() -> None:
    pytest.importorskip("redis")
    store = open_store("redis://user:sec-ret@127.0.0.1:1/3")
    assert store.description == "redis redis://127.0.0.1:1/3 interlingua"
    with pytest.raises(StoreError) as caught:
        store.version()
    assert "sec-ret" not in f"{caught.value}{caught.value.__cause__}"
    with pytest.raises(StoreError):
        open_store("redis://127.0.0.1:port/0")


def test_redis_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreError, match=r"pip install 'interlingua\[redis\]'"):
        open_store("redis://127.0.0.1/0")
