"""
The round of sending: everything that is due, claimed in pages, called a few at a time, and written down.

Any number of processes may drain at the same time. A process killed between a call and its record leaves an intent;
``recover`` finds out what became of it. Bounds are judged in ``claims``, never here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from qunflow.connectors.http import AnswerLost
from qunflow.connectors.wecom.answers import RefusedForNow
from qunflow.delivery.bounds import QUIET_HOURS, rests
from qunflow.delivery.channels import KEYED_WAYS, carried_out
from qunflow.delivery.claims import ALL_WAYS, FAILED_HERE, Claim, Page, claim, reclaim
from qunflow.delivery.damaged import set_aside
from qunflow.delivery.model import DeliveryReport
from qunflow.delivery.ports import PARALLEL, CarryOut, Ports
from qunflow.delivery.recover import give_up_late, is_unknown, recover, unsettled
from qunflow.delivery.settle import CallOutcome, count, settle
from qunflow.errors import BadInput, ChannelRefused, ConfigurationError, QunflowError, TransientError

_WELCOMED_ALREADY = 41051
# Bounds hold for a moment only: what was claimed longer ago, before a pause or a slow answer, is judged again.
FRESH = timedelta(seconds=30)


def drain(
    ports: Ports,
    *,
    now: datetime,
    budget_s: float | None = None,
    ways: Sequence[str] = ALL_WAYS,
    stopwatch: Callable[[], float] = time.monotonic,
) -> DeliveryReport:
    """
    Send everything that is approved and due, within its bounds; first settle what dead workers left behind.

    Args:
        ports: what sending touches.
        now: the instant the round begins at; bounds are judged at the instant of each page.
        budget_s: stop claiming more after this many seconds; what is claimed is finished.
        ways: only these ways.
        stopwatch: seconds, for the budget.

    Returns:
        Counts by target. ``problem`` is set when the platform could not be used any further; what it concerned is
        approved again and goes out in a later round.
    """
    report = DeliveryReport()
    began = stopwatch()
    recover(ports, now)
    # The hands rest first: a worker is alive as long as one of its calls is.
    with ports.liveness.working() as worker, ports.carry_out() as carry_out:
        for page in _pages(ports, worker, now, ways):
            page.report(report)
            go_on = _send_page(ports, carry_out, worker, page, report)
            if not go_on or (budget_s is not None and stopwatch() - began >= budget_s):
                break
    with ports.store.reading() as conn:
        report.unsettled = unsettled(conn)
    return report


def _pages(ports: Ports, worker: str, now: datetime, ways: Sequence[str]) -> Iterator[Page]:
    keyed = [way for way in KEYED_WAYS if way in ways]
    with ports.store.reading() as conn:
        asks_again = is_unknown(conn, KEYED_WAYS)
    if asks_again:
        ports.store.write(partial(give_up_late, now=now, most=ports.workspace.delivery.attempts))
        yield ports.store.write(partial(reclaim, ports=ports, worker=worker, now=now, keyed_ways=keyed))
    after = None
    while True:
        now = _by_now(ports, now)
        page = _claimed(ports, partial(claim, ports=ports, worker=worker, now=now, after=after, ways=ways))
        yield page
        after = page.after
        if after is None:
            return


def _claimed(ports: Ports, claiming: Callable[[Connection], Page]) -> Page:
    """The next page; rows that cannot even be read are set aside first, lest they stop it for everybody."""
    try:
        return ports.store.write(claiming)
    except (QunflowError, SQLAlchemyError):
        raise
    except Exception:  # noqa: BLE001 - what is no damaged row comes again below
        ports.store.write(partial(set_aside, ports=ports))
    return ports.store.write(claiming)


def _by_now(ports: Ports, now: datetime) -> datetime:
    """The present instant, never before the one the round began at."""
    return max(now, ports.clock.now())


def _send_page(ports: Ports, carry_out: CarryOut, worker: str, page: Page, report: DeliveryReport) -> bool:
    """Make a page's calls, a handful at a time; returns whether the round may go on."""
    for start in range(0, len(page.claims), PARALLEL):
        part = page.claims[start : start + PARALLEL]
        if not ports.liveness.beat(worker):
            return False  # taken for dead: what is left is for others to settle
        if report.problem is not None:
            outcomes = _held(part, "waits for the platform")
        elif _by_now(ports, page.at) - page.at > FRESH:
            outcomes = _held(part, "waited too long to be sent, judged again")
        else:
            outcomes = _sent_or_resting(ports, carry_out, part, _by_now(ports, page.at))
        # The wait before an unknown call is asked about begins after the call, however long the round has lasted.
        at = _by_now(ports, page.at) if any(one.what == "unknown" for one in outcomes) else page.at
        ports.store.write(partial(settle, vault=ports.vault, outcomes=outcomes, now=at))
        count(report, outcomes)
        report.problem = report.problem or next((one.problem for one in outcomes if one.problem is not None), None)
    return report.problem is None


def _sent_or_resting(ports: Ports, carry_out: CarryOut, part: Sequence[Claim], now: datetime) -> list[CallOutcome]:
    """Make the calls of a handful, but for those whose quiet hours have begun since they were claimed."""
    resting = [one for one in part if rests(one.way, ports.workspace.community(one.community), now)]
    calling = [one for one in part if one not in resting]
    return _held(resting, QUIET_HOURS) + (carry_out(partial(send_one, ports), calling) if calling else [])


def _held(claims: Sequence[Claim], why: str) -> list[CallOutcome]:
    # What is asked for again may have arrived the first time, and stays unknown.
    return [CallOutcome(one, "unknown" if one.asked_before else "held", why=why) for one in claims]


def send_one(ports: Ports, one: Claim) -> CallOutcome:
    """Make one call and say how it ended; never raises what a platform can cause."""
    try:
        return carried_out(ports, one)
    except AnswerLost as error:
        return CallOutcome(one, "unknown", why=error.problem)
    except ChannelRefused as error:
        return _refused(one, error)
    except BadInput as error:
        return CallOutcome(one, "refused", why=error.problem)
    except (TransientError, ConfigurationError) as error:
        only_this = isinstance(error, RefusedForNow) and not error.concerns_all
        # What is asked for again may have arrived the first time, whatever happened to the second call.
        what: Literal["unknown", "held"] = "unknown" if one.asked_before else "held"
        return CallOutcome(one, what, why=error.problem, problem=None if only_this else error)
    except Exception as error:  # noqa: BLE001 - a poisoned row must not keep others from going out
        return CallOutcome(one, "unknown", why=f"{FAILED_HERE} ({type(error).__name__})")


def _refused(one: Claim, error: ChannelRefused) -> CallOutcome:
    if one.way == "welcome" and one.asked_before and error.code == _WELCOMED_ALREADY:
        return CallOutcome(one, "sent", why="the first call had arrived")
    return CallOutcome(one, "refused", code=error.code, why=error.problem)
