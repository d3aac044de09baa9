"""
The figures of a check-in week and its report as Markdown with pictures, for the Prefect UI.

``enrolled``, ``checkins`` {day}, ``checkin_rate``, ``streak_members`` {days}, ``points_granted``, ``awards`` {prize}:
as of yesterday, which is complete by now, and as of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Connection

from data_checks.weekly_activity import OUTPUT
from qunflow.clock import instant_of
from qunflow.report.charts import as_data_uri, columns_svg
from qunflow.report.grading import Graded
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store import activities
from qunflow.store.activities import Activity
from qunflow.store.figures import Figure, Unit, Value
from qunflow.store.ledger import balances
from qunflow.weekly_activity.awards import AwardRule
from qunflow.weekly_activity.challenge import RESULTS_AT
from qunflow.weekly_activity.numbers import week_numbers
from qunflow.weekly_activity.points import award_prefix, checkin_prefix, prize_prefix
from qunflow.weekly_activity.standing import standing_rows
from tasks.weekly_points import rules_of, stock_left
from tasks.weekly_records import challenge, running_week

STAGE = "weekly_activity"
CHECKINS, LEDGER = "checkins", "ledger"


def standing_of(conn: Connection, run: StageRun) -> pd.DataFrame:
    """One row a person of the week that is open on the run's day."""
    week = running_week(conn, run.community.key, run.day)
    if week is None:
        return pd.DataFrame(columns=list(OUTPUT.columns))
    left = stock_left(conn, rules_of(run.community.weekly_activity), week)
    rows = standing_rows(
        challenge(week),
        _marks(conn, week),
        as_of=run.day,
        booked=activities.points_booked(conn, checkin_prefix(week.community, week.activity_key)),
        stock_left=min(left.values(), default=0),
    )
    return pd.DataFrame(rows, columns=list(OUTPUT.columns))


def figures_of(conn: Connection, run: StageRun) -> list[Figure]:
    """The figures of the weeks that yesterday and today lie in."""
    found: list[Figure] = []
    for day in (run.day - timedelta(days=1), run.day):
        week = running_week(conn, run.community.key, day)
        if week is not None:
            found += _week_figures(conn, run, week, day)
    return found


def _marks(conn: Connection, week: Activity) -> list[tuple[int, date]]:
    return [(row.person_id, row.local_day) for row in activities.checkins_of(conn, [week.activity_id])]


def _week_figures(conn: Connection, run: StageRun, week: Activity, as_of: date) -> list[Figure]:
    numbers = week_numbers(challenge(week), _marks(conn, week), as_of)
    rules = rules_of(run.community.weekly_activity)
    # In the morning a day's check-ins are still to come: they are not due, not 0.
    over = run.now >= instant_of(as_of, RESULTS_AT, run.zone)

    def figure(
        name: str, value: Value, unit: Unit = "count", source: str = CHECKINS, share: bool = False, **by: str
    ) -> Figure:
        parts = (numbers.today, numbers.enrolled) if share else (None, None)
        return Figure(week.community, STAGE, name, as_of, value, unit, source, by, *parts)

    return [
        figure("enrolled", numbers.enrolled),
        *(
            figure("checkins", people if over or day < as_of else None, day=day.isoformat())
            for day, people in numbers.by_day.items()
        ),
        *([figure("checkin_rate", numbers.rate, "rate", share=True)] if over else []),
        *(figure("streak_members", numbers.people_with(days), days=str(days)) for days in _days(rules)),
        figure("points_granted", _points(conn, week), source=LEDGER),
        *(figure("awards", count, source=LEDGER, prize=prize) for prize, count in _given(conn, week, rules).items()),
    ]


def _days(rules: Sequence[AwardRule]) -> list[int]:
    return sorted({rule.streak_days for rule in rules})


def _points(conn: Connection, week: Activity) -> int:
    prefixes = (checkin_prefix(week.community, week.activity_key), award_prefix(week.community, week.activity_key))
    return sum(sum(activities.points_booked(conn, prefix).values()) for prefix in prefixes)


def _given(conn: Connection, week: Activity, rules: Sequence[AwardRule]) -> dict[str, int]:
    """Pieces in people's hands, by prize."""
    found: dict[str, int] = {}
    for rule in rules:
        if rule.prize:
            held = balances(conn, prize_prefix(week.community, week.activity_key, rule.streak_days), "prize")
            found[rule.prize] = found.get(rule.prize, 0) + sum(held.values())
    return found


def markdown_of(run: StageRun, found: Sequence[Figure]) -> str:
    """The report of one run: check-ins a day, who keeps at it, what was given."""
    words = run.runtime.language
    title = words.text("weekly_activity.report")
    head = [f"# {title}", words.text("weekly_activity.head", community=run.community.name, day=run.day)]
    today = [one for one in found if one.as_of == run.day]
    if not today:
        return "\n\n".join([*head, words.text("weekly_activity.no_week")]) + "\n"
    days = [one for one in today if one.name == "checkins"]
    columns = [(one.dimensions["day"][5:], None if one.value is None else _number(one)) for one in days]
    picture = columns_svg(columns, title=title, not_due=words.text("weekly_activity.not_due"))
    graded = telling.graded(run.runtime, run.community.key, run.day)
    parts = [*head, graded.head(words), f"![{title}]({as_data_uri(picture)})", *_lines(run, today, graded)]
    return "\n\n".join(parts) + "\n"


def _lines(run: StageRun, today: Sequence[Figure], graded: Graded) -> list[str]:
    words = run.runtime.language
    told = []
    for one in today:
        if one.name == "checkins":
            continue
        value = words.text("weekly_activity.not_due") if one.value is None else one.value
        shown = f"{_number(one):.1%}" if one.unit == "rate" and one.value is not None else value
        about = words.text(f"weekly_activity.figure_{one.name}", **one.dimensions)
        parts = f"({one.numerator} ÷ {one.denominator})" if one.denominator else ""
        told.append(f"- {about}: {shown}{graded.beside(**one.dimensions)} {parts}".rstrip())
    return ["\n".join(told)]


def _number(one: Figure) -> float:
    return float(one.value or 0)
