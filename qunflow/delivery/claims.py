"""
Taking what is due: bounds and intent in one transaction, before any call.

Once a claim is committed, the database says that this message may have gone out; only ``settle`` and ``recover`` can
say otherwise. A crash before the commit leaves nothing, a crash after it leaves an intent with a dead worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, and_, bindparam, case, exists, insert, or_, select, tuple_, update

from qunflow.connectors.wecom.limits import CHATS_PER_TASK, PERSONS_PER_TASK
from qunflow.delivery.addresses import addresses_of
from qunflow.delivery.bounds import Candidate, Facts, Verdict, verdict
from qunflow.delivery.facts import read_facts
from qunflow.delivery.hand_send import card_token, token_digest
from qunflow.delivery.model import DeliveryReport
from qunflow.delivery.personal import Said, mentions_pages, personal, token_of
from qunflow.delivery.ports import Ports
from qunflow.store.engine import lock
from qunflow.store.tables import approvals, calls, contents, groups, targets
from qunflow.store.tables.base import Instant
from qunflow.store.vault import Vault

BATCH = 8_000
# What is claimed and not yet called is all unknown when the process dies, so a page is no longer than a breath.
CALLS_PER_PAGE = 32
_AT_ONCE = 128
CLAIMING = "delivery: claim"
ALL_WAYS = ("welcome", "mass_task", "hand_send", "private_task", "staff_notice", "moment", "robot", "mail", "longtail")
# How the reason begins of what went wrong on this side of the network.
FAILED_HERE = "it could not be sent from here"
_TO_A_PERSON = ("welcome", "private_task")
_PER_CALL = {"mass_task": CHATS_PER_TASK, "private_task": PERSONS_PER_TASK}
# Targets of one call stand side by side, so that a page seldom cuts a mass task in two.
_ORDER = (
    targets.c.due_at,
    targets.c.slot_key,
    targets.c.content_version,
    targets.c.sender_userid,
    targets.c.target_id,
)
Position: TypeAlias = tuple[datetime, str, str, str, int]
_APPROVED = exists().where(
    approvals.c.content_version == targets.c.content_version,
    approvals.c.slot_key == targets.c.slot_key,
    approvals.c.local_day == targets.c.local_day,
    approvals.c.voided_at.is_(None),
    or_(approvals.c.effective_at.is_(None), approvals.c.effective_at <= bindparam("now", type_=Instant())),
)
# First what a candidate has, in its order: one slice of a row makes one.
_ROWS = select(
    *(groups.c.group_key if name == "group_key" else targets.c[name] for name in Candidate.__slots__),
    *(targets.c[name] for name in ("target_id", "content_version", "due_at", "reason", "call_id")),
    groups.c.name.label("group_name"),
    groups.c.chat_id,
).outerjoin(groups, and_(targets.c.target_kind == "chat", groups.c.group_id == targets.c.target_ref))
_WIDTH = len(Candidate.__slots__)
_SHARED = attrgetter("way", "sender_userid", "content_version", "slot_key", "local_day")
# Made once: building a statement costs more than running it.
_DUE = (
    _ROWS.where(
        targets.c.state == "approved",
        targets.c.due_at <= bindparam("now", type_=Instant()),
        targets.c.way.in_(bindparam("ways", expanding=True)),
        _APPROVED,
    )
    .order_by(*_ORDER)
    .limit(BATCH)
    .with_for_update(of=targets, skip_locked=True)
)
_DUE_AFTER = _DUE.where(
    tuple_(*_ORDER) > tuple_(*(bindparam(f"after_{place}", type_=one.type) for place, one in enumerate(_ORDER)))
)
_UNKNOWN_AGAIN = (
    _ROWS.join(calls, calls.c.call_id == targets.c.call_id)
    .where(
        calls.c.state == "unknown",
        calls.c.way.in_(bindparam("ways", expanding=True)),
        targets.c.state == "unknown",
    )
    .order_by(targets.c.target_id)
    .limit(BATCH)
)
_SAID = select(contents).where(contents.c.content_version.in_(bindparam("versions", expanding=True)))
_INTEND = (
    update(targets)
    .where(targets.c.target_id == bindparam("target"))
    .values(
        state="intent",
        reason="",
        call_id=bindparam("call"),
        attempts=targets.c.attempts + 1,
        card_digest=bindparam("card"),
    )
)
_INTEND_TOGETHER = (
    update(targets)
    .where(targets.c.target_id.in_(bindparam("targets", expanding=True)))
    .values(state="intent", reason="", call_id=bindparam("call"), attempts=targets.c.attempts + 1)
)
_NO_ADDRESS = Verdict("skip", "no address on the platform")
_NO_CHAT = Verdict("skip", "the group has no chat id")
_REPORTED = {"skip": "skipped", "dead": "skipped", "wait": "waiting", "ask": "waiting"}
# A verdict's new state; what waits keeps its own.
_STATES = {"skip": "skipped", "dead": "dead", "ask": "checked"}


@dataclass(frozen=True, slots=True)
class Addressee:
    """One target of a call; ``address`` is a chat id, an external userid, a userid or a welcome code."""

    target_id: int
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """One call that this worker, and nobody else, has to make."""

    call_id: int
    way: str
    community: str
    sender_userid: str
    text: str = field(repr=False)
    attachments: tuple[Mapping[str, Any], ...] = field(repr=False)
    group: str
    due_at: datetime
    not_after: datetime
    addressees: tuple[Addressee, ...]
    asked_before: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What one transaction claimed at an instant, and where the next one goes on; ``after`` is None at the end."""

    at: datetime
    claims: tuple[Claim, ...]
    held: tuple[tuple[str, str], ...] = ()
    after: Position | None = None

    def report(self, report: DeliveryReport) -> None:
        """Count what was skipped or has to wait."""
        for what, why in self.held:
            report.count("skipped" if _REPORTED[what] == "skipped" else "waiting", 1, why)


