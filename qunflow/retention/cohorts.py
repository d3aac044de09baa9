"""
Stay retention, activity retention and the activity matrix as Ibis expressions over counted events.

A cohort 同批入群 is everybody whose first qualifying event lies in one period; it is counted in people, so somebody
in three groups, or who comes back twice, is one. Which cells have come due is decided in ``cells``.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

from qunflow.retention.membership import intervals
from qunflow.retention.periods import Period, distance, period_of

DAYS = (1, 3, 7, 14, 30)


def stay_counts(events: ir.Table, period: Period, days: Sequence[int] = DAYS) -> ir.Table:
    """
    How many of each joining cohort are in a group on the k-th day after their first join.

    Formula: stay_rate(cohort, k) = people in at least one group at the end of local day first_join + k ÷ cohort
    size. The first join is the first into any group of the community; leaving one group and staying in another is
    staying, and so is leaving and having come back by that day's end.

    Columns: ``cohort`` (first day of the period), ``size``, and ``on_<k>`` for each day, all in people.
    """
    stays = intervals(events)
    firsts = stays.group_by("person_id").aggregate(first_on=stays.joined_on.min())
    seen = stays.join(firsts, "person_id")
    on = {f"on_{k}": _is_in(seen, k).any() for k in days}
    people = seen.group_by(["person_id", "first_on"]).aggregate(**on)
    return _by_cohort(people, period, days)


def active_counts(events: ir.Table, kinds: Sequence[str], period: Period, days: Sequence[int] = DAYS) -> ir.Table:
    """
    How many of each joining cohort did something on exactly the k-th day after their first join.

    Formula: active_rate(cohort, k) = people with an event of ``kinds`` on local day first_join + k ÷ cohort size.
    Cohorts are those of ``stay_counts``; who acts without ever joining belongs to none. Same columns.
    """
    stays = intervals(events)
    firsts = stays.group_by("person_id").aggregate(first_on=stays.joined_on.min())
    acts = events.filter(events.kind.isin(list(kinds))).select("person_id", acted_on=events.local_day).distinct()
    seen = firsts.left_join(acts, "person_id")
    on = {
        f"on_{k}": (seen.acted_on.epoch_days() == seen.first_on.epoch_days() + k).fill_null(False).any() for k in days
    }
    people = seen.group_by(["person_id", "first_on"]).aggregate(**on)
    return _by_cohort(people, period, days)


def activity_matrix(events: ir.Table, kinds: Sequence[str], period: Period) -> ir.Table:
    """
    Who acted, by the period of their first act and how many periods later they acted again.

    A cohort is everybody whose first event of ``kinds`` lies in the period, joined or not; cell k counts its people
    with such an event k periods later, so cell 0 is the cohort's size. A cell without people has no row.

    Columns: ``cohort`` (first day of the period), ``distance`` in periods, ``people``.
    """
    acts = events.filter(events.kind.isin(list(kinds)))
    acts = acts.select("person_id", at=period_of(acts.local_day, period)).distinct()
    firsts = acts.group_by("person_id").aggregate(cohort=acts["at"].min())
    pairs = acts.join(firsts, "person_id")
    pairs = pairs.select("person_id", "cohort", distance=distance(pairs.cohort, pairs["at"], period))
    return pairs.group_by(["cohort", "distance"]).aggregate(people=pairs.count()).order_by(["cohort", "distance"])


def _is_in(seen: ir.Table, days_later: int) -> ir.BooleanValue:
    target = seen.first_on.epoch_days() + days_later
    has_left = (seen.left_on.epoch_days() <= target).fill_null(False)
    return (seen.joined_on.epoch_days() <= target) & ~has_left


def _by_cohort(people: ir.Table, period: Period, days: Sequence[int]) -> ir.Table:
    people = people.mutate(cohort=period_of(people.first_on, period))
    on = {f"on_{k}": people[f"on_{k}"].cast("int64").sum() for k in days}
    return people.group_by("cohort").aggregate(size=people.count(), **on).order_by("cohort")
