"""
Whoever is away does not hold up the day: their cards go to a stand-in, their mass tasks become cards of one.

A mass task can only be confirmed by its owner. One that is not created yet is turned into a card where it stands; one
that is, is withdrawn at the platform first and only then posted by hand, for the groups that had not got it. The mark
on its targets is written before the platform is asked, so that a crash in between is gone on with, never repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select, update

from qunflow.clock import local_day
from qunflow.delivery.bounds import quiet_now
from qunflow.delivery.claims import CLAIMING
from qunflow.delivery.model import UNSENT, Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.poll import open_calls
from qunflow.delivery.ports import Ports
from qunflow.delivery.withdrawing import HANDED_OVER, withdraw_marked
from qunflow.errors import QunflowError
from qunflow.settings.workspace import Community, Group
from qunflow.store import absences, audit
from qunflow.store.absences import Absence, away, present
from qunflow.store.engine import lock
from qunflow.store.tables import contents, groups, targets

_BEFORE, _AHEAD = timedelta(days=1), timedelta(days=2)
# A mass task is created long before its minute; by hand it is posted at it, which is about this long before its end.
_BY_HAND_BEFORE_END = timedelta(minutes=10)
BY_HAND = "/by-hand"


@dataclass(slots=True)
class CoverReport:
    """Cards given to others, mass tasks that became cards, tasks withdrawn for it; and what stopped the round."""

    handed_over: int = 0
    by_hand: int = 0
    withdrawn: int = 0
    problem: QunflowError | None = None


@dataclass(frozen=True, slots=True)
class _Roster:
    """Who is away, and the groups by their number."""

    known: Sequence[Absence]
    places: Mapping[int, tuple[Community, Group]] = field(repr=False)

    def whose(self, row: Row[Any], now: datetime) -> str:
        """Who posts a card: the shift's person for the admin, whoever stands in for them, or who else is there."""
        place = self.places.get(row.target_ref)
        wanted, at = row.sender_userid, max(row.due_at, now)
        if place and row.state in UNSENT and wanted == place[1].admin:
            wanted = place[0].on_shift(row.local_day) or wanted
        return present(self.known, wanted, at) or self._other(row, at)

    def by_hand(self, row: Row[Any], now: datetime) -> str:
        """Who posts what an absent owner would have confirmed; empty while the owner is there or nobody else is."""
        at = max(row.due_at, now)
        return "" if away(self.known, row.sender_userid, at) is None else self.anybody(row, now)

    def anybody(self, row: Row[Any], now: datetime) -> str:
        """Its sender if they are there, their stand-in, or the group's admin or owner."""
        at = max(row.due_at, now)
        return present(self.known, row.sender_userid, at) or self._other(row, at)

    def _other(self, row: Row[Any], at: datetime) -> str:
        place = self.places.get(row.target_ref)
        people = (place[1].admin, place[1].owner) if place else ()
        return next((one for one in people if away(self.known, one, at) is None), "")


def cover(ports: Ports, now: datetime) -> CoverReport:
    """Give what absent people and the shift table leave to others; changes nothing while everybody is there."""
    report = CoverReport()
    with ports.store.reading() as conn:
        nobody_away = not absences.noted(conn, now)
    shifts = any(one.shifts for one in ports.workspace.communities)
    if not nobody_away or shifts:
        report.handed_over, report.by_hand = ports.store.write(partial(_give, ports=ports, now=now))
    if not nobody_away:
        ports.store.write(partial(_mark, ports=ports, now=now))
    report.withdrawn, report.problem = withdraw_marked(ports, now)
    if not nobody_away:
        report.by_hand += ports.store.write(partial(_post_withdrawn, ports=ports, now=now))
    return report


def hand_over(conn: Connection, target_ids: Sequence[int], to: str, *, by: str, at: datetime) -> int:
    """Give cards that are not posted yet to somebody else (转); returns how many there were."""
    mine = update(targets).where(
        targets.c.target_id.in_(list(target_ids)),
        targets.c.way == "hand_send",
        targets.c.outcome.in_(("waiting", "missed")),
        targets.c.sender_userid != to,
    )
    number = conn.execute(mine.values(sender_userid=to)).rowcount
    if number:
        audit.record(conn, by, "delivery.hand_over", to, at, {"targets": list(target_ids)[:100]})
    return number


def sheet_of(conn: Connection, target_id: int) -> list[int]:
    """The cards that go with one: the same words of the same slot and day, with the same person."""
    mine = select(targets).where(targets.c.target_id == target_id, targets.c.way == "hand_send").subquery()
    same = ("slot_key", "local_day", "content_version", "sender_userid")
    wanted = select(targets.c.target_id).where(
        targets.c.way == "hand_send", *(targets.c[name] == mine.c[name] for name in same)
    )
    return list(conn.execute(wanted).scalars())


def _roster(conn: Connection, ports: Ports, now: datetime) -> _Roster:
    named = {(community.key, group.key): (community, group) for community, group in ports.workspace.groups()}
    rows = conn.execute(select(groups.c.group_id, groups.c.community, groups.c.group_key))
    places = {row.group_id: named[row.community, row.group_key] for row in rows if (row[1], row[2]) in named}
    return _Roster(absences.noted(conn, now), places)


