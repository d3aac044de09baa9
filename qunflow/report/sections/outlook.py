"""
What is ahead: how many will still be there, and how many may leave this week. Counts only, never who.

How far either can be trusted is on the engineer's page, which the retention flow leaves in Prefect.
"""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.grading import mark_of_all
from qunflow.report.model import ReportData, Section, Words
from qunflow.report.sections.survival_curve import CurvePoint, curve_svg
from qunflow.report.tables import figures_table
from qunflow.store.figures import Figure

FORECAST = ("stay_forecast", "stay_forecast_low", "stay_forecast_high")
TONES = {"high": "bad", "middle": "wait", "low": "good"}


def stay_outlook(data: ReportData, words: Words) -> Section:
    """The survival curve with its forecast, or why there is none."""
    title = words.text("outlook.forecast.title")
    states = select.of_last_day(data.figures, "stay_forecast_state")
    if not states:
        return Section("stay_outlook", title, words.text("outlook.forecast.empty"))
    on_that_day = [figure for figure in data.figures if figure.as_of == states[0].as_of]
    seen, ahead = _seen(on_that_day), _ahead(on_that_day)
    if not ahead:
        return Section("stay_outlook", title, _reason(states[0], words))
    picture = _curve(title, seen, [point for point in ahead if not seen or point.day > seen[-1].day], words)
    table = figures_table(data, select.latest(on_that_day, *FORECAST, "stay_reached", "stay_forecast_state"), words)
    note = words.text("outlook.forecast.note")
    mark = mark_of_all([figure for figure in on_that_day if figure.name in FORECAST], words)
    return Section("stay_outlook", title, _expectation(ahead, words), picture, note, tables=(table,), mark=mark)


def churn_outlook(data: ReportData, words: Words) -> Section:
    """How many members may leave this week, or why nobody can tell."""
    title = words.text("outlook.churn.title")
    states = select.of_last_day(data.figures, "churn_state")
    if not states:
        return Section("churn_outlook", title, words.text("outlook.churn.empty"))
    bands = [f for f in data.figures if f.name == "churn_risk" and f.as_of == states[0].as_of]
    by_band = {figure.dimensions.get("band", ""): figure for figure in bands}
    if not set(TONES) <= set(by_band):
        state = states[0]
        key = f"outlook.churn.{state.dimensions.get('state', '')}"
        sentence = words.text(key, found=select.people(state) or 0, needed=state.denominator or 0)
        return Section("churn_outlook", title, sentence)
    picture = bars_svg([_bar(by_band[band], band, words) for band in TONES], title=title)
    table = figures_table(data, [*(by_band[band] for band in TONES), states[0]], words)
    mark, note = mark_of_all(bands, words), words.text("outlook.churn.note")
    return Section("churn_outlook", title, _told(by_band, words), picture, note, tables=(table,), mark=mark)


def _by_day(figures: list[Figure], name: str) -> dict[int, float]:
    found = ((f.dimensions.get("day", ""), select.amount(f)) for f in figures if f.name == name)
    return {int(day): value for day, value in found if day.isdigit() and value is not None}


def _seen(figures: list[Figure]) -> list[CurvePoint]:
    return [CurvePoint(day, share) for day, share in sorted(_by_day(figures, "stay_reached").items())]


def _ahead(figures: list[Figure]) -> list[CurvePoint]:
    shares, low, high = (_by_day(figures, name) for name in FORECAST)
    return [CurvePoint(day, shares[day], low[day], high[day]) for day in sorted(shares) if day in low and day in high]


def _curve(title: str, seen: list[CurvePoint], ahead: list[CurvePoint], words: Words) -> str:
    return curve_svg(
        seen,
        ahead,
        title=title,
        names=(words.text("outlook.forecast.seen"), words.text("outlook.forecast.ahead")),
        axis=[words.text("outlook.forecast.axis", day=point.day) for point in (*seen, *ahead)],
    )


def _expectation(ahead: list[CurvePoint], words: Words) -> str:
    """Of the farthest day: the nearer ones are in the picture."""
    point = ahead[-1]
    told = {name: f"{value:.0%}" for name, value in (("share", point.share), ("low", point.low), ("high", point.high))}
    return words.text("outlook.forecast.sentence", day=point.day, **told)


def _reason(state: Figure, words: Words) -> str:
    key = state.dimensions.get("state", "")
    if key == "told":
        return words.text("outlook.forecast.known")
    return words.text(f"outlook.forecast.{key}", found=select.people(state) or 0, needed=state.denominator or 0)


def _told(by_band: dict[str, Figure], words: Words) -> str:
    high = by_band["high"]
    if people := select.people(high):
        return words.text("outlook.churn.sentence", people=people, expected=_expected(high))
    return words.text("outlook.churn.calm", expected=sum(_expected(figure) for figure in by_band.values()))


def _bar(figure: Figure, band: str, words: Words) -> Bar:
    note = words.text("outlook.churn.expected", expected=_expected(figure))
    people = select.people(figure) or 0
    label = f"{wording.known(words, 'band', band)} {wording.count(people, words)}"
    return Bar(label, (Part("", people, TONES[band]),), note)


def _expected(figure: Figure) -> int:
    return figure.numerator or 0
