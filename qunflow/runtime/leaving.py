"""
Who may leave within a week, worked out of the history for whoever asks: counts for figures, members for their people.

The rule is ``qunflow.retention.churn``; here the events and the pushes that arrived are brought to it. Members are
known by number only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from qunflow.clock import local_day
from qunflow.retention.churn import Card, ChurnOutlook, MemberRisk, member_risk, outlook, tally_of
from qunflow.retention.churn_days import HORIZON_DAYS, WEEKS_SEEN, member_days, reference_days, tallies
from qunflow.retention.events import Scope, counted
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store import members
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


def churn_outlook(here: Runtime, scope: Scope, kinds: Sequence[str], through: date) -> ChurnOutlook:
    """Learn from the weeks up to a local day that is over, and count its members by their risk."""
    events = _events(here, scope, through)
    first = events.local_day.min().to_pyarrow().as_py()
    days = reference_days(first, through) if first else ()
    rows = tallies(member_days(events, _pushes(here, scope, through), kinds, (*days, through)))
    found = [tally_of(row) for row in rows.to_pandas().to_dict("records")]
    return outlook([one for one in found if one.day < through], [one for one in found if one.day == through])


def members_by_risk(
    here: Runtime, scope: Scope, kinds: Sequence[str], through: date, card: Card
) -> tuple[MemberRisk, ...]:
    """The members of a day, the likeliest to leave first, each with what speaks for it."""
    rows = member_days(_events(here, scope, through), _pushes(here, scope, through), kinds, (through,))
    found = (member_risk(card, row) for row in rows.to_pandas().to_dict("records"))
    return tuple(sorted(found, key=lambda one: (-one.risk, one.person_id)))


def _events(here: Runtime, scope: Scope, through: date) -> ir.Table:
    return counted(here.history.table(), scope).filter(lambda t: t.local_day <= through)


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
