"""
What two answers to the same call have in common: keys and types, never values.

Which calls are asked is left to ``verification``; who plays the two sides, to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = Mapping[str, frozenset[str]]
State: TypeAlias = Literal["alike", "different", "refused", "not_asked"]

# Every key WeCom documents looks like this; another one may be somebody's id, which nobody is shown.
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNNAMED = "?"


@dataclass(frozen=True, slots=True)
class TypeDifference:
    """One place of an answer that holds other types there than here; ``a[].b`` is ``b`` in the items of ``a``."""

    path: str
    there: tuple[str, ...]
    here: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    One call, answered there (the platform) and here (the sandbox).

    A code is the answer's ``errcode``; ``None`` means that the call could not be asked, for want of something to ask
    about. Only answers with 0 on both sides are looked into.
    """

    call: str
    code_there: int | None
    code_here: int | None
    only_there: tuple[str, ...] = ()
    only_here: tuple[str, ...] = ()
    types: tuple[TypeDifference, ...] = ()

    @property
    def state(self) -> State:
        """What the comparison showed; a refusal shows nothing about keys."""
        if self.code_there is None or self.code_here is None:
            return "not_asked"
        if self.code_there or self.code_here:
            return "refused"
        return "different" if self.only_there or self.only_here or self.types else "alike"


def shape_of(body: Mapping[str, Any]) -> Shape:
    """The types at each place of an answer; the items of a list are one place."""
    found: dict[str, set[str]] = {}
    for path, kind in _walk("", body):
        found.setdefault(path, set()).add(kind)
    return {path: frozenset(kinds) for path, kinds in found.items()}


def compared(call: str, there: Mapping[str, Any] | None, here: Mapping[str, Any] | None) -> Comparison:
    """
    Compare two answers.

    What lies below a key that is missing on one side is not told again, and a list that is empty on one side says
    nothing about items.
    """
    codes = _code(there), _code(here)
    if there is None or here is None or any(codes):
        return Comparison(call, *codes)
    a, b = shape_of(there), shape_of(here)
    types = [TypeDifference(path, _named(a[path]), _named(b[path])) for path in sorted(a.keys() & b.keys())]
    return Comparison(
        call, *codes, _missing(a, b), _missing(b, a), tuple(one for one in types if one.there != one.here)
    )


def _missing(given: Shape, other: Shape) -> tuple[str, ...]:
    """Keys of ``given`` whose object the other side has too, but without them."""
    absent = [path for path in given.keys() - other.keys() if not path.endswith("[]")]
    return tuple(sorted(path for path in absent if "object" in other.get(path.rpartition(".")[0], ())))


def _walk(path: str, value: Any) -> Iterator[tuple[str, str]]:
    yield path, _type(value)
    if isinstance(value, Mapping):
        for key, part in value.items():
            name = key if _PLAIN_KEY.fullmatch(key) else _UNNAMED
            yield from _walk(f"{path}.{name}", part)
    elif isinstance(value, list):
        for part in value:
            yield from _walk(f"{path}[]", part)


def _type(value: Any) -> str:
    # JSON knows one kind of number, so 1 and 1.5 are alike.
    for kinds, name in ((bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "list")):
        if isinstance(value, kinds):
            return name
    return "null" if value is None else "object"


def _named(kinds: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(kinds))


def _code(body: Mapping[str, Any] | None) -> int | None:
    if body is None:
        return None
    code = body.get("errcode", 0)
    return code if isinstance(code, int) else -1
