"""First lines of HTTP messages, as our own server reads and writes them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import unquote_to_bytes

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def split_target(target: bytes) -> tuple[bytes, str, bytes]:
    """A request's target as path and query: as sent, the path decoded, the query."""
    if not target.startswith(b"/"):
        # In absolute form, as for a proxy: only what follows the authority is ours to look at.
        _, scheme, rest = target.partition(b"://")
        target = b"/" + rest.partition(b"/")[2] if scheme else b"/" + target
    path, _, query = target.partition(b"?")
    return target, unquote_to_bytes(path).decode("utf-8", "replace"), query


def refusal(status: int, reason: str, date_line: bytes) -> bytes:
    """A whole answer to bytes that are no request; the connection ends with it."""
    body = b'{"error":{"message":"%b","type":"invalid_request_error","param":null,"code":"%d"}}' % (
        reason.encode("ascii", "replace"),
        status,
    )
    lines = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    return status_line(status) + date_line + lines + body
