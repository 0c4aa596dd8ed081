"""What LiteLLM's rows say that a client's key may do: exactly, or "LiteLLM must decide".

A row may hold more than is understood here, and LiteLLM grows new columns. So it is the other way round: a column that
is not listed as harmless and is set at all makes the request LiteLLM's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, TypeAlias

Row: TypeAlias = Mapping[str, object]

KEY_HARMLESS: Final = frozenset(
    (
        "auto_rotate",
        "budget_duration",
        "budget_reset_at",
        "created_at",
        "created_by",
        "key_alias",
        "key_name",
        "key_rotation_at",
        "last_active",
        "last_rotation_at",
        "model_spend",
        "rotation_count",
        "rotation_interval",
        "settings_updated_at",
        "soft_budget_cooldown",
        "spend",
        "status",
        "total_spend",
        "updated_at",
        "updated_by",
    )
)
"""Columns of a key that change nothing about a request. A budget's duration is nothing without a budget."""
KEY_JUDGED: Final = frozenset(("allowed_routes", "blocked", "expires", "key_type", "models", "team_id", "user_id"))
USER_HARMLESS: Final = frozenset(
    (
        "budget_duration",
        "budget_reset_at",
        "created_at",
        "last_breach_check_at",
        "model_spend",
        "models",
        "password",
        "spend",
        "sso_user_id",
        "teams",
        "updated_at",
        "user_alias",
        "user_email",
        "user_id",
        "user_role",
    )
)
TEAM_HARMLESS: Final = frozenset(
    (
        "admins",
        "budget_duration",
        "budget_reset_at",
        "caller_edit_access",
        "created_at",
        "last_refreshed_at",
        "members",
        "members_with_roles",
        "model_spend",
        "models",
        "spend",
        "team_alias",
        "team_id",
        "team_member_permissions",
        "updated_at",
    )
)
MEMBER_HARMLESS: Final = frozenset(("budget_source", "spend", "team_id", "total_spend", "user_id"))
CUSTOMER_HARMLESS: Final = frozenset(("alias", "spend", "user_id"))

CUSTOMER_HEADERS: Final = (b"x-litellm-customer-id", b"x-litellm-end-user-id")
"""Headers that name the end user."""

_ALL_MODELS: Final = frozenset(("*", "all-proxy-models", "all-team-models"))
"""``all-team-models`` is the team's own list, which is asked too; a key without a team may use all."""
_PLAIN_KEY_TYPES: Final = (None, "default", "llm_api")
_PLAIN_ROLES: Final = (None, "internal_user")


class Allowed(Enum):
    """What a list of models says of one."""

    YES = "yes"
    NO = "no"
    LITELLM_KNOWS = "litellm_knows"
    """It may name what only LiteLLM has: access groups, or patterns over its own names."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A client's key, as LiteLLM knows it."""

    known: bool = True
    blocked: bool = False
    expires: datetime | None = None
    models: tuple[str, ...] = ()
    user_id: str | None = None
    team_id: str | None = None
    doubts: tuple[str, ...] = ()
    """What only LiteLLM can apply: names of its columns."""


UNKNOWN_KEY: Final = KeyFacts(known=False)


class BadRow(Exception):
    """LiteLLM's answer is not what its API promises."""


def key_facts(row: Row) -> KeyFacts:
    """Raises ``BadRow``."""
    status = row.get("status")
    if status == "deleted":
        return UNKNOWN_KEY
    doubts = set_columns(row, KEY_HARMLESS | KEY_JUDGED)
    if row.get("key_type") not in _PLAIN_KEY_TYPES:
        doubts.append("key_type")
    routes = row.get("allowed_routes") or []
    if routes and not (isinstance(routes, list) and "llm_api_routes" in routes):
        doubts.append("allowed_routes")
    return KeyFacts(
        blocked=row.get("blocked") is True or status == "revoked",
        expires=_moment(row.get("expires")),
        models=model_names(row),
        user_id=_text(row, "user_id"),
        team_id=_text(row, "team_id"),
        doubts=tuple(doubts),
    )


def user_doubts(row: Row) -> list[str]:
    """What of a key's user only LiteLLM can apply, apart from the models."""
    doubts = set_columns(row, USER_HARMLESS)
    if row.get("user_role") not in _PLAIN_ROLES:
        doubts.append("user_role")  # an administrator's key may do more, a viewer's less
    return [f"user.{name}" for name in doubts]


def team_doubts(row: Row, members: Iterable[object], user_id: str | None) -> list[str]:
    """What of a key's team, or of its user's place in it, only LiteLLM can apply, apart from the models."""
    doubts = [f"team.{name}" for name in set_columns(row, TEAM_HARMLESS)]
    for member in members:
        if not isinstance(member, dict):
            raise BadRow
        if user_id is not None and member.get("user_id") == user_id:
            doubts += [f"team_member.{name}" for name in set_columns(member, MEMBER_HARMLESS)]
    return doubts


def customer_doubts(row: Row) -> list[str]:
    """What of the end user that a request names only LiteLLM can apply."""
    return [f"customer.{name}" for name in set_columns(row, CUSTOMER_HARMLESS)]


def set_columns(row: Row, harmless: frozenset[str]) -> list[str]:
    """The columns that are set and are not harmless. A limit of 0 is a limit."""
    return [name for name, value in row.items() if name not in harmless and not _is_unset(value)]


def model_names(row: Row) -> tuple[str, ...]:
    """Raises ``BadRow``."""
    models = row.get("models") or []
    if not isinstance(models, list) or not all(isinstance(name, str) for name in models):
        raise BadRow
    return tuple(models)


def judge_model(models: tuple[str, ...], names: tuple[str, ...], is_group: Callable[[str], bool]) -> Allowed:
    """Whether the list allows a model that goes by ``names``. An empty list allows all."""
    if not models or any(entry in _ALL_MODELS or entry in names for entry in models):
        return Allowed.YES
    if any(_matches(entry, name) for entry in models for name in names):
        return Allowed.YES
    # "No" is certain only where every entry names a group of the config.
    return Allowed.NO if all(map(is_group, models)) else Allowed.LITELLM_KNOWS


def customer_of(document: object) -> str | None:
    """The end user that a request's body names, from where LiteLLM takes it."""
    if not isinstance(document, dict):
        return None
    metadata = document.get("metadata")
    found = (
        document.get("user"),
        metadata.get("user_id") if isinstance(metadata, dict) else None,
        document.get("safety_identifier"),
    )
    return next((str(value) for value in found if isinstance(value, str | int) and str(value)), None)


def _matches(pattern: str, name: str) -> bool:
    """``openai/*``: each star stands for any text."""
    first, star, rest = pattern.partition("*")
    if not star:
        return pattern == name
    if not name.startswith(first):
        return False
    *middle, last = rest.split("*")
    at = len(first)
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return name.endswith(last) and len(name) - len(last) >= at


def _is_unset(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRow
    return value or None


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRow
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadRow from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
