"""
YAML read into plain values, with the place of every key and value.

Only what a settings file needs: no tags, no merge keys, and a key written twice is a mistake.
What the values mean is checked by ``qunflow.settings.checked``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qunflow.errors import ConfigurationError, Place

Keys = tuple[str | int, ...]

# An alias inside an alias can blow a small file up to gigabytes.
MOST_NODES = 100_000
DEEPEST = 40

# What a Chinese keyboard types where YAML wants a colon.
WIDE_COLON = "\uff1a"

_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*)?\.?[0-9]+([eE][-+]?[0-9]+)?\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its plain value, and where each key and each value stands."""

    file: str
    value: Any
    values: Mapping[Keys, Place]
    keys: Mapping[Keys, Place]

    def place_of(self, keys: Keys, *, at_key: bool = False) -> Place:
        """Where a value (or its key) stands; of something absent, where its nearest parent stands."""
        if at_key and keys in self.keys:
            return self.keys[keys]
        while keys and keys not in self.values:
            keys = keys[:-1]
        return self.values.get(keys, Place(self.file, 1, 1))


@dataclass(slots=True)
class _Reading:
    """Walks the node tree once and notes the places."""

    file: str
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)

    def value_of(self, node: Node, keys: Keys) -> Any:
        self.values[keys] = place = _place(self.file, node)
        if len(self.values) > MOST_NODES or len(keys) > DEEPEST:
            raise ConfigurationError("the file is nested or repeated too much", "write it out plainly", place)
        if isinstance(node, MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, SequenceNode):
            return [self.value_of(item, (*keys, number)) for number, item in enumerate(node.value)]
        return _scalar(node, place)

    def _mapping(self, node: MappingNode, keys: Keys) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, place = str(key_node.value), _place(self.file, key_node)
            if not isinstance(key_node, ScalarNode) or key == "<<":
                raise ConfigurationError("found a key that is not a plain word", "write a word before the colon", place)
            if key in mapping:
                first = self.keys[(*keys, key)]
                raise ConfigurationError(
                    f"found the key {key!r} twice (first in line {first.line})", "keep one of the two", place
                )
            self.keys[(*keys, key)] = place
            mapping[key] = self.value_of(value_node, (*keys, key))
        return mapping


def read_yaml(path: Path) -> Document:
    """
    Read a file of settings.

    Raises:
        ConfigurationError: missing, unreadable, not UTF-8 or broken YAML, a key written twice; with file:line:column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist", "make a workspace with `qunflow init DIR`") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror})", "check the file's rights") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8 in your editor"
        ) from error
    return parse_yaml(text, file=str(path))


def parse_yaml(text: str, *, file: str) -> Document:
    """Read YAML text; ``file`` is the name its mistakes are reported under. Raises: ConfigurationError."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        # A key without its colon is noticed on the next line; the context is the key itself.
        forgotten = "expected ':'" in str(error.problem)
        mark = (error.context_mark if forgotten else None) or error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise ConfigurationError(f"this is not valid YAML: {error.problem}", _hint(text, place), place) from error
    except (YAMLError, RecursionError) as error:
        raise ConfigurationError("this is not valid YAML", "look for control characters", Place(file, 1, 1)) from error
    if root is None:
        return Document(file, None, {}, {})
    reading = _Reading(file)
    value = reading.value_of(root, ())
    return Document(file, value, reading.values, reading.keys)


def _hint(text: str, place: Place) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line:
        return "indent with spaces: this line holds a tab"
    if WIDE_COLON in line:
        return "type the colon after a key as the half-width one, with a space behind it"
    if ":" in line:
        return "put a text that holds a colon in quotes, with a space after the key's own colon"
    return "check the indentation, the quotes and the brackets of this line and the one before"


def _place(file: str, node: Node) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: Node, place: Place) -> Any:
    text = str(node.value)
    if isinstance(node, ScalarNode) and node.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.match(text):
        return int(text.replace("_", ""))
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    return _day(text, place) if _DAY.match(text) else text


def _day(text: str, place: Place) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"found {text}, which is no day of the calendar", "correct the date", place) from error
