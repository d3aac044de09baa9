"""
The lists that can be handed out: which columns they have, and where their rows are.

Persons are their numbers, which stay the same from file to file; names, phones, open ids, coupon codes, form entries
and what was said to a single person are in none of them. Rows are read a page at a time: one long look at an SQLite
file would keep everybody else from writing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column as Field
from sqlalchemy import Date, Select, and_, case, func, select

from qunflow.clock import day_bounds
from qunflow.errors import BadInput
from qunflow.store.engine import Store
from qunflow.store.exporting.listing import Column, Listing, Row
from qunflow.store.figure_rows import read_value
from qunflow.store.history import History
from qunflow.store.tables import contents, figures, groups, inbox, leads, memberships, orders, quarantine, targets

PAGE = 5_000
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\d{6,}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which rows.

    Args:
        communities: their keys; empty for all there are.
        since, until: first and last local day, both counted; ``None`` for no end.
        zone: in which days are counted and wall clocks written.
        now: the present instant.
        why: the words for a reason of the outbox.
    """

    zone: ZoneInfo
    now: datetime
    communities: Sequence[str] = ()
    since: date | None = None
    until: date | None = None
    why: Callable[[str], str] = str


def listing(name: str, store: Store, history: History, wanted: Wanted) -> Listing:
    """
    A list by its name, one of ``NAMES``.

    Raises:
        BadInput: there is no such list, or it cannot be cut as wanted.
    """
    if name == "events":
        return Listing(name, _EVENTS, _events(store, history, wanted), wanted.zone)
    if name not in _LISTS:
        raise BadInput(f"there is no list {name!r}", f"choose one of {', '.join(NAMES)}")
    columns, rows = _LISTS[name]
    return Listing(name, columns, rows(store, wanted), wanted.zone)


def _figures(store: Store, wanted: Wanted) -> Iterator[Row]:
    query = select(
        *(figures.c[name] for name in ("figure_id", "community", "stage", "name", "dimensions", "as_of", "value")),
        *(figures.c[name] for name in ("numerator", "denominator", "unit", "grade", "source", "recorded_at")),
    ).where(figures.c.superseded_at.is_(None))
    for row in _pages(store, _within(query, figures.c.community, figures.c.as_of, wanted), figures.c.figure_id):
        yield [*row[1:6], read_value(row.value, row.unit), *row[7:]]


def _members(store: Store, wanted: Wanted) -> Iterator[Row]:
    query = select(
        memberships.c.membership_id,
        *(groups.c[name] for name in ("community", "group_key", "name")),
        *(memberships.c[name] for name in ("person_id", "channel", "pulled_in", "joined_at", "left_at")),
        *(memberships.c[name] for name in ("left_known_by", "last_seen_at")),
    ).join(groups)
    found = _pages(
        store, _within(query, groups.c.community, memberships.c.joined_at, wanted), memberships.c.membership_id
    )
    return (row[1:] for row in found)


def _groups(store: Store, wanted: Wanted) -> Iterator[Row]:
    if wanted.since is not None or wanted.until is not None:
        raise BadInput("groups are told as they are now, not by days", "leave out --day, --since and --until")
    inside = (
        select(func.count(memberships.c.person_id.distinct()))
        .where(memberships.c.group_id == groups.c.group_id, memberships.c.left_at.is_(None))
        .scalar_subquery()
    )
    query = select(
        *(groups.c[name] for name in ("group_id", "community", "group_key", "name", "kind", "platform")),
        groups.c.owner_userid,
        inside,
        *(groups.c[name] for name in ("opened_on", "dissolved_at", "roster_at")),
    )
    query = _within(query, groups.c.community, None, wanted)
    return (row[1:] for row in _pages(store, query, groups.c.group_id))


def _leads(store: Store, wanted: Wanted) -> Iterator[Row]:
    joined = groups.alias()
    came = (
        select(func.min(memberships.c.joined_at))
        .select_from(memberships.join(joined))
        .where(memberships.c.person_id == leads.c.person_id, joined.c.community == leads.c.community)
        .scalar_subquery()
    )
    query = select(
        *(leads.c[name] for name in ("lead_id", "community", "source", "channel", "person_id", "submitted_at")),
        leads.c.duplicate_of.is_not(None),
        groups.c.group_key,
        came,
    ).outerjoin(groups, groups.c.group_id == leads.c.placed_group_id)
    query = _within(query, leads.c.community, leads.c.submitted_at, wanted)
    return (row[1:] for row in _pages(store, query, leads.c.lead_id))


