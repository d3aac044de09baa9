"""
Groups, the activity matrix and dirt counted the slow way, from the definitions: loops over rows, no arrays.

Rows are those of ``retention_by_hand``: ``(who, what, when, group)``, ``when`` in UTC; nothing here is shared with
``qunflow.retention``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.spec.retention_by_hand import Row

DAY = timedelta(days=1)
Stay = tuple[date, date | None]


def decided(rows: list[Row]) -> list[tuple[datetime, str, str, int]]:
    """In order of time: when, who, group and by how many the joins of that instant outnumber its leaves."""
    comes: Counter[tuple[datetime, str, str]] = Counter()
    for who, what, when, group in rows:
        comes[when, who, group] += {"join": 1, "leave": -1}.get(what, 0)
    return sorted((*where, more) for where, more in comes.items() if more)


def stays(rows: list[Row], zone: ZoneInfo) -> dict[tuple[str, str], list[Stay]]:
    """By group and person the days of joining and leaving."""
    found: dict[tuple[str, str], list[Stay]] = defaultdict(list)
    for when, who, group, more in decided(rows):
        mine, day = found[group, who], when.astimezone(zone).date()
        inside = bool(mine) and mine[-1][1] is None
        if more > 0 and not inside:
            mine.append((day, None))
        if more < 0 and inside:
            mine[-1] = (mine[-1][0], day)
    return {pair: kept for pair, kept in found.items() if kept}


def _in_on(kept: list[Stay], day: date) -> bool:
    return any(came <= day and (went is None or went > day) for came, went in kept)


def _leaves(kept: list[Stay]) -> list[date]:
    """Days of leaving for good."""
    comings = [came for came, _ in kept[1:]] + [None]
    return [went for (_, went), back in zip(kept, comings, strict=True) if went and back != went]


def board(rows: list[Row], zone: ZoneInfo, kinds: list[str], through: date) -> dict[str, dict[str, int]]:
    """What each group came to, as of the end of a day."""
    rows = [row for row in rows if row[2].astimezone(zone).date() <= through]
    week, month = through - 7 * DAY, through - 30 * DAY
    active = {who for who, what, when, _ in rows if what in kinds and when.astimezone(zone).date() > week}
    found: dict[str, Any] = {}
    for (group, who), kept in stays(rows, zone).items():
        line = found.setdefault(group, {name: set() for name in NAMES})
        left = _leaves(kept)
        settles = kept[0][0] + 7 * DAY
        facts = {
            "members": _in_on(kept, through),
            "members_before": _in_on(kept, month),
            "leavers_month": any(day > month for day in left),
            "leavers_week": any(day > week for day in left),
            "joiners_week": any(came > week for came, _ in kept),
            "active_week": _in_on(kept, through) and who in active,
            "settled": settles <= through,
            "gone_by_d7": settles <= through and not _in_on(kept, settles),
        }
        for name, holds in facts.items():
            line[name] |= {who} if holds else set()
        line["leave_days_week"] |= {day for day in left if day > week}
    return {group: {name: len(people) for name, people in line.items()} for group, line in found.items()}


NAMES = (
    *("members", "members_before", "leavers_month", "leavers_week", "joiners_week", "leave_days_week"),
    *("active_week", "settled", "gone_by_d7"),
)


def days_with_leavers(rows: list[Row], zone: ZoneInfo, since: date, through: date) -> dict[str, set[date]]:
    """By group the days somebody left for good."""
    rows = [row for row in rows if row[2].astimezone(zone).date() <= through]
    found: dict[str, set[date]] = defaultdict(set)
    for (group, _), kept in stays(rows, zone).items():
        found[group] |= {day for day in _leaves(kept) if day >= since}
    return {group: days for group, days in found.items() if days}


def dirt(rows: list[Row], zone: ZoneInfo, through: date) -> dict[str, int]:
    """What is odd in the rows up to a day."""
    rows = [row for row in rows if row[2].astimezone(zone).date() <= through]
    inside: set[tuple[str, str]] = set()
    joined: set[tuple[str, str]] = set()
    spoke: set[tuple[str, str]] = set()
    again = never = 0
    for _, who, group, more in decided(rows):
        if more > 0:
            again += more - ((who, group) not in inside)
            inside.add((who, group))
        else:
            never += -more - ((who, group) in inside)
            inside.discard((who, group))
    for who, what, _, group in rows:
        if what == "join":
            joined.add((who, group))
        if what in ("message", "action"):
            spoke.add((who, group))
    days = {row[2].astimezone(zone).date() for row in rows}
    return {
        "events": len(rows),
        "joins_while_in": again,
        "leaves_without_join": never,
        "speakers_without_join": len({who for who, _ in spoke - joined}),
        "days_without_events": (max(days) - min(days)).days + 1 - len(days) if days else 0,
    }
