"""
Records of one kind, held in memory and written through.

A record is a dataclass; replacing it marks it for the next write, so a reader never meets a half-changed one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar

R = TypeVar("R")
_NONE: Mapping[str, Any] = {}
_ENCODED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Shelf(Generic[R]):
    """
    Keyed records with look-up by declared properties.

    Args:
        kind: the record class, a dataclass of JSON values.
        key: gives a record's key.
        by: named properties to look records up with.
    """

    def __init__(self, kind: type[R], key: Callable[[R], str], **by: Callable[[R], object]) -> None:
        self._kind = kind
        self._names = tuple(f.name for f in fields(kind))  # type: ignore[arg-type]
        # The first name twice: with one name only, attrgetter would give a bare value.
        self._values = attrgetter(*self._names, self._names[0])
        self._key = key
        self._by = by
        self._records: dict[str, R] = {}
        self._index: dict[str, dict[object, dict[str, R]]] = {name: {} for name in by}
        self._changed: dict[str, None] = {}
        self._written: set[str] = set()

    @property
    def name(self) -> str:
        """The kind's name in the database."""
        return self._kind.__name__

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._records.values()))

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def get(self, key: str) -> R | None:
        """The record, or nothing."""
        return self._records.get(key)

    def __getitem__(self, key: str) -> R:
        return self._records[key]

    def where(self, name: str, value: object) -> list[R]:
        """Records whose declared property has a value, oldest first."""
        return list(self._index[name].get(value, _NONE).values())

    def first(self, name: str, value: object) -> R | None:
        """The oldest record whose declared property has a value, or nothing."""
        return next(iter(self._index[name].get(value, _NONE).values()), None)

    def count(self, name: str, value: object) -> int:
        """How many records have that property."""
        return len(self._index[name].get(value, ()))

    def put(self, record: R) -> R:
        """Add a record or replace the one with its key."""
        key = self._key(record)
        self._place(key, record)
        self._changed[key] = None
        return record

    def change(self, record: R, **values: object) -> R:
        """Replace some values of a record: as `dataclasses.replace`, at a third of its price."""
        whole = dict(zip(self._names, self._values(record), strict=False))
        return self.put(self._kind(**{**whole, **values}))

    def drop(self, key: str) -> None:
        """Remove a record; an unknown key is no error."""
        record = self._records.pop(key, None)
        if record is not None:
            self._unindex(key, record)
            if key in self._written:
                self._changed[key] = None
            else:
                # What came and went between two writes was never there.
                self._changed.pop(key, None)

    def load(self, rows: Mapping[str, str]) -> None:
        """Fill from what was written before."""
        for key, body in rows.items():
            self._place(key, self._kind(**json.loads(body)))
        self._written.update(rows)

    def take_changes(self) -> list[tuple[str, str | None]]:
        """Key and JSON of every change since the last call; None for a removed one."""
        found = [(key, self._json(self._records.get(key))) for key in self._changed]
        self._written.update(self._changed)
        self._written.difference_update(key for key, body in found if body is None)
        self._changed.clear()
        return found

    def forget_changes(self) -> None:
        """Let nothing be written of what changed: for state that lives in memory only."""
        self._changed.clear()

    def _json(self, record: R | None) -> str | None:
        return None if record is None else _ENCODED(dict(zip(self._names, self._values(record), strict=False)))

    def _place(self, key: str, record: R) -> None:
        old = self._records.get(key)
        self._records[key] = record
        for name, of in self._by.items():
            value = of(record)
            if old is not None and (before := of(old)) != value:
                self._index[name].get(before, {}).pop(key, None)
            self._index[name].setdefault(value, {})[key] = record

    def _unindex(self, key: str, record: R) -> None:
        for name, of in self._by.items():
            self._index[name].get(of(record), {}).pop(key, None)
