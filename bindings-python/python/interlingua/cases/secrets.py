"""What counts as a secret in text, and what stands in its place.

A secret is known by its form (keys, tokens, signatures, addresses) or by its name. Within one exchange the same secret
always becomes the same placeholder, so that what referred to it still does, and both engines' halves still agree.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from re import Match

MIN_EVERYWHERE = 6
"""A shorter value is replaced where its name stands, and nowhere else: it might be a word."""

CUT_AT = 64
"""How much of a user's name OpenAI takes: engines cut it there."""

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])(?!redacted-)[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
)
_PLACEHOLDER = re.compile(r"redacted-[a-z]+-[0-9]+|redacted-[0-9]+@example\.invalid0*")
_SIGNED = (
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "X-Goog-Signature"),
    *("X-Goog-Credential", "GoogleAccessId", "Signature", "Policy", "Key-Pair-Id", "sig", "skoid", "sktid", "token"),
    *("key", "api_key", "api-key", "access_token", "code", "password"),
)
"""Parameters of URLs that let in whoever has them."""

_FORMS: tuple[tuple[str, str], ...] = (
    ("pem", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}"),
    ("authorization", r"(?i:(?<=\bBearer )[A-Za-z0-9._~+/=-]{6,}|(?<=\bBasic )(?!redacted-)[A-Za-z0-9+/=]{8,})"),
    # OpenAI, Anthropic, OpenRouter, DeepSeek and who else begins keys like them.
    ("key", r"\b(?:sk|rk|pk)-[A-Za-z0-9_*-]{8,}[A-Za-z0-9]"),
    ("key", r"\b(?:gsk|xai|pplx|csk|fw|r8|hf|npm|nvapi|tgp_v1|voyage|glpat|dop_v1|shpat)[_-][A-Za-z0-9_-]{12,}"),
    ("key", r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat)_[A-Za-z0-9_]{16,}|\bpypi-[A-Za-z0-9_-]{16,}"),
    ("key", r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"),
    ("key", r"\bAIza[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9._-]{12,}|\b1//0[A-Za-z0-9_-]{20,}"),
    ("key", r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b|\bAWS4-HMAC-SHA256 [^\"'\r\n]+"),
    ("organization", r"\b(?:org|proj|acct|workspace|wrkspc|svcacct)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\b"),
    ("request", r"\b(?:req|gen)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\b"),
    # Presigned URLs of AWS, Google and Azure.
    *(("signature", rf"(?i:(?<=[?&;]{name}=)[^&\s\"'\\]+)") for name in _SIGNED),
    ("password", r"(?<=://)[^/\s:@\"'\\]+:[^/\s@\"'\\]+(?=@)"),
    ("email", _EMAIL.pattern),
)
_FORM = re.compile("|".join(f"(?P<f{index}>{form})" for index, (_, form) in enumerate(_FORMS)))
_KINDS = {f"f{index}": kind for index, (kind, _) in enumerate(_FORMS)}

SECRET_NAMES = frozenset(
    (
        *("access_key", "access_token", "accesstoken", "account_id", "account_uuid", "api_key", "apikey", "auth"),
        *("auth_token", "authorization", "authorization_token", "aws_access_key_id", "aws_secret_access_key"),
        *("aws_session_token", "bearer_token", "client_secret", "cookie", "cookies", "credential", "credentials"),
        *("csrf_token", "device_id", "email", "email_address", "end_user_id", "id_token", "ip", "ip_address"),
        *("jwt", "openai_organization", "openai_project", "org_id", "organization", "organization_id"),
        *("organization_uuid", "passphrase", "passwd", "password", "phone", "phone_number", "private_key"),
        *("proxy_authorization", "prompt_cache_key", "refresh_token", "safety_identifier", "secret"),
        *("secret_access_key", "secret_key", "session_id", "session_token", "set_cookie", "signing_key", "ssn"),
        *("token", "user", "user_email", "user_id", "username", "vertex_credentials", "x_api_key"),
    )
)
OPAQUE_NAMES = frozenset(("encrypted_content", "signature", "thought_signature", "thoughtSignature", "encrypted_value"))

_NAME = "|".join(sorted((name.replace("_", "[-_]?") for name in SECRET_NAMES - {"ip", "auth"}), key=len, reverse=True))
# Within text: JSON, however deep its quotes are escaped; a form; a cookie; `password = …` in a file of settings.
_QUOTED = re.compile(
    rf'(?P<slash>\\*)"(?:{_NAME})(?P=slash)"\s*:\s*(?P=slash)"(?P<value>.{{0,4000}}?)(?<!\\)(?P=slash)"', re.I | re.S
)
_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9])(?:api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|passw(?:or)?d|secret(?:[-_]access)?"
    r"[-_]?key|session(?:[-_]?id)?|refresh[-_]?token|x-amz-security-token|user_id|account_?key|sharedaccesskey)"
    r"(?:\s*=\s*|\s*:\s+)[\"']?(?P<value>[^\s\"'&;,\\]{4,})",
    re.I,
)
_FORM_FIELD = re.compile(
    rf'name="(?:{_NAME})"(?:\r?\n[^\r\n]+)*\r?\n\r?\n(?P<value>[\s\S]*?)(?=\r?\n--)|(?:^|&)(?:{_NAME})=(?P<form>[^&\s]+)',
    re.I,
)
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
        address = _EMAIL.fullmatch(value) is not None

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
        return self._known.sub(lambda match: self._stands[match.group()], text)

    def text(self, text: str) -> str:
        """``text`` without secrets: those known, those of a known form, and those with a telling name."""
        if len(text) < 4:
            return text
        if text not in self._clean:
            made = _RESPONSE_ID.sub(self._response_id, text)
            made = _QUOTED.sub(self._named, made)
            made = _ASSIGNED.sub(self._named, made)
            made = _FORM.sub(self._formed, made)
            if made == text:
                self._clean.add(text)
            text = made
        return text if self.learning else self.known(text)

    def form(self, text: str) -> str:
        """A body that is no JSON: fields of forms have names too."""
        return self.text(_FORM_FIELD.sub(self._named, text))

    def _formed(self, match: Match[str]) -> str:
        return self.secret(match.group(), _KINDS[match.lastgroup or ""])

    def _named(self, match: Match[str]) -> str:
        group = "form" if match.groupdict().get("form") is not None else "value"
        value = match.group(group)
        if not value or value.startswith("redacted-"):
            return match.group()
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match.group()[:start] + self.secret(value) + match.group()[end:]

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
