"""
The list of likely buyers, the figures of campaigns and the stage report as Markdown, for the Prefect UI.

``buyers`` {tier} · per campaign ``warmup_responses``, ``warmup_response_rate``, ``offer_delivered`` (people),
``clicks`` (people), ``click_rate``, ``payers``, ``conversion_rate``, ``revenue_fen``, ``average_order_value``,
``refunds_fen``. A campaign that was not offered yet has no figures of its offer but "not due".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import pandas as pd
from sqlalchemy import Connection

from data_checks.conversion import INPUT, NUMBERS, OUTPUT
from qunflow.community.offers import yuan
from qunflow.conversion.buyers import HIGH, LOW, Buyer, Reason
from qunflow.conversion.campaign import CLOSED, HELD
from qunflow.conversion.numbers import CampaignNumbers
from qunflow.conversion.stand import Stand
from qunflow.experiments.shares import wilson_interval
from qunflow.language import Catalogue
from qunflow.report.charts import FunnelRow, as_data_uri, funnel_svg
from qunflow.report.grading import Graded
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store import campaigns
from qunflow.store.campaigns import BuyerRow, CampaignRow
from qunflow.store.figures import Figure, Unit, Value
from tasks.conversion_campaigns import current_campaigns, numbers_of

SHOWN = 20


def arrivals_frame(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Clicks and orders as the input check wants them."""
    return pd.DataFrame([dict(row) for row in rows], columns=list(INPUT.columns))


def buyers_frame(run: StageRun, buyers: Sequence[Buyer]) -> pd.DataFrame:
    """The list as rows of the output check, looked up again so that the check does not trust the list."""
    with run.runtime.store.reading() as conn:
        groups = campaigns.members_by_group(conn, run.community.key)
        suppressed = campaigns.not_to_be_sold_to(conn)
    members = set().union(*groups.values())
    rows = [
        {
            "campaign": run.community.key,
            "person_id": one.person_id,
            "score": one.score,
            "reasons": len(one.reasons),
            "tier": one.tier,
            "suppressed": one.person_id in suppressed,
            "in_group": one.person_id in members,
            "share_of_members": len(buyers) / max(len(members), 1),
        }
        for one in buyers
    ]
    return pd.DataFrame(rows, columns=list(OUTPUT.columns))


def numbers_frame(run: StageRun) -> pd.DataFrame:
    """The numbers of every current campaign as rows of their check."""
    with run.runtime.store.reading() as conn:
        counted = [(row.key, numbers_of(conn, run, row, run.day)) for row in current_campaigns(conn, run)]
    names = [name for name in NUMBERS.columns if name != "campaign"]
    rows = [{"campaign": key, **{name: getattr(numbers, name) for name in names}} for key, numbers in counted]
    return pd.DataFrame(rows, columns=list(NUMBERS.columns))


def keep_list(conn: Connection, *, run: StageRun, buyers: Sequence[Buyer]) -> None:
    """Put the list to every campaign that is ahead or running."""
    words = run.runtime.language
    rows = [BuyerRow(one.person_id, one.score, told(one.reasons, words), one.tier) for one in buyers]
    for campaign in campaigns.campaigns_of(conn, run.community.key):
        if campaign.state not in (CLOSED, HELD) and run.day <= campaign.closes_on:
            campaigns.list_buyers(conn, campaign.campaign_id, rows, run.day)


def told(reasons: Iterable[Reason], words: Catalogue) -> tuple[str, ...]:
    """Reasons as sentences."""
    return tuple(_told(one, words) for one in reasons)


def _told(reason: Reason, words: Catalogue) -> str:
    today = reason.condition == "seen_lately" and reason.count == 0
    key = "conversion.reason_seen_today" if today else f"conversion.reason_{reason.condition}"
    return words.text(key, count=reason.count, yuan=yuan(reason.amount_fen))


def figures_of(conn: Connection, run: StageRun, buyers: Sequence[Buyer]) -> list[Figure]:
    """The list by tier as of today, and every current campaign as of yesterday and today."""
    tiers = Counter(one.tier for one in buyers)
    found = [
        Figure(run.community.key, run.stage, "buyers", run.day, tiers.get(tier, 0), "count", "history", {"tier": tier})
        for tier in (HIGH, LOW)
    ]
    for row in current_campaigns(conn, run):
        for day in (run.day - timedelta(days=1), run.day):
            if day >= row.warm_up_on:
                found += _campaign_figures(run, row, numbers_of(conn, run, row, day), day)
    return found


