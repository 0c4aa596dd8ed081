"""Hand-overs that come faster than they can be compared, while clients are served."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from interlingua.gateway.handovers import PATH
from interlingua.gateway.shadow import ticket_of
from interlingua.litellm_plugin import HEADER, TOKEN_HEADER

from bench.load import Run
from bench.servers import KEY, Server, pinned

MODEL = "bench-openai"
SECONDS = 2.0
CATCH_SECONDS = 30.0


@dataclass(frozen=True)
class Overload:
    """What came of it."""

    handed_over: int
    seconds: float
    compared: int
    mismatches: int
    dropped: int
    quiet: Run
    """Clients' answers before."""
    flooded: Run
    """And meanwhile."""
    mib_before: float
    peak_mib: float

    @property
    def unaccounted(self) -> int:
        """Those that wait at the end, and nothing else if all is well."""
        return self.handed_over - self.compared - self.dropped


def caught(port: int, litellm: int) -> bytes:
    """The message with which LiteLLM hands over a chat: it is let do so once, with us at the gateway's place."""
    messages: list[bytes] = []

    class Catcher(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            head = (f"{name}: {self.headers[name]}\r\n" for name in ("content-type", TOKEN_HEADER, HEADER))
            first = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n"
            messages.append("".join([first, *head, "\r\n"]).encode() + body)
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody wants to read that."""

    with http.server.HTTPServer(("127.0.0.1", port), Catcher) as server:
        server.timeout = CATCH_SECONDS
        asking = http.client.HTTPConnection("127.0.0.1", litellm, timeout=CATCH_SECONDS)
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        headers[HEADER] = ticket_of("openai_chat/openai", MODEL).decode()
        chat = {"model": MODEL, "messages": [{"role": "user", "content": "When is the value returned? " * 30}]}
        asking.request("POST", "/v1/chat/completions", json.dumps(chat), headers)
        asking.getresponse().read()
        asking.close()
        server.handle_request()
    if not messages:
        raise SystemExit("bench: LiteLLM has handed nothing over")
    return messages[0]


@contextlib.contextmanager
def flooding(port: int, message: bytes) -> Iterator[Counter[bytes]]:
    """Hands the same over, again and again, in a thread; counts the answers' statuses."""
    statuses: Counter[bytes] = Counter()
    ended = threading.Event()

    def flood() -> None:
        if pinned(1):
            os.sched_setaffinity(0, {1})  # of this thread
        with socket.create_connection(("127.0.0.1", port), timeout=CATCH_SECONDS) as connection:
            while not ended.is_set():
                connection.sendall(message)
                statuses[_status(connection)] += 1

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def _status(connection: socket.socket) -> bytes:
    """Reads one answer, which names its length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    left = int(length.partition(b":")[2]) - len(body)
    while left > 0:
        left -= len(_some(connection))
    return head[9:12]


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise SystemExit("bench: the gateway has closed the connection of hand-overs")
    return data


def measure(
    server: Server, message: bytes, answers: Callable[[float], Run], told: Callable[[int], Mapping[str, int]]
) -> Overload:
    """Clients' answers before and meanwhile, memory, and what became of the hand-overs."""
    answers(SECONDS / 4)
    quiet, before, memory = answers(SECONDS), told(server.port), server.mebibytes()
    started = time.monotonic()
    with flooding(server.port, message) as statuses:
        flooded = answers(SECONDS)
    seconds, after = time.monotonic() - started, told(server.port)
    gained = {outcome: after[outcome] - before[outcome] for outcome in after}
    if statuses.keys() - {b"202", b"503"}:
        raise SystemExit(f"bench: hand-overs were answered {dict(statuses)}")
    return Overload(
        handed_over=statuses.total(),
        seconds=seconds,
        compared=gained["compared"],
        mismatches=gained["mismatches"],
        dropped=gained["dropped"],
        quiet=quiet,
        flooded=flooded,
        mib_before=memory,
        peak_mib=server.peak_mebibytes(),
    )
