"""
Welcomes: a new contact gets an answer within 20 seconds of adding a member of staff.

The event is read from the inbox and left there for the acquisition stage. What a welcome says is the caller's
(``compose``); one that came too late is sent as a private mass task instead, so that nobody goes unanswered.

Source: WeCom developer centre, page 92599 (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection, and_, or_, select, update

from qunflow.acquisition.callbacks import ContactChange, ContactEvent, understood
from qunflow.clock import local_day
from qunflow.delivery.model import Content, DeliveryReport, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.sender import drain
from qunflow.delivery.welcome_codes import WINDOW, remember_welcome
from qunflow.errors import BadInput
from qunflow.settings.workspace import Community
from qunflow.store.inbox import newest
from qunflow.store.tables import calls, targets, welcomes
from qunflow.store.vault import Vault

_STANDING = "standing approval: welcome"
_TOO_LATE = 41050
_FALLBACK = timedelta(hours=24)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who just added a member of staff, through a channel; ``userid`` is that member."""

    person_id: int
    userid: str
    channel: str
    community: Community
    received_at: datetime


Composer: TypeAlias = Callable[[Connection, Newcomer], "Content | None"]


def answer_welcomes(ports: Ports, compose: Composer, *, now: datetime) -> DeliveryReport:
    """
    Welcome everybody whose 20 seconds are not over.

    Args:
        ports: what sending touches.
        compose: what to say to a newcomer, or None for nothing; runs in the transaction that plans the message, so
            that a coupon in it is issued exactly once.
        now: the present instant.
    """
    ports.store.write(partial(collect, vault=ports.vault, now=now))
    ports.store.write(partial(_plan_open, ports=ports, compose=compose, now=now))
    report = drain(ports, now=now, ways=("welcome",))
    ports.store.write(partial(_fall_back, now=now))
    return report


def collect(conn: Connection, vault: Vault, now: datetime) -> int:
    """Keep the welcome codes of contacts added in the last 20 seconds; returns how many are new."""
    new = 0
    for row in newest(conn, vault, "wecom", now - WINDOW, _AT_ONCE):
        event = _added(row.body)
        if event is not None and event.happened_at >= now - WINDOW:
            person_id = vault.persons_for(conn, "external_userid", [event.external_userid], now)[event.external_userid]
            new += remember_welcome(
                conn,
                vault,
                person_id=person_id,
                userid=event.userid,
                channel=event.channel,
                code=event.welcome_code,
                received_at=event.happened_at,
            )
    return new


def _added(body: object) -> ContactEvent | None:
    if not isinstance(body, bytes):
        return None
    try:
        event = understood(body)
    except BadInput:
        return None  # the acquisition stage quarantines it with its reason
    added = isinstance(event, ContactEvent) and event.change is ContactChange.ADDED and event.welcome_code
    return event if isinstance(event, ContactEvent) and added else None


def _plan_open(conn: Connection, ports: Ports, compose: Composer, now: datetime) -> int:
    wanted = (
        select(welcomes)
        .where(welcomes.c.answered_at.is_(None), welcomes.c.received_at >= now - WINDOW)
        .order_by(welcomes.c.received_at)
    )
    helpers = {one.helper: one for one in ports.workspace.communities}
    newcomers = [
        Newcomer(row.person_id, row.userid, row.channel, helpers[row.userid], row.received_at)
        for row in conn.execute(wanted)
        if row.userid in helpers
    ]
    planned = list(_planned(conn, newcomers, compose))
    report = plan(conn, planned, now)
    check(conn, report.ids)
    return approve(conn, report.ids, by=_STANDING, at=now)


def _planned(conn: Connection, newcomers: Iterable[Newcomer], compose: Composer) -> Iterable[Planned]:
    for one in newcomers:
        if _welcomed_today(conn, one):
            continue
        content = compose(conn, one)
        if content is not None:
            yield Planned(
                community=one.community.key,
                stage="acquisition",
                campaign="",
                slot_key=f"welcome/{one.userid}",
                day=local_day(one.received_at, one.community.zone_info),
                way="welcome",
                sender_userid=one.userid,
                target_kind="person",
                target_ref=one.person_id,
                content=content,
                due_at=one.received_at,
                not_after=one.received_at + WINDOW,
                marketing=False,
            )


def _welcomed_today(conn: Connection, one: Newcomer) -> bool:
    # Composing again could issue another coupon, and other words would be refused as already sent anyway.
    wanted = select(targets.c.target_id).where(
        targets.c.slot_key == f"welcome/{one.userid}",
        targets.c.local_day == local_day(one.received_at, one.community.zone_info),
        targets.c.target_kind == "person",
        targets.c.target_ref == one.person_id,
    )
    return conn.execute(wanted).first() is not None


def _fall_back(conn: Connection, now: datetime) -> int:
    """Turn welcomes that came too late into private mass tasks; returns how many."""
    late = (
        select(targets.c.target_id)
        .outerjoin(calls, calls.c.call_id == targets.c.call_id)
        .where(
            targets.c.way == "welcome",
            targets.c.planned_at >= now - _FALLBACK,
            or_(
                and_(targets.c.state == "refused", calls.c.error_code == _TOO_LATE),
                and_(targets.c.state == "skipped", targets.c.reason == "missed its window"),
            ),
        )
    )
    ids = conn.execute(late).scalars().all()
    for start in range(0, len(ids), 1_000):
        _send_privately(conn, ids[start : start + 1_000], now)
    return len(ids)


def _send_privately(conn: Connection, ids: Iterable[int], now: datetime) -> None:
    conn.execute(
        update(targets)
        # Still a welcome: somebody else may have turned and even sent it since it was looked for.
        .where(targets.c.target_id.in_(list(ids)), targets.c.way == "welcome")
        .values(
            way="private_task",
            state="approved",
            reason="the welcome came too late",
            outcome="waiting",
            call_id=None,
            not_after=now + _FALLBACK,
        )
    )


def forget_late(conn: Connection, now: datetime) -> int:
    """Close welcome codes whose 20 seconds passed unanswered, so that nobody looks at them again."""
    done = conn.execute(
        update(welcomes)
        .where(welcomes.c.answered_at.is_(None), welcomes.c.received_at < now - 2 * WINDOW)
        .values(answered_at=now, result="too late")
    )
    return done.rowcount