def _campaign_figures(run: StageRun, row: CampaignRow, numbers: CampaignNumbers, day: date) -> list[Figure]:
    figure = partial(_figure, run, row, day)
    due = day >= row.offer_on
    warm_up = (numbers.responses, numbers.warm_up_members)
    found = [
        figure("warmup_responses", numbers.responses, "count", "hand:replies+clicks"),
        figure("warmup_response_rate", numbers.warm_up_rate, "rate", "hand:replies+clicks", warm_up),
    ]
    counts = {"offer_delivered": numbers.reached, "clicks": numbers.clickers, "payers": numbers.payers}
    money = {"revenue_fen": numbers.revenue_fen, "refunds_fen": numbers.refunds_fen}
    rates = {
        "click_rate": (numbers.click_rate, numbers.clickers),
        "conversion_rate": (numbers.conversion_rate, numbers.payers),
    }
    found += [figure(name, value if due else None, "count", "outbox") for name, value in counts.items()]
    found += [figure(name, value if due else None, "fen", "orders") for name, value in money.items()]
    found += [
        figure(name, rate if due else None, "rate", "orders", (hits, numbers.reached) if due else None)
        for name, (rate, hits) in rates.items()
    ]
    bought = (numbers.revenue_fen, numbers.orders) if due else None
    return [*found, figure("average_order_value", numbers.average_order_fen if due else None, "fen", "orders", bought)]


def _figure(
    run: StageRun,
    row: CampaignRow,
    day: date,
    name: str,
    value: Value,
    unit: Unit,
    source: str,
    parts: tuple[int, int] | None = None,
) -> Figure:
    top, bottom = parts or (None, None)
    return Figure(run.community.key, run.stage, name, day, value, unit, source, {"campaign": row.key}, top, bottom)


def markdown_of(run: StageRun, found: Sequence[Figure], stands: Sequence[Stand], buyers: Sequence[Buyer]) -> str:
    """The report of one run: the list and why, where each campaign stands and why, what came of it."""
    words, graded = run.runtime.language, telling.graded(run.runtime, run.community.key, run.day)
    parts = [
        f"# {words.text('conversion.report')}",
        words.text("conversion.head", community=run.community.name, day=run.day),
        graded.head(words),
        *_list_part(buyers, graded, words),
        *_campaign_part(run, found, stands, graded),
    ]
    return "\n\n".join(parts) + "\n"


def _list_part(buyers: Sequence[Buyer], graded: Graded, words: Catalogue) -> list[str]:
    tiers = Counter(one.tier for one in buyers)
    counts = {"people": len(buyers), "high": tiers.get(HIGH, 0), "low": tiers.get(LOW, 0)}
    lines = [
        f"| {one.person_id} | {one.score} | {words.text(f'conversion.tier_{one.tier}')} | {';'.join(why)} |"
        for one in buyers[:SHOWN]
        if (why := told(one.reasons, words))
    ]
    table = [words.text("conversion.list_head"), "|---|---|---|---|", *lines] if lines else []
    told_list = words.text("conversion.list_told", **counts) + graded.beside()
    return [f"## {words.text('conversion.list')}", told_list, "\n".join(table)]


def _campaign_part(run: StageRun, found: Sequence[Figure], stands: Sequence[Stand], graded: Graded) -> list[str]:
    words = run.runtime.language
    title = words.text("conversion.campaigns")
    if not stands:
        return [f"## {title}", words.text("conversion.no_campaign")]
    value = {(one.dimensions.get("campaign"), one.name): one for one in found if one.as_of == run.day}
    rows = [_funnel_row(run, stand, value) for stand in stands]
    steps = [words.text(f"conversion.step_{name}") for name in ("offer_delivered", "clicks", "payers")]
    picture = funnel_svg(rows, steps=steps, title=title, not_due=words.text("conversion.not_due"))
    return [
        f"## {title}",
        f"![{title}]({as_data_uri(picture)})",
        *(_stand_told(run, one, value, graded) for one in stands),
    ]


def _funnel_row(run: StageRun, stand: Stand, value: Mapping[tuple[str | None, str], Figure]) -> FunnelRow:
    steps = [value[stand.campaign, name].value for name in ("offer_delivered", "clicks", "payers")]
    name = run.community.offer(run.community.campaign(stand.campaign).offer).name
    return FunnelRow(name, tuple(None if step is None else int(step) for step in steps))


def _stand_told(run: StageRun, stand: Stand, value: Mapping[tuple[str | None, str], Figure], graded: Graded) -> str:
    words, verdict = run.runtime.language, stand.verdict
    revenue, rate = value[stand.campaign, "revenue_fen"].value, value[stand.campaign, "conversion_rate"]
    return words.text(
        "conversion.stand",
        campaign=stand.campaign,
        state=words.text(f"conversion.state_{stand.state}"),
        reason=words.text(f"conversion.verdict_{verdict.reason}"),
        rate=_percent(verdict.rate, words) + graded.beside(),
        usual=_percent(verdict.usual, words),
        revenue=(words.text("conversion.not_due") if revenue is None else yuan(int(revenue))) + graded.beside(),
        conversion=_interval(rate, words) + graded.beside(),
    )


def _percent(rate: float | None, words: Catalogue) -> str:
    return words.text("conversion.unknown") if rate is None else f"{rate:.1%}"


def _interval(figure: Figure, words: Catalogue) -> str:
    hits, total = figure.numerator, figure.denominator
    # More payers than people reached is a warning of its own; then there is no share to be sure of.
    if figure.value is None or hits is None or not total or hits > total:
        return words.text("conversion.not_due")
    low, high = wilson_interval(hits, total) or (0.0, 0.0)
    return f"{hits / total:.1%} ({low:.1%}–{high:.1%}, {hits}/{total})"
