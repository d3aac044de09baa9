"""
What cohorts of the workspace's own history may be split by: how somebody came in, and into what.

The roster knows more of a join than the event that told of it, and mends what it knows; so the membership is asked
first, the event where there is none, such as in an imported log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from qunflow.errors import BadInput
from qunflow.settings.words import did_you_mean
from qunflow.settings.workspace import Community
from qunflow.store.tables import groups, memberships

if TYPE_CHECKING:
    import ibis.expr.types as ir

PULLED_IN, SELF_JOINED = "pulled_in", "self_joined"
# Of no campaign, of no known channel: a part of its own, never left out.
NONE = ""
Split = Callable[["ir.Table", Connection, Community], "ir.Table"]


def split_events(events: ir.Table, dimension: str, conn: Connection, community: Community) -> ir.Table:
    """
    The events with a text column named after the dimension, "" where it is not known.

    Args:
        events: columns of the history.
        dimension: one of ``DIMENSIONS``. ``channel``, ``inviter`` (an account of the brand) and ``entry``
            (``self_joined``, ``pulled_in``) are those of the membership a join began; ``campaign`` is the first one
            that ran on the event's day; ``group_kind`` and ``owner`` are those of its group as they are now.

    Raises:
        BadInput: another dimension.
    """
    if dimension not in DIMENSIONS:
        raise BadInput(f"cohorts cannot be split by {dimension!r}", did_you_mean(dimension, list(DIMENSIONS)))
    return DIMENSIONS[dimension](events, conn, community)


def _of_membership(
    name: str, told: Callable[[Any], str | None], otherwise: Callable[[ir.Table], ir.StringValue]
) -> Split:
    def split(events: ir.Table, conn: Connection, community: Community) -> ir.Table:
        known = _memberships(conn, community, told)
        on = (
            (events.person_id == known.dim_person)
            & (events.group_id == known.dim_group)
            & (events.happened_at.epoch_seconds() == known.dim_joined_s)
        )
        joined = events.left_join(known, on)
        value = joined.dim_value.fill_null(otherwise(joined))
        return joined.mutate(**{name: value}).select(*dict.fromkeys((*events.columns, name)))

    return split


def _memberships(conn: Connection, community: Community, told: Callable[[Any], str | None]) -> ir.Table:
    import ibis
    import pyarrow as pa

    query = (
        select(*(memberships.c[name] for name in ("person_id", "group_id", "joined_at", "channel", "pulled_in")))
        .add_columns(memberships.c.inviter_userid, memberships.c.join_scene)
        .join(groups)
        .where(groups.c.community == community.key)
        .order_by(memberships.c.membership_id)
    )
    # Of two stays that began in one second the last is taken, so that no event is counted twice.
    found = {(row.person_id, row.group_id, int(row.joined_at.timestamp())): told(row) for row in conn.execute(query)}
    person, group, joined_s = ([key[place] for key in found] for place in range(3))
    columns = {"dim_person": person, "dim_group": group, "dim_joined_s": joined_s}
    table = pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
    return ibis.memtable(table.append_column("dim_value", pa.array(list(found.values()), pa.string())))


def _of_group(name: str, events: ir.Table, conn: Connection, community: Community) -> ir.Table:
    column = {"group_kind": groups.c.kind, "owner": groups.c.owner_userid}[name]
    rows = conn.execute(select(groups.c.group_id, column).where(groups.c.community == community.key))
    return events.mutate(**{name: _chosen(events.group_id, {row[0]: row[1] for row in rows})})


def _chosen(column: Any, values: Mapping[int, str]) -> Any:
    import ibis

    if not values:
        return ibis.literal(NONE)
    return ibis.cases(*((column == key, ibis.literal(value)) for key, value in values.items()), else_=NONE)


def _of_campaign(events: ir.Table, _conn: Connection, community: Community) -> ir.Table:
    import ibis

    ran: Iterable[Any] = sorted(community.campaigns, key=lambda one: (one.warm_up_on, one.key))
    cases = [(events.local_day.between(one.warm_up_on, one.closes_on), ibis.literal(one.key)) for one in ran]
    return events.mutate(campaign=ibis.cases(*cases, else_=NONE) if cases else ibis.literal(NONE))


def _nothing(_events: ir.Table) -> Any:
    import ibis

    return ibis.literal(NONE)


def _entry_seen(row: Any) -> str | None:
    """As a roster showed it; a membership no roster showed only says what it was told of, or nothing at all."""
    if row.join_scene is None:
        return None
    return PULLED_IN if row.pulled_in else SELF_JOINED


def _entry_told(events: ir.Table) -> Any:
    """As the event says it, where no membership is on file."""
    import ibis

    says = events.props.contains
    return ibis.cases(
        (says('"pulled_in": true'), ibis.literal(PULLED_IN)),
        (says('"pulled_in": false'), ibis.literal(SELF_JOINED)),
        else_=NONE,
    )


DIMENSIONS: Mapping[str, Split] = {
    "channel": _of_membership("channel", lambda row: row.channel or None, lambda events: events.channel),
    "inviter": _of_membership("inviter", lambda row: row.inviter_userid or None, _nothing),
    "entry": _of_membership("entry", _entry_seen, _entry_told),
    "campaign": _of_campaign,
    "group_kind": partial(_of_group, "group_kind"),
    "owner": partial(_of_group, "owner"),
}
