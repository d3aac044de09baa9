"""
A ``--spec`` file read into a `CommunitySpec`, every mistake told with file, line and column.

YAML scalars stay texts here: what a text means is the business of the field it is written for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from qunflow.errors import ConfigurationError, Place
from qunflow.sandbox.world.spec import CommunitySpec

Keys = tuple[str | int, ...]
MOST_NODES = 20_000
MOST_SHOWN = 10
_EMPTY = ("", "~", "null")
CALLBACK_MODES = ("dropped", "duplicate", "reorder")
CALL_MODES = ("errcode", "http_502", "html", "truncated", "slow", "reply_lost", "dropped", "late")


@dataclass(slots=True)
class _Reading:
    """Walks the nodes once and notes where each value and key stands."""

    file: str
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)

    def value_of(self, node: Node, keys: Keys) -> Any:
        self.values[keys] = place = _place(self.file, node)
        # An alias inside an alias can blow a small file up to gigabytes.
        if len(self.values) > MOST_NODES:
            raise ConfigurationError("the file repeats itself too much", "write it out plainly", place)
        if isinstance(node, MappingNode):
            return dict(self._items(node, keys))
        if isinstance(node, SequenceNode):
            return [self.value_of(item, (*keys, number)) for number, item in enumerate(node.value)]
        plain = isinstance(node, ScalarNode) and node.style is None
        return None if plain and node.value.lower() in _EMPTY else str(node.value)

    def _items(self, node: MappingNode, keys: Keys) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            key, place = str(key_node.value), _place(self.file, key_node)
            if (*keys, key) in self.keys:
                raise ConfigurationError(f"the key {key!r} is written twice", "keep one of the two", place)
            self.keys[(*keys, key)] = place
            yield key, self.value_of(value_node, (*keys, key))

    def place_of(self, keys: Keys) -> Place:
        while keys and keys not in self.values:
            keys = keys[:-1]
        return self.values.get(keys, Place(self.file, 1, 1))


def read_spec(path: Path) -> CommunitySpec:
    """
    The defaults with a file's changes.

    Raises:
        ConfigurationError: a missing file, broken YAML, an unknown or missing key, a refused value, a name that is
            used but not defined; with the place, and the first mistakes all told.
    """
    reading = _Reading(str(path))
    value = _value(path, reading)
    try:
        spec = _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise _told(reading, (_mistake(reading, one) for one in error.errors(include_url=False))) from None
    loose = list(_loose_names(spec, reading))
    if loose:
        raise _told(reading, loose)
    return spec


_ADAPTER = TypeAdapter(CommunitySpec)
_Mistake = tuple[Place, str, str]


def _value(path: Path, reading: _Reading) -> Any:
    try:
        root = YAML(typ="safe", pure=True).compose(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(str(path), mark.line + 1, mark.column + 1) if mark else None
        raise ConfigurationError(f"this is not valid YAML: {error.problem}", "check this line", place) from error
    except (OSError, UnicodeDecodeError, YAMLError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {type(error).__name__}", "give --spec a YAML file in UTF-8, or leave it out"
        ) from error
    return reading.value_of(root, ()) if root is not None else {}


def _told(reading: _Reading, found: Iterable[_Mistake]) -> ConfigurationError:
    mistakes = sorted(found, key=lambda one: (one[0].line, one[0].column))
    place, problem, next_step = mistakes[0]
    more = "".join(f"\n{where}: {what}" for where, what, _ in mistakes[1:MOST_SHOWN])
    return ConfigurationError(problem + more, next_step, place)


def _mistake(reading: _Reading, details: ErrorDetails) -> _Mistake:
    keys: Keys = tuple(details["loc"])
    name = ".".join(str(key + 1) if isinstance(key, int) else key for key in keys) or "the file"
    if details["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        valid = _fields_at(keys[:-1])
        meant = get_close_matches(str(keys[-1]), valid, 1)
        guess = f"did you mean {meant[0]!r}? " if meant else ""
        place = reading.keys.get(keys) or reading.place_of(keys)
        return place, f"unknown key {name!r}", f"{guess}known keys: {', '.join(valid)}"
    if details["type"] == "missing":
        return reading.place_of(keys[:-1]), f"the key {name!r} is missing", f"add `{keys[-1]}:`"
    found = "" if isinstance(details["input"], dict | list) else f" {details['input']!r}"
    return reading.place_of(keys), f"found{found} for {name!r}", details["msg"].replace("Input should", "it should", 1)


def _fields_at(keys: Keys) -> list[str]:
    """The keys that are known where a location of the file leads to."""
    holder: Any = CommunitySpec
    for key in keys:
        if isinstance(key, str):
            holder = _record_in(get_type_hints(holder)[key])
    return [one.name for one in fields(holder)]


def _record_in(annotation: Any) -> Any:
    found = (part if is_dataclass(part) else _record_in(part) for part in get_args(annotation))
    return next((record for record in found if record is not None), None)


def _loose_names(spec: CommunitySpec, reading: _Reading) -> Iterator[_Mistake]:
    """Names that are used but not defined; the order of instants."""
    staff, channels = {one.userid for one in spec.staff}, {one.key for one in spec.channels}
    uses: list[tuple[Keys, str, set[str]]] = [(("helper",), spec.helper, staff)]
    uses += [(("groups", n, role), getattr(g, role), staff) for n, g in enumerate(spec.groups) for role in _ROLES]
    uses += [(("rings", n, "channel"), ring.channel, channels) for n, ring in enumerate(spec.rings)]
    for keys, name, known in uses:
        if name not in known:
            yield reading.place_of(keys), f"{name!r} is not defined", f"known: {', '.join(sorted(known))}"
    for number, outage in enumerate(spec.outages):
        if outage.until <= outage.since:
            yield reading.place_of(("outages", number, "until")), "the outage ends before it begins", "swap the two"
        suits = CALLBACK_MODES if outage.path == "callback" else CALL_MODES
        if outage.mode not in suits:
            problem = f"mode {outage.mode!r} does not suit path {outage.path!r}"
            yield reading.place_of(("outages", number, "mode")), problem, f"valid: {', '.join(suits)}"


_ROLES = ("owner", "admin")


def _place(file: str, node: Node) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)
