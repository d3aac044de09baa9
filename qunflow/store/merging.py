"""
Two numbers that are one person: everything of the one is handed to the other, and can be handed back.

Each handed row is noted by its key, one that has no room there (the same friend, the same day) is kept in the note
itself; so a split gives back exactly what a merge took. What came in later stays with whom it came to. Memberships are
worked out anew by the caller; history keeps its numbers and is read through the open merges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Date, Table, and_, delete, insert, select, tuple_, union_all, update

from qunflow.errors import BadInput
from qunflow.store import audit
from qunflow.store.engine import lock
from qunflow.store.rows import chunks, insert_ignore
from qunflow.store.tables import (
    Instant,
    buyers,
    checkins,
    contacts,
    coupons,
    identity_reviews,
    inbox,
    invitations,
    leads,
    ledger_postings,
    memberships,
    orders,
    outside_sends,
    person_merges,
    persons,
    suppressions,
    targets,
    todos,
    told_moves,
    welcomes,
)
from qunflow.store.vault import Vault

# Table → the columns that name a row among those of one person.
_OF_A_PERSON: Mapping[Table, tuple[str, ...]] = {
    told_moves: ("group_id", "moved_at", "joined"),
    memberships: ("group_id", "joined_at"),
    contacts: ("userid",),
    suppressions: ("kind",),
    invitations: ("community", "attempt"),
    checkins: ("activity_id", "local_day"),
    buyers: ("campaign_id",),
    leads: ("lead_id",),
    inbox: ("inbox_id",),
    welcomes: ("code_digest",),
    coupons: ("code",),
    orders: ("order_id",),
    ledger_postings: ("entry_id", "account"),
    todos: ("todo_id",),
}
# What was or will be said to somebody: what names a row, and what there is room for once. Where there is none a row
# stays with the old number, as calls and cards hang on it; without an address it never leaves.
_SAID_TO: Mapping[Table, tuple[str, tuple[str, ...]]] = {
    targets: ("target_id", ("slot_key", "local_day")),
    outside_sends: ("platform_id", ("platform_id",)),
}
_BEFORE = "memberships_before"


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge that stands or was split again."""

    merge_id: int
    kept_id: int
    merged_id: int
    reason: str
    merged_at: datetime
    merged_by: str
    split_at: datetime | None


@dataclass(frozen=True, slots=True)
class Review:
    """Two persons somebody must look at."""

    review_id: int
    reason: str
    person_id: int
    other_id: int
    found_at: datetime
    state: str


def merge(conn: Connection, vault: Vault, kept: int, merged: int, reason: str, by: str, at: datetime) -> int:
    """
    Hand everything of ``merged`` to ``kept``; returns the number of the merge.

    Raises:
        BadInput: they are one already, or one of them is not known or was erased.
    """
    lock(conn, "person_merges")
    _require_apart(conn, kept, merged)
    moved: dict[str, Any] = {"identities": [list(one) for one in vault.rehome(conn, merged, kept)]}
    moved[_BEFORE] = _memberships(conn, kept, merged)
    known = vault.unseal_many(conn, [kept, merged])
    told = {field: value for field, value in known.get(merged, {}).items() if field not in known.get(kept, {})}
    vault.seal(conn, kept, told, at)
    for table, key in _OF_A_PERSON.items():
        moved[table.name] = _hand_over(conn, table, key, merged, kept)
    _keep_last_sight(conn, kept, moved[memberships.name]["kept_here"])
    for table in _SAID_TO:
        moved[table.name] = _readdress(conn, table, merged, kept)
    row = {"kept_id": kept, "merged_id": merged, "reason": reason, "merged_at": at, "merged_by": by, "moved": moved}
    number = int(conn.execute(insert(person_merges).returning(person_merges.c.merge_id), row).scalar_one())
    _settle(conn, kept, merged, "merged", by, at)
    audit.record(conn, by, "merge_people", f"person:{kept}", at, {"merged": merged, "reason": reason})
    return number


def split(conn: Connection, vault: Vault, merge_id: int, by: str, at: datetime) -> Merge:
    """
    Give back what a merge took; returns the merge.

    Raises:
        BadInput: there is no such merge, it was split before, or a later one builds on it.
    """
    lock(conn, "person_merges")
    row = conn.execute(select(person_merges).where(person_merges.c.merge_id == merge_id)).first()
    if row is None or row.split_at is not None:
        raise BadInput(f"merge {merge_id} does not stand", "see which do: qunflow people merges")
    if row.kept_id in aliases(conn):
        raise BadInput(f"person {row.kept_id} was merged again later", "split that merge first")
    vault.rehome(conn, row.kept_id, row.merged_id, [(kind, digest) for kind, digest in row.moved["identities"]])
    for table, key in _OF_A_PERSON.items():
        if table is not memberships:
            _hand_back(conn, table, key, row.kept_id, row.merged_id, row.moved.get(table.name, {}))
    for table in _SAID_TO:
        _readdress(conn, table, row.kept_id, row.merged_id, row.moved.get(table.name, []))
    _restore_memberships(conn, row.kept_id, row.moved[_BEFORE])
    ended = update(person_merges).where(person_merges.c.merge_id == merge_id)
    conn.execute(ended.values(split_at=at, split_by=by))
    _settle(conn, row.kept_id, row.merged_id, "apart", by, at)
    audit.record(conn, by, "split_people", f"person:{row.kept_id}", at, {"split": row.merged_id})
    return replace(Merge(*(getattr(row, name) for name in Merge.__slots__)), split_at=at)


