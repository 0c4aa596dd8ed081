"""The passage of a stream: what comes from the provider goes through the core to the client in the call that brings it.

The handler's coroutine begins the stream, and goes on when there is something else to do than to hand bytes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlingua._native import Attempt, BadMessage
from interlingua.gateway.connection import Connection

if TYPE_CHECKING:
    from interlingua.gateway.client_connection import ClientConnection


class Passage:
    """From an upstream connection to a client's."""

    __slots__ = ("_answer", "_attempt", "_chunked", "_client", "error")

    def __init__(self, answer: Connection, attempt: Attempt, client: ClientConnection, *, chunked: bool) -> None:
        self._answer = answer
        self._attempt = attempt
        self._client = client
        self._chunked = chunked
        self.error: BaseException | None = None

    def take(self, data: bytes) -> bool:
        """Hand on what has come."""
        answer = self._answer
        try:
            out, over = answer.reader.pass_on(data, self._attempt, self._chunked)
        except BadMessage as error:
            answer.refuse(error)
            return True
        except BaseException as error:  # the core's panics are no Exceptions
            self.error = error
            answer.went_by(over=True)
            return True
        if out:
            self._client.transport.write(out)
        answer.went_by(over=over or self._client.write_paused)
        return True

    def hand_over(self) -> None:
        """The coroutine waits on the connection already."""
