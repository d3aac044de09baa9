"""
What came of a call, written down: sent, refused, unknown, or never made.

The call itself is left to ``sender``; what unknown ones turn out to be, to ``recover``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, update

from qunflow.delivery.claims import Claim
from qunflow.delivery.model import DeliveryReport
from qunflow.delivery.welcome_codes import code_digest
from qunflow.errors import QunflowError
from qunflow.store.tables import calls, targets, welcomes
from qunflow.store.vault import Vault

# Here acceptance is arrival: nobody has to confirm.
_ARRIVES_AT_ONCE = ("welcome", "staff_notice", "robot", "mail", "longtail")
UNREACHABLE = "cannot be reached by this sender"
# Made once: building a statement costs more than running it.
_END_CALL = (
    update(calls)
    .where(calls.c.call_id == bindparam("call"))
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        error_code=bindparam("new_code"),
        unknown_since=bindparam("since"),
        settled_at=bindparam("settled"),
        platform_id=bindparam("name"),
    )
)
# By call, not by target: what somebody else has claimed anew meanwhile is theirs.
_END_TARGETS = (
    update(targets)
    .where(targets.c.call_id == bindparam("call"))
    .values(
        state=bindparam("new_state"),
        reason=bindparam("new_reason"),
        sent_at=bindparam("sent"),
        outcome=bindparam("became"),
        outcome_at=bindparam("became_at"),
    )
)
_GIVE_BACK = (
    update(targets)
    .where(targets.c.call_id == bindparam("call"), targets.c.state == "intent")
    .values(
        state="approved",
        reason=bindparam("new_reason"),
        call_id=None,
        card_digest=None,
        attempts=targets.c.attempts - 1,
    )
)
_FORGET_CALL = delete(calls).where(calls.c.call_id == bindparam("call"))


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """
    How one call ended.

    Args:
        claim: the call.
        what: ``held`` means that the platform certainly has not carried it out, and that it may be tried again.
        platform_id: what the platform calls it.
        unreachable: addresses the platform would not take.
        code: the platform's error code, 0 when there is none.
        why: for the operator.
        problem: for ``held``: the error, when it concerns every further call as well.
    """

    claim: Claim
    what: Literal["sent", "refused", "unknown", "held"]
    platform_id: str = ""
    unreachable: tuple[str, ...] = ()
    code: int = 0
    why: str = ""
    problem: QunflowError | None = None


def settle(conn: Connection, vault: Vault, outcomes: Sequence[CallOutcome], now: datetime) -> None:
    """Write down how calls ended, all of them in the caller's transaction."""
    made = [one for one in outcomes if one.what != "held"]
    if made:
        conn.execute(_END_CALL, [_call_row(one, now) for one in made])
        conn.execute(_END_TARGETS, [_targets_row(one, now) for one in made])
    for one in outcomes:
        if one.what == "held":
            _return(conn, one)
        elif one.unreachable:
            _leave_out(conn, one, now)
        if one.claim.way == "welcome" and one.what in ("sent", "refused"):
            _close_welcome(conn, vault, one, now)


def count(report: DeliveryReport, outcomes: Sequence[CallOutcome]) -> None:
    """Count outcomes by target, after they are committed."""
    for one in outcomes:
        lost = sum(who.address in one.unreachable for who in one.claim.addressees)
        what = "waiting" if one.what == "held" else one.what
        report.count(what, len(one.claim.addressees) - lost, one.why)
        report.count("refused", lost, UNREACHABLE if lost else "")


def _call_row(one: CallOutcome, now: datetime) -> dict[str, Any]:
    unknown = one.what == "unknown"
    return {
        "call": one.claim.call_id,
        "new_state": "reconciled" if one.what == "sent" and one.claim.asked_before else one.what,
        "new_reason": one.why[:200],
        "new_code": one.code or None,
        "since": now if unknown else None,
        "settled": None if unknown else now,
        "name": one.platform_id or None,
    }


def _targets_row(one: CallOutcome, now: datetime) -> dict[str, Any]:
    arrived = one.what == "sent" and one.claim.way in _ARRIVES_AT_ONCE
    return {
        "call": one.claim.call_id,
        "new_state": one.what,
        "new_reason": one.why[:200],
        "sent": now if one.what == "sent" else None,
        "became": "delivered" if arrived else "waiting",
        "became_at": now if arrived else None,
    }


def _leave_out(conn: Connection, one: CallOutcome, now: datetime) -> None:
    """Addresses the platform would not take, although it took the call."""
    left_out = [who.target_id for who in one.claim.addressees if who.address in one.unreachable]
    conn.execute(
        update(targets)
        .where(targets.c.target_id.in_(left_out), targets.c.call_id == one.claim.call_id)
        .values(state="refused", reason=UNREACHABLE, sent_at=None, outcome="not_friend", outcome_at=now)
    )


def _return(conn: Connection, one: CallOutcome) -> None:
    # What never left is not a try, and leaves no call behind; others may have found the call unknown meanwhile.
    done = conn.execute(_GIVE_BACK, {"call": one.claim.call_id, "new_reason": one.why[:200]})
    if done.rowcount:
        conn.execute(_FORGET_CALL, {"call": one.claim.call_id})


def _close_welcome(conn: Connection, vault: Vault, one: CallOutcome, now: datetime) -> None:
    codes = [code_digest(vault, who.address) for who in one.claim.addressees]
    result = "sent" if one.what == "sent" else f"refused {one.code}"
    conn.execute(update(welcomes).where(welcomes.c.code_digest.in_(codes)).values(answered_at=now, result=result))