def _orders(store: Store, wanted: Wanted) -> Iterator[Row]:
    query = select(
        *(orders.c[name] for name in ("order_id", "community", "source", "source_key", "person_id")),
        groups.c.group_key,
        *(orders.c[name] for name in ("campaign", "amount_fen", "refunded_fen", "paid_at", "short_code")),
        orders.c.coupon_code != "",
    ).outerjoin(groups, groups.c.group_id == orders.c.group_id)
    query = _within(query, orders.c.community, orders.c.paid_at, wanted)
    return (row[1:] for row in _pages(store, query, orders.c.order_id))


def _outbox(store: Store, wanted: Wanted) -> Iterator[Row]:
    to_group, to_person = targets.c.target_kind == "chat", targets.c.target_kind == "person"
    query = (
        select(
            *(targets.c[name] for name in ("target_id", "community", "local_day", "stage", "campaign", "slot_key")),
            targets.c.way,
            groups.c.group_key,
            case((to_person, targets.c.target_ref)).label("person_id"),
            *(targets.c[name] for name in ("sender_userid", "due_at", "state", "reason", "sent_at", "outcome")),
            *(targets.c[name] for name in ("reply_count", "content_version")),
            # What is said to one person may name them, or give them a coupon.
            case((to_group, contents.c.text)).label("text"),
        )
        .join(contents)
        .outerjoin(groups, and_(to_group, groups.c.group_id == targets.c.target_ref))
    )
    query = _within(query, targets.c.community, targets.c.local_day, wanted)
    for row in _pages(store, query, targets.c.target_id):
        yield [*row[1:12], wanted.why(row.reason), *row[13:]]


def _quarantined(store: Store, wanted: Wanted) -> Iterator[Row]:
    if wanted.communities:
        raise BadInput("rows in quarantine belong to no community", "leave out --community")
    return _set_aside(store, wanted)


def _set_aside(store: Store, wanted: Wanted) -> Iterator[Row]:
    kept = select(
        *(quarantine.c[name] for name in ("quarantine_id", "stage", "source", "row_ref", "reason", "quarantined_at"))
    )
    kept = _within(kept, None, quarantine.c.quarantined_at, wanted)
    for row in _pages(store, kept, quarantine.c.quarantine_id):
        yield row.stage, row.source, _place(row.row_ref), _told(row.reason), row.quarantined_at
    # Forms and orders that are set aside are in both tables.
    refused = select(inbox.c.inbox_id, inbox.c.source, inbox.c.reason, inbox.c.applied_at).where(
        inbox.c.state == "quarantined", inbox.c.source.in_(["wecom", "reply"])
    )
    for row in _pages(store, _within(refused, None, inbox.c.applied_at, wanted), inbox.c.inbox_id):
        yield None, f"inbox:{row.source}", f"inbox {row.inbox_id}", _told(row.reason), row.applied_at


def _place(row_ref: str) -> str | None:
    """The line or number at which a row is found again; anything else may be somebody's id."""
    found = re.search(r"(?:\A|[#/:])((?:inbox )?\d{1,9})\Z", row_ref)
    return found[1] if found else None


def _told(reason: str) -> str:
    """A reason without what it quotes of the row."""
    return _QUOTED.sub("…", reason)


def _events(store: Store, history: History, wanted: Wanted) -> Iterator[Row]:
    import ibis

    places = _group_places(store)
    fields = ("local_day", "happened_at", "kind", "person_id", "group_id", "channel", "amount", "source", "recorded_at")
    events = _event_table(history, places, wanted).select(*fields)
    # Ibis 12 asks DuckDB 2 for a reader by a name it no longer has.
    duck = events.get_backend().con
    for batch in duck.sql(str(ibis.to_sql(events))).to_arrow_reader(PAGE):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            community, group = places.get(row[4], (None, None))
            yield [*row[:4], community, group, *row[5:]]


def _event_table(history: History, places: Mapping[int, tuple[str, str]], wanted: Wanted) -> Any:
    from qunflow.clock import local_day
    from qunflow.retention.events import Scope, of_community

    events = history.table()
    if wanted.communities:
        (community,) = wanted.communities
        mine = [number for number, (owner, _) in places.items() if owner == community]
        alone = {owner for owner, _ in places.values()} <= {community}
        today = local_day(wanted.now, wanted.zone)
        events = of_community(events, Scope(community, mine, alone, wanted.until or today, wanted.now))
    if wanted.since is not None:
        events = events.filter(events.local_day >= wanted.since)
    return events if wanted.until is None else events.filter(events.local_day <= wanted.until)


