"""A workspace with a team and groups, for tests of what the people of delivery do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from qunflow.clock import FixedClock
from qunflow.delivery.ports import Ports
from qunflow.delivery.sender import drain
from qunflow.settings.workspace import Community, Delivery, Group, Member, Workspace
from qunflow.store.tables import targets, todos
from tests.unit.delivery.platform_fake import FakePlatform

TEAM = (
    Member(userid="boss", name="李姐", roles=("approver", "engineer")),
    Member(userid="owner_zhou", name="老周", roles=("operator",)),
    Member(userid="admin_lin", name="阿琳", roles=("operator",)),
    Member(userid="admin_tang", name="小唐", roles=("operator",)),
)


def with_team(ports: Ports, number_of_groups: int = 2, **community: Any) -> Ports:
    """The same ports with a team, and as many groups of one owner and one admin as ``add_groups`` made."""
    groups = tuple(
        Group(
            key=f"g{one}",
            name=f"{one} 群",
            kind="benefit_group",
            chat_id=f"wr{one}",
            owner="owner_zhou",
            admin="admin_lin",
            opened_on=date(2026, 1, 1),
        )
        for one in range(1, number_of_groups + 1)
    )
    place = Community(key="neighbours", name="邻里", type="购物", helper="helper_xm", groups=groups, **community)
    workspace = Workspace(brand="小满", communities=(place,), delivery=Delivery(), team=TEAM)
    return replace(ports, workspace=workspace, titles=lambda: {"noon": "秒杀", "sign": "日签"})


def at(ports: Ports, now: datetime) -> Ports:
    """The same ports at another time."""
    return replace(ports, clock=FixedClock(now))


def heard(ports: Ports, platform: FakePlatform, now: datetime) -> list[tuple[str, str]]:
    """What the team has been told so far, as (userid, text), after a round of sending."""
    drain(at(ports, now), now=now)
    return [
        (body["touser"], body["text"]["content"]) for body in platform.sent("message/send") if body["msgtype"] == "text"
    ]


def rows(ports: Ports, *names: str, way: str = "hand_send") -> list[tuple[Any, ...]]:
    """Columns of the messages of one way, by number."""
    wanted = select(*(targets.c[name] for name in names)).where(targets.c.way == way).order_by(targets.c.target_id)
    with ports.store.reading() as conn:
        return [tuple(row) for row in conn.execute(wanted)]


def to_dos(ports: Ports) -> list[tuple[str, str]]:
    """(kind, assignee) of every to-do."""
    with ports.store.reading() as conn:
        return [tuple(row) for row in conn.execute(select(todos.c.kind, todos.c.assignee_userid))]
