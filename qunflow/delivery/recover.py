"""
Settling what nobody knows: intents of dead workers and lost answers.

A mass task can be looked for in the platform's own list, but only after a wait: a request may arrive late, and the
list may lag. Found, it is adopted; not found, its targets are approved again. Calls with a key are simply made again,
by ``sender``. What cannot be settled any more is ``dead``, for a person to look at.

Tasks made through the API carry no creator, so a task is recognised by text, time, sender and chats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, and_, bindparam, case, func, or_, select, update

from qunflow.connectors.wecom.client import MassTask
from qunflow.connectors.wecom.staff_messages import DUPLICATE_CHECK_S
from qunflow.delivery.channels import BLIND_WAYS, KEYED_WAYS
from qunflow.delivery.claims import fingerprint
from qunflow.delivery.moments import listed_moments, unnamed_twins
from qunflow.delivery.ports import Ports
from qunflow.delivery.settle import UNREACHABLE
from qunflow.delivery.welcome_codes import WINDOW
from qunflow.errors import ChannelRefused, QunflowError, TransientError
from qunflow.store.tables import calls, groups, targets

ChatType = Literal["group", "single"]
_CHAT_TYPES: dict[str, ChatType] = {"mass_task": "group", "private_task": "single"}
_ASKED_WAYS = (*_CHAT_TYPES, "moment")
# Two clocks are never quite the same, and one that was set by hand can be a day off: a list cut too short looks as if
# the task had never arrived. Text, sender and chats tell ours from others; the time only keeps the list short.
_CLOCKS_APART = timedelta(hours=30)
_KEY_MARGIN = timedelta(minutes=5)
_LISTED = timedelta(days=30)
_CANCELLED = 41093
_NOBODY_KNOWS = "it may or may not have arrived: look there"
_DIED = "the sender died on the way"


_OPEN_STATES = (
    select(calls.c.state).where(calls.c.state.in_(("intent", "unknown")), calls.c.settled_at.is_(None)).distinct()
)
_ANY_UNKNOWN = (
    select(calls.c.call_id)
    .where(calls.c.state == "unknown", calls.c.settled_at.is_(None), calls.c.way.in_(bindparam("ways", expanding=True)))
    .limit(1)
)
_UNKNOWN = (
    select(calls)
    .where(
        calls.c.state == "unknown",
        calls.c.settled_at.is_(None),
        calls.c.way.in_(_ASKED_WAYS),
        calls.c.unknown_since <= bindparam("since_before"),
    )
    .order_by(calls.c.intent_at, calls.c.call_id)
)
_UNSETTLED = select(func.count()).select_from(targets).where(targets.c.state == "unknown")


@dataclass(slots=True)
class RecoveryReport:
    """Counted in calls: found dead, adopted, given back for another try, given up; and what stopped the round."""

    orphaned: int = 0
    adopted: int = 0
    returned: int = 0
    dead: int = 0
    problem: QunflowError | None = None


_Twin: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Match:
    """A task that can only be one call's, and the addresses it goes to; none when the platform does not tell."""

    task: MassTask
    recipients: frozenset[str]
    confirmed: bool = False


@dataclass(slots=True)
class _Round:
    """What one round of asking knows: the platform's lists, and which tasks and texts are other calls' already."""

    listed: dict[str, list[MassTask]]
    taken: set[str]
    under_way: set[_Twin]


def recover(ports: Ports, now: datetime) -> RecoveryReport:
    """
    Mark what dead workers left as unknown, and settle the unknown mass tasks whose wait is over.

    A platform that does not answer leaves everything as it is, for the next round.
    """
    report = RecoveryReport()
    with ports.store.reading() as conn:
        states = set(conn.execute(_OPEN_STATES).scalars())
    if "intent" in states:
        report.orphaned = ports.store.write(partial(orphans, ports=ports, now=now))
    waiting: Sequence[Row[Any]] = ()
    if "unknown" in states:
        since_before = now - timedelta(seconds=ports.workspace.delivery.reconcile_after_s)
        report.dead += ports.store.write(partial(_bury_blind, since_before=since_before, now=now))
        with ports.store.reading() as conn:
            waiting = conn.execute(_UNKNOWN, {"since_before": since_before}).all()
    if waiting:
        try:
            _ask_about(ports, waiting, now, report)
        except TransientError as error:
            report.problem = error
    return report


