"""What can go wrong between the gateway and an upstream. None of these carries content."""


class UpstreamFault(Exception):
    """The exchange with an upstream failed on the wire. ``reason`` is a word that the core's ``abort`` knows."""

    reason = "connection"
    worth_a_retry = True
    """Another try may end better."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConnectFailed(UpstreamFault):
    """No connection could be opened."""


class ConnectionLost(UpstreamFault):
    """The upstream closed before its answer was complete."""

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.untouched = untouched
        """No byte of an answer had arrived, so a request on a reused connection may be sent again."""


class UpstreamTimeout(UpstreamFault):
    """The upstream did not answer in time."""

    reason = "timeout"


class BadAnswer(UpstreamFault):
    """The upstream's bytes are not an HTTP answer that we accept."""


class AnswerTooLarge(BadAnswer):
    """The upstream's head or body is over the limit, before or after decompression."""

    worth_a_retry = False


class UnknownCoding(BadAnswer):
    """The upstream used a content coding that was not offered to it."""

    worth_a_retry = False
