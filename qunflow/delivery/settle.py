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
_ARRIVES_AT_ONCE = ("welcome", "staff_notice")


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
    for one in outcomes:
        if one.what != "held":
            _write_call(conn, one, now)
    rows = [row for one in outcomes for row in _target_rows(one, now)]
    if rows:
        values: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in ("state", "reason", "sent_at", "outcome", "outcome_at")
        }
        conn.execute(update(targets).where(targets.c.target_id == bindparam("target")).values(**values), rows)
    for one in outcomes:
        if one.what == "held":
            _return(conn, one)
        if one.claim.way == "welcome" and one.what in ("sent", "refused"):
            _close_welcome(conn, vault, one, now)


def count(report: DeliveryReport, outcomes: Sequence[CallOutcome]) -> None:
    """Count outcomes by target, after they are committed."""
    for one in outcomes:
        lost = sum(who.address in one.unreachable for who in one.claim.addressees)
        what = "waiting" if one.what == "held" else one.what
        report.count(what, len(one.claim.addressees) - lost, one.why)
        report.count("refused", lost, "cannot be reached by this sender" if lost else "")


def _write_call(conn: Connection, one: CallOutcome, now: datetime) -> None:
    settled = "reconciled" if one.what == "sent" and one.claim.asked_before else one.what
    values: dict[str, Any] = {
        "state": settled,
        "reason": one.why[:200],
        "error_code": one.code or None,
    }
    if one.what == "unknown":
        values["unknown_since"] = now
    else:
        values |= {"settled_at": now, "platform_id": one.platform_id or None}
    conn.execute(update(calls).where(calls.c.call_id == one.claim.call_id).values(**values))


def _target_rows(one: CallOutcome, now: datetime) -> list[dict[str, Any]]:
    return [_target_row(one, who.target_id, who.address in one.unreachable, now) for who in one.claim.addressees]


def _target_row(one: CallOutcome, target_id: int, unreachable: bool, now: datetime) -> dict[str, Any]:
    state, why = one.what, one.why
    if one.what == "sent" and unreachable:
        state, why = "refused", "cannot be reached by this sender"
    arrived = state == "sent" and one.claim.way in _ARRIVES_AT_ONCE
    return {
        "target": target_id,
        "new_state": "approved" if state == "held" else state,
        "new_reason": why[:200],
        "new_sent_at": now if state == "sent" else None,
        "new_outcome": "delivered" if arrived else "not_friend" if unreachable else "waiting",
        "new_outcome_at": now if arrived or unreachable else None,
    }


def _return(conn: Connection, one: CallOutcome) -> None:
    # What never left is not a try, and leaves no call behind.
    conn.execute(
        update(targets)
        .where(targets.c.call_id == one.claim.call_id)
        .values(call_id=None, card_digest=None, attempts=targets.c.attempts - 1)
    )
    conn.execute(delete(calls).where(calls.c.call_id == one.claim.call_id))


def _close_welcome(conn: Connection, vault: Vault, one: CallOutcome, now: datetime) -> None:
    codes = [code_digest(vault, who.address) for who in one.claim.addressees]
    result = "sent" if one.what == "sent" else f"refused {one.code}"
    conn.execute(update(welcomes).where(welcomes.c.code_digest.in_(codes)).values(answered_at=now, result=result))
