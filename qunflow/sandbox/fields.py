"""
Declared request fields and how they are checked: the length in bytes or characters, the range, the code of a refusal.

Lengths are bytes wherever the platform counts bytes: a Chinese character is three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qunflow.sandbox.wire import Refusal

# Seconds of a thousand years: a number that is no instant any more is a mistake, not a reason to fall over.
_LARGEST = 2**35
_MOST_DIGITS = 12
_ITEMS = {"text": str, "number": int}


@dataclass(frozen=True, slots=True)
class Field:
    """
    One field of a request body.

    Args:
        kind: text, number, list, object or flag (true/false or 1/0).
        missing: the code when a required field is absent or empty; bad: any other mistake; over: too long or too many.
        low, high: bounds of a number; both 0 mean any that could be an instant.
        items: what a list holds, ``text`` or ``number``; empty for objects, which the handler reads.
        nullable: None when not given, for calls that change only what is named; an empty text then is a value.
    """

    name: str
    kind: str = "text"
    required: bool = False
    default: Any = None
    missing: int = 40063
    bad: int = 40058
    over: int = 40058
    max_bytes: int = 0
    max_chars: int = 0
    max_items: int = 0
    low: int = 0
    high: int = 0
    choices: tuple[Any, ...] = ()
    nullable: bool = False
    items: str = ""


def checked(fields: Sequence[Field], body: Mapping[str, Any]) -> dict[str, Any]:
    """
    The declared fields of a body with their defaults; undeclared ones are passed on untouched.

    Raises:
        Refusal: with the field's documented code.
    """
    found = dict(body)
    for field in fields:
        found[field.name] = _value(field, body.get(field.name))
    return found


def _value(field: Field, value: Any) -> Any:
    if field.nullable and value is None:
        return None
    if value is None or (value == "" and not field.nullable) or (field.required and value in ([], {})):
        if field.required:
            raise Refusal(field.missing, f"{field.name} missing")
        return _empty(field)
    plain = _READERS[field.kind](field, value)
    if field.choices and plain not in field.choices:
        raise Refusal(field.bad, f"{field.name} has an unknown value")
    return plain


def _empty(field: Field) -> Any:
    if field.default is not None:
        return field.default
    return {"text": "", "number": 0, "list": [], "object": {}, "flag": False}[field.kind]


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise Refusal(field.bad, f"{field.name} must be a string")
    if field.max_bytes and len(value.encode()) > field.max_bytes:
        raise Refusal(field.over, f"{field.name} is over {field.max_bytes} bytes")
    if field.max_chars and len(value) > field.max_chars:
        raise Refusal(field.over, f"{field.name} is over {field.max_chars} characters")
    return value


def _number(field: Field, value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MOST_DIGITS:
        value = int(value)
    if not isinstance(value, int):
        raise Refusal(field.bad, f"{field.name} must be a number")
    low, high = (field.low, field.high) if field.low or field.high else (-_LARGEST, _LARGEST)
    if not low <= value <= high:
        raise Refusal(field.bad, f"{field.name} must be {low} to {high}")
    return int(value)


def _list(field: Field, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal(field.bad, f"{field.name} must be a list")
    if field.max_items and len(value) > field.max_items:
        raise Refusal(field.over, f"{field.name} has over {field.max_items} items")
    if field.items and not all(isinstance(item, _ITEMS[field.items]) for item in value):
        raise Refusal(field.bad, f"{field.name} must hold {field.items}s only")
    return value


def _object(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(field.bad, f"{field.name} must be an object")
    return value


def _flag(field: Field, value: Any) -> bool:
    if value not in (True, False, 1, 0):
        raise Refusal(field.bad, f"{field.name} must be true or false")
    return bool(value)


_READERS = {"text": _text, "number": _number, "list": _list, "object": _object, "flag": _flag}