def unsettled(conn: Connection) -> int:
    """How many targets nobody knows about yet."""
    return conn.execute(_UNSETTLED).scalar_one()


def is_unknown(conn: Connection, ways: Sequence[str]) -> bool:
    """Whether there is any unknown call of these ways."""
    return conn.execute(_ANY_UNKNOWN, {"ways": list(ways)}).first() is not None


def orphans(conn: Connection, ports: Ports, now: datetime) -> int:
    """Mark the intents of dead workers as unknown from now on; returns how many calls that are."""
    wanted = select(calls.c.call_id, calls.c.worker).where(calls.c.state == "intent")
    rows = conn.execute(wanted.with_for_update(skip_locked=True) if _postgresql(conn) else wanted).all()
    gone = ports.liveness.dead(conn, {row.worker for row in rows}) if rows else set()
    ids = [row.call_id for row in rows if row.worker in gone]
    for start in range(0, len(ids), 1_000):
        _mark_unknown(conn, ids[start : start + 1_000], now)
    return len(ids)


def give_up_late(conn: Connection, now: datetime, most: int) -> int:
    """
    Calls with a key whose key no longer works, or whose message nobody needs any more: dead, for a person to look at.

    Args:
        most: tries after which nobody tries any more.

    Returns:
        How many targets that are.
    """
    keys_hold = timedelta(seconds=DUPLICATE_CHECK_S) - _KEY_MARGIN
    wanted = (
        select(targets.c.target_id, targets.c.call_id)
        .join(calls, calls.c.call_id == targets.c.call_id)
        .where(
            calls.c.state == "unknown",
            targets.c.state == "unknown",
            or_(
                and_(calls.c.way.in_(KEYED_WAYS), targets.c.attempts >= most),
                and_(calls.c.way == "welcome", calls.c.intent_at < now - WINDOW),
                and_(calls.c.way.in_(("hand_send", "staff_notice")), calls.c.intent_at < now - keys_hold),
            ),
        )
    )
    rows = conn.execute(wanted).all()
    why = "it may or may not have arrived, and can no longer be asked for"
    conn.execute(
        update(targets).where(targets.c.target_id.in_([row.target_id for row in rows])).values(state="dead", reason=why)
    )
    conn.execute(
        update(calls).where(calls.c.call_id.in_([row.call_id for row in rows])).values(settled_at=now, reason=why)
    )
    return len(rows)


def _postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"


def _mark_unknown(conn: Connection, ids: Sequence[int], now: datetime) -> None:
    still = and_(calls.c.call_id.in_(ids), calls.c.state == "intent")
    conn.execute(update(calls).where(still).values(state="unknown", unknown_since=now, reason=_DIED))
    conn.execute(
        update(targets)
        .where(targets.c.call_id.in_(ids), targets.c.state == "intent")
        .values(state="unknown", reason=_DIED)
    )


