"""
Who is away and who stands in for them; what follows for their messages is left to ``delivery.stand_in``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from qunflow.errors import BadInput
from qunflow.store import audit
from qunflow.store.tables import absences


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away from an instant up to another; ``stand_in_userid`` may be empty."""

    absence_id: int
    userid: str
    from_at: datetime
    until_at: datetime
    stand_in_userid: str

    def covers(self, at: datetime) -> bool:
        """Whether they are away at an instant; the end itself is outside."""
        return self.from_at <= at < self.until_at


def note(
    conn: Connection, userid: str, from_at: datetime, until_at: datetime, stand_in: str, *, by: str, at: datetime
) -> int:
    """
    Write down that somebody will be away; the same absence twice is one.

    Raises:
        BadInput: it ends before it begins, or they would stand in for themselves.
    """
    if until_at <= from_at:
        raise BadInput("an absence ends after it begins", "give a later end")
    if stand_in == userid:
        raise BadInput(f"{userid} cannot stand in for themselves", "name somebody else, or nobody")
    row = {"userid": userid, "from_at": from_at, "until_at": until_at, "stand_in_userid": stand_in}
    same = select(absences.c.absence_id).where(
        *(absences.c[name] == value for name, value in row.items()), absences.c.cancelled_at.is_(None)
    )
    known = conn.execute(same).scalar()
    if known is not None:
        return int(known)
    made = insert(absences).values(**row, noted_by=by, noted_at=at).returning(absences.c.absence_id)
    number = int(conn.execute(made).scalar_one())
    audit.record(conn, by, "absence.note", userid, at, {"absence_id": number, "stand_in": stand_in})
    return number


def cancel(conn: Connection, absence_id: int, *, by: str, at: datetime) -> bool:
    """Take an absence back; returns False when it was taken back already or never was."""
    mine = update(absences).where(absences.c.absence_id == absence_id, absences.c.cancelled_at.is_(None))
    done = conn.execute(mine.values(cancelled_at=at)).rowcount == 1
    if done:
        audit.record(conn, by, "absence.cancel", str(absence_id), at)
    return done


def noted(conn: Connection, at: datetime) -> list[Absence]:
    """Absences that last at an instant or begin later, by their beginning."""
    wanted = (
        select(*(absences.c[name] for name in Absence.__slots__))
        .where(absences.c.cancelled_at.is_(None), absences.c.until_at > at)
        .order_by(absences.c.from_at, absences.c.absence_id)
    )
    return [Absence(*row) for row in conn.execute(wanted)]


def away(known: Iterable[Absence], userid: str, at: datetime) -> Absence | None:
    """The absence of somebody at an instant; one that names a stand-in before one that does not."""
    mine = [one for one in known if one.userid == userid and one.covers(at)]
    return max(mine, key=lambda one: (bool(one.stand_in_userid), one.absence_id), default=None)


def present(known: Iterable[Absence], userid: str, at: datetime) -> str:
    """Whoever does somebody's work at an instant: themselves, their stand-in, or the stand-in's; empty for nobody."""
    listed, seen = list(known), {""}
    while userid not in seen:
        seen.add(userid)
        absence = away(listed, userid, at)
        if absence is None:
            return userid
        userid = absence.stand_in_userid
    return ""
