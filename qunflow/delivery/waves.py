"""
Letting a tested message go to the next groups, by a person who has seen it in the ones before.

Which group is in which wave is decided in ``community.waves``; an unreleased wave waits in ``bounds``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection, and_, select

from qunflow.delivery.model import OUT
from qunflow.delivery.today import people_in
from qunflow.errors import BadInput
from qunflow.store import audit
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import groups, targets, waves


@dataclass(frozen=True, slots=True)
class Wave:
    """
    One wave of a slot.

    Args:
        number: 1 is the test group.
        groups: names; ``people`` in them.
        out: how many of its messages have gone out, ``arrived`` those that stand in the chat.
        released_by: who let it go; empty while it waits. The first needs nobody.
        is_next: whether it is the one to let go now.
    """

    number: int
    groups: tuple[str, ...]
    people: int
    out: int
    arrived: int
    released_by: str
    is_next: bool = False


def waves_of_day(conn: Connection, community: str, day: date) -> Mapping[str, tuple[Wave, ...]]:
    """Slot key → its waves, for the slots of a local day that have any."""
    wanted = (
        select(targets, groups.c.name.label("group_name"))
        .join(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
        .where(
            targets.c.community == community,
            targets.c.local_day == day,
            targets.c.wave > 0,
            targets.c.state != "cancelled",
        )
        .order_by(targets.c.slot_key, targets.c.wave, groups.c.name)
    )
    rows = conn.execute(wanted).all()
    people = people_in(conn, [row.target_ref for row in rows])
    released = {
        (row.slot_key, row.wave): row.released_by for row in conn.execute(select(waves).where(waves.c.local_day == day))
    }
    found: dict[str, list[Wave]] = defaultdict(list)
    for (slot, number), part in groupby(rows, key=lambda row: (row.slot_key, row.wave)):
        mine = list(part)
        by = released.get((slot, number), "")
        # The one after the last that may go; the first may at once.
        is_next = number > 1 and not by and all(one.number == 1 or one.released_by for one in found[slot])
        found[slot].append(
            Wave(
                number=number,
                groups=tuple(row.group_name for row in mine),
                people=sum(people.get(row.target_ref, 0) for row in mine),
                out=sum(row.state in OUT for row in mine),
                arrived=sum(row.outcome == "delivered" for row in mine),
                released_by=by,
                is_next=is_next,
            )
        )
    return {slot: tuple(mine) for slot, mine in found.items()}


def release(conn: Connection, community: str, slot_key: str, day: date, wave: int, *, by: str, at: datetime) -> bool:
    """
    Let a wave go; returns False when it was let go already.

    Raises:
        BadInput: the slot has no such wave, or the one before it still waits.
    """
    mine = waves_of_day(conn, community, day).get(slot_key, ())
    one = next((one for one in mine if one.number == wave), None)
    if one is None or wave < 2 or not (one.is_next or one.released_by):
        raise BadInput(f"wave {wave} of {slot_key} cannot be released", "release the waves in their order")
    row = {"slot_key": slot_key, "local_day": day, "wave": wave, "released_at": at, "released_by": by}
    is_new = insert_ignore(conn, waves, [row]) == 1
    if is_new:
        audit.record(conn, by, "delivery.release", f"{slot_key} {day}", at, {"wave": wave, "groups": len(one.groups)})
    return is_new
