"""The forms of secrets in text: patterns, and words without which there is no need to look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])(?!redacted-)[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
)
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


@dataclass(frozen=True, slots=True)
class Form:
    """A form of secrets. The whole match is secret, or the group ``value`` if there is one."""

    kind: str
    words: tuple[str, ...]
    """In lower case: a text that has none of them has no such secret."""
    pattern: re.Pattern[str]


def _form(kind: str, words: str, pattern: str, flags: int = 0) -> Form:
    return Form(kind, tuple(words.split("|")), re.compile(pattern, flags))


_NAME = "|".join(sorted((name.replace("_", "[-_]?") for name in SECRET_NAMES - {"ip", "auth"}), key=len, reverse=True))
_SIGNED = "|".join(
    (
        *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "X-Goog-Signature"),
        *(
            "X-Goog-Credential",
            "GoogleAccessId",
            "Signature",
            "Policy",
            "Key-Pair-Id",
            "sig",
            "skoid",
            "sktid",
            "token",
        ),
        *("key", "api_key", "api-key", "access_token", "code", "password"),
    )
)
"""Parameters of URLs that let in whoever has them."""

# These may hold line breaks and spaces, so they are looked for in the whole text.
SPREAD = (
    _form(
        "pem",
        "private key-----",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    # JSON within text, however deep its quotes are escaped.
    _form(
        "secret",
        '"',
        rf'(?P<slash>\\*)"(?:{_NAME})(?P=slash)"\s*:\s*(?P=slash)"(?P<value>.{{0,4000}}?)(?<!\\)(?P=slash)"',
        re.I | re.S,
    ),
)
# None of these crosses the end of a line.
LINES = (
    _form("jwt", "eyj", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}"),
    _form(
        "authorization",
        "bearer |basic ",
        r"(?<=\bBearer )[A-Za-z0-9._~+/=-]{6,}|(?<=\bBasic )(?!redacted-)[A-Za-z0-9+/=]{8,}",
        re.I,
    ),
    # OpenAI, Anthropic, OpenRouter, DeepSeek and who else begins keys like them.
    _form("key", "sk-|rk-|pk-", r"\b(?:sk|rk|pk)-[A-Za-z0-9_*-]{8,}[A-Za-z0-9]"),
    _form(
        "key",
        "gsk|xai|pplx|csk|fw_|fw-|r8_|hf_|npm_|nvapi|tgp_v1|voyage|glpat|dop_v1|shpat",
        r"\b(?:gsk|xai|pplx|csk|fw|r8|hf|npm|nvapi|tgp_v1|voyage|glpat|dop_v1|shpat)[_-][A-Za-z0-9_-]{12,}",
    ),
    _form(
        "key",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_|pypi-",
        r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat)_[A-Za-z0-9_]{16,}|\bpypi-[A-Za-z0-9_-]{16,}",
    ),
    _form("key", "xox|xapp-", r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"),
    _form(
        "key",
        "aiza|ya29.|1//0",
        r"\bAIza[A-Za-z0-9_-]{20,}|\bya29\.[A-Za-z0-9._-]{12,}|\b1//0[A-Za-z0-9_-]{20,}",
    ),
    _form(
        "key",
        "akia|asia|aroa|aida|aws4-hmac",
        r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b|\bAWS4-HMAC-SHA256 [^\"'\r\n]+",
    ),
    _form(
        "organization",
        "org-|org_|proj-|proj_|acct-|acct_|workspace-|workspace_|wrkspc|svcacct",
        r"\b(?:org|proj|acct|workspace|wrkspc|svcacct)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\b",
    ),
    _form("request", "req-|req_|gen-|gen_", r"\b(?:req|gen)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\b"),
    # Presigned URLs of AWS, Google and Azure.
    _form("signature", "=", rf"[?&;](?:{_SIGNED})=(?P<value>[^&\s\"'\\]+)", re.I),
    _form("password", "://", r"(?<=://)[^/\s:@\"'\\]+:[^/\s@\"'\\]+(?=@)"),
    # A cookie, or a line of a file of settings.
    _form(
        "secret",
        "key|token|secret|passw|session|user_id",
        r"(?<![A-Za-z0-9])(?:api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|passw(?:or)?d"
        r"|secret(?:[-_]access)?[-_]?key|session(?:[-_]?id)?|refresh[-_]?token|x-amz-security-token|user_id|account_?key"
        r"|sharedaccesskey)(?:\s*=\s*|\s*:\s+)[\"']?(?P<value>[^\s\"'&;,\\]{4,})",
        re.I,
    ),
    _form("email", "@|%40", EMAIL.pattern),
)
# A field of a form.
FIELDS = (
    _form(
        "secret",
        'name="',
        rf'name="(?:{_NAME})"(?:\r?\n[^\r\n]{{1,1000}}){{0,9}}\r?\n\r?\n(?P<value>[\s\S]{{0,4000}}?)(?=\r?\n--)',
        re.I,
    ),
    _form("secret", "=", rf"(?:^|&)(?:{_NAME})=(?P<value>[^&\s]+)", re.I),
)

PIECE = 64 * 1024
"""One search holds the interpreter's lock: longer texts are searched in pieces."""
_PAYLOAD = re.compile(r"([A-Za-z0-9+/=]{8192,})")
"""What a document is in base64; no key is so long."""


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """A text in parts, and whether each is to be searched: what is long and base64 is not."""
    if len(text) < 8192:
        yield text, True
        return
    for index, part in enumerate(_PAYLOAD.split(text)):
        yield part, index % 2 == 0


def pieces(text: str) -> Iterator[str]:
    """A text in pieces that end where a line or a word does."""
    start = 0
    while len(text) - start > PIECE:
        end = start + PIECE
        cut = max(text.rfind("\n", end - 4096, end), text.rfind(" ", end - 512, end)) + 1 or end
        yield text[start:cut]
        start = cut
    yield text[start:]
