"""
Who may leave within a week, worked out of the history for whoever asks: counts for figures, members for their people.

The rule is ``qunflow.retention.outlook.churn``; here the events and the pushes that arrived are brought to it. Members
are known by number only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from qunflow.clock import local_day
from qunflow.errors import PermanentError
from qunflow.retention.events import Scope, counted
from qunflow.retention.outlook.churn import Card, ChurnOutlook, MemberRisk, member_risk, outlook, tally_of
from qunflow.retention.outlook.churn_days import (
    HORIZON_DAYS,
    WEEKS_SEEN,
    acts_of,
    member_days,
    reference_days,
    seen_since,
    spans_of,
    tallies,
)
from qunflow.retention.outlook.churn_tally import known_of
from qunflow.retention.tally.reading import day_of_number
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.store.retention_state import Source, carry_on
from qunflow.store.tables import targets

if TYPE_CHECKING:
    import ibis.expr.types as ir


def scope_of(here: Runtime, community: Community, through: date | None = None) -> Scope:
    """The events of a community up to a local day, by default the last one that is over."""
    now = here.clock.now()
    yesterday = local_day(now, community.zone_info) - timedelta(days=1)
    with here.store.reading() as conn:
        known = members.groups_of(conn, community.key)
    return Scope(
        community=community.key,
        group_ids=tuple(group.group_id for group in known),
        alone=len(here.workspace.communities) == 1,
        day=min(through or yesterday, yesterday),
        now=now,
    )


def churn_outlook(
    here: Runtime, community: Community, scope: Scope, kinds: Sequence[str], through: date
) -> ChurnOutlook:
    """
    Learn from the weeks up to a local day that is over, and count its members by their risk.

    Raises:
        BadInput: the tally cannot be used, and a file of the history is missing or damaged.
    """
    spans, acts, days = _seen(here, community, scope, kinds, through)
    rows = tallies(member_days(spans, acts, _pushes(here, scope, through), (*days, through)))
    found = [tally_of(row) for row in rows.to_pandas().to_dict("records")]
    return outlook([one for one in found if one.day < through], [one for one in found if one.day == through])


def members_by_risk(
    here: Runtime, community: Community, scope: Scope, kinds: Sequence[str], through: date, card: Card
) -> tuple[MemberRisk, ...]:
    """The members of a day, the likeliest to leave first, each with what speaks for it."""
    spans, acts, _ = _seen(here, community, scope, kinds, through)
    rows = member_days(spans, acts, _pushes(here, scope, through), (through,))
    found = (member_risk(card, row) for row in rows.to_pandas().to_dict("records"))
    return tuple(sorted(found, key=lambda one: (-one.risk, one.person_id)))


def _seen(
    here: Runtime, community: Community, scope: Scope, kinds: Sequence[str], through: date
) -> tuple[ir.Table, ir.Table, tuple[date, ...]]:
    """Stays, acts and the days to learn from: of the tally, where it counts what is asked for, else of the history."""
    acts_since = seen_since((through - timedelta(days=HORIZON_DAYS * WEEKS_SEEN),))
    if sorted(kinds) == sorted(community.retention.active_kinds):
        source = Source(here.history, here.store, scope, tuple(kinds), community.zone_info)
        folder = here.directory / "state" / "retention" / community.key
        try:
            known = carry_on(folder, source, lambda tally, _: known_of(tally, through, acts_since))
        except PermanentError:
            # No room to keep the tally: everything is read.
            return _all_seen(here, scope, kinds, through, acts_since)
        days = reference_days(day_of_number(known.first), through) if known.first is not None else ()
        return known.spans(), known.acts(), days
    return _all_seen(here, scope, kinds, through, acts_since)


def _all_seen(
    here: Runtime, scope: Scope, kinds: Sequence[str], through: date, acts_since: date
) -> tuple[ir.Table, ir.Table, tuple[date, ...]]:
    events = counted(here.history.table(), scope).filter(lambda t: t.local_day <= through)
    first = events.local_day.min().to_pyarrow().as_py()
    return spans_of(events), acts_of(events, kinds, acts_since), reference_days(first, through) if first else ()


def _pushes(here: Runtime, scope: Scope, through: date) -> ir.Table | None:
    """What arrived in each group, a row a push; the platform tells it of what went through Qunflow only."""
    import ibis

    asked = select(targets.c.target_ref, targets.c.local_day).where(
        targets.c.community == scope.community,
        targets.c.target_kind == "chat",
        targets.c.outcome == "delivered",
        targets.c.local_day >= through - timedelta(days=(WEEKS_SEEN + 2) * HORIZON_DAYS),
    )
    with here.store.reading() as conn:
        sent: list[Any] = list(conn.execute(asked))
    if not sent:
        return None
    columns = {"group_id": [row.target_ref for row in sent], "pushed_on": [row.local_day for row in sent]}
    return ibis.memtable(columns, schema={"group_id": "int64", "pushed_on": "date"})