def merges(conn: Connection) -> list[Merge]:
    """Every merge that stands, oldest first."""
    query = select(*(person_merges.c[name] for name in Merge.__slots__)).where(person_merges.c.split_at.is_(None))
    return [Merge(*row) for row in conn.execute(query.order_by(person_merges.c.merge_id))]


def aliases(conn: Connection) -> dict[int, int]:
    """Number that was merged → number of the person it is now."""
    query = select(person_merges.c.merged_id, person_merges.c.kept_id).where(person_merges.c.split_at.is_(None))
    direct = {row.merged_id: row.kept_id for row in conn.execute(query)}
    return {merged: _last(direct, kept) for merged, kept in direct.items()}


def former_numbers(conn: Connection, person: int) -> list[int]:
    """The numbers that were merged into a person, also by way of others."""
    found: list[int] = []
    wanted = [person]
    while wanted:
        query = select(person_merges.c.merged_id).where(
            person_merges.c.kept_id.in_(wanted), person_merges.c.split_at.is_(None)
        )
        wanted = list(conn.execute(query).scalars())
        found += wanted
    return found


def ask(conn: Connection, reason: str, person: int, other: int, at: datetime) -> bool:
    """Put two persons on the list to look at; a pair that was asked about for that reason is not asked about again."""
    low, high = sorted((person, other))
    row = {"reason": reason, "person_id": low, "other_id": high, "found_at": at}
    return insert_ignore(conn, identity_reviews, [row]) == 1


def reviews(conn: Connection) -> list[Review]:
    """Pairs nobody has decided about yet, oldest first."""
    query = select(*(identity_reviews.c[name] for name in Review.__slots__)).where(identity_reviews.c.state == "open")
    return [Review(*row) for row in conn.execute(query.order_by(identity_reviews.c.review_id))]


def keep_apart(conn: Connection, review_id: int, by: str, at: datetime) -> bool:
    """Note that two persons are two; returns whether that was still open."""
    still = (identity_reviews.c.review_id == review_id) & (identity_reviews.c.state == "open")
    values = {"state": "apart", "settled_at": at, "settled_by": by}
    done = conn.execute(update(identity_reviews).where(still).values(values)).rowcount == 1
    if done:
        audit.record(conn, by, "keep_people_apart", f"review:{review_id}", at)
    return done


def are_two(conn: Connection, one: int, other: int) -> bool:
    """Whether somebody said that these are two persons: kept them apart, or undid a merge of them."""
    low, high = sorted((one, other))
    apart = select(identity_reviews.c.review_id).where(
        identity_reviews.c.person_id == low, identity_reviews.c.other_id == high, identity_reviews.c.state == "apart"
    )
    undone = select(person_merges.c.merge_id).where(
        person_merges.c.kept_id.in_((low, high)),
        person_merges.c.merged_id.in_((low, high)),
        person_merges.c.split_at.is_not(None),
    )
    return conn.execute(union_all(apart, undone).limit(1)).first() is not None


def groups_of_persons(conn: Connection, person_ids: Sequence[int]) -> list[int]:
    """The groups any of these persons was ever in or told to be in."""
    found: set[int] = set()
    for table in (memberships, told_moves):
        query = select(table.c.group_id).where(table.c.person_id.in_(list(person_ids))).distinct()
        found.update(conn.execute(query).scalars())
    return sorted(found)


def _last(direct: Mapping[int, int], person: int) -> int:
    while person in direct:
        person = direct[person]
    return person


def _require_apart(conn: Connection, kept: int, merged: int) -> None:
    known = set(
        conn.execute(
            select(persons.c.person_id).where(persons.c.person_id.in_([kept, merged]), persons.c.erased_at.is_(None))
        ).scalars()
    )
    if len(known) != 2:
        raise BadInput(f"persons {kept} and {merged} are not two known persons", "look the numbers up again")
    gone = aliases(conn).keys() & {kept, merged}
    if gone:
        raise BadInput(f"person {min(gone)} was merged before", "merge the number it was merged into")


