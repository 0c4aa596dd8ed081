"""Questions and messages between two processes, as JSON lines over a pair of sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

ANSWER_SECONDS = 660.0
"""LiteLLM may take minutes to start, and a worker waits for it with its supervisor."""
LONGEST_LINE = 64 * 1024 * 1024

Serve = Callable[[str, Any], Awaitable[Any]]


class ChannelClosed(Exception):
    """The other process is gone, or it could not answer."""


class Channel:
    """One end. ``serve`` gets what the other end asks or tells: a subject and its content."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, serve: Serve) -> None:
        self._reader = reader
        self._writer = writer
        self._serve = serve
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def open(cls, end: socket.socket, serve: Serve) -> Channel:
        reader, writer = await asyncio.open_connection(sock=end, limit=LONGEST_LINE)
        return cls(reader, writer, serve)

    async def ask(self, subject: str, content: Any = None) -> Any:
        """The other end's answer. Raises ``ChannelClosed``."""
        self._count += 1
        number = self._count
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._write({"ask": number, "subject": subject, "content": content})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except TimeoutError:
            raise ChannelClosed(f"no answer about {subject}") from None
        finally:
            self._waiting.pop(number, None)

    def tell(self, subject: str, content: Any = None) -> None:
        """Say something that needs no answer."""
        self._write({"subject": subject, "content": content})

    async def closed(self) -> None:
        """Returns when the other end has gone."""
        await asyncio.wait([self._listening])

    def close(self) -> None:
        self._writer.close()
        self._listening.cancel()

    def _write(self, message: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                if "answer" in message:
                    future = self._waiting.get(message["answer"])
                    if future is not None and not future.done():
                        future.set_result(message["content"])
                else:
                    task = asyncio.get_running_loop().create_task(self._answer(message))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
        except (OSError, ValueError):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ChannelClosed("the other process is gone"))

    async def _answer(self, message: dict[str, Any]) -> None:
        content = await self._serve(message["subject"], message["content"])
        if "ask" in message:
            self._write({"answer": message["ask"], "content": content})
