"""STUB until helper A's arrives."""

from typing import Any


def structure(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: structure(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [structure(inner) for inner in value]
    if isinstance(value, str):
        return f"<text of {len(value)}>"
    if value is None or isinstance(value, bool):
        return f"<{'null' if value is None else 'bool'}>"
    return "<number>"


def secrets(value: Any) -> Any:
    return value
