"""Answers for the media that LiteLLM fetches before it sends (http images, documents): tiny and always the same."""

import base64

_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


def fetched_media(url: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    """Headers and body parts of the answer to a GET. The type follows the name; the bytes are one PNG or one PDF."""
    path = url.split("?", 1)[0].lower()
    if path.endswith(".pdf"):
        content, media_type = _PDF, "application/pdf"
    else:
        content = _PNG
        media_type = next((kind for suffix, kind in _TYPES.items() if path.endswith(suffix)), "image/png")
    return [("content-type", media_type), ("content-length", str(len(content)))], [content]
