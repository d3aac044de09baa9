"""
Welcomes: a new contact gets an answer within 20 seconds of adding a member of staff.

The event is read from the inbox and left there for the acquisition stage. What a welcome says is the caller's
(``compose``); one that came too late is sent as a private mass task instead, so that nobody goes unanswered.

Source: WeCom developer centre, page 92599 (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from qunflow.store.engine import Store
from qunflow.store.inbox import newest
from qunflow.store.tables import calls, targets, welcomes
from qunflow.store.vault import Vault

_STANDING = "standing approval: welcome"
_TOO_LATE = 41050
_FALLBACK = timedelta(hours=24)
# More callbacks than come in 20 seconds at the rate the way in is made for: a welcome must not hide behind the others.
_AT_ONCE = 20_000


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
    if fresh := newly_added(ports.store, ports.vault, now):
        ports.store.write(partial(collect, vault=ports.vault, fresh=fresh, now=now))
    ports.store.write(partial(_plan_open, ports=ports, compose=compose, now=now))
    report = drain(ports, now=now, ways=("welcome",))
    ports.store.write(partial(_fall_back, now=now))
    return report


def newly_added(store: Store, vault: Vault, now: datetime) -> list[ContactEvent]:
    """The contacts with a welcome code that were added in the last 20 seconds, read without holding anybody up."""
    with store.reading() as conn:
        rows = newest(conn, vault, "wecom", now - WINDOW, _AT_ONCE)
    found = (_added(row.body) for row in rows)
    return [event for event in found if event is not None and event.happened_at >= now - WINDOW]


def collect(conn: Connection, vault: Vault, fresh: Sequence[ContactEvent], now: datetime) -> int:
    """Keep the welcome codes of contacts; returns how many are new."""
    person_of = vault.persons_for(conn, "external_userid", [event.external_userid for event in fresh], now)
    return sum(
        remember_welcome(
            conn,
            vault,
            person_id=person_of[event.external_userid],
            userid=event.userid,
            channel=event.channel,
            code=event.welcome_code,
            received_at=event.happened_at,
        )
        for event in fresh
    )


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