def _group_places(store: Store) -> dict[int, tuple[str, str]]:
    with store.reading() as conn:
        rows = conn.execute(select(groups.c.group_id, groups.c.community, groups.c.group_key)).all()
    return {row.group_id: (row.community, row.group_key) for row in rows}


def _within(query: Select[Any], community: Field[Any] | None, when: Field[Any] | None, wanted: Wanted) -> Select[Any]:
    """The rows of the communities and days wanted; ``when`` is a day or an instant."""
    if community is not None and wanted.communities:
        query = query.where(community.in_(wanted.communities))
    if when is None:
        return query
    is_day = isinstance(when.type, Date)
    if wanted.since is not None:
        query = query.where(when >= (wanted.since if is_day else day_bounds(wanted.since, wanted.zone)[0]))
    if wanted.until is not None:
        ends = when <= wanted.until if is_day else when < day_bounds(wanted.until, wanted.zone)[1]
        query = query.where(ends)
    return query


def _pages(store: Store, query: Select[Any], number: Field[Any]) -> Iterator[Any]:
    """The rows of a query in the order of ``number``, its first column; each page in a transaction of its own."""
    last = 0
    while True:
        with store.reading() as conn:
            page = conn.execute(query.where(number > last).order_by(number).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1][0]


_COMMUNITY, _GROUP, _PERSON = Column("community"), Column("group"), Column("person", "whole")
_EVENTS = (
    Column("local_day", "day"), Column("happened_at", "instant"), Column("event", said="exporting.event."), _PERSON,
    _COMMUNITY, _GROUP, Column("channel"), Column("amount_fen", "fen"), Column("source"),
    Column("recorded_at", "instant"),
)  # fmt: skip
_LISTS: Mapping[str, tuple[Sequence[Column], Callable[[Store, Wanted], Iterator[Row]]]] = {
    "figures": (
        (
            _COMMUNITY, Column("stage", said="report.stage."), Column("figure", said="report.figure."),
            Column("dimensions"), Column("as_of", "day"), Column("value", "value"), Column("numerator", "whole"),
            Column("denominator", "whole"), Column("unit", said="exporting.unit."), Column("grade"), Column("source"),
            Column("recorded_at", "instant"),
        ),
        _figures,
    ),
    "members": (
        (
            _COMMUNITY, _GROUP, Column("group_name"), _PERSON, Column("channel"), Column("pulled_in", "yes_no"),
            Column("joined_at", "instant"), Column("left_at", "instant"),
            Column("left_known_by", said="exporting.left_known_by."), Column("last_seen_at", "instant"),
        ),
        _members,
    ),
    "groups": (
        (
            _COMMUNITY, _GROUP, Column("group_name"), Column("group_kind", said="report.kind."),
            Column("platform", said="exporting.platform."), Column("owner"), Column("members_now", "whole"),
            Column("opened_on", "day"), Column("dissolved_at", "instant"), Column("roster_at", "instant"),
        ),
        _groups,
    ),
    "leads": (
        (
            _COMMUNITY, Column("source"), Column("channel"), _PERSON, Column("submitted_at", "instant"),
            Column("repeated", "yes_no"), Column("placed_group"), Column("first_joined_at", "instant"),
        ),
        _leads,
    ),
    "orders": (
        (
            _COMMUNITY, Column("source"), Column("order_no"), _PERSON, _GROUP, Column("campaign"),
            Column("amount_fen", "fen"), Column("refunded_fen", "fen"), Column("paid_at", "instant"),
            Column("short_link"), Column("with_coupon", "yes_no"),
        ),
        _orders,
    ),
    "outbox": (
        (
            _COMMUNITY, Column("local_day", "day"), Column("stage", said="report.stage."), Column("campaign"),
            Column("slot"), Column("way", said="delivery.way_"), _GROUP, _PERSON, Column("sender"),
            Column("due_at", "instant"), Column("state", said="delivery.state_"), Column("reason"),
            Column("sent_at", "instant"), Column("outcome", said="delivery.outcome_"), Column("replies", "whole"),
            Column("content_version"), Column("text"),
        ),
        _outbox,
    ),
    "quarantine": (
        (
            Column("stage", said="report.stage."), Column("source"), Column("row"),
            Column("reason", said="report.reason."), Column("quarantined_at", "instant"),
        ),
        _quarantined,
    ),
}  # fmt: skip
NAMES = (*_LISTS, "events")
