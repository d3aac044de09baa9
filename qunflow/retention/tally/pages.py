"""
Marks and numbers of people as arrays: pages of so many person numbers in a row, of which only those in use exist.

Person numbers are handed out one after the other, so pages are nearly full; a number far away costs one page.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Truths: TypeAlias = npt.NDArray[np.bool_]

PAGE_BITS = 13
PAGE = 1 << PAGE_BITS
NO_DAY = np.iinfo(np.int32).min
_COUNT, _ARRAY = struct.Struct("<q"), struct.Struct("<2s6xqq")
_WHOLE = tuple((np.dtype(f"<i{size}"), 1 << (8 * size - 1)) for size in (1, 2, 4, 8))


def ints(values: object = ()) -> Ints:
    """Any whole numbers as an array."""
    return np.asarray(values, dtype=np.int64)


def distinct(values: Ints) -> Ints:
    """Each value once, in order; by sorting, which for whole numbers is quicker than the hashing of ``np.unique``."""
    if len(values) < 2:
        return values
    values = np.sort(values)
    kept = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=kept[1:])
    return values[kept]


def ordered(*columns: Ints) -> Ints:
    """The order by the first column, then by the next; where all fit into one number it is that which is sorted."""
    if not len(columns[0]):
        return ints()
    lows = [int(column.min()) for column in columns]
    spans = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if prod(spans) >= 1 << 62:
        return np.lexsort(columns[::-1])
    folded = np.zeros(len(columns[0]), np.int64)
    for column, low, span in zip(columns, lows, spans, strict=True):
        folded = folded * span + (column - low)
    return np.argsort(folded)


def days_among(days: Ints) -> list[int]:
    """Each day once, in order; days lie close together."""
    if not len(days):
        return []
    first = int(days.min())
    return (np.flatnonzero(np.bincount(days - first)) + first).tolist()


def places(keys: Ints, wanted: Ints) -> Ints:
    """Where wanted keys stand; ``keys`` are in order, and those that are not among them are left out."""
    place = np.searchsorted(keys, wanted)
    there = place < len(keys)
    place, wanted = place[there], wanted[there]
    found: Ints = place[keys[place] == wanted]
    return found


def looked_up(keys: Ints, values: Ints, wanted: Ints, missing: int) -> Ints:
    """The value of each wanted key; ``keys`` are in order."""
    if not len(keys):
        return np.full(len(wanted), missing)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], missing)


def packed(arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Arrays one after the other, whole numbers in as few bytes as their range needs, each at a multiple of 8."""
    parts = [_COUNT.pack(len(arrays))]
    for array in arrays:
        small = np.ascontiguousarray(_narrow(array))
        shape = small.shape if small.ndim == 2 else (len(small), 0)
        parts += [_ARRAY.pack(small.dtype.str[1:].encode(), *shape), small.tobytes(), bytes(-small.nbytes % 8)]
    return b"".join(parts)


def unpacked(content: bytes, *, widened: bool = True) -> list[npt.NDArray[Any]]:
    """What ``packed`` was given, one-dimensional whole numbers as int64, or as they lie in ``content``."""
    (count,), place = _COUNT.unpack_from(content), _COUNT.size
    found: list[npt.NDArray[Any]] = []
    for _ in range(count):
        kind, rows, width = _ARRAY.unpack_from(content, place)
        place += _ARRAY.size
        array = np.frombuffer(content, f"<{kind.decode()}", rows * (width or 1), place)
        place += array.nbytes + -array.nbytes % 8
        if width:
            array = array.reshape(rows, width)
        found.append(array.astype(np.int64) if widened and not width else array)
    return found


