"""
What is told of the days ahead, each rule as a small table: formula, unit, source, and cases that are run.

Read by ``test_retention_outlook_rules`` and by ``tests.definitions_table``, which makes a part of
docs/reference/definitions.md of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from qunflow.retention.outlook.churn import Bin, Card, Check, NoRisk, Tally, checked, judged
from qunflow.retention.outlook.churn_days import SIGNS, reference_days
from qunflow.retention.outlook.forecast import TooLittle, forecast
from qunflow.retention.outlook.survival import Course, Model, fitted
from tests.spec.retention_care_rules import Case, Rule

# Per cent still there after 0 to 4 years in the high-end example of the sources.
HIGH_END = (1000, 869, 743, 653, 593)
FADER_2007 = "P. Fader, B. Hardie, Journal of Interactive Marketing 21 (2007)"
FADER_2018 = "P. Fader, B. Hardie, Y. Liu, J. Davin, T. Steenburgh, Journal of Interactive Marketing 43 (2018)"
BURNHAM = "K. Burnham, D. Anderson, Model Selection and Multimodel Inference (2002)"
BRIER = "G. Brier, Monthly Weather Review 78 (1950)"
CARD = Card(0.0, tuple((0.0,) * sign.classes for sign in SIGNS), 0.04)
CHECK = Check(1000, 100, 0.08, 0.09, 0.001, 0.7, 100.0, (Bin(0.1, 1000, 100),))


def _parameters(model: Model) -> str:
    curve = fitted(HIGH_END, model)
    return f"α {curve.alpha:.3f}, β {curve.beta:.3f}, c {curve.shape:.3f}"


def _named(people: tuple[int, ...]) -> str:
    found = forecast([Course(people[0], (1.0, 2.0, 3.0, 4.0), people[1:])], (8,), seed=1)
    return found.reason if isinstance(found, TooLittle) else found.fits[0].model


def _told(*courses: Course) -> list[int] | str:
    found = forecast(courses, (7, 14, 30, 60, 90), seed=1)
    if isinstance(found, TooLittle):
        return f"{found.reason}: {found.found} of {found.needed}"
    return [point.day for point in found.ahead]


def _seen(*people: float, size: int = 100) -> Course:
    return Course(size, (1.0, 3.0, 7.0, 14.0, 30.0)[: len(people)], people)


def _brier() -> str:
    """One class with the risk 0.8 and one with 0.4."""
    card = replace(CARD, points=((1.3862943611, -0.4054651081, 0, 0, 0, 0), *CARD.points[1:]))
    rest = (0,) * (len(SIGNS) - 1)
    found = checked(card, [Tally(date(2026, 1, 4), (0, *rest), 1, 1), Tally(date(2026, 1, 4), (1, *rest), 2, 1)])
    return f"{found.brier:.4f} against {found.brier_base:.4f}, AUC {found.auc:.2f}"


def _weeks(count: int) -> str:
    first = date(2026, 1, 4)
    classes = (0,) * len(SIGNS)
    found = judged([Tally(first + timedelta(days=7 * week), classes, 100, 1) for week in range(count)])
    return f"{found.reason}: {found.found} of {found.needed}" if isinstance(found, NoRisk) else found.check.state


RULES = (
    Rule(
        "Survival curve, sBG and BdW",
        "survival(t) = B(α, β + t^c) ÷ B(α, β), t in days after joining; c = 1: shifted-beta-geometric (sBG), free: "
        "beta-discrete-Weibull (BdW); fitted by maximum likelihood to the cells that have come due, who is still there "
        "counted as not yet gone",
        "share of members",
        f"{FADER_2007}; {FADER_2018}",
        (
            Case("1000, 869, 743, 653, 593 there; sBG", lambda: _parameters("sbg"), "α 1.281, β 7.790, c 1.000"),
            Case("the same; BdW", lambda: _parameters("bdw"), "α 0.259, β 1.723, c 1.584"),
        ),
        "Cohorts of different age are added up, each as far as it has come due. Where people who came back make a "
        "count rise, it is evened out with the one before it.",
    ),
    Rule(
        "Which curve is named",
        "the lower AIC = 2 × parameters − 2 × log-likelihood ÷ spread; spread = Pearson's χ² of the steps of each "
        "cohort ÷ degrees of freedom, at least 1",
        "curve",
        BURNHAM,
        (
            Case("the high-end segment of the sources", lambda: _named(HIGH_END), "bdw"),
            Case("their regular segment", lambda: _named((1000, 631, 468, 382, 326)), "sbg"),
        ),
    ),
    Rule(
        "Forecast of the stay rate, 预计在群率",
        "share on day t = Σ over cohorts (people on the last day that has come due × survival(t) ÷ survival(that day)) "
        "÷ Σ sizes; the range holds in 80 % of cases",
        "share of the members of the cohorts of the last 120 days",
        f"{FADER_2018}; the range is this project's",
        (
            Case("seen to day 14", lambda: _told(_seen(95, 88, 80, 70)), [30]),
            Case(
                "one cohort seen to day 30, one to 7",
                lambda: _told(_seen(95, 88, 80, 70, 60), _seen(94, 89, 80)),
                [14, 30, 60, 90],
            ),
            Case("49 people", lambda: _told(_seen(40, 30, 20, size=49)), "few_people: 49 of 50"),
            Case("two days have come due", lambda: _told(_seen(95, 80)), "few_days: 2 of 3"),
            Case("nine have left", lambda: _told(_seen(99, 96, 91)), "few_leavers: 9 of 10"),
        ),
        "The range is made of both curves by their Akaike weights, of parameters drawn in proportion to their "
        "likelihood, and of the lots of the people; the draws are seeded by the day. Over made-up communities it holds "
        "in 70 to 90 % of cases, which the tests run. Nothing is told beyond three times the oldest day seen. When not "
        "to trust it: a price, an owner or a kind of push that was never there before is in no curve.",
    ),
    Rule(
        "Days a risk is learnt from",
        "the end of up to 16 days a week apart, the newest 7 days before the last day that is over, none in the first "
        "14 days of the history; gone = in no group at the end of the 7th day after",
        "days",
        "this project",
        (
            Case("30 days of history", lambda: len(reference_days(date(2026, 1, 1), date(2026, 1, 30))), 2),
            Case("three years", lambda: len(reference_days(date(2023, 1, 1), date(2026, 1, 30))), 16),
        ),
    ),
    Rule(
        "Risk to leave within a week, 离开风险",
        "log odds = base + points of the class of each sign: days since the last act (or since joining), days since "
        "joining, active days of 30, pushes into the member's groups in 7 days, per cent who left the group in 30 days",
        "probability; a logistic regression over classes with a ridge",
        "this project",
        (
            Case("usual risk 4 %, told 12 %", lambda: CARD.band(0.121), "high"),
            Case("usual risk 4 %, told 6 %", lambda: CARD.band(0.061), "middle"),
            Case("usual risk 4 %, told 4 %", lambda: CARD.band(0.04), "low"),
            Case("usual risk 1 %, told 4 %", lambda: replace(CARD, usual=0.01).band(0.04), "middle"),
        ),
        "high: from three times the usual risk and 5 % on; middle: from one and a half times on. When not to trust it: "
        "a risk is no reason. It tells who resembles those who left, not why, nor what would keep them.",
    ),
    Rule(
        "Whether a risk is shown",
        "on the newest three weeks, by a card that has not seen them: gain in Brier score over the rate that really "
        "came, minus 1.2816 standard errors, above 0; and leavers told ÷ leavers come between 2/3 and 3/2",
        "Brier score = mean of (risk − left)²; AUC = share of pairs of a leaver and a stayer in the right order",
        BRIER,
        (
            Case("risk 0.8 left, risk 0.4 left, risk 0.4 stayed", _brier, "0.1867 against 0.2222, AUC 0.75"),
            Case("gains, 100 told, 100 came", lambda: CHECK.state, "shown"),
            Case("the gain may be luck", lambda: replace(CHECK, gain_low=-0.001).state, "not_better"),
            Case("50 told, 100 came", lambda: replace(CHECK, expected=50.0).state, "out_of_true"),
            Case("five weeks", lambda: _weeks(5), "few_weeks: 5 of 6"),
            Case("nine leavers in the weeks to learn from", lambda: _weeks(12), "few_leavers: 9 of 30"),
        ),
    ),
)
