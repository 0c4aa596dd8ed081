"""Texts that a stream cuts into deltas: joined, changed as one, and cut again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_TEXTS = frozenset(
    (
        *("content", "text", "delta", "partial_json", "arguments", "thinking", "reasoning", "reasoning_content"),
        *("refusal", "transcript", "input", "code", "summary", "output"),
    )
)
_ORDER = ("index", "output_index", "content_index", "summary_index", "item_id")

Place = tuple[dict[str, Any], str]


def join_deltas(frames: list[Any], change: Callable[[str], str]) -> None:
    """Applies ``change`` to each text as its reader puts it together, and puts what changed back into the frames."""
    channels: dict[tuple[Any, ...], list[Place]] = {}
    for frame in frames:
        _find(frame, (), channels)
    for places in channels.values():
        if len(places) < 2:
            continue
        parts = [str(holder[key]) for holder, key in places]
        whole = "".join(parts)
        changed = change(whole)
        if changed != whole:
            for (holder, key), part in zip(places, _cut(parts, whole, changed), strict=True):
                holder[key] = part


def _find(node: Any, path: tuple[Any, ...], channels: dict[tuple[Any, ...], list[Place]]) -> None:
    if isinstance(node, dict):
        here = (*path, *(node.get(name) for name in _ORDER if not isinstance(node.get(name), (dict, list))))
        if not path:
            here = (*here, str(node.get("type")))
        for key, value in node.items():
            if isinstance(value, str) and key in _TEXTS:
                channels.setdefault((*here, key), []).append((node, key))
            else:
                _find(value, (*here, key), channels)
    elif isinstance(node, list):
        for item in node:
            _find(item, path, channels)


def _cut(parts: list[str], whole: str, changed: str) -> list[str]:
    """Cuts ``changed`` as ``whole`` was cut, up to the first change and behind the last.

    What lies between stands in the part where it began: readers put the parts together, so only the whole counts.
    """
    head = _shared(whole, changed)
    tail = _shared(whole[head:][::-1], changed[head:][::-1])
    middle = changed[head : len(changed) - tail]
    made, at = [], 0
    for part in parts:
        end = at + len(part)
        piece = whole[at : min(end, head)] if at < head else ""
        if middle and (at <= head < end or end == len(whole)):
            piece, middle = piece + middle, ""
        made.append(piece + whole[max(at, len(whole) - tail) : end])
        at = end
    return made


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))
