"""
Marks and numbers of people as arrays: pages of so many person numbers in a row, of which only those in use exist.

Person numbers are handed out one after the other, so pages are nearly full; a number far away costs one page.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Truths: TypeAlias = npt.NDArray[np.bool_]

PAGE_BITS = 13
PAGE = 1 << PAGE_BITS
NO_DAY = np.iinfo(np.int32).min
_WHOLE = (np.dtype("<i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<i8"))


def ints(values: object = ()) -> Ints:
    """Any whole numbers as an array."""
    return np.asarray(values, dtype=np.int64)


def distinct(values: Ints) -> Ints:
    """Each value once, in order; by sorting, which for whole numbers is quicker than the hashing of ``np.unique``."""
    if len(values) < 2:
        return values
    ordered = np.sort(values)
    kept = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered[kept]


def days_among(days: Ints) -> list[int]:
    """Each day once, in order; days lie close together."""
    if not len(days):
        return []
    first = int(days.min())
    return (np.flatnonzero(np.bincount(days - first)) + first).tolist()


def packed(arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Arrays one after the other, whole numbers in as few bytes as their range needs."""
    parts = [struct.pack("<B", len(arrays))]
    for array in arrays:
        small = np.ascontiguousarray(_narrow(array))
        shape = small.shape if small.ndim == 2 else (len(small), 0)
        parts += [struct.pack("<2sqq", small.dtype.str[1:].encode(), *shape), small.tobytes()]
    return b"".join(parts)


def unpacked(content: bytes) -> list[npt.NDArray[Any]]:
    """What ``packed`` was given, one-dimensional whole numbers as int64."""
    (count,), place = struct.unpack_from("<B", content), 1
    found: list[npt.NDArray[Any]] = []
    for _ in range(count):
        kind, rows, width = struct.unpack_from("<2sqq", content, place)
        place += struct.calcsize("<2sqq")
        dtype = np.dtype(f"<{kind.decode()}")
        array = np.frombuffer(content, dtype, rows * (width or 1), place)
        place += array.nbytes
        found.append(array.reshape(rows, width) if width else array.astype(np.int64))
    return found


def _narrow(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 2 or not len(array):
        return array
    low, high = int(array.min()), int(array.max())
    return array.astype(next(kind for kind in _WHOLE if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))


class Paged:
    """Rows of equal length by page number; ``locate`` says where people stand, and makes room for new ones."""

    def __init__(self, width: int, empty: int, kind: type[Any], content: bytes | None = None) -> None:
        self._empty = empty
        self.numbers, self.rows = ints(), np.full((0, width), empty, kind)
        if content:
            self.numbers, rows = unpacked(content)
            self.rows = rows.copy()
        # Page → row, -1 where there is none: one look instead of a search.
        self._row_of = np.full(int(self.numbers[-1]) + 1 if len(self.numbers) else 0, -1)
        self._row_of[self.numbers] = np.arange(len(self.numbers))

    def to_bytes(self) -> bytes:
        """For ``__init__``."""
        return packed([self.numbers, self.rows])

    def locate(self, people: Ints) -> tuple[Ints, Ints]:
        """Row and place of each."""
        pages = people >> PAGE_BITS
        if not len(people):
            return pages, people
        if (most := int(pages.max())) >= len(self._row_of):
            self._row_of = np.concatenate([self._row_of, np.full(most + 1 - len(self._row_of), -1)])
        row = self._row_of[pages]
        if int(row.min()) < 0:
            self._grow(distinct(pages[row < 0]))
            row = self._row_of[pages]
        return row, people & (PAGE - 1)

    def _grow(self, missing: Ints) -> None:
        numbers = np.concatenate([self.numbers, missing])
        more = np.full((len(missing), self.rows.shape[1]), self._empty, self.rows.dtype)
        order = np.argsort(numbers)
        self.numbers, self.rows = numbers[order], np.concatenate([self.rows, more])[order]
        self._row_of[self.numbers] = np.arange(len(numbers))


class Marks:
    """A set of people, a bit each."""

    def __init__(self, content: bytes | None = None) -> None:
        self._pages = Paged(PAGE // 8, 0, np.uint8, content)

    def to_bytes(self) -> bytes:
        """For ``__init__``."""
        return self._pages.to_bytes()

    def has(self, people: Ints) -> Truths:
        """Whether each is in it."""
        row, place = self._pages.locate(people)
        held: Truths = (self._pages.rows[row, place >> 3] >> (place & 7).astype(np.uint8)) & 1 == 1
        return held

    def add(self, people: Ints) -> Ints:
        """Put people in; returns those who are new, each once, in order."""
        row, place = self._pages.locate(people)
        before = self._pages.rows.copy()
        bits = np.left_shift(np.uint8(1), (place & 7).astype(np.uint8))
        np.bitwise_or.at(self._pages.rows, (row, place >> 3), bits)
        return self._in(np.bitwise_and(self._pages.rows, np.invert(before), dtype=np.uint8))

    def merge(self, other: Marks) -> None:
        """Put everybody of another set in."""
        theirs = other._pages
        row, _ = self._pages.locate(theirs.numbers * PAGE)
        self._pages.rows[row] |= theirs.rows

    def people(self) -> Ints:
        """Everybody in it, in order."""
        return self._in(self._pages.rows)

    def _in(self, rows: npt.NDArray[np.uint8]) -> Ints:
        place = np.flatnonzero(np.unpackbits(rows, bitorder="little"))
        return self._pages.numbers[place // PAGE] * PAGE + place % PAGE


class Column:
    """A whole number of each person; ``NO_DAY`` (by default) where there is none."""

    def __init__(self, content: bytes | None = None, patches: Sequence[bytes] = (), empty: int = NO_DAY) -> None:
        self._pages = Paged(PAGE, empty, np.int32, content)
        self._changed: list[Ints] = []
        for patch in patches:
            people, values = unpacked(patch)
            self._set(people, values)

    def take(self, people: Ints) -> Ints:
        """The number of each."""
        row, place = self._pages.locate(people)
        return self._pages.rows[row, place].astype(np.int64)

    def put(self, people: Ints, values: Ints) -> None:
        """Give different people their numbers."""
        self._set(people, values)
        self._changed.append(people)

    def patch(self) -> bytes | None:
        """What was put since it was made; None when nothing was."""
        if not any(map(len, self._changed)):
            return None
        people = distinct(np.concatenate(self._changed))
        return packed([people, self.take(people)])

    def to_bytes(self) -> bytes:
        """The whole column, patches included."""
        return self._pages.to_bytes()

    def _set(self, people: Ints, values: Ints) -> None:
        row, place = self._pages.locate(people)
        self._pages.rows[row, place] = values
