"""What the migration's benchmark makes of its rounds, and that its flood and its short way are real."""

from __future__ import annotations

import http.client
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from interlingua.gateway.shadow import OUTCOMES

from bench import goals, migration, overload, report, servers, short_way
from bench.gateway import Kind
from bench.load import Run
from bench.migration import CHATS, DIRECT, LITELLM, ONE_CLIENT, RELAYED, SHADOWED, STAND_IN, Cost, Costs
from bench.overload import Overload

METRICS = """\
# TYPE interlingua_shadow_sampled_total counter
interlingua_shadow_sampled_total{pair="openai_chat/openai"} 5
interlingua_shadow_sampled_total{pair="openai_chat/anthropic"} 2
interlingua_shadow_compared_total{pair="openai_chat/openai"} 4
interlingua_shadow_dropped_total{pair="openai_chat/openai"} 1
interlingua_shadow_failures_total{pair="openai_chat/openai",reason="bug"} 9
"""


def ran(p50_us: float, errors: int = 0) -> Run:
    return Run(10, 100.0, 0.0, errors, p50_us, p50_us * 2, 0.0, p50_us / 2)


def cost(behind: str, kind: Kind, mode: str, *p50s: float) -> Cost:
    return migration.summed(behind, kind, mode, [ran(p50) for p50 in p50s], 34.0)


FLOODED = Overload(
    handed_over=1000,
    seconds=2.0,
    compared=700,
    mismatches=0,
    dropped=250,
    quiet=ran(300),
    flooded=ran(400),
    mib_before=34.0,
    peak_mib=36.0,
)
COSTS = Costs(
    (
        cost(STAND_IN, ONE_CLIENT, DIRECT, 20, 10, 30),
        cost(STAND_IN, ONE_CLIENT, RELAYED.name, 330, 200, 5000),
        cost(LITELLM, CHATS, RELAYED.name, 10_000, 20_000, 40_000),
        cost(LITELLM, CHATS, SHADOWED.name, 12_000, 22_000, 20_000),
    ),
    {SHADOWED.name: {**dict.fromkeys(OUTCOMES, 0), "sampled": 7}},
    FLOODED,
)


def rows(costs: Costs) -> dict[str, goals.Goal]:
    return {goal.text: goal for goal in goals.of_migration(costs)}


def test_rounds_become_a_median_with_its_spread() -> None:
    one = cost(STAND_IN, ONE_CLIENT, DIRECT, 20, 10, 30)
    assert (one.p50_us, one.lowest_us, one.highest_us, one.p99_us, one.cpu_us) == (20, 10, 30, 40, 10)
    assert one.requests == 30


def test_modes_take_turns_in_another_order_each_round() -> None:
    orders = [migration.rotated((None, RELAYED, SHADOWED), number) for number in range(4)]
    assert [order[0] for order in orders] == [None, RELAYED, SHADOWED, None]
    assert all(len(order) == 3 and set(order) == {None, RELAYED, SHADOWED} for order in orders)


def test_what_is_added_is_told_from_the_fastest_rounds() -> None:
    assert COSTS.added_us(STAND_IN, ONE_CLIENT, RELAYED.name, DIRECT) == 190
    assert COSTS.added_share(LITELLM, CHATS, SHADOWED.name, RELAYED.name) == pytest.approx(0.1)
    assert COSTS.added_us(LITELLM, CHATS, RELAYED.name, DIRECT) is None


def test_goals_of_the_migration_are_judged() -> None:
    told = rows(COSTS)
    assert told["migration: relaying adds, chats one after the other, p50"].reached
    assert told["migration: shadow as it is by default adds to relaying, chats, p50"].reached is False
    assert told["migration: the same, 200 a second"].reached is None
    assert all(goal.reached for text, goal in told.items() if "hand-overs" in text)


@pytest.mark.parametrize(
    "broken",
    [
        replace(FLOODED, dropped=100),  # hand-overs that nobody counted
        replace(FLOODED, flooded=ran(400, errors=1)),
        replace(FLOODED, peak_mib=90.0),
    ],
)
def test_an_overload_that_does_harm_breaks_a_goal(broken: Overload) -> None:
    assert any(goal.reached is False for text, goal in rows(Costs(overload=broken)).items())


def test_counts_of_all_pairs_are_summed_up() -> None:
    counts = migration.shadow_counts(METRICS)
    assert (counts["sampled"], counts["compared"], counts["dropped"]) == (7, 4, 1)
    assert not migration.judged(counts)
    assert migration.judged({**counts, "failed": 2})


def test_the_page_has_every_mode() -> None:
    text = report.of_migration(COSTS, 3)
    assert "| relayed (`python`) | 330.0 µs | 200.0 µs … 5.00 ms | +0.19 ms |" in text
    assert "| `shadow`, 5 % sampled | 7 | 0 | 0 | 0 | 0 | 0 |" in text
    assert "500 hand-overs a second came; 700 were compared, 250 dropped and counted, 50 waited" in text


@pytest.fixture
def alternating() -> Iterator[int]:
    """A server that has room for every other hand-over."""

    class Room(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        came = 0

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            Room.came += 1
            body = b"" if Room.came % 2 else b'{"error":{}}'
            self.send_response(202 if Room.came % 2 else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody wants to read that."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Room) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_flood_counts_what_it_is_answered(alternating: int) -> None:
    with overload.flooding(alternating, b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}") as statuses:
        while statuses.total() < 20:
            pass
    assert statuses.keys() == {b"202", b"503"}
    assert abs(statuses[b"202"] - statuses[b"503"]) <= 1


def test_a_hand_over_is_caught_as_it_came() -> None:
    """With a stand-in for LiteLLM that hands over what it was asked."""
    port = servers.free_port()

    class Hands(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.close()
            to = http.client.HTTPConnection("127.0.0.1", port)
            headers = {"x-interlingua-token": "t", "x-interlingua-shadow": self.headers["x-interlingua-shadow"]}
            to.request("POST", "/interlingua/handover", body, {**headers, "content-type": "application/json"})
            to.close()

        def log_message(self, *_: object) -> None:
            """Nobody wants to read that."""

    with http.server.HTTPServer(("127.0.0.1", 0), Hands) as litellm:
        thread = threading.Thread(target=litellm.handle_request)
        thread.start()
        head, _, body = overload.caught(port, litellm.server_address[1]).partition(b"\r\n\r\n")
        thread.join()
    assert head.startswith(b"POST /interlingua/handover HTTP/1.1\r\n")
    assert b"x-interlingua-shadow: openai_chat/openai@bench-openai" in head
    assert json.loads(body)["model"] == overload.MODEL


@pytest.mark.parametrize("way", short_way.WAYS)
def test_exchanges_are_served_without_sockets(way: str) -> None:
    command = [sys.executable, "-m", "bench.short_way", "--do", way, "3"]
    subprocess.run(command, check=True, cwd=servers.ROOT)
