"""
``measure``: a table of events and a query in, a table of retention out.

Builds the expressions, hands them to the engine that holds the events, and puts the counts that come back into rows.
Which engine that is, and how it got the events, is decided by whoever made the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from qunflow.errors import BadInput
from qunflow.retention.measuring.day_bits import DaySpan, fits
from qunflow.retention.measuring.facts import Columns, Source, acts, followed, moves, returns, targets, usable
from qunflow.retention.measuring.grid import EPOCH_DAY, Calendar, Offset, at_us, midnight, offsets, us_of
from qunflow.retention.measuring.instants import interval_number, microseconds, readable_props, unread_amount
from qunflow.retention.measuring.matrix import matrix_counts
from qunflow.retention.measuring.quality import Note, notes_of, odd_moves, raw_counts, repeats, rows_within, stretches
from qunflow.retention.measuring.query import Query, instant_of_text
from qunflow.retention.measuring.result import Count, Measured, Row, Total
from qunflow.retention.measuring.windows import Seen, Window, last_moves, window_counts, windows_of

Rows = list[dict[str, Any]]
# A matrix of so many has 12.5 million cells: days of 13 years, or hours of 200 days. Columns by days are few.
MOST_INTERVALS, MOST_COHORTS = 5_000, 100_000


class Engine(Protocol):
    """What runs an expression: its name as Ibis calls the dialect, its version, and the rows it answers."""

    name: str
    version: str

    def rows(self, expression: ir.Table) -> Rows:
        """Run an expression whose answer is small."""


class OwnEngine:
    """The engine a table is bound to already."""

    def __init__(self, events: ir.Table) -> None:
        backend = events.get_backend()
        self.name, self.version = str(backend.name), str(backend.version)

    def rows(self, expression: ir.Table) -> Rows:
        """Run it where its tables live."""
        found: Rows = expression.to_pyarrow().to_pylist()
        return found


@dataclass(frozen=True, slots=True)
class Range:
    """
    The intervals of a measure: ``count`` of them from number ``first``; ``as_of`` is what is known.

    ``known_until`` is the earlier of ``as_of`` and, for a matrix, the end of the range: no later event is read.
    """

    calendar: Calendar
    first: int
    count: int
    as_of: datetime

    @property
    def end(self) -> datetime:
        """The instant the last interval is over."""
        return self.calendar.start(self.first + self.count)


class Measure:
    """One run of a query over events; the parts are computed once, when they are asked for."""

    def __init__(
        self, events: ir.Table, query: Query, columns: Columns, aliases: Mapping[str, str], engine: Engine
    ) -> None:
        columns.require_in(events.columns)
        self._events, self._query, self._columns, self._engine = events, query, columns, engine
        self._aliases, self._circular = followed(aliases)
        self._calendar = Calendar(query.period, query.zone, query.week_start)

    def result(self, with_notes: bool, known: Iterable[Note]) -> Measured:
        """The table, with the notes the caller ``known`` already and, if asked for, its own."""
        query, span = self._query, self._range
        notes = tuple(known) + (tuple(self._notes()) if with_notes else ())
        return Measured(
            first_interval_start=span.calendar.start(span.first).astimezone(query.zone) if span else None,
            columns=self._names(),
            rows=self._rows() if span else (),
            definition={name: _plain(value) for name, value in asdict(query).items()},
            engine={"name": self._engine.name, "version": self._engine.version},
            as_of=span.as_of.astimezone(query.zone) if span else None,
            notes=notes,
            totals=self._totals() if span and query.amount else (),
        )

    @cached_property
    def _bounds(self) -> tuple[int, int] | None:
        """First and last instant of the events that count, in microseconds; None without any."""
        parts = [table(self._source, self._query, None).select("at_us") for table in (targets, returns)]
        part = ibis.union(*parts)
        (row,) = self._engine.rows(part.aggregate(first=part.at_us.min(), last=part.at_us.max()))
        return None if row["first"] is None else (int(row["first"]), int(row["last"]))

    @cached_property
    def _range(self) -> Range | None:
        """
        The intervals asked for; what the query leaves open comes from the events.

        Raises:
            BadInput: times no calendar holds, or more intervals than a table can show: one wrong clock is enough.
        """
        try:
            span = self._asked_range()
            if span is not None:
                _require_years(span)
        except (OverflowError, ValueError) as error:
            raise BadInput(
                "the intervals lie outside the years 1000 to 9000",
                "look for wrong clocks, and say date_to and total_intervals",
            ) from error
        if span is not None:
            _require_room(span, self._query)
        return span

    def _asked_range(self) -> Range | None:
        query, calendar = self._query, self._calendar
        if query.date_to is not None:
            last = calendar.number_of(instant_of_text(query.date_to, query.zone))
        elif self._bounds:
            last = calendar.number_of(at_us(self._bounds[1]))
        else:
            return None
        if query.total_intervals is not None:
            first = last - query.total_intervals + 1
        elif self._bounds:
            first = min(last, calendar.number_of(at_us(self._bounds[0])))
        else:
            first = last
        as_of = instant_of_text(query.as_of, query.zone) if query.as_of else calendar.start(last + 1)
        return Range(calendar, first, last - first + 1, as_of)

    @cached_property
    def _offsets(self) -> Sequence[Offset]:
        """Of the zone, over the range; for days after a start as far as something can be known."""
        span = self._known
        since = span.calendar.start(span.first) - timedelta(days=1)
        return offsets(self._query.zone, since, max(span.as_of, span.end) + timedelta(days=1))

    @property
    def _known(self) -> Range:
        assert self._range is not None, "asked only when there is a range"
        return self._range

    @property
    def _source(self) -> Source:
        return Source.of(self._events, self._columns, self._query, self._engine.name, self._aliases)

    @cached_property
    def _until_us(self) -> int:
        """From then on nothing is known; a matrix does not look beyond its range either."""
        span = self._known
        return us_of(min(span.as_of, span.end) if self._query.definitions == ("matrix",) else span.as_of)

    @cached_property
    def _moves(self) -> ir.Table | None:
        """Joins and leaves up to what is known."""
        return moves(self._source, self._query, self._until_us) if "stay" in self._query.definitions else None

    @cached_property
    def _last_moves(self) -> ir.Table | None:
        return None if self._moves is None else last_moves(self._moves, self._query, self._offsets)

    @cached_property
    def _targets(self) -> ir.Table:
        """The events that make cohorts; when the first join is one, and joins are looked at anyway, those."""
        query, last = self._query, self._last_moves
        if last is not None and query.cohort_rule == "first_time" and not query.split_by:
            return self._placed(last.filter(last.joined_us.notnull()).select("actor", at_us=last.joined_us))
        return self._placed(targets(self._source, self._query, self._until_us))

    @cached_property
    def _returns(self) -> ir.Table:
        return self._placed(returns(self._source, self._query, self._until_us))

    def _placed(self, found: ir.Table) -> ir.Table:
        return found.mutate(interval=interval_number(found.at_us, self._known.calendar, self._offsets))

    def _names(self) -> tuple[str, ...]:
        if self._query.definitions == ("matrix",):
            count = self._range.count if self._range else 1
            return ("size", *map(str, range(1, count)))
        return ("size", *(window.name for window in windows_of(self._query)))

    def _rows(self) -> tuple[Row, ...]:
        if self._query.definitions == ("matrix",):
            return self._matrix_rows()
        return self._window_rows()

    def _matrix_rows(self) -> tuple[Row, ...]:
        span, query = self._known, self._query
        found: dict[tuple[int, str], dict[int, int]] = {}
        for row in self._engine.rows(matrix_counts(self._targets, self._returns, query, span.first)):
            cells = found.setdefault((int(row["cohort"]), str(row["split"] or "")), {})
            cells[int(row["distance"])] = int(row["actors"])
        due = [span.calendar.start(span.first + place + 1) <= span.as_of for place in range(span.count)]
        rows = []
        for place, split in _places(found, span):
            cells = found.get((span.first + place, split), {})
            counts = [cells.get(j, 0) for j in range(span.count - place)]
            counts = _cumulated(counts) if query.cumulative else counts
            cut = tuple(count if due[place + j] else None for j, count in enumerate(counts))
            rows.append(Row(span.calendar.label(span.first + place), split, cut))
        return tuple(rows)

    def _window_rows(self) -> tuple[Row, ...]:
        span, columns = self._known, windows_of(self._query)
        every = acts(self._source, self._query, self._until_us)
        seen = Seen(self._targets, every, self._returns, self._last_moves)
        counted = window_counts(seen, self._query, span.first, self._offsets, self._days)
        found = {(int(row["cohort"]), str(row["split"] or "")): row for row in self._engine.rows(counted)}
        rows = []
        for place, split in _places(found, span):
            number = span.first + place
            row = found.get((number, split), {})
            size: Count = int(row.get("size") or 0) if span.calendar.start(number + 1) <= span.as_of else None
            cells = [int(row.get(w.name) or 0) if self._is_due(number, w) else None for w in columns]
            rows.append(Row(span.calendar.label(number), split, (size, *cells)))
        return tuple(rows)

    @property
    def _days(self) -> DaySpan | None:
        """The days from the first of the range to the last that is known, where the plan by bits can be taken."""
        span = self._known
        first = span.calendar.first_day(span.first)
        last = max(first, (span.as_of - timedelta(microseconds=1)).astimezone(self._query.zone).date())
        days = DaySpan((first - EPOCH_DAY).days, (last - EPOCH_DAY).days)
        return days if fits(self._query, days, self._engine.name) else None

    def _is_due(self, number: int, window: Window) -> bool:
        """Whether the window of the cohort's last possible member has passed."""
        span = self._known
        if self._query.windows == "calendar":
            over = span.calendar.last_day(number) + timedelta(days=window.due_after + 1)
            return midnight(over, self._query.zone) <= span.as_of
        days = window.due_after + (window.definition != "stay")
        return span.calendar.start(number + 1) + timedelta(days=days) <= span.as_of

    def _totals(self) -> tuple[Total, ...]:
        span = self._known
        back = self._returns.filter(self._returns.interval >= span.first)
        sums = back.group_by("interval").aggregate(
            actors=back.actor.nunique(), events=back.count(), amount=back.amount.sum()
        )
        found = {int(row["interval"]): row for row in self._engine.rows(sums)}
        return tuple(
            Total(span.calendar.label(number), int(row["actors"]), int(row["events"]), float(row["amount"]) / 10_000)
            for number in range(span.first, span.first + span.count)
            for row in [found.get(number, {"actors": 0, "events": 0, "amount": 0})]
        )

    def _notes(self) -> Iterable[Note]:
        (raw,) = self._engine.rows(raw_counts(self._events, self._columns, self._engine.name))
        yield from notes_of({**raw, "duplicate_rows": self._repeats(raw)}, self._query.drop_duplicates)
        unread = {"unreadable_props": self._unread_props(), "unreadable_amounts": self._unread_amounts()}
        yield from notes_of({"circular_aliases": self._circular, **unread}, False)
        if self._range is None:
            return
        if self._query.as_of:
            at = microseconds(self._events[self._columns.at], self._engine.name)
            later = self._events.filter(usable(self._events, self._columns) & (at >= us_of(self._range.as_of)))
            (row,) = self._engine.rows(later.aggregate(after_as_of=later.count()))
            yield from notes_of(row, False)
        if self._moves is not None:
            yield from notes_of(self._odd_moves(self._moves), False)

    def _repeats(self, raw: Mapping[str, Any]) -> int:
        """Rows that are equal to another one; of many rows a stretch of time after the other is looked at."""
        if raw["first_us"] is None:
            return 0
        of, engine = (self._events, self._columns, self._engine.name), self._engine
        whole = (int(raw["first_us"]), int(raw["last_us"]) + 1)
        parts = stretches(int(raw["timed"]), whole, lambda part: int(engine.rows(rows_within(*of, part))[0]["rows"]))
        return sum(int(engine.rows(repeats(*of, part))[0]["duplicate_rows"] or 0) for part in parts)

    def _unread_props(self) -> int:
        """Texts in props that are no JSON, when the query looks into them."""
        events, asked = self._events, [name for name in self._query.properties if name not in self._events.columns]
        if (
            not asked
            or "props" not in events.columns
            or (readable := readable_props(events, self._engine.name)) is None
        ):
            return 0
        bad = events.filter(~readable & events["props"].notnull() & (events["props"].cast(str) != ""))
        return int(self._engine.rows(bad.aggregate(rows=bad.count()))[0]["rows"])

    def _unread_amounts(self) -> int:
        """Amounts that are no number, when the query adds them up."""
        if self._query.amount is None:
            return 0
        bad = self._events.filter(unread_amount(self._events, self._query.amount, self._engine.name))
        return int(self._engine.rows(bad.aggregate(rows=bad.count()))[0]["rows"])

    def _odd_moves(self, found: ir.Table) -> dict[str, Any]:
        if self._engine.name != "polars":
            return self._engine.rows(odd_moves(found))[0]
        # Ibis has no window functions there: the joins and leaves are looked at by the engine that is always here.
        return dict(odd_moves(ibis.memtable(found.to_pyarrow())).to_pyarrow().to_pylist()[0])


