"""Records that only one area uses: declared beside their calls, put on a shelf of each platform at the first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from qunflow.sandbox.platform import Platform
from qunflow.sandbox.shelf import Shelf

R = TypeVar("R")


class Kept(Generic[R]):
    """
    One kind of record, a shelf of it for every platform; it is written and read back like all others.

    Args:
        kind: the record class, a dataclass of JSON values with a name of its own.
        key: gives a record's key; ``by``: named properties to look records up with.
    """

    def __init__(self, kind: type[R], key: Callable[[R], str], **by: Callable[[R], object]) -> None:
        self._kind = kind
        self._key = key
        self._by = by
        self._shelves: WeakKeyDictionary[Platform, Shelf[R]] = WeakKeyDictionary()

    def of(self, platform: Platform) -> Shelf[R]:
        """The shelf of a platform."""
        shelf = self._shelves.get(platform)
        if shelf is None:
            shelf = Shelf(self._kind, self._key, **self._by)
            platform.storage.attach(shelf)
            self._shelves[platform] = shelf
        return shelf
