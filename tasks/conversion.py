"""
The steps of conversion: take clicks and orders in, list likely buyers, move campaigns on, say what they may say, count.

Each step reads, applies a rule of ``qunflow.conversion``, and writes; run again it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from qunflow.conversion.arrivals import Incoming
from qunflow.conversion.buyers import Buyer, list_buyers
from qunflow.conversion.features import FEATURES_SQL, features_of, window
from qunflow.conversion.params import ConversionParams
from qunflow.conversion.stand import Stand
from qunflow.delivery.model import Planned
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store import campaigns, figures
from tasks import conversion_campaigns, conversion_incoming, conversion_messages, conversion_report, delivery
from tasks.checks import publish
from tasks.step import step


@step("转化:读点击和订单")
def read_incoming(run: StageRun) -> Incoming:
    """Clicks and orders nobody made anything of yet."""
    with run.runtime.store.reading() as conn:
        return conversion_incoming.read(conn, run)


@step("转化:记点击和订单")
def keep_incoming(run: StageRun, incoming: Incoming) -> int:
    """Write them into state and history, attribute the orders, and say of every row what became of it."""
    return run.runtime.store.write(partial(conversion_incoming.keep, run=run, incoming=incoming))


@step("转化:算意向名单")
def find_buyers(run: StageRun, params: ConversionParams) -> tuple[Buyer, ...]:
    """Who is likely to buy, from what people did in the last 30 days."""
    first, last = window(run.day)
    history = run.runtime.history
    found = history.query(FEATURES_SQL, since=first, until=last, first_day=first, last_day=last)
    answers = found.to_dict("records")
    with run.runtime.store.reading() as conn:
        members = set().union(*campaigns.members_by_group(conn, run.community.key).values())
        suppressed = campaigns.not_to_be_sold_to(conn)
    return list_buyers(
        [features_of({str(name): value for name, value in row.items()}, run.day) for row in answers],
        members=members,
        suppressed=suppressed,
        least_score=params.least_score,
        high_spender_fen=params.high_spender_fen,
    )


@step("转化:存意向名单")
def keep_buyers(run: StageRun, buyers: Sequence[Buyer]) -> int:
    """Put the list to every campaign that is not over; returns how many people are on it."""
    run.runtime.store.write(partial(conversion_report.keep_list, run=run, buyers=buyers))
    return len(buyers)


@step("转化:看活动走到哪一步")
def move_campaigns(run: StageRun) -> list[Stand]:
    """Weigh each warm-up and take today's step; a dry run only tells what it would be."""
    return run.runtime.store.write(partial(conversion_campaigns.step_on, run=run))


@step("转化:备好今天的话")
def compose(run: StageRun, stands: Sequence[Stand]) -> list[Planned]:
    """Today's messages, with links and coupons; a link only where a warm-up was really delivered."""
    slots = delivery.slots_of_stage(run)
    return run.runtime.store.write(partial(conversion_messages.compose, run=run, stands=stands, slots=slots))


@step("转化:交给推送", timeout_s=900)
def deliver(run: StageRun, planned: Sequence[Planned], approval_code: str = "") -> dict[str, int]:
    """Put the messages into the outbox and send what is due; in a dry run only show them."""
    if run.dry_run:
        delivery.preview(run, planned)
        return {"would_send": len(planned)}
    return delivery.send(run, planned, approval_code)


@step("转化:出数字")
def count(run: StageRun, buyers: Sequence[Buyer]) -> list[figures.Figure]:
    """The stage's figures of yesterday, which is complete by now, and of today."""
    with run.runtime.store.reading() as conn:
        return conversion_report.figures_of(conn, run, buyers)


@step("转化:出报告")
def report(run: StageRun, found: Sequence[figures.Figure], stands: Sequence[Stand], buyers: Sequence[Buyer]) -> int:
    """Keep the figures and publish the stage report; returns how many figures changed."""
    here = run.runtime
    changed = telling.keep(run, found)
    shown = conversion_report.markdown_of(run, found, stands, buyers)
    publish("report-conversion", shown, here.language.text("conversion.report"))
    return changed


def incoming_frame(run: StageRun, incoming: Incoming) -> pd.DataFrame:
    """What came in as rows of the input check."""
    return conversion_report.arrivals_frame(incoming.rows(run.now))


def set_aside(run: StageRun, incoming: Incoming) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What cannot be used, for the quarantine."""
    return conversion_incoming.set_aside(incoming, run.now)
