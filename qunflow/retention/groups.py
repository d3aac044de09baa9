"""
What happened in each group lately, as Ibis expressions over counted events.

A leaver 退群 is somebody who left a group and was not back in it on the same day: a dropped line is no leave.
What the counts mean for a group is decided in ``health`` and ``alarms``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from qunflow.retention.membership import intervals

WEEK_DAYS, MONTH_DAYS, SETTLING_DAYS = 7, 30, 7
_EPOCH = date(1970, 1, 1)


def group_counts(events: ir.Table, kinds: Sequence[str], through: date) -> ir.Table:
    """
    One row per group that ever had a member, counted in people unless said otherwise.

    Columns: ``group_id``; ``members`` at the end of ``through`` and ``members_before`` a month earlier;
    ``leavers_month``, ``leavers_week``, ``joiners_week``; ``leave_days_week`` in days with a leaver;
    ``active_week`` members with an event of ``kinds`` anywhere in the community; ``settled`` people whose seventh
    day after joining is over and ``gone_by_d7`` those of them who were not in the group at its end.
    """
    events = events.filter(events.local_day <= through)
    today = (through - _EPOCH).days
    stays = _with_return(intervals(events))
    recent = events.filter(events.kind.isin(list(kinds)) & (events.local_day.epoch_days() > today - WEEK_DAYS))
    acts = recent.select(actor=recent.person_id).distinct()
    rows = stays.left_join(acts, stays.person_id == acts.actor)
    counts = rows.group_by("group_id").aggregate(**_lately(rows, today))
    return counts.left_join(_settling(stays, today), "group_id").drop("group_id_right")


def leave_days(events: ir.Table, since: date, through: date) -> ir.Table:
    """Days with leavers from ``since`` to ``through``: ``group_id``, ``left_on``, ``people``."""
    stays = _with_return(intervals(events.filter(events.local_day <= through)))
    leaves = stays.filter(stays.for_good & (stays.left_on >= since))
    return leaves.group_by(["group_id", "left_on"]).aggregate(people=leaves.person_id.nunique())


def _with_return(stays: ir.Table) -> ir.Table:
    ordered = ibis.window(group_by=["group_id", "person_id"], order_by="joined_at")
    stays = stays.mutate(back_on=stays.joined_on.lead().over(ordered))
    back_at_once = (stays.back_on == stays.left_on).fill_null(False)
    return stays.mutate(for_good=stays.left_on.notnull() & ~back_at_once)


def _lately(rows: ir.Table, today: int) -> dict[str, ir.Value]:
    joined, left = rows.joined_on.epoch_days(), rows.left_on.epoch_days()
    is_in = _in_on(rows, today)
    left_this_week = rows.for_good & (left > today - WEEK_DAYS)
    people = rows.person_id
    return {
        "members": people.nunique(where=is_in),
        "members_before": people.nunique(where=_in_on(rows, today - MONTH_DAYS)),
        "leavers_month": people.nunique(where=rows.for_good & (left > today - MONTH_DAYS)),
        "leavers_week": people.nunique(where=left_this_week),
        "joiners_week": people.nunique(where=joined > today - WEEK_DAYS),
        "leave_days_week": rows.left_on.nunique(where=left_this_week),
        "active_week": people.nunique(where=is_in & rows.actor.notnull()),
    }


def _settling(stays: ir.Table, today: int) -> ir.Table:
    firsts = stays.group_by(["group_id", "person_id"]).aggregate(first_on=stays.joined_on.min())
    seen = stays.join(firsts, ["group_id", "person_id"])
    stayed = _in_on(seen, seen.first_on.epoch_days() + SETTLING_DAYS)
    people = seen.group_by(["group_id", "person_id", "first_on"]).aggregate(stayed=stayed.any())
    over = people.first_on.epoch_days() + SETTLING_DAYS <= today
    return people.group_by("group_id").aggregate(settled=over.sum(), gone_by_d7=(over & ~people.stayed).sum())


def _in_on(rows: ir.Table, day: ir.IntegerValue | int) -> ir.BooleanValue:
    has_left = (rows.left_on.epoch_days() <= day).fill_null(False)
    return (rows.joined_on.epoch_days() <= day) & ~has_left
