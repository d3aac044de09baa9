"""
The engineer's page of what is ahead, as Markdown: how the curves fit, how true the risks were on weeks not seen.

Operators do not read it; theirs is one sentence and one picture in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qunflow.experiments.shares import wilson_interval
from qunflow.language import Catalogue
from qunflow.report.charts import as_data_uri
from qunflow.report.sections.survival_curve import CurvePoint, curve_svg
from qunflow.retention.outlook.churn import Card, Check, ChurnOutlook, NoRisk
from qunflow.retention.outlook.churn_days import SIGNS
from qunflow.retention.outlook.forecast import Forecast, TooLittle


def engineers_page(stay: Forecast | TooLittle, leaving: ChurnOutlook, words: Catalogue) -> str:
    """Both parts, or the reasons why there are none."""
    parts = [
        f"# {words.text('outlook.engineer.title')}",
        f"## {words.text('outlook.engineer.forecast')}",
        *_forecast(stay, words),
        f"## {words.text('outlook.engineer.churn')}",
        *_churn(leaving, words),
    ]
    return "\n\n".join(parts) + "\n"


def _forecast(stay: Forecast | TooLittle, words: Catalogue) -> Iterable[str]:
    if isinstance(stay, TooLittle):
        yield words.text(f"outlook.forecast.{stay.reason}", found=stay.found, needed=stay.needed)
        return
    told = {"cohorts": stay.cohorts, "people": stay.people, "through": stay.through}
    yield words.text("outlook.engineer.forecast_head", spread=f"{stay.spread:.2f}", level=f"{stay.level:.0%}", **told)
    yield _table(
        words.text("outlook.engineer.fits"),
        [
            (
                words.text(f"outlook.engineer.{fit.model}"),
                f"{fit.curve.alpha:.3f}",
                f"{fit.curve.beta:.3f}",
                f"{fit.curve.shape:.3f}",
                f"{fit.curve.log_likelihood:.2f}",
                f"{fit.aic:.2f}",
                f"{fit.weight:.0%}",
            )
            for fit in stay.fits
        ],
    )
    yield _curve(stay, words)
    ahead = [(str(point.day), f"{point.share:.1%}", f"{point.low:.1%}", f"{point.high:.1%}") for point in stay.ahead]
    yield _table(words.text("outlook.engineer.ahead"), ahead) if ahead else words.text("outlook.forecast.known")


def _curve(stay: Forecast, words: Catalogue) -> str:
    """What was seen, and what is expected behind it with its range."""
    seen = [CurvePoint(one.day, one.share) for one in stay.reached]
    last = max((one.day for one in seen), default=0)
    ahead = [CurvePoint(one.day, one.share, one.low, one.high) for one in stay.ahead if one.day > last]
    title = words.text("outlook.forecast.title")
    picture = curve_svg(
        seen,
        ahead,
        title=title,
        names=(words.text("outlook.forecast.seen"), words.text("outlook.forecast.ahead")),
        axis=[words.text("outlook.forecast.axis", day=point.day) for point in (*seen, *ahead)],
    )
    return f"![{title}]({as_data_uri(picture)})"


def _churn(leaving: ChurnOutlook, words: Catalogue) -> Iterable[str]:
    past = leaving.judged
    if isinstance(past, NoRisk):
        yield words.text(f"outlook.churn.{past.reason}", found=past.found, needed=past.needed)
        return
    check = past.check
    yield words.text(
        "outlook.engineer.churn_head",
        weeks=past.weeks,
        held_out=past.held_out,
        people=check.people,
        leavers=check.leavers,
        expected=f"{check.expected:.1f}",
    )
    shown = check.state == "shown"
    verdict = words.text("outlook.engineer.shown") if shown else words.text(f"outlook.churn.{check.state}")
    yield words.text("outlook.engineer.verdict", state=verdict)
    measures = (f"{check.brier:.5f}", f"{check.brier_base:.5f}", f"{check.gain_low:+.5f}", f"{check.auc:.3f}")
    yield _table(words.text("outlook.engineer.measures"), [measures])
    yield _table(words.text("outlook.engineer.bins"), list(_bins(check)))
    yield _table(words.text("outlook.engineer.points"), list(_points(past.card, words)))


def _bins(check: Check) -> Iterable[tuple[str, ...]]:
    for number, one in enumerate(check.bins, start=1):
        low, high = wilson_interval(one.leavers, one.people) or (0.0, 1.0)
        left = f"{one.leavers / one.people:.1%}"
        yield str(number), f"{one.people:,}", f"{one.told:.1%}", left, f"{low:.1%}–{high:.1%}"


def _points(card: Card, words: Catalogue) -> Iterable[tuple[str, ...]]:
    for sign, row in zip(SIGNS, card.points, strict=True):
        for start, points in zip((0, *sign.cuts), row, strict=True):
            yield words.text(f"outlook.engineer.sign.{sign.name}"), str(start), f"{points:+.2f}"


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)
