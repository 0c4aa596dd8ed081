"""OCR uploads: a ``multipart/form-data`` body becomes the JSON request that it stands for."""

from __future__ import annotations

import json
import mimetypes
import re
from base64 import b64encode
from dataclasses import dataclass

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_PARTS = 256
UNKNOWN_TYPE = "application/octet-stream"

_PARAMETER = re.compile(r';\s*([A-Za-z0-9*_.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class MultipartError(Exception):
    """The form cannot be read, or is not a valid OCR request."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form."""

    name: str
    filename: str | None
    content_type: str | None
    data: bytes


def parameters(header: str) -> dict[str, str]:
    """The parameters of a header such as ``form-data; name="file"; filename="a.pdf"``."""
    found = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
    return found


def parse_form(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body, in order."""
    boundary = parameters(content_type).get("boundary", "")
    if not 0 < len(boundary) <= 200:
        raise MultipartError("the Content-Type has no multipart boundary; let the client library set this header")
    marker = b"--" + boundary.encode("latin-1", "ignore")
    pieces = (b"\r\n" + body).split(b"\r\n" + marker)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise MultipartError("the multipart body does not end with its boundary")
    if len(pieces) - 2 > MAX_PARTS:
        raise MultipartError(f"the form has more than {MAX_PARTS} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, separator, data = piece.partition(b"\r\n\r\n")
    if not separator:
        raise MultipartError("a part of the form has no end of its headers")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    disposition = parameters(headers.get("content-disposition", ""))
    if "name" not in disposition:
        raise MultipartError("a part of the form has no name")
    return Part(disposition["name"], disposition.get("filename"), headers.get("content-type"), data)


def ocr_request(content_type: str, body: bytes) -> bytes:
    """The JSON request of an OCR form: the file inline as a data URL, other fields as JSON where they are JSON."""
    parts = parse_form(content_type, body)
    upload = next((part for part in parts if part.name == "file" and part.filename is not None), None)
    if upload is None:
        raise MultipartError("a multipart OCR request needs a field 'file' with the document", "file")
    if not upload.data:
        raise MultipartError("the uploaded file is empty", "file")
    if len(upload.data) > MAX_FILE_BYTES:
        raise MultipartError(f"the uploaded file is over {MAX_FILE_BYTES // (1024 * 1024)} MB", "file")
    request: dict[str, object] = {}
    for part in parts:
        if part.name in ("file", "document"):
            continue
        try:
            text = part.data.decode("utf-8")
        except UnicodeDecodeError:
            raise MultipartError("a field of the form is not UTF-8 text", part.name) from None
        try:
            request[part.name] = json.loads(text)
        except (ValueError, RecursionError):
            request[part.name] = text
    request["document"] = _document(upload)
    try:
        return json.dumps(request, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise MultipartError("a field of the form is not valid JSON") from None


def _document(upload: Part) -> dict[str, str]:
    mime = (upload.content_type or "").partition(";")[0].strip().lower()
    if mime in ("", UNKNOWN_TYPE):
        mime = mimetypes.guess_type(upload.filename or "")[0] or UNKNOWN_TYPE
    url = f"data:{mime};base64,{b64encode(upload.data).decode('ascii')}"
    kind = "image_url" if mime.startswith("image/") else "document_url"
    return {"type": kind, kind: url}