def _give(conn: Connection, ports: Ports, now: datetime) -> tuple[int, int]:
    # Against a claim that takes the same message just now.
    lock(conn, CLAIMING)
    roster = _roster(conn, ports, now)
    wanted = select(targets).where(
        targets.c.due_at.between(now - _BEFORE, now + _AHEAD),
        targets.c.target_kind == "chat",
        targets.c.way.in_(("hand_send", "mass_task")),
        targets.c.state.in_((*UNSENT, "sent")),
        targets.c.outcome == "waiting",
        targets.c.not_after >= now,
    )
    wanted = wanted.order_by(targets.c.community, targets.c.sender_userid, targets.c.slot_key, targets.c.not_after)
    handed: dict[str, list[Row[Any]]] = {}
    by_hand = 0
    # Of a community that is no longer in qunflow.yaml nothing goes out.
    rows = [row for row in conn.execute(wanted) if row.target_ref in roster.places]
    for row in rows:
        if row.way == "hand_send":
            who = roster.whose(row, now)
            if who and who != row.sender_userid:
                handed.setdefault(who, []).append(row)
        elif row.state in UNSENT and (who := roster.by_hand(row, now)):
            by_hand += _turn_into_card(conn, row, who, now)
    number = 0
    for who, rows in handed.items():
        number += hand_over(conn, [row.target_id for row in rows], who, by="stand-in", at=now)
    return number, by_hand


def _turn_into_card(conn: Connection, row: Row[Any], who: str, now: datetime) -> int:
    """In place: it is still the one message of its slot, day and group."""
    mine = update(targets).where(
        targets.c.target_id == row.target_id, targets.c.way == "mass_task", targets.c.state.in_(UNSENT)
    )
    due = max(row.due_at, row.not_after - _BY_HAND_BEFORE_END)
    done = conn.execute(mine.values(way="hand_send", sender_userid=who, due_at=due)).rowcount
    if done:
        audit.record(conn, "stand-in", "delivery.by_hand", str(row.target_id), now, {"owner": row.sender_userid})
    return done


def _mark(conn: Connection, ports: Ports, now: datetime) -> int:
    """Note which created tasks are taken from an absent owner, before the platform is asked to withdraw them."""
    roster = _roster(conn, ports, now)
    number = 0
    for task in open_calls(conn, ports):
        rows = conn.execute(select(targets).where(targets.c.target_id.in_(list(task.waiting.values())))).all()
        if rows and rows[0].way == "mass_task" and rows[0].not_after > now and roster.by_hand(rows[0], now):
            mine = update(targets).where(
                targets.c.target_id.in_([row.target_id for row in rows]), targets.c.reason != HANDED_OVER
            )
            number += conn.execute(mine.values(reason=HANDED_OVER)).rowcount
    return number


def _post_withdrawn(conn: Connection, ports: Ports, now: datetime) -> int:
    """Cards for what was withdrawn and has not got one yet."""
    roster = _roster(conn, ports, now)
    wanted = (
        select(targets, contents.c.text, contents.c.attachments)
        .join(contents, contents.c.content_version == targets.c.content_version)
        .where(
            targets.c.way == "mass_task",
            targets.c.reason == HANDED_OVER,
            targets.c.outcome == "cancelled",
            targets.c.due_at >= now - _BEFORE,
            targets.c.not_after > now,
        )
    )
    planned: dict[str, list[Planned]] = {}
    for row in conn.execute(wanted).all():
        place = roster.places.get(row.target_ref)
        # Also when the owner is back by now: the task is gone.
        who = roster.anybody(row, now)
        if place and who and not quiet_now(place[0], now) and local_day(now, place[0].zone_info) == row.local_day:
            planned.setdefault(row.sender_userid, []).append(_card(row, who, now))
    return sum(_queue(conn, cards, owner, now) for owner, cards in planned.items())


def _queue(conn: Connection, cards: Sequence[Planned], owner: str, now: datetime) -> int:
    report = plan(conn, cards, now)
    check(conn, report.ids)
    # The same words for the same group, approved when they were to go out as a task.
    approve(conn, report.ids, by=f"approved as a mass task of {owner}"[:80], at=now)
    return report.added


def _card(row: Row[Any], who: str, now: datetime) -> Planned:
    return Planned(
        community=row.community,
        stage=row.stage,
        campaign=row.campaign,
        slot_key=f"{row.slot_key}{BY_HAND}"[:120],
        day=row.local_day,
        way="hand_send",
        sender_userid=who,
        target_kind="chat",
        target_ref=row.target_ref,
        content=Content(row.text, tuple(row.attachments)),
        due_at=min(max(now, row.not_after - _BY_HAND_BEFORE_END), row.not_after),
        not_after=row.not_after,
        marketing=row.marketing,
        catch_up=row.catch_up,
        author=row.author,
    )