def fingerprint(text: str) -> str:
    """What a message is recognised by in the platform's own list."""
    return sha256(text.strip().encode()).hexdigest()


def claim(
    conn: Connection,
    ports: Ports,
    *,
    worker: str,
    now: datetime,
    after: Position | None = None,
    ways: Sequence[str] = ALL_WAYS,
) -> Page:
    """Claim the next due targets as calls of ``worker``, a page at most; one write transaction."""
    # Counting a quota and writing the intent must not interleave with another worker's.
    lock(conn, CLAIMING)
    rows, is_last = _one_page(conn, now, after, ways)
    if not rows:
        return Page(now, ())
    communities = {one.key: one for one in ports.workspace.communities}
    addresses = addresses_of(conn, ports.vault, rows)
    candidates = [_candidate(row) for row in rows]
    facts = read_facts(conn, candidates, communities, now)
    most = ports.workspace.delivery.attempts
    go: list[Row[Any]] = []
    held: list[tuple[Row[Any], Verdict]] = []
    for row, one in zip(rows, candidates, strict=True):
        found = _tired(one, most) or verdict(one, communities.get(one.community), facts, now)
        if found.what == "send" and row.target_id not in addresses:
            # Only a mass task names the chat to the platform; other ways reach groups of any platform.
            found = _NO_CHAT if row.way == "mass_task" else _NO_ADDRESS
        if found.what == "send":
            facts.count(one)
            go.append(row)
        else:
            held.append((row, found))
    _hold(conn, held)
    return Page(
        at=now,
        claims=tuple(_intend(conn, ports, go, addresses, worker, now)),
        held=tuple((found.what, found.why) for _, found in held),
        after=None if is_last else _position(rows[-1]),
    )


def _tired(one: Candidate, most: int) -> Verdict | None:
    return Verdict("dead", f"gave up after {most} tries") if one.attempts >= most else None


