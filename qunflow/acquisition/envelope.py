"""
The XML of WeCom callbacks, read by hand on top of expat: flat, small, and without a document type.

A document type is where entities come from, so it is refused outright; depth and element count are bounded before
anything is built. The web side reads with it what it keeps, and events are read with it again.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from qunflow.errors import BadInput

MAX_DEPTH = 6
MAX_ELEMENTS = 5_000
_NEXT_STEP = "check that WeCom itself sends to this address"

Fields = dict[str, str | list[str]]


def read_fields(document: bytes) -> Fields:
    """
    The children of the root element: texts by tag.

    A tag that holds ``<Item>`` elements or comes more than once becomes a list of texts.

    Raises:
        BadInput: when it is not such a document, saying why.
    """
    reader = _Reader()
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=None)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        # Expat believes a byte order mark more than what it is told.
        if "\0" in document.decode():
            raise _unreadable()
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError) as error:
        raise _unreadable() from error
    return reader.fields


class _Reader:
    """Collects the texts of one document."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self._path: list[str] = []
        self._texts: list[str] = []
        self._items: list[str] = []
        self._elements = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._path) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise _unreadable()
        self._path.append(name)
        self._texts = []
        if len(self._path) == 2:
            self._items = []

    def text(self, words: str) -> None:
        self._texts.append(words)

    def end(self, name: str) -> None:
        words = "".join(self._texts)
        self._texts = []
        depth = len(self._path)
        self._path.pop()
        if depth == 3:
            self._items.append(words)
        elif depth == 2:
            self._keep(name, list(self._items) if self._items else words)

    def _keep(self, name: str, value: str | list[str]) -> None:
        known = self.fields.get(name)
        if known is None:
            self.fields[name] = value
            return
        first = known if isinstance(known, list) else [known]
        self.fields[name] = [*first, *(value if isinstance(value, list) else [value])]


def _refuse(*_: Any) -> int:
    raise BadInput("a callback declares a document type", _NEXT_STEP)


def _unreadable() -> BadInput:
    return BadInput("a callback is not readable XML", _NEXT_STEP)