def _ask_about(ports: Ports, waiting: Sequence[Row[Any]], now: datetime, report: RecoveryReport) -> None:
    start = max(min(row.intent_at for row in waiting), now - _LISTED + 2 * _CLOCKS_APART) - _CLOCKS_APART
    ways = sorted({row.way for row in waiting})
    listed = {way: _listed(ports, way, start, now + _CLOCKS_APART) for way in ways}
    with ports.store.reading() as conn:
        known = _Round(listed, _platform_ids(conn, start), _under_way(conn, waiting))
    spare: dict[str, str] = {}
    adopted: list[tuple[Row[Any], _Match]] = []
    for call in waiting:
        if call.intent_at < start + _CLOCKS_APART:
            report.dead += ports.store.write(partial(_bury, call_id=call.call_id, now=now))
            continue
        found = _matches(ports, call, known)
        if not found:
            report.returned += ports.store.write(partial(_give_back, call_id=call.call_id, now=now))
        elif _twin(call) not in known.under_way:
            known.taken.add(found[0].task.msgid)
            adopted.append((call, found[0]))
            spare |= {one.task.msgid: call.way for one in found[1:]}
    # Cancelled before anything is adopted: once a call is settled nobody looks for what else it left behind.
    _cancel(ports, {msgid: way for msgid, way in spare.items() if msgid not in known.taken})
    for call, match in adopted:
        report.adopted += ports.store.write(partial(_adopt, ports=ports, call=call, match=match, now=now))


def _listed(ports: Ports, way: str, start: datetime, end: datetime) -> list[MassTask]:
    if way == "moment":
        return listed_moments(ports, start, end)
    return ports.wecom.groupmsg_list(_CHAT_TYPES[way], start, end)


def _twin(call: Row[Any]) -> _Twin:
    """What calls have in common whose tasks cannot be told apart but by their chats."""
    return (call.way, call.sender_userid, call.fingerprint)


def _under_way(conn: Connection, waiting: Sequence[Row[Any]]) -> set[_Twin]:
    """Twins of calls whose task may be in the list although nobody has written down yet that it is theirs."""
    others = select(calls).where(
        calls.c.fingerprint.in_(sorted({row.fingerprint for row in waiting})),
        or_(calls.c.state == "intent", and_(calls.c.state == "unknown", calls.c.settled_at.is_(None))),
        calls.c.call_id.not_in([row.call_id for row in waiting]),
    )
    unnamed = unnamed_twins(conn, sorted({row.fingerprint for row in waiting if row.way == "moment"}))
    return {_twin(row) for row in (*conn.execute(others), *unnamed)}


def _platform_ids(conn: Connection, since: datetime) -> set[str]:
    wanted = select(calls.c.platform_id).where(
        calls.c.platform_id.is_not(None), calls.c.intent_at >= since - 2 * _CLOCKS_APART
    )
    return {str(one) for one in conn.execute(wanted).scalars()}


def _matches(ports: Ports, call: Row[Any], known: _Round) -> list[_Match]:
    """
    The tasks that can only be this call: one that went out already before those that can still be withdrawn, then the
    oldest. One that a person made has a creator.
    """
    with ports.store.reading() as conn:
        chats = set(_addresses(conn, ports, call).values())
    tasks = sorted(known.listed[call.way], key=lambda task: (task.created_at, task.msgid))
    alike = [
        task
        for task in tasks
        if task.msgid not in known.taken
        and not task.creator
        and fingerprint(task.text) == call.fingerprint
        and task.created_at >= call.intent_at - _CLOCKS_APART
    ]
    found = [one for task in alike if (one := _match(ports, task, call)) is not None]
    mine = [one for one in found if not one.recipients or not chats or not one.recipients.isdisjoint(chats)]
    return sorted(mine, key=lambda one: not one.confirmed)


def _match(ports: Ports, task: MassTask, call: Row[Any]) -> _Match | None:
    """The task with the addresses it goes to, none when the platform does not tell; None when it is another's."""
    sender = call.sender_userid
    try:
        if call.way == "moment":
            return _Match(task, frozenset()) if sender in ports.wecom.moments.published(task.msgid) else None
        owners = {one.userid: one.confirmed for one in ports.wecom.groupmsg_task(task.msgid)}
        if sender not in owners:
            return None
        listed = ports.wecom.groupmsg_send_result(task.msgid, sender)
        return _Match(task, frozenset(one.target for one in listed), owners[sender])
    except ChannelRefused as error:
        # A cancelled task tells no more, but its text and time stand.
        return _Match(task, frozenset()) if error.code == _CANCELLED else None


