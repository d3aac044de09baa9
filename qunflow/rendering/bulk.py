"""
Many rows of one template: every distinct text is made once.

A template is split once per set of deciding values into fixed words and places for the variables that are only written
out; a row then costs its own values and no run of the template. The texts are those of ``Written.text``, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from qunflow.errors import ConfigurationError
from qunflow.rendering.values import harmless
from qunflow.rendering.written import Written

Rendered = str | ConfigurationError
Row = Mapping[str, Any]
_Key = tuple[Any, ...]

_ABSENT = object()
_WRITTEN = (str, int, float)
_SCALARS = frozenset((str, int, float, bool, type(None), object))
# Kept texts and shapes; a season's worth of personal texts would fill the memory.
_MOST_KEPT = 10_000
# Marks a place; a value cannot hold it, nor can a template.
_PLACE = re.compile("\ue001([\ue100-\uf8ff])")
_FIRST_PLACE = 0xE100


class _Shape:
    """A text with places: words that stay, and which spoken variable stands where."""

    def __init__(self, raw: str, there: Sequence[str]) -> None:
        self.there = there
        self.words = _PLACE.sub("%s", raw.replace("%", "%%"))
        self.names = [there[ord(mark) - _FIRST_PLACE] for mark in _PLACE.findall(raw)]


class Bulk:
    """One template being rendered for many rows."""

    def __init__(self, copy: Written) -> None:
        self._copy = copy
        self._names = tuple(sorted(copy.reads))
        self._required = frozenset(copy.variables)
        self._spoken = tuple(sorted(copy.spoken & copy.reads))
        self._deciding = tuple(name for name in self._names if name not in self._spoken)
        self._texts: dict[_Key, str] = {}
        self._shapes: dict[_Key, _Shape | None] = {}

    def texts(self, rows: Iterable[Row]) -> Iterator[Rendered]:
        """The text of each row in order, or what is wrong with that row."""
        kept, names = self._texts, self._names
        absent = tuple(repeat(_ABSENT, len(names)))
        for row in rows:
            values = tuple(map(row.get, names, absent))
            key = _key(values)
            text: Rendered | None = kept.get(key) if key else None
            if text is None:
                text = self._made(row)
                # An error also speaks of what the row holds besides; it is told anew for each.
                if key and isinstance(text, str):
                    _keep(kept, key, text)
            yield text

    def _made(self, row: Row) -> Rendered:
        try:
            return self._from_shape(row) or self._copy.text(row)
        except ConfigurationError as error:
            return error

    def _from_shape(self, row: Row) -> str:
        """The text by filling places; "" when the row has to be rendered by itself, which also tells what is wrong."""
        try:
            shape = self._shape(row)
            return self._filled(shape, row) if shape else ""
        except ConfigurationError:
            return ""

    def _shape(self, row: Row) -> _Shape | None:
        """The split text for a row's deciding values; None when the row has to be rendered by itself."""
        there = tuple([name for name in self._spoken if name in row])
        if not self._required <= row.keys() or not all(type(row[name]) in _WRITTEN for name in there):
            return None
        key = _key((*[row.get(name, _ABSENT) for name in self._deciding], *there))
        if not key:
            return None
        if key not in self._shapes:
            _keep(self._shapes, key, self._split(row, there))
        return self._shapes[key]

    def _split(self, row: Row, there: Sequence[str]) -> _Shape | None:
        marks = {name: f"\ue001{chr(_FIRST_PLACE + number)}" for number, name in enumerate(there)}
        values = self._copy.plain({name: row[name] for name in self._deciding if name in row})
        try:
            return _Shape(self._copy.raw({**values, **marks}), there)
        except ConfigurationError:
            return None

    def _filled(self, shape: _Shape, row: Row) -> str:
        markdown = self._copy.markdown
        values = {name: harmless(row[name], name, markdown=markdown) for name in shape.there}
        spoken = tuple([values[name] for name in shape.names])
        return "" if "" in spoken else self._copy.finished(shape.words % spoken)


def _key(values: _Key) -> _Key | None:
    """What tells rows apart: 1, 1.0 and True are equal and read differently. None for lists and mappings."""
    types = tuple(map(type, values))
    return (values, types) if _SCALARS.issuperset(types) else None


def _keep(kept: dict[_Key, Any], key: _Key, value: Any) -> None:
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[key] = value