def measured(
    events: Any,
    query: Query,
    *,
    columns: Columns,
    aliases: Mapping[str, str],
    engine: Engine | None,
    with_notes: bool,
    known: Iterable[Note] = (),
) -> Measured:
    """See ``qunflow.retention.measure``."""
    table = events if isinstance(events, ir.Table) else ibis.memtable(events)
    if "stay" in query.definitions and query.target_event is None:
        query = replace(query, target_event=("join",))
    run = Measure(table, query, columns, aliases, engine or OwnEngine(table))
    return run.result(with_notes, known)


def _require_years(span: Range) -> None:
    since, until = span.calendar.start(span.first), max(span.as_of, span.end)
    if since.year < 1_000 or until.year > 9_000:
        raise ValueError(f"from {since:%Y} to {until:%Y}")


def _require_room(span: Range, query: Query) -> None:
    most = MOST_INTERVALS if query.definitions == ("matrix",) else MOST_COHORTS
    if span.count > most:
        since, until = (span.calendar.label(number) for number in (span.first, span.first + span.count - 1))
        raise BadInput(
            f"from {since} to {until} are {span.count:,} intervals ({query.period}), more than {most:,}",
            "look for wrong clocks, say date_to and total_intervals, or take a longer period",
        )


def _places(found: Iterable[tuple[int, str]], span: Range) -> list[tuple[int, str]]:
    """Every interval of the range, and in it every split there is; without splits all intervals have a row."""
    splits = sorted({split for number, split in found if span.first <= number < span.first + span.count}) or [""]
    return [(place, split) for place in range(span.count) for split in splits]


def _cumulated(counts: Sequence[int]) -> list[int]:
    """From "last seen j intervals later" to "seen j intervals later or after that"; cell 0 stays the size."""
    sums, total = [], 0
    for count in reversed(counts[1:]):
        total += count
        sums.append(total)
    return [counts[0], *reversed(sums)]


def _plain(value: Any) -> Any:
    return list(map(_plain, value)) if isinstance(value, tuple) else value