def _narrow(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 2 or not len(array):
        return array
    low, high = int(array.min()), int(array.max())
    return array.astype(next(kind for kind, limit in _WHOLE if -limit <= low and high < limit))


class Paged:
    """Numbers by person in pages of equal length; ``locate`` says where people stand, and makes room for new ones."""

    def __init__(self, width: int, empty: int, kind: type[Any], content: bytes | None = None) -> None:
        self._empty = empty
        self.numbers, self.rows = ints(), np.full((0, width), empty, kind)
        if content:
            self.numbers, rows = unpacked(content)
            self.rows = rows.copy()
        self._row_of, self._gapless = ints(), True
        self._look_up()

    def to_bytes(self) -> bytes:
        """For ``__init__``."""
        return packed([self.numbers, self.rows])

    @property
    def flat(self) -> npt.NDArray[Any]:
        """All pages one after the other, a view."""
        return self.rows.reshape(-1)

    def locate(self, people: Ints) -> Ints:
        """Where each stands among all places, page after page."""
        if not len(people) or (self._gapless and int(people.max()) < len(self.numbers) << PAGE_BITS):
            return people
        pages = people >> PAGE_BITS
        if (most := int(pages.max())) >= len(self._row_of):
            self._row_of = np.concatenate([self._row_of, np.full(most + 1 - len(self._row_of), -1)])
        row = self._row_of[pages]
        if int(row.min()) < 0:
            missing = np.zeros(len(self._row_of), bool)
            missing[pages[row < 0]] = True
            self._grow(np.flatnonzero(missing))
            row = self._row_of[pages]
        return ints((row << PAGE_BITS) + (people & (PAGE - 1)))

    def people_at(self, places: Ints) -> Ints:
        """Who stands where."""
        if self._gapless:
            return places
        return ints((self.numbers[places >> PAGE_BITS] << PAGE_BITS) + (places & (PAGE - 1)))

    def _grow(self, missing: Ints) -> None:
        numbers = np.concatenate([self.numbers, missing])
        more = np.full((len(missing), self.rows.shape[1]), self._empty, self.rows.dtype)
        rows = np.concatenate([self.rows, more])
        if len(self.numbers) and int(missing[0]) < int(self.numbers[-1]):
            order = np.argsort(numbers)
            numbers, rows = numbers[order], rows[order]
        self.numbers, self.rows = numbers, rows
        self._look_up()

    def _look_up(self) -> None:
        # Page → row, -1 where there is none: one look instead of a search.
        self._row_of = np.full(int(self.numbers[-1]) + 1 if len(self.numbers) else 0, -1)
        self._row_of[self.numbers] = np.arange(len(self.numbers))
        # Where every page up to the last is there, each stands at the place of their number.
        self._gapless = len(self._row_of) == len(self.numbers)


class Marks:
    """A set of people, a bit each."""

    def __init__(self, content: bytes | None = None) -> None:
        self._pages = Paged(PAGE // 8, 0, np.uint8, content)

    def to_bytes(self) -> bytes:
        """For ``__init__``."""
        return self._pages.to_bytes()

    def has(self, people: Ints) -> Truths:
        """Whether each is in it."""
        place = self._pages.locate(people)
        held: Truths = (self._pages.flat[place >> 3] >> (place & 7).astype(np.uint8)) & 1 == 1
        return held

    def add(self, people: Ints) -> Ints:
        """Put people in; returns those who are new, each once, in order."""
        place = self._pages.locate(people)
        told = np.zeros(len(self._pages.numbers) << PAGE_BITS, bool)
        told[place] = True
        bits = np.packbits(told, bitorder="little")
        new = bits & ~self._pages.flat
        self._pages.rows |= bits.reshape(self._pages.rows.shape)
        return self._in(new)

    def merge(self, other: Marks) -> None:
        """Put everybody of another set in."""
        theirs = other._pages
        row = self._pages.locate(theirs.numbers << PAGE_BITS) >> PAGE_BITS
        self._pages.rows[row] |= theirs.rows

    def people(self) -> Ints:
        """Everybody in it, in order."""
        return self._in(self._pages.flat)

    def _in(self, bits: npt.NDArray[np.uint8]) -> Ints:
        return self._pages.people_at(np.flatnonzero(np.unpackbits(bits, bitorder="little").view(bool)))


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
        place = self._pages.locate(people)
        return self._pages.flat[place].astype(np.int64)

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

    @property
    def size_bytes(self) -> int:
        """About what ``to_bytes`` gives."""
        return self._pages.rows.nbytes

    def to_bytes(self) -> bytes:
        """The whole column, patches included."""
        return self._pages.to_bytes()

    def _set(self, people: Ints, values: Ints) -> None:
        place = self._pages.locate(people)
        self._pages.flat[place] = values
