"""
What is asked of a measure: a frozen query, and how it is read from the JSON people write.

Field names and meaning are those of PostHog's retention query (period, total_intervals, date_to, timezone, week_start,
target_event, returning_event, cohort_rule, cumulative, minimum_occurrences and three filters); ``definitions``,
``days``, ``brackets``, ``windows``, ``actor``, ``split_by``, ``as_of``, ``leave_event``, ``drop_duplicates`` and
``amount`` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from qunflow.errors import BadInput
from qunflow.settings.words import did_you_mean

Bucket = Literal["hour", "day", "week", "month"]
Definition = Literal["matrix", "stay", "classic", "rolling", "bracket"]
Filter = tuple[tuple[str, str], ...]
# A column later than a century after a start is a slip of the pen.
MOST_DAYS = 36_500

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "period": get_args(Bucket),
    "week_start": ("monday", "sunday"),
    "cohort_rule": ("recurring", "first_time"),
    "windows": ("calendar", "exact_24h"),
    "actor": ("member", "group"),
}
_TEXTS = ("date_to", "timezone", "split_by", "as_of", "amount")
_TRUTHS = ("cumulative", "drop_duplicates")


@dataclass(frozen=True, slots=True)
class Query:
    """
    One question; every field has a default, so ``Query()`` is the daily matrix over all events.

    Args:
        period: how actors are put into cohorts; for ``matrix`` also the unit of the cells.
        total_intervals: rows of the matrix; None = from the first event on.
        date_to: an instant in the last interval; without an offset local time in ``timezone``; None = the last event.
        timezone: IANA zone of hours, days, weeks and months.
        week_start: on which day a week begins.
        target_event, returning_event: kinds that make a cohort, and that count as having come back; None = any.
        cohort_rule: ``recurring``: an actor is in the cohort of every interval with a target event; ``first_time``:
            only in that of the first target event ever, before the range included.
        cumulative: matrix cells count who came back in that interval or a later one of the range.
        minimum_occurrences: so many returning events inside one interval (matrix) or one window.
        event_filter, target_filter, returning_filter: pairs of property and text that must all hold.
        definitions: ``matrix`` alone, or any of the others side by side.
        days: k of the stay, classic and rolling columns; ``brackets``: first and last day of each bracket column.
        windows: local days, or exact 24 hours from the instant of the first target event.
        actor: whose retention: the member's, or the group's.
        split_by: a column or property whose value at the first target event splits each cohort.
        as_of: what is known then; later events have not happened; None = the end of the interval that holds date_to.
        leave_event: the kinds that end a membership which a target event began (``stay`` only).
        drop_duplicates: count rows that are equal in every column once.
        amount: a column or property to add up by interval.
    """

    period: Bucket = "day"
    total_intervals: int | None = None
    date_to: str | None = None
    timezone: str = "UTC"
    week_start: Literal["monday", "sunday"] = "monday"
    target_event: tuple[str, ...] | None = None
    returning_event: tuple[str, ...] | None = None
    cohort_rule: Literal["recurring", "first_time"] = "recurring"
    cumulative: bool = False
    minimum_occurrences: int = 1
    event_filter: Filter = ()
    target_filter: Filter = ()
    returning_filter: Filter = ()
    definitions: tuple[Definition, ...] = ("matrix",)
    days: tuple[int, ...] = (1, 3, 7, 14, 30)
    brackets: tuple[tuple[int, int], ...] = ((1, 7), (8, 14), (15, 30))
    windows: Literal["calendar", "exact_24h"] = "calendar"
    actor: Literal["member", "group"] = "member"
    split_by: str | None = None
    as_of: str | None = None
    leave_event: tuple[str, ...] = ("leave",)
    drop_duplicates: bool = False
    amount: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the buckets."""
        return zone_named(self.timezone)

    @property
    def properties(self) -> tuple[str, ...]:
        """Every property the query reads, each once."""
        pairs = self.event_filter + self.target_filter + self.returning_filter
        named = [name for name, _ in pairs] + [name for name in (self.split_by, self.amount) if name]
        return tuple(dict.fromkeys(named))

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            _require_one_of(name, getattr(self, name), known)
        for name in _TEXTS:
            _require_text(name, getattr(self, name))
        for name in _TRUTHS:
            _require_truth(name, getattr(self, name))
        for definition in self.definitions:
            _require_one_of("definitions", definition, get_args(Definition))
        if not self.definitions or ("matrix" in self.definitions and len(self.definitions) > 1):
            raise BadInput(
                "definitions names none, or matrix beside others", "ask for the matrix in a query of its own"
            )
        for name in ("total_intervals", "minimum_occurrences"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise BadInput(f"{name} is {value!r}, which is no count", "give a whole number from 1 on")
        if any(k < 0 for k in self.days) or any(not 0 <= a <= b for a, b in self.brackets):
            raise BadInput("days and brackets count from 0 and do not run backwards", "write days as [1, 7, 30]")
        if max([*self.days, *(last for _, last in self.brackets)], default=0) > MOST_DAYS:
            raise BadInput(f"days and brackets go beyond {MOST_DAYS:,} days", "write days as [1, 7, 30]")
        zone_named(self.timezone)
        for name in ("date_to", "as_of"):
            if (text := getattr(self, name)) is not None:
                _require_instant(name, text, self.zone)


def read_query(given: Mapping[str, Any]) -> Query:
    """
    A query from what JSON gives: one event or a list of them, filters as objects, ``definition`` or ``definitions``.

    Raises:
        BadInput: an unknown field or a value of another kind, named.
    """
    known = [field.name for field in fields(Query)]
    values = dict(given)
    if "definition" in values:
        values["definitions"] = values.pop("definition")
    for name in values:
        if name not in known:
            raise BadInput(f"the query has a field {name!r}, which is not known", did_you_mean(name, known))
    for name in ("target_event", "returning_event", "leave_event", "definitions"):
        if values.get(name) is not None:
            values[name] = _texts(name, values[name])
    for name in ("event_filter", "target_filter", "returning_filter"):
        if name in values:
            values[name] = _filter(name, values[name])
    values |= {name: _whole(name, values[name]) for name in ("days", "brackets") if name in values}
    required = ("total_intervals", "date_to", "target_event", "returning_event", "split_by", "as_of", "amount")
    return Query(**{name: value for name, value in values.items() if value is not None or name in required})


def instant_of_text(text: str, zone: ZoneInfo) -> datetime:
    """A time of a query; without an offset it is local time in the zone. Raises: ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def zone_named(name: str) -> ZoneInfo:
    """An IANA zone. Raises: BadInput."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"{name!r} is no time zone", "use an IANA name such as Asia/Shanghai") from error


def _require_one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadInput(f"{name} is {value!r}", did_you_mean(str(value), known))


def _require_text(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} is {value!r}, which is no text", "put it into quotes")


def _require_truth(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise BadInput(f"{name} is {value!r}", "write true or false, without quotes")


def _require_instant(name: str, text: str, zone: ZoneInfo) -> None:
    try:
        instant_of_text(text, zone)
    except ValueError as error:
        raise BadInput(f"{name}: {text!r} is no time", "write it like 2026-03-02T00:00:00") from error


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
    if not texts or not all(isinstance(text, str) for text in texts):
        raise BadInput(f"{name} is {value!r}", "give a name, a list of names, or null for any")
    return texts


def _filter(name: str, value: Any) -> Filter:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise BadInput(f"{name} is {value!r}", 'write it as an object, such as {"channel": "form"}')
    return tuple((str(key), _text_of(name, wanted)) for key, wanted in value.items())


def _text_of(name: str, value: Any) -> str:
    """A property as the text filters compare: JSON writes truth as ``true`` and ``false``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise BadInput(f"{name} compares with {value!r}", "compare with a text or a number")


def _whole(name: str, value: Any) -> tuple[Any, ...]:
    rows = [value] if name == "days" else value
    if isinstance(rows, list | tuple) and all(_are_days(row) for row in rows):
        if name == "days":
            return tuple(value)
        if all(len(row) == 2 for row in rows):
            return tuple(tuple(row) for row in rows)
    raise BadInput(f"{name} is {value!r}", "write days as [1, 7, 30] and brackets as [[1, 7], [8, 14]]")


def _are_days(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(day, int) and not isinstance(day, bool) for day in value)
