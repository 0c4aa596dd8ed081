"""Reading a LiteLLM ``config.yaml``: includes, ``os.environ/NAME`` references, and errors that say what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

import yaml

Section: TypeAlias = dict[str, object]
REFERENCE = "os.environ/"
MAX_INCLUDES = 100
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast where PyYAML has its C part."""


class ConfigError(Exception):
    """The config cannot be used. Says the file, the key and what to do about it."""

    def __init__(self, file: str, key: str, message: str) -> None:
        super().__init__(f"{file}: {key}: {message}" if key else f"{file}: {message}")
        self.file = file
        self.key = key


def read_config(path: Path) -> Section:
    """The file with its includes merged, references not yet resolved."""
    seen: list[Path] = []
    return _read(path, seen)


def _read(path: Path, seen: list[Path]) -> Section:
    if path.resolve() in seen:
        raise ConfigError(str(path), "include", "the file includes itself; remove the circle")
    if len(seen) >= MAX_INCLUDES:
        raise ConfigError(str(path), "include", f"more than {MAX_INCLUDES} files; put them together")
    seen.append(path.resolve())
    document = _parse(path)
    includes = document.get("include") or []
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise ConfigError(str(path), "include", "must be a list of file names")
    for name in includes:
        for key, value in _read(path.parent / name, seen).items():
            present = document.get(key)
            if isinstance(present, list) and isinstance(value, list):
                document[key] = [*present, *value]
            elif isinstance(present, dict) and isinstance(value, dict):
                document[key] = {**present, **value}
            elif key != "include":
                document[key] = value
    return document


def _parse(path: Path) -> Section:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), "", "no such file; give its path with --config FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read as UTF-8 text ({type(error).__name__})") from None
    try:
        document: object = yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigError(str(path), "", f"is not valid YAML{where}; check the indentation and quotes there") from None
    if document is None:
        raise ConfigError(str(path), "", "is empty; it needs at least a model_list")
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise ConfigError(str(path), "", "must be a mapping with keys such as model_list and general_settings")
    return cast(Section, document)


class Environment:
    """Environment variables as the config sees them, with its own ``environment_variables`` on top."""

    def __init__(self, base: Mapping[str, str] | None = None) -> None:
        self._values: dict[str, str] = dict(os.environ if base is None else base)
        self.missing: list[str] = []
        """Variables that the config refers to and that are not set."""

    def add(self, variables: Mapping[str, object]) -> None:
        for name, value in variables.items():
            resolved = self.resolve(value)
            if resolved is not None:
                self._values[name] = str(resolved)

    def get(self, name: str) -> str | None:
        return self._values.get(name) or None

    def resolve(self, value: object) -> object:
        """Replace ``os.environ/NAME`` in values of mappings, and of mappings inside lists, as LiteLLM does."""
        if isinstance(value, str) and value.startswith(REFERENCE):
            name = value.removeprefix(REFERENCE)
            found = self.get(name)
            if found is None and name not in self.missing:
                self.missing.append(name)
            return found
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) if isinstance(item, dict) else item for item in value]
        return value


class Fields:
    """A mapping of the config with typed look-ups that name the key when a value is of the wrong type."""

    def __init__(self, file: str, key: str, section: object) -> None:
        if section is None:
            section = {}
        if not isinstance(section, dict):
            raise ConfigError(file, key, "must be a mapping of names to values")
        self.file = file
        self.key = key
        self.section = cast(Section, section)

    def error(self, name: str, message: str) -> ConfigError:
        return ConfigError(self.file, f"{self.key}.{name}" if self.key else name, message)

    def text(self, name: str) -> str | None:
        value = self.section.get(name)
        if value is None or isinstance(value, str):
            return value or None
        raise self.error(name, "must be a text; put it in quotes")

    def number(self, name: str) -> float | None:
        value = self.section.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.error(name, "must be a number") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.error(name, "must be a number, 0 or more")
        return float(value)

    def count(self, name: str) -> int | None:
        value = self.number(name)
        if value is not None and value != int(value):
            raise self.error(name, "must be a whole number")
        return None if value is None else int(value)

    def flag(self, name: str) -> bool | None:
        value = self.section.get(name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise self.error(name, "must be true or false")

    def inner(self, name: str) -> Fields:
        return Fields(self.file, f"{self.key}.{name}" if self.key else name, self.section.get(name))

    def items(self, name: str) -> list[object]:
        value = self.section.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, "must be a list; begin each entry with a dash")
        return cast("list[object]", value)