def _addresses(conn: Connection, ports: Ports, call: Row[Any]) -> dict[int, str]:
    """Chat id or external userid by what the targets of a call refer to."""
    refs = conn.execute(select(targets.c.target_ref).where(targets.c.call_id == call.call_id)).scalars().all()
    if call.way == "moment":
        return {}
    if call.way == "private_task":
        return ports.vault.external_userids(conn, refs)
    wanted = select(groups.c.group_id, groups.c.chat_id).where(groups.c.group_id.in_(refs))
    return {row.group_id: row.chat_id for row in conn.execute(wanted)}


def _adopt(conn: Connection, ports: Ports, call: Row[Any], match: _Match, now: datetime) -> int:
    if not _settle(conn, call.call_id, now, platform_id=match.task.msgid, reason="found at the platform"):
        return 0
    mine = and_(targets.c.call_id == call.call_id, targets.c.state == "unknown")
    # The lost answer would have named them: what the platform does not list it has not taken.
    addresses = _addresses(conn, ports, call)
    left_out = [ref for ref, address in addresses.items() if match.recipients and address not in match.recipients]
    conn.execute(
        update(targets)
        .where(mine, targets.c.target_ref.in_(left_out))
        .values(state="refused", reason=UNREACHABLE, outcome="not_friend", outcome_at=now)
    )
    conn.execute(
        update(targets).where(mine).values(state="sent", reason="found at the platform", sent_at=match.task.created_at)
    )
    return 1


def _give_back(conn: Connection, call_id: int, now: datetime) -> int:
    if not _settle(conn, call_id, now, reason="never arrived at the platform"):
        return 0
    # A sender that died may never have made the call: only the platform's own silence is a try.
    tries = case((targets.c.reason == _DIED, targets.c.attempts - 1), else_=targets.c.attempts)
    conn.execute(
        update(targets)
        .where(targets.c.call_id == call_id, targets.c.state == "unknown")
        .values(state="approved", reason="never arrived: sent again", attempts=tries)
    )
    return 1


def _bury(conn: Connection, call_id: int, now: datetime, why: str = "too old to be found at the platform") -> int:
    if not _settle(conn, call_id, now, state="unknown", reason=why):
        return 0
    conn.execute(
        update(targets)
        .where(targets.c.call_id == call_id, targets.c.state == "unknown")
        .values(state="dead", reason=why)
    )
    return 1


def _bury_blind(conn: Connection, since_before: datetime, now: datetime) -> int:
    """What went a way that can neither be asked nor repeated is for a person to look at, never sent again blindly."""
    wanted = select(calls.c.call_id).where(
        calls.c.state == "unknown",
        calls.c.settled_at.is_(None),
        calls.c.way.in_(BLIND_WAYS),
        calls.c.unknown_since <= since_before,
    )
    return sum(_bury(conn, call_id, now, _NOBODY_KNOWS) for call_id in conn.execute(wanted).scalars().all())


def _settle(conn: Connection, call_id: int, now: datetime, state: str = "reconciled", **values: Any) -> bool:
    # Several processes may ask at the same time; the first to write decides.
    done = conn.execute(
        update(calls)
        .where(calls.c.call_id == call_id, calls.c.state == "unknown", calls.c.settled_at.is_(None))
        .values(state=state, settled_at=now, **values)
    )
    return done.rowcount == 1


def _cancel(ports: Ports, tasks: Mapping[str, str]) -> None:
    """Withdraw what stands beside the task that is kept, before anybody confirms it; ids with their ways."""
    for msgid, way in tasks.items():
        try:
            (ports.wecom.moments.cancel if way == "moment" else ports.wecom.cancel)(msgid)
        except ChannelRefused:
            continue  # cancelled already
