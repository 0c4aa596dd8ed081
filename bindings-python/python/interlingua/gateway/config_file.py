"""Reading a LiteLLM ``config.yaml``: includes, ``os.environ/NAME`` references, and errors that say what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import yaml

Section: TypeAlias = dict[str, object]
REFERENCE = "os.environ/"
MAX_INCLUDES = 100
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast where PyYAML has its C part."""


class ConfigError(Exception):
    """The config cannot be used. Says the file, the key and what to do about it."""

    def __init__(self, file: str, key: str, message: str, place: Place | None = None) -> None:
        where = file if place is None else str(place)
        super().__init__(f"{where}: {key}: {message}" if key else f"{where}: {message}")
        self.file = file
        self.key = key
        self.message = message
        self.place = place

    def at(self, place: Place | None) -> ConfigError:
        """The same, with its line."""
        return ConfigError(self.file, self.key, self.message, place)


class Place(NamedTuple):
    """Where something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ConfigFile:
    """A config with its includes merged as LiteLLM does it: lists grow, whatever else is included replaces."""

    def __init__(self, path: Path) -> None:
        """Raises ``ConfigError``."""
        self.path = path
        self.document: Section = _parse(path)
        """References are not yet resolved."""
        self.replaced: list[tuple[str, Path]] = []
        """Keys whose value an included file has replaced, and that file."""
        self._origins = {key: [(path, _length(value))] for key, value in self.document.items()}
        self._nodes: dict[Path, yaml.Node | None] = {}
        self._merge_includes()

    def _merge_includes(self) -> None:
        seen = {self.path.resolve()}
        waiting = [(name, self.path) for name in _includes(self.document, self.path)]
        self.document.pop("include", None)
        while waiting:
            name, declared_in = waiting.pop(0)
            path = self._included(name, declared_in)
            if path.resolve() in seen:
                continue
            if len(seen) > MAX_INCLUDES:
                raise ConfigError(str(self.path), "include", f"more than {MAX_INCLUDES} files; put them together")
            seen.add(path.resolve())
            included = _parse(path)
            waiting += [(inner, path) for inner in _includes(included, path)]
            included.pop("include", None)
            for key, value in included.items():
                self._merge(key, value, path)

    def _included(self, name: str, declared_in: Path) -> Path:
        """Beside the file that names it, else beside the first file, as LiteLLM does."""
        for path in (declared_in.parent / name, self.path.parent / name):
            if path.exists():
                return path
        raise ConfigError(str(declared_in), "include", f"there is no file {name} beside it")

    def _merge(self, key: str, value: object, path: Path) -> None:
        present = self.document.get(key)
        if isinstance(present, list) and isinstance(value, list):
            self.document[key] = [*present, *value]
            self._origins[key].append((path, len(value)))
            return
        if present is not None:
            self.replaced.append((key, path))
        self.document[key] = value
        self._origins[key] = [(path, _length(value))]

    def find(self, key: str) -> Place | None:
        """Where a key stands, written as errors write it; where the mapping is that misses it, if it is missing."""
        name = max((name for name in self._origins if _begins(key, name)), key=len, default=None)
        if name is None:
            return None
        rest = key.removeprefix(name)
        path, _ = self._origins[name][0]
        index = re.match(r"\[(\d+)\]", rest)
        if index is not None:
            number = int(index[1])
            parts = list(self._origins[name])
            while len(parts) > 1 and number >= parts[0][1]:
                number -= parts.pop(0)[1]
            path = parts[0][0]
            rest = f"[{number}]{rest[index.end() :]}"
        line = _line(self._node(path), name + rest)
        return None if line is None else Place(str(path), line)

    def duplicates(self) -> list[tuple[str, Place]]:
        """Keys that stand twice in one mapping: YAML keeps the last only."""
        files = dict.fromkeys([self.path, *(path for parts in self._origins.values() for path, _ in parts)])
        return [(key, Place(str(path), line)) for path in files for key, line in _duplicates(self._node(path))]

    def _node(self, path: Path) -> yaml.Node | None:
        if path not in self._nodes:
            self._nodes[path] = yaml.compose(path.read_text(encoding="utf-8"), _LOADER)
        return self._nodes[path]


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _includes(document: Section, path: Path) -> list[str]:
    includes = document.get("include") or []
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise ConfigError(str(path), "include", "must be a list of file names")
    return includes


def _begins(key: str, name: str) -> bool:
    return key.startswith(name) and key[len(name) : len(name) + 1] in ("", ".", "[")


def _line(node: yaml.Node | None, key: str) -> int | None:
    """The line of the key, or of what is nearest to it."""
    line: int | None = None
    while node is not None and key:
        found: tuple[str, int, yaml.Node] | None = None
        if isinstance(node, yaml.SequenceNode):
            index = re.match(r"\[(\d+)\]", key)
            if index is not None and int(index[1]) < len(node.value):
                item = node.value[int(index[1])]
                found = (index[0], item.start_mark.line + 1, item)
        else:
            # Names may hold dots: the longest one that fits.
            fitting = (pair for pair in _pairs(node) if _begins(key, pair[0]))
            found = max(fitting, key=lambda pair: len(pair[0]), default=None)
        if found is None:
            break
        name, line, node = found
        key = key.removeprefix(name).removeprefix(".")
    return line


def _pairs(node: yaml.Node) -> Iterator[tuple[str, int, yaml.Node]]:
    """Name, line and value of each key, with those that a merge key (``<<``) brings."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == "tag:yaml.org,2002:merge":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                yield from _pairs(merged)
        else:
            yield str(key.value), key.start_mark.line + 1, value


def _duplicates(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in lines and key.tag != "tag:yaml.org,2002:merge":
                yield name, lines[name]
            lines[name] = key.start_mark.line + 1
            yield from _duplicates(value)


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


def references(value: object, key: str = "", *, listed: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Every reference to a variable: its key, the variable, and whether it stands in a list, where it stays a text."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        yield key, value.removeprefix(REFERENCE), listed
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from references(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, f"{key}[{index}]", listed=True)


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

    def check_keys(self, known: Collection[str]) -> None:
        """Raises ``ConfigError`` for any other key."""
        for key in self.section:
            if key not in known:
                raise self.error(key, f"is not known here; the section takes {', '.join(sorted(known))}")

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