def _one_page(
    conn: Connection, now: datetime, after: Position | None, ways: Sequence[str]
) -> tuple[list[Row[Any]], bool]:
    """The next due rows that make no more than a page of calls, and whether they are the last."""
    known: dict[str, Any] = {"now": now, "ways": list(ways)}
    statement = _DUE
    if after is not None:
        statement = _DUE_AFTER
        known |= {f"after_{place}": value for place, value in enumerate(after)}
    rows: list[Row[Any]] = []
    keys: set[tuple[Any, ...]] = set()
    # Read no further than the page goes; a cursor left open would keep others from writing.
    with closing(conn.execute(statement, known).yield_per(_AT_ONCE)) as found:
        for row in found:
            keys.add(_bundle_key(row))
            if len(keys) > CALLS_PER_PAGE:
                return rows, False
            rows.append(row)
    return rows, len(rows) < BATCH


def _position(row: Row[Any]) -> Position:
    return (row.due_at, row.slot_key, row.content_version, row.sender_userid, row.target_id)


def _hold(conn: Connection, held: Iterable[tuple[Row[Any], Verdict]]) -> None:
    changed = [
        {
            "target": row.target_id,
            "new": _STATES.get(found.what, "approved"),
            "why": found.why[:200],
            "became": "missed" if found.what in ("skip", "dead") else "waiting",
        }
        for row, found in held
        if found.what != "wait" or row.reason != found.why
    ]
    if changed:
        conn.execute(
            update(targets)
            .where(targets.c.target_id == bindparam("target"))
            .values(state=bindparam("new"), reason=bindparam("why"), outcome=bindparam("became")),
            changed,
        )


