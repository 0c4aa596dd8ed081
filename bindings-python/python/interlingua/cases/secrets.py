"""What counts as a secret in text, and what stands in its place.

A secret is known by its form (keys, tokens, signatures, addresses) or by its name. Within one exchange the same secret
always becomes the same placeholder, so that what referred to it still does, and both engines' halves still agree.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from functools import partial
from re import Match

from interlingua.cases.forms import EMAIL, FIELDS, LINES, SPREAD, Form, parts, pieces

MIN_EVERYWHERE = 6
"""A shorter value is replaced where its name stands, and nowhere else: it might be a word."""

CUT_AT = 64
"""How much of a user's name OpenAI takes: engines cut it there."""

_PLACEHOLDER = re.compile(r"redacted-[a-z]+-[0-9]+|redacted-[0-9]+@example\.invalid0*")
_RESPONSE_ID = re.compile(r"\bresp_([A-Za-z0-9+/_-]{24,}={0,2})")


class Placeholders:
    """What stands for which secret, within one exchange."""

    def __init__(self) -> None:
        self.learning = False
        """Secrets are still being collected: what is known is not looked for yet."""
        self._stands: dict[str, str] = {}
        self._everywhere: list[str] = []
        self._clean: set[str] = set()
        self._counts: dict[str, int] = {}
        self._known: re.Pattern[str] | None = None
        self._made: set[str] = set()

    def secret(self, value: str, kind: str = "secret", *, everywhere: bool = True) -> str:
        """A placeholder that says what it stands for; an e-mail address stays one, as some engines pass none on."""
        whole = self._cut_short(value)
        if whole is not None:
            return self.secret(whole, kind)[:CUT_AT]
        address = EMAIL.fullmatch(value) is not None

        def made(number: int) -> str:
            name = f"redacted-{number}@example.invalid" if address else f"redacted-{kind}-{number}"
            return name.ljust(len(value), "0") if len(value) > CUT_AT else name

        return self._stand(value, kind, made, everywhere)

    def _cut_short(self, value: str) -> str | None:
        """The longer value that somebody cut to the length that a provider allows."""
        if len(value) != CUT_AT:
            return None
        return next((known for known in self._everywhere if len(known) > CUT_AT and known.startswith(value)), None)

    def id(self, value: str) -> str:
        """A placeholder in the form of the id: its prefix, its length, its alphabet."""
        match = re.match(r"[A-Za-z]{2,12}[_-]", value)
        prefix = match.group() if match else ""

        def made(number: int) -> str:
            width = max(len(value) - len(prefix), 4)
            return prefix + (f"{number:04d}" + "0" * max(width - 8, 0) + f"{number:04d}")[-width:]

        return self._stand(value, "id", made)

    def opaque(self, value: str) -> str:
        """A placeholder in base64, for what only its maker can read."""
        return self._stand(value, "opaque", lambda number: base64.b64encode(b"redacted %08d" % number).decode())

    def _stand(self, value: str, kind: str, made: Callable[[int], str], everywhere: bool = True) -> str:
        if value in self._made or _PLACEHOLDER.fullmatch(value):
            return value
        found = self._stands.get(value)
        if found is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            found = self._stands[value] = made(self._counts[kind])
            self._made.add(found)
            if everywhere and len(value) >= MIN_EVERYWHERE:
                self._everywhere.append(value)
                self._known = None
        return found

    def known(self, text: str) -> str:
        """``text`` with everything known replaced, wherever it stands in it."""
        if self._known is None:
            values = sorted(self._everywhere, key=len, reverse=True)
            self._known = re.compile("|".join(map(re.escape, values)) or r"(?!)")
        known = self._known
        return "".join(known.sub(lambda match: self._stands[match.group()], piece) for piece in pieces(text))

    def text(self, text: str) -> str:
        """``text`` without secrets: those known, those of a known form, and those with a telling name."""
        if len(text) < 4:
            return text
        if text not in self._clean:
            made = "".join(
                self._searched(part) if searched else self._stands.get(part, part) for part, searched in parts(text)
            )
            if made == text:
                self._clean.add(text)
            text = made
        return text if self.learning else self.known(text)

    def form(self, text: str) -> str:
        """A body that is no JSON: fields of forms have names too."""
        return self.text(self._without(FIELDS, text))

    def _searched(self, text: str) -> str:
        if "resp_" in text:
            text = _RESPONSE_ID.sub(self._response_id, text)
        text = self._without(SPREAD, text)
        return "".join(self._without(LINES, piece) for piece in pieces(text))

    def _without(self, forms: Iterable[Form], text: str) -> str:
        lowered = text.lower()
        for form in forms:
            if any(word in lowered for word in form.words):
                text = form.pattern.sub(partial(self._replaced, form.kind), text)
        return text

    def _replaced(self, kind: str, match: Match[str]) -> str:
        group = "value" if "value" in match.re.groupindex else 0
        value = match.group(group)
        if not value or value.startswith("redacted-"):
            return match.group()
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match.group()[:start] + self.secret(value, kind) + match.group()[end:]

    def _response_id(self, match: Match[str]) -> str:
        """The id of a response may wrap the provider's own, which must be replaced as it is elsewhere."""
        encoded = match.group(1)
        try:
            inner = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=False).decode()
        except ValueError:
            return match.group()
        head, mark, own = inner.rpartition("response_id:")
        if not mark:
            return match.group()
        placed = base64.b64encode(f"{head}{mark}{self.id(own)}".encode()).decode()
        return "resp_" + (placed if encoded.endswith("=") or len(encoded) % 4 == 0 else placed.rstrip("="))


def is_opaque_id(value: str) -> bool:
    """Whether a value under an id's name is one that was given out, not a word that somebody chose."""
    return len(value) >= 6 and any(letter.isdigit() for letter in value) and not re.search(r"\s", value)
