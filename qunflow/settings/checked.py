"""
A YAML document checked against a pydantic model, every mistake told with its place.

A mistake says what was found, what is valid, and which valid word was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qunflow.errors import ConfigurationError, Place
from qunflow.settings.words import did_you_mean
from qunflow.settings.yaml import Document, Keys

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {bool: "yes/no", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
_MOST_SHOWN = 20
_VALID = {
    "int_type": "a whole number without quotes, such as 2990",
    "float_type": "a number without quotes, such as 0.15",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list, one item a line behind a dash",
    "list_type": "a list, one item a line behind a dash",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "date_type": "a day such as 2026-03-05",
    "date_from_datetime_parsing": "a day such as 2026-03-05",
    "date_parsing": "a day such as 2026-03-05",
    "time_type": 'a time of day in quotes, such as "08:30"',
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
}
_PATTERNS = {
    "^[a-z0-9]": "small letters, digits, - and _, such as poster-a",
    r"^[^@": "a mail address such as news@brand.example",
    "^https?": "an address that starts with https:// or http://",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where, what was found, what to write instead."""

    place: Place
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}\n  → {self.next_step}"


class SettingsError(ConfigurationError):
    """All mistakes found in one file; the first is the error's own place, problem and next step."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        first = mistakes[0]
        super().__init__(first.problem, first.next_step, first.place)
        self.args = (tuple(mistakes),)
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        shown = [str(mistake) for mistake in self.mistakes[:_MOST_SHOWN]]
        hidden = len(self.mistakes) - len(shown)
        return "\n".join([*shown, f"… and {hidden} more"] if hidden else shown)


def checked(model: type[Model], document: Document) -> Model:
    """
    The document as a model.

    Raises:
        SettingsError: every unknown key, missing key, wrong type and refused value, in the order of the file.
    """
    if not isinstance(document.value, dict):
        found = _shown(document.value)
        step = f"start it with keys, each with a half-width colon and a space: {', '.join(model.model_fields)}"
        raise SettingsError([Mistake(document.place_of(()), f"found {found} where the settings should be", step)])
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        errors = _own(error.errors(include_url=False))
        raise SettingsError(in_order(_mistake(model, document, details) for details in errors)) from None


def in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes as a reader meets them: by line, then by column, each once."""
    return sorted(dict.fromkeys(mistakes), key=lambda mistake: (mistake.place.line, mistake.place.column))


def _own(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without those that only follow from another: a list is "too short" when its item is wrong."""
    inner = {details["loc"][:length] for details in errors for length in range(len(details["loc"]))}
    return [details for details in errors if details["type"] != "too_short" or details["loc"] not in inner]


def _mistake(model: type[BaseModel], document: Document, details: ErrorDetails) -> Mistake:
    keys = _keys_in(document, details["loc"])
    kind, found = details["type"], details["input"]
    if kind == "extra_forbidden":
        fields = _fields_at(model, keys[:-1])
        place = document.place_of(keys, at_key=True)
        step = did_you_mean(keys[-1], fields)
        if found is None:
            step += "; a text that holds a comma needs quotes inside { }"
        return Mistake(place, f"unknown key {keys[-1]!r}{_inside(keys)}", step)
    if kind == "missing":
        step = _field_note(model, keys)
        return Mistake(document.place_of(keys[:-1]), f"the key {keys[-1]!r} is missing{_inside(keys)}", step)
    place = document.place_of(keys)
    return Mistake(place, f"found {_shown(found)} for {_dotted(keys)!r}", _valid(details, found))


def _keys_in(document: Document, loc: Iterable[str | int]) -> Keys:
    """The part of a pydantic location that is written in the file (it also names union branches)."""
    keys: list[str | int] = []
    value: Any = document.value
    for key in loc:
        if isinstance(value, dict) or (isinstance(value, list) and isinstance(key, int) and key < len(value)):
            keys.append(key)
            value = _below(value, key)
    return tuple(keys)


def _below(value: Any, key: str | int) -> Any:
    return value.get(key) if isinstance(value, dict) else value[key]


def _valid(details: ErrorDetails, found: object) -> str:
    context = {name: str(value) for name, value in details.get("ctx", {}).items()}
    kind = details["type"]
    if kind == "literal_error":
        return did_you_mean(found, [word.strip("' ") for word in _words(context["expected"])])
    if kind == "string_type" and isinstance(found, bool | int | float):
        return f'valid: text; write it in quotes: "{str(found).lower()}"'
    if kind == "value_error":
        return context["error"]
    if kind == "string_pattern_mismatch":
        known = (told for start, told in _PATTERNS.items() if context["pattern"].startswith(start))
        return f"valid: {next(known, context['pattern'])}"
    if kind in _VALID:
        return "valid: " + _VALID[kind].format(**context)
    return f"valid: {details['msg'].removeprefix('Input should be ')}"


def _words(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return f"{_KINDS[type(value)]} of {len(value)}"
    kind = _KINDS.get(type(value))
    text = repr(value) if isinstance(value, str) else str(value)
    return f"{text[:80]} ({kind})" if kind else text[:80]


def _dotted(keys: Keys) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def _inside(keys: Keys) -> str:
    return f" in {_dotted(keys[:-1])}" if len(keys) > 1 else ""


def _fields_at(model: type[BaseModel], keys: Keys) -> list[str]:
    found = _model_at(model, keys)
    return list(found.model_fields) if found else []


def _field_note(model: type[BaseModel], keys: Keys) -> str:
    parent = _model_at(model, keys[:-1])
    field = parent.model_fields.get(str(keys[-1])) if parent else None
    note = " · ".join(part for part in (field.title, field.description) if part) if field else ""
    return f"add `{keys[-1]}:`" + (f" ({note})" if note else "")


def _model_at(model: type[BaseModel], keys: Keys) -> type[BaseModel] | None:
    annotation: Any = model
    for key in keys:
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
            continue
        holder = _inner_model(annotation)
        if isinstance(key, str) and holder is not None:
            field = holder.model_fields.get(key)
            annotation = field.annotation if field else None
    return _inner_model(annotation)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model an annotation holds: itself, or inside a tuple, a list or an optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, list, Union, UnionType):
        found = (_inner_model(part) for part in get_args(annotation))
        return next((inner for inner in found if inner), None)
    return None