def _bundles(go: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
    """One mass task for all chats of a sender, slot, day and content; a call of its own for anything else."""
    bundles: dict[tuple[Any, ...], list[Row[Any]]] = defaultdict(list)
    for row in go:
        bundles[_bundle_key(row)].append(row)
    cut = []
    for rows in bundles.values():
        size = _PER_CALL.get(rows[0].way, 1)
        cut += [rows[start : start + size] for start in range(0, len(rows), size)]
    return cut


def _bundle_key(row: Row[Any]) -> tuple[Any, ...]:
    if row.way in _PER_CALL:
        shared: tuple[Any, ...] = _SHARED(row)
        return shared
    return (row.way, row.target_id)


def _candidate(row: Row[Any]) -> Candidate:
    return Candidate(*row[:_WIDTH])


def _intend(
    conn: Connection,
    ports: Ports,
    go: Sequence[Row[Any]],
    addresses: Mapping[int, str],
    worker: str,
    now: datetime,
) -> list[Claim]:
    bundles = _bundles(go)
    if not bundles:
        return []
    said = _worded(conn, ports, bundles, now)
    statement = insert(calls).returning(calls.c.call_id, sort_by_parameter_order=True)
    made = [_call_row(rows[0], words.text, worker, now) for rows, words in zip(bundles, said, strict=True)]
    ids = conn.execute(statement, made).scalars().all()
    alone = [(call_id, rows[0]) for call_id, rows in zip(ids, bundles, strict=True) if len(rows) == 1]
    if alone:
        conn.execute(
            _INTEND,
            [{"target": row.target_id, "call": call_id, "card": _card(ports.vault, row)} for call_id, row in alone],
        )
    for call_id, rows in zip(ids, bundles, strict=True):
        if len(rows) > 1:
            conn.execute(_INTEND_TOGETHER, {"targets": [row.target_id for row in rows], "call": call_id})
    return [_claimed(call_id, rows, addresses, words) for call_id, rows, words in zip(ids, bundles, said, strict=True)]


def _worded(conn: Connection, ports: Ports, bundles: Sequence[Sequence[Row[Any]]], now: datetime) -> list[Said]:
    """What each call says; the links of one that reaches a single person are that person's own."""
    texts = texts_of(conn, [rows[0].content_version for rows in bundles])
    said = [Said(one.text, tuple(one.attachments)) for one in (texts[rows[0].content_version] for rows in bundles)]
    alone = {
        place: rows[0].target_ref
        for place, rows in enumerate(bundles)
        if len(rows) == 1 and rows[0].way in _TO_A_PERSON and mentions_pages(said[place], ports.web_url)
    }
    known = ports.vault.external_userids(conn, alone.values()) if alone else {}
    for place, person in alone.items():
        if person in known:
            said[place] = personal(said[place], token_of(ports.vault, known[person], now), ports.web_url)
    return said


def rows_of(conn: Connection, ids: Sequence[int]) -> Sequence[Row[Any]]:
    """The targets of these ids, as they are read to be claimed."""
    return conn.execute(_ROWS.where(targets.c.target_id.in_(ids))).all()


def texts_of(conn: Connection, versions: Iterable[str]) -> dict[str, Row[Any]]:
    """Texts and attachments by version, each read once however many targets it has."""
    wanted = list(dict.fromkeys(versions))
    return {row.content_version: row for row in conn.execute(_SAID, {"versions": wanted})} if wanted else {}


def _card(vault: Vault, row: Row[Any]) -> str | None:
    return token_digest(card_token(vault, row.target_id)) if row.way == "hand_send" else None


def _call_row(row: Row[Any], text: str, worker: str, now: datetime) -> dict[str, Any]:
    return {
        "way": row.way,
        "sender_userid": row.sender_userid,
        "content_version": row.content_version,
        "fingerprint": fingerprint(text),
        "state": "intent",
        "worker": worker,
        "intent_at": now,
    }


def _claimed(
    call_id: int, rows: Sequence[Row[Any]], addresses: Mapping[int, str], said: Said, asked_before: bool = False
) -> Claim:
    first = rows[0]
    return Claim(
        call_id=call_id,
        way=first.way,
        community=first.community,
        sender_userid=first.sender_userid,
        text=said.text,
        attachments=said.attachments,
        group=first.group_name or "",
        due_at=first.due_at,
        not_after=first.not_after,
        addressees=tuple(Addressee(row.target_id, addresses[row.target_id]) for row in rows),
        asked_before=asked_before,
    )


def reclaim(conn: Connection, ports: Ports, *, worker: str, now: datetime, keyed_ways: Sequence[str]) -> Page:
    """
    Take over unknown calls that the platform recognises when they are made again, and so sends only once.

    What may not leave just now stays unknown; what it counts for itself is no reason.

    Args:
        keyed_ways: ways whose calls carry a key: cards for staff (duplicate check) and welcomes (code of one use).
    """
    lock(conn, CLAIMING)
    rows = conn.execute(_UNKNOWN_AGAIN, {"ways": list(keyed_ways)}).all()
    if not rows:
        return Page(now, ())
    communities = {one.key: one for one in ports.workspace.communities}
    addresses = addresses_of(conn, ports.vault, rows)
    facts = _uncounted(read_facts(conn, [_candidate(row) for row in rows], communities, now))
    again = [
        row
        for row in rows
        if row.target_id in addresses
        and row.attempts < ports.workspace.delivery.attempts
        and verdict(_candidate(row), communities.get(row.community), facts, now).what == "send"
    ][:CALLS_PER_PAGE]
    taken = [row.call_id for row in again]
    conn.execute(update(calls).where(calls.c.call_id.in_(taken)).values(state="intent", worker=worker))
    # What was lost on the way is no try while the key holds; what failed here may be the row's own fault.
    tries = case((targets.c.reason.startswith(FAILED_HERE), targets.c.attempts + 1), else_=targets.c.attempts)
    conn.execute(update(targets).where(targets.c.call_id.in_(taken)).values(state="intent", attempts=tries))
    said = _worded(conn, ports, [[row] for row in again], now)
    claims = [
        _claimed(row.call_id, [row], addresses, words, asked_before=True)
        for row, words in zip(again, said, strict=True)
    ]
    return Page(now, tuple(claims))


def _uncounted(facts: Facts) -> Facts:
    return Facts(stopped=facts.stopped, gone=facts.gone, suppressed=facts.suppressed, released=facts.released)
