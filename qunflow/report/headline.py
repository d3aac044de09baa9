"""The numbers at the top: members, growth, stay, completion, check-ins, money; with a trend where there is one."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.charts import sparkline_svg
from qunflow.report.grading import mark_of, mark_of_all, meaning
from qunflow.report.model import ReportData, Tile, Words


def tiles(data: ReportData, words: Words) -> tuple[Tile, ...]:
    """Six headline numbers; one that nobody recorded is left out, one that is not due says so."""
    built = (make(data, words) for make in (_members, _growth, _stay, _delivery, _checkin, _revenue))
    return tuple(tile for tile in built if tile is not None)


def completeness(data: ReportData, words: Words) -> str:
    """How far the period's data can be trusted: the recorded grade, else the checks that passed."""
    graded = [figure for figure in select.of_last_day(data.figures, "completeness") if not figure.dimensions]
    if graded:
        letter = str(graded[0].value)
        return words.text("figures.of_day", day=graded[0].as_of, letter=letter, meaning=meaning(letter, words))
    if not data.checks:
        return words.text("report.completeness_none")
    passed = sum(check.passed and check.could_run for check in data.checks)
    checks = words.text("report.completeness_checks", passed=passed, total=len(data.checks))
    return words.text("report.semicolon").join((checks, words.text("report.completeness_unofficial")))


def _trend(data: ReportData, name: str, label: str) -> str:
    values = [float(f.value) for f in select.series(data.figures, name, data.first_day) if f.value is not None]
    return sparkline_svg(values, title=label) if len(values) > 1 else ""


def _members(data: ReportData, words: Words) -> Tile | None:
    figure = select.one(data.figures, "unique_members")
    if figure is None:
        return None
    label = words.text("report.tile.unique_members")
    return Tile(
        label, wording.told(figure, words), trend=_trend(data, "unique_members", label), mark=mark_of(figure, words)
    )


def _growth(data: ReportData, words: Words) -> Tile | None:
    days = select.series(data.figures, "net_growth", data.first_day)
    if not days:
        return None
    label = words.text("report.tile.net_growth")
    small = words.text("report.tile.joined_left", joins=_summed(data, "joins"), leaves=_summed(data, "leaves"))
    value = wording.signed(sum(float(f.value or 0) for f in days), words)
    return Tile(label, value, small, _trend(data, "net_growth", label), mark_of_all(days, words))


def _summed(data: ReportData, name: str) -> int:
    return sum(select.people(f) or 0 for f in select.series(data.figures, name, data.first_day))


def _stay(data: ReportData, words: Words) -> Tile | None:
    found = [f for f in select.latest(data.figures, "stay_rate") if f.dimensions.get("day") == "7"]
    if not found:
        return None
    due = [f for f in found if f.value is not None] or found
    newest = max(due, key=lambda f: f.dimensions.get("cohort", ""))
    cohort = wording.short_day(newest.dimensions.get("cohort", ""))
    small = words.text("report.tile.cohort", cohort=cohort)
    if newest.value is not None:
        small = f"{small} {wording.fraction(newest)}"
    label = words.text("report.tile.stay_d7")
    return Tile(label, wording.told(newest, words), small, mark=mark_of(newest, words))


def _delivery(data: ReportData, words: Words) -> Tile | None:
    done, due = wording.completion(data.pushes)
    if not due:
        return None
    small = words.text("report.tile.of_planned", done=done, planned=due)
    return Tile(words.text("report.tile.delivery"), wording.share(done / due, words), small)


def _checkin(data: ReportData, words: Words) -> Tile | None:
    figure = select.one(data.figures, "checkin_rate")
    if figure is None:
        return None
    label = words.text("report.tile.checkin")
    small = words.text("report.tile.of_enrolled", part=wording.fraction(figure))
    return Tile(label, wording.told(figure, words), small, _trend(data, "checkin_rate", label), mark_of(figure, words))


def _revenue(data: ReportData, words: Words) -> Tile | None:
    figures = select.latest(data.figures, "revenue_fen")
    if not figures:
        return None
    label, known = words.text("report.tile.revenue"), [f for f in figures if f.value is not None]
    if not known:
        return Tile(label, words.text("report.not_due"))
    payers = sum(select.people(f) or 0 for f in select.latest(data.figures, "payers"))
    value = wording.money(sum(select.amount(f) or 0.0 for f in known), words)
    return Tile(label, value, words.text("report.tile.payers", payers=payers), mark=mark_of_all(known, words))
