"""
Retention counted the slow way: loops over rows, sets of people, the standard library only.

Written from the definitions and sharing nothing with ``qunflow.retention``, so that the two can be held against each
other. Rows are ``(who, what, when, group)`` with ``when`` in UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = tuple[str, str, datetime, str]
Cells = list[list[int | None]]
DAY = timedelta(days=1)


def interval_of(when: datetime, period: str, zone: ZoneInfo, first_weekday: int) -> Any:
    """What names the interval an instant lies in: the instant an hour begins, or a local date."""
    local = when.astimezone(zone)
    if period == "hour":
        return when - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    day = local.date()
    if period == "month":
        return day.replace(day=1)
    if period == "week":
        while day.weekday() != first_weekday:
            day -= DAY
    return day


def after(interval: Any, period: str) -> Any:
    """The interval that follows."""
    if period == "hour":
        return interval + timedelta(hours=1)
    if period == "month":
        return (interval + timedelta(days=31)).replace(day=1)
    return interval + (7 if period == "week" else 1) * DAY


def before(interval: Any, period: str) -> Any:
    """The interval that precedes."""
    if period == "hour":
        return interval - timedelta(hours=1)
    if period == "month":
        return (interval - DAY).replace(day=1)
    return interval - (7 if period == "week" else 1) * DAY


def begins(interval: Any, zone: ZoneInfo) -> datetime:
    """The instant an interval begins."""
    if isinstance(interval, datetime):
        return interval
    return datetime(interval.year, interval.month, interval.day, tzinfo=zone).astimezone(UTC)


def counted(rows: list[Row], query: dict[str, Any]) -> Cells:
    """The cells of a query, row by row."""
    zone, period = ZoneInfo(query["timezone"]), query["period"]
    first_weekday = 6 if query["week_start"] == "sunday" else 0
    end = datetime.fromisoformat(query["date_to"]).replace(tzinfo=zone)
    intervals = [interval_of(end, period, zone, first_weekday)]
    while len(intervals) < query["total_intervals"]:
        intervals.insert(0, before(intervals[0], period))
    ends = [begins(after(interval, period), zone) for interval in intervals]
    as_of = datetime.fromisoformat(query["as_of"]).replace(tzinfo=zone) if query.get("as_of") else ends[-1]
    if query.get("drop_duplicates"):
        rows = list(dict.fromkeys(rows))
    rows = [row for row in rows if row[2] < as_of]
    places = {interval: place for place, interval in enumerate(intervals)}
    starts = _starts(rows, query, lambda when: interval_of(when, period, zone, first_weekday), places)
    if query.get("definitions", ["matrix"]) == ["matrix"]:
        inside = [row for row in rows if row[2] < ends[-1]]
        where = [places.get(interval_of(row[2], period, zone, first_weekday), -1) for row in inside]
        return _matrix(inside, where, query, starts, [over <= as_of for over in ends])
    return _windows(rows, query, starts, intervals, ends, as_of, zone)


def _is(row: Row, wanted: str | list[str] | None) -> bool:
    return wanted is None or row[1] in ([wanted] if isinstance(wanted, str) else wanted)


def _starts(
    rows: list[Row], query: dict[str, Any], named: Any, places: dict[Any, int]
) -> dict[int, dict[str, datetime]]:
    """Of each cohort its people, and when each first did what makes the cohort."""
    found: dict[int, dict[str, datetime]] = defaultdict(dict)
    met: set[str] = set()
    for row in sorted((row for row in rows if _is(row, query["target_event"])), key=lambda row: row[2]):
        place = places.get(named(row[2]), -1)
        if query["cohort_rule"] == "first_time" and row[0] in met:
            continue
        met.add(row[0])
        if place >= 0:
            found[place].setdefault(row[0], row[2])
    return found


def _matrix(
    rows: list[Row], where: list[int], query: dict[str, Any], starts: dict[int, dict[str, datetime]], due: list[bool]
) -> Cells:
    times: Counter[tuple[str, int]] = Counter()
    for row, place in zip(rows, where, strict=True):
        if _is(row, query["returning_event"]):
            times[row[0], place] += 1
    enough, last = query["minimum_occurrences"], len(due)
    cells: Cells = []
    for i in range(last):
        line: list[int | None] = []
        for j in range(last - i):
            people = 0
            for who in starts[i]:
                looked_at = range(i + j, last) if query["cumulative"] else [i + j]
                people += j == 0 or any(times[who, k] >= enough for k in looked_at)
            line.append(people if due[i + j] else None)
        cells.append(line)
    return cells


def _windows(
    rows: list[Row],
    query: dict[str, Any],
    starts: dict[int, dict[str, datetime]],
    intervals: list[Any],
    ends: list[datetime],
    as_of: datetime,
    zone: ZoneInfo,
) -> Cells:
    stays = _stays(rows, query)
    exact = query["windows"] == "exact_24h"
    cells: Cells = []
    for i in range(len(intervals)):
        line: list[int | None] = [len(starts[i]) if ends[i] <= as_of else None]
        for definition in query["definitions"]:
            for first, last in query["brackets"] if definition == "bracket" else [(k, k) for k in query["days"]]:
                people = 0
                for who, began in starts[i].items():
                    if definition == "stay":
                        people += _is_in(stays.get(who, []), began, first, exact, zone)
                    else:
                        open_end = definition == "rolling"
                        people += _acted(rows, query, who, began, first, None if open_end else last, exact, zone)
                shown = first if definition == "rolling" else last
                line.append(people if _over(ends[i], shown, definition, exact, zone) <= as_of else None)
        cells.append(line)
    return cells


def _over(end: datetime, days: int, definition: str, exact: bool, zone: ZoneInfo) -> datetime:
    """When the window of the last one who could be in the cohort is over."""
    if exact:
        return end + timedelta(days=days if definition == "stay" else days + 1)
    last_day = (end - timedelta(microseconds=1)).astimezone(zone).date()
    return begins(last_day + (days + 1) * DAY, zone)


def _acted(
    rows: list[Row],
    query: dict[str, Any],
    who: str,
    began: datetime,
    first: int,
    last: int | None,
    exact: bool,
    zone: ZoneInfo,
) -> bool:
    times = 0
    for row in rows:
        if row[0] != who or not _is(row, query["returning_event"]):
            continue
        if exact:
            gone = (row[2] - began) // DAY if row[2] >= began else -1
        else:
            gone = (row[2].astimezone(zone).date() - began.astimezone(zone).date()).days
        times += gone >= first and (last is None or gone <= last)
    return times >= query["minimum_occurrences"]


def _stays(rows: list[Row], query: dict[str, Any]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """When each was in any group, by going through joins and leaves in order."""
    moves = [row for row in rows if _is(row, query["target_event"] or "join") or row[1] == "leave"]
    comes: Counter[tuple[datetime, str, str]] = Counter()
    for who, what, when, group in moves:
        comes[when, who, group] += -1 if what == "leave" else 1
    since: dict[tuple[str, str], datetime] = {}
    found: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for when, who, group in sorted(comes):
        if comes[when, who, group] < 0 and (who, group) in since:
            found[who].append((since.pop((who, group)), when))
        if comes[when, who, group] > 0:
            since.setdefault((who, group), when)
    for (who, _), when in since.items():
        found[who].append((when, None))
    return found


def _is_in(
    stays: list[tuple[datetime, datetime | None]], began: datetime, days: int, exact: bool, zone: ZoneInfo
) -> bool:
    def day(when: datetime) -> date:
        return when.astimezone(zone).date()

    for came, went in stays:
        if exact:
            then = began + days * DAY
            if came <= then and (went is None or went > then):
                return True
        else:
            that_day = day(began) + days * DAY
            if day(came) <= that_day and (went is None or day(went) > that_day):
                return True
    return False
