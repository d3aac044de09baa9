"""
What was known of each member at the end of a past day, and whether they were gone a week later: Ibis expressions.

They are asked of stays and acts, wherever these come from: the events themselves or the tally (``churn_tally``).

Gone 流失 means in no group of the community at the end of the seventh day; leaving one group and staying in another is
staying. What a member is told by is kept as a value for reasons and as a class for ``churn``, which weighs classes.
Only what happened up to a day is known on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from qunflow.retention.membership import intervals

HORIZON_DAYS = 7
WEEKS_SEEN = 16
# Before it, too little lies behind a day to tell who was quiet.
LEAD_DAYS = 14
_MONTH_DAYS, _LONGEST_QUIET_DAYS = 30, 60
_EPOCH = date(1970, 1, 1)
NEVER = 10**6


@dataclass(frozen=True, slots=True)
class Sign:
    """What a member is told by: its name and where its classes begin; class n holds values from the n-th cut on."""

    name: str
    cuts: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.cuts) + 1


# Days since the last act, or since joining where there was none; days since joining; active days of 30; pushes into
# the groups of the member in 7 days; people who left the member's group in 30 days, in per cent, of several groups the
# highest.
SIGNS = (
    Sign("quiet_days", (1, 3, 7, 14, 30)),
    Sign("joined_days", (3, 7, 14, 30, 60, 120)),
    Sign("active_days", (1, 2, 4, 8, 15)),
    Sign("pushes", (1, 4, 8, 15)),
    Sign("leaving_percent", (3, 6, 12, 25)),
)


def reference_days(first: date, through: date) -> tuple[date, ...]:
    """The days to learn from, a week apart, oldest first: each is known with the week after it, up to ``through``."""
    newest = through - timedelta(days=HORIZON_DAYS)
    days = (newest - timedelta(days=HORIZON_DAYS * back) for back in reversed(range(WEEKS_SEEN)))
    return tuple(day for day in days if day >= first + timedelta(days=LEAD_DAYS))


def seen_since(days: Sequence[date]) -> date:
    """From when on acts matter for some days."""
    return min(days) - timedelta(days=_LONGEST_QUIET_DAYS - 1)


def spans_of(events: ir.Table) -> ir.Table:
    """
    The stays of counted events: ``person_id``, ``group_id``, ``since`` and ``until``, days since 1970.

    A member is in a group at the end of each day from ``since`` on and before ``until``.
    """
    stays = intervals(events)
    return stays.select(
        "person_id",
        "group_id",
        since=stays.joined_on.epoch_days().cast("int64"),
        until=stays.left_on.epoch_days().cast("int64").fill_null(NEVER),
    )


def acts_of(events: ir.Table, kinds: Sequence[str], since: date) -> ir.Table:
    """Who was active on which day from a day on: ``person_id`` and ``act_day``, days since 1970."""
    acted = events.filter(events.kind.isin(list(kinds)) & (events.local_day >= since))
    return acted.select("person_id", act_day=acted.local_day.epoch_days().cast("int64"))


def member_days(spans: ir.Table, acts: ir.Table, pushes: ir.Table | None, days: Sequence[date]) -> ir.Table:
    """
    One row per day and member who was in a group at its end.

    Columns: ``day`` (since 1970), ``person_id``, the value of each of ``SIGNS``, ``class_<name>``, and ``gone`` 0 or 1,
    which means nothing until the week after the day is over.

    Args:
        spans: see ``spans_of``.
        acts: see ``acts_of``; at least those from ``seen_since`` on.
        pushes: ``group_id`` and ``pushed_on`` (a local day), a row a push that arrived; None: none are known.
    """
    numbers = ibis.memtable({"day": [(day - _EPOCH).days for day in days]}, schema={"day": "int64"})
    there = spans.join(numbers, [spans.since <= numbers.day, spans.until > numbers.day])
    inside = there.join(_leaving(spans, numbers), ["group_id", "day"])
    if pushes is not None:
        inside = inside.left_join(_pushed(pushes, numbers), ["group_id", "day"]).drop("group_id_right", "day_right")
    else:
        inside = inside.mutate(pushed=ibis.literal(0, "int64"))
    members = inside.group_by(["day", "person_id"]).aggregate(
        since=inside.since.min(), leaving_percent=inside.leaving.max(), pushes=inside.pushed.fill_null(0).sum()
    )
    known = _joined(_joined(members, _acted(acts, numbers)), _there_later(spans, numbers))
    return _valued(known)


def tallies(rows: ir.Table) -> ir.Table:
    """Members and leavers by day and classes: columns ``day``, ``class_<name>``, ``people``, ``leavers``."""
    by = ["day", *(f"class_{sign.name}" for sign in SIGNS)]
    return rows.group_by(by).aggregate(people=rows.count(), leavers=rows.gone.sum()).order_by(by)


def _leaving(spans: ir.Table, numbers: ir.Table) -> ir.Table:
    """Of the people in a group at any time of the 30 days before a day, the share who were not in it at its end."""
    month = spans.join(numbers, [spans.since <= numbers.day, spans.until > numbers.day - _MONTH_DAYS])
    kept = month.person_id.nunique(where=month.until > month.day)
    shares = month.group_by(["group_id", "day"]).aggregate(all=month.person_id.nunique(), kept=kept)
    return shares.select("group_id", "day", leaving=(shares["all"] - shares.kept) * 100 // shares["all"])


def _pushed(pushes: ir.Table, numbers: ir.Table) -> ir.Table:
    sent = pushes.select("group_id", on_day=pushes.pushed_on.epoch_days().cast("int64"))
    week = sent.join(numbers, [sent.on_day <= numbers.day, sent.on_day > numbers.day - HORIZON_DAYS])
    return week.group_by(["group_id", "day"]).aggregate(pushed=week.count())


def _acted(acts: ir.Table, numbers: ir.Table) -> ir.Table:
    acts = acts.distinct()
    seen = acts.join(numbers, [acts.act_day <= numbers.day, acts.act_day > numbers.day - _LONGEST_QUIET_DAYS])
    lately = seen.act_day > seen.day - _MONTH_DAYS
    return seen.group_by(["day", "person_id"]).aggregate(last_act=seen.act_day.max(), active_days=lately.sum())


def _there_later(spans: ir.Table, numbers: ir.Table) -> ir.Table:
    later = [spans.since <= numbers.day + HORIZON_DAYS, spans.until > numbers.day + HORIZON_DAYS]
    there = spans.join(numbers, later).select("day", "person_id").distinct()
    return there.mutate(there=ibis.literal(1, "int64"))


def _joined(rows: ir.Table, more: ir.Table) -> ir.Table:
    return rows.left_join(more, ["day", "person_id"]).drop("day_right", "person_id_right")


def _valued(known: ir.Table) -> ir.Table:
    joined_days = known.day - known.since
    values = {
        "quiet_days": ibis.least(
            known.day - ibis.greatest(known.last_act.fill_null(0), known.since), _LONGEST_QUIET_DAYS
        ),
        "joined_days": joined_days,
        "active_days": known.active_days.fill_null(0),
        "pushes": known.pushes,
        "leaving_percent": known.leaving_percent,
    }
    classes = {f"class_{sign.name}": _class_of(values[sign.name], sign) for sign in SIGNS}
    whole = {name: value.cast("int64") for name, value in (values | classes).items()}
    return known.select("day", "person_id", gone=1 - known.there.fill_null(0), **whole)


def _class_of(value: ir.IntegerValue, sign: Sign) -> ir.IntegerValue:
    reached = [(value >= cut).cast("int64") for cut in sign.cuts]
    total = reached[0]
    for one in reached[1:]:
        total = total + one
    return total