def _hand_over(conn: Connection, table: Table, key: tuple[str, ...], giver: int, taker: int) -> dict[str, list[Any]]:
    """Give the rows of one person to another; those that have no room there are taken out and kept in the note."""
    mine = conn.execute(select(table).where(table.c.person_id == giver)).mappings().all()
    theirs = conn.execute(select(*(table.c[name] for name in key)).where(table.c.person_id == taker)).all()
    taken = {tuple(row) for row in theirs}
    keys = [tuple(row[name] for name in key) for row in mine]
    moved = [one for one in keys if one not in taken]
    crowded = [dict(row) for row, one in zip(mine, keys, strict=True) if one in taken]
    for one in keys:
        if one in taken:
            conn.execute(delete(table).where(_row(table, key, giver, one)))
        else:
            conn.execute(update(table).where(_row(table, key, giver, one)).values(person_id=taker))
    return {"moved": [_plain(one) for one in moved], "kept_here": [_plain_row(row) for row in crowded]}


def _readdress(conn: Connection, table: Table, giver: int, taker: int, only: Sequence[Any] | None = None) -> list[Any]:
    """Let what was said to one number have been said to another, where that has room; returns which rows."""
    number, place = _SAID_TO[table]
    mine, theirs = (
        conn.execute(select(table).where(table.c.target_kind == "person", table.c.target_ref == one)).mappings().all()
        for one in (giver, taker)
    )
    taken = {tuple(row[name] for name in place) for row in theirs}
    free = [row[number] for row in mine if tuple(row[name] for name in place) not in taken]
    moved = free if only is None else [one for one in free if one in set(only)]
    for part in chunks(moved):
        said = and_(table.c.target_kind == "person", table.c.target_ref == giver, table.c[number].in_(part))
        conn.execute(update(table).where(said).values(target_ref=taker))
    return moved


def _hand_back(
    conn: Connection, table: Table, key: tuple[str, ...], kept: int, merged: int, note: Mapping[str, list[Any]]
) -> None:
    for one in note.get("moved", []):
        values = tuple(_typed(table, name, value) for name, value in zip(key, one, strict=True))
        conn.execute(update(table).where(_row(table, key, kept, values)).values(person_id=merged))
    rows = [{name: _typed(table, name, value) for name, value in row.items()} for row in note.get("kept_here", [])]
    insert_ignore(conn, table, rows)


def _memberships(conn: Connection, *person_ids: int) -> list[dict[str, Any]]:
    query = select(memberships).where(memberships.c.person_id.in_(person_ids))
    return [_plain_row(dict(row)) for row in conn.execute(query).mappings()]


def _keep_last_sight(conn: Connection, kept: int, crowded: Sequence[Mapping[str, Any]]) -> None:
    """Both joined at one instant: the stay that is left was seen when either was seen last."""
    for one in crowded:
        same = _row(memberships, ("group_id", "joined_at"), kept, (one["group_id"], _instant(one["joined_at"])))
        shown = {name: one[name] for name in ("join_scene", "pulled_in", "inviter_userid", "channel")}
        later = same & (memberships.c.last_seen_at < _instant(one["last_seen_at"]))
        conn.execute(update(memberships).where(later).values(last_seen_at=_instant(one["last_seen_at"]), **shown))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _restore_memberships(conn: Connection, kept: int, before: Sequence[Mapping[str, Any]]) -> None:
    """The stays of both as they were; newer ones stay as they are. The caller works them out anew."""
    rows = [
        {name: _typed(memberships, name, value) for name, value in row.items() if name != "membership_id"}
        for row in before
    ]
    starts = {(row["group_id"], row["joined_at"]) for row in rows}
    for one in conn.execute(select(memberships).where(memberships.c.person_id == kept)).all():
        if (one.group_id, one.joined_at) in starts:
            conn.execute(delete(memberships).where(memberships.c.membership_id == one.membership_id))
    if rows:
        conn.execute(insert(memberships), rows)


def _row(table: Table, key: tuple[str, ...], person: int, values: tuple[Any, ...]) -> Any:
    return and_(table.c.person_id == person, *(table.c[name] == value for name, value in zip(key, values, strict=True)))


def _settle(conn: Connection, one: int, other: int, state: str, by: str, at: datetime) -> None:
    low, high = sorted((one, other))
    pair = tuple_(identity_reviews.c.person_id, identity_reviews.c.other_id) == (low, high)
    conn.execute(update(identity_reviews).where(pair).values(state=state, settled_at=at, settled_by=by))


def _plain(values: Sequence[Any]) -> list[Any]:
    return [value.isoformat() if isinstance(value, date | datetime) else value for value in values]


def _plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return dict(zip(map(str, row), _plain(list(row.values())), strict=True))


def _typed(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if isinstance(value, str) and isinstance(kind, Instant):
        return _instant(value)
    return date.fromisoformat(value) if isinstance(value, str) and isinstance(kind, Date) else value
