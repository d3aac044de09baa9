"""
Every definition of retention as a small table: formula, unit, source, and an example that is run.

Read by ``test_retention_definition_table`` (does the code say the same?) and by ``tests.definitions_table``, which
makes docs/reference/definitions.md of it. An event is ``when who what group key=value …``, in UTC, noon when no time is
given; in what is expected ``.`` is a cell that has not come due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

POSTHOG = "PostHog's retention query, as its public tests state it"
OWN = "this project: no product seen defines it for groups (GLOSSARY.md, N 日在群率)"
COMMON = "the definitions Amplitude and Mixpanel publish under this name"


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition with an example."""

    name: str
    formula: str
    unit: str
    source: str
    log: str
    query: dict[str, Any]
    expected: str
    remark: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


JOINED = {"target_event": "join", "cohort_rule": "first_time", "total_intervals": 2, "as_of": "2026-02-20"}
WEEKS = {**JOINED, "period": "week", "date_to": "2026-01-12"}

DEFINITIONS = (
    Definition(
        "Stay retention, N 日在群率",
        "stay(k) = members in at least one group at the end of local day d₀ + k ÷ cohort size; d₀ = local day of the "
        "first join",
        "members",
        OWN,
        """
        2026-01-05 ann join g1
        2026-01-06 ann leave g1
        2026-01-08 ann join g1
        2026-01-05 bob join g1
        2026-01-06 bob join g2
        2026-01-07 bob leave g1
        2026-01-14 cat join g1
        2026-01-14T13:00 cat leave g1
        2026-01-14 dan join g1
        2026-01-15 dan leave g1
        2026-01-15 dan join g1
        """,
        {**WEEKS, "definitions": ["stay"], "days": [1, 3, 7]},
        """
        2026-01-05 2 1 2 2
        2026-01-12 2 1 1 1
        """,
        "Who comes back is there again; who is in several groups stays as long as one is left. A join of somebody who "
        "is in and a leave of somebody who is not change nothing. Of one instant the majority decides: as many joins "
        "as leaves leave everything as it was.",
    ),
    Definition(
        "Classic N-day retention, N 日活跃率",
        "classic(k) = actors with a returning event on exactly local day d₀ + k ÷ cohort size; d₀ = local day of the "
        "actor's target event of the cohort",
        "actors",
        COMMON,
        """
        2026-01-05 ann join
        2026-01-06 ann message
        2026-01-06 ann message
        2026-01-12 ann message
        2026-01-05 bob join
        2026-01-07 bob message
        """,
        {**WEEKS, "returning_event": "message", "definitions": ["classic"], "days": [1, 3, 7]},
        """
        2026-01-05 2 1 0 1
        2026-01-12 0 0 0 0
        """,
    ),
    Definition(
        "Rolling retention, that day or later",
        "rolling(k) = actors with a returning event on local day d₀ + k or later, as far as is known ÷ cohort size",
        "actors",
        COMMON,
        """
        2026-01-05 ann join
        2026-01-06 ann message
        2026-01-12 ann message
        2026-01-05 bob join
        2026-01-07 bob message
        """,
        {**WEEKS, "returning_event": "message", "definitions": ["rolling"], "days": [1, 3, 7]},
        """
        2026-01-05 2 2 1 1
        2026-01-12 0 0 0 0
        """,
        "A cell comes due with day d₀ + k and can still rise afterwards: whoever was last seen earlier may come back.",
    ),
    Definition(
        "Bracket retention, day a to b",
        "bracket(a, b) = actors with a returning event on one of the local days d₀ + a … d₀ + b ÷ cohort size",
        "actors",
        COMMON,
        """
        2026-01-05 ann join
        2026-01-06 ann message
        2026-01-12 ann message
        2026-01-05 bob join
        2026-01-15 bob message
        """,
        {**WEEKS, "returning_event": "message", "definitions": ["bracket"], "brackets": [[1, 7], [8, 14]]},
        """
        2026-01-05 2 1 1
        2026-01-12 0 0 0
        """,
    ),
    Definition(
        "Recurring cohorts",
        "cell(i, 0) = actors with a target event in interval i; cell(i, j) = those of them with a returning event in "
        "interval i + j",
        "actors",
        POSTHOG,
        """
        2026-01-05 ann message
        2026-01-06 ann message
        2026-01-07 ann message
        2026-01-06 bob message
        """,
        {"period": "day", "total_intervals": 3, "date_to": "2026-01-07T06:00"},
        """
        2026-01-05 1 1 1
        2026-01-06 2 1
        2026-01-07 1
        """,
        "The interval that holds date_to is the last one and counts to its own end.",
    ),
    Definition(
        "First-ever cohorts",
        "an actor belongs only to the interval of the first target event ever, to none when that lies before the range",
        "actors",
        POSTHOG,
        """
        2026-01-01 old join
        2026-01-05 old join
        2026-01-05 ann join
        2026-01-06 ann join
        """,
        {"period": "day", "total_intervals": 2, "date_to": "2026-01-06", "cohort_rule": "first_time"},
        """
        2026-01-05 1 1
        2026-01-06 0
        """,
    ),
    Definition(
        "Cumulative cells",
        "cell(i, j), j ≥ 1 = actors of cohort i with a returning event in interval i + j or a later one of the range",
        "actors",
        POSTHOG,
        """
        2026-01-05 ann join
        2026-01-07 ann message
        2026-01-05 bob join
        2026-01-06 bob message
        """,
        {"period": "day", "total_intervals": 3, "date_to": "2026-01-07", "target_event": "join", "cumulative": True},
        """
        2026-01-05 2 2 1
        2026-01-06 0 0
        2026-01-07 0
        """,
    ),
    Definition(
        "Minimum occurrences",
        "a cell j ≥ 1 needs that many returning events inside one interval; a window needs them inside the window",
        "actors",
        POSTHOG,
        """
        2026-01-05 ann join
        2026-01-06 ann message
        2026-01-06 ann message
        2026-01-07 ann message
        """,
        {
            "period": "day",
            "total_intervals": 3,
            "date_to": "2026-01-07",
            "target_event": "join",
            "minimum_occurrences": 2,
        },
        """
        2026-01-05 1 1 0
        2026-01-06 0 0
        2026-01-07 0
        """,
    ),
    Definition(
        "Target event, returning event and filters",
        "target_filter limits the target event, returning_filter the returning event, event_filter both; all pairs of "
        "property and text must hold",
        "actors",
        POSTHOG,
        """
        2026-01-05 ann join channel=form
        2026-01-06 ann message
        2026-01-05 bob join channel=shop
        2026-01-06 bob message
        """,
        {
            "period": "day",
            "total_intervals": 2,
            "date_to": "2026-01-06",
            "target_event": "join",
            "returning_event": "message",
            "target_filter": {"channel": "form"},
        },
        """
        2026-01-05 1 1
        2026-01-06 0
        """,
        "A property is a column, or a key of the JSON text in the column props. Names match exactly, case included.",
    ),
    Definition(
        "Hours, and the hour a clock shows twice",
        "an hour is a real hour that begins on the local hour; the hour that is shown twice is two intervals",
        "actors",
        "this project; elapsed hours stay comparable, and 24 intervals are a day of 24 hours",
        """
        2026-10-25T00:30 ann message
        2026-10-25T01:30 ann message
        """,
        {"period": "hour", "total_intervals": 2, "date_to": "2026-10-25T01:59+00:00", "timezone": "Europe/Berlin"},
        """
        2026-10-25T02:00+02:00 1 1
        2026-10-25T02:00+01:00 1
        """,
    ),
    Definition(
        "Days in a zone with daylight saving",
        "a day is the local calendar day of the IANA zone; it may last 23 or 25 hours",
        "actors",
        POSTHOG,
        """
        2026-03-28T23:30 ann message
        2026-03-29T21:59 bob message
        2026-03-29T22:00 ann message
        """,
        {"period": "day", "total_intervals": 2, "date_to": "2026-03-30", "timezone": "Europe/Berlin"},
        """
        2026-03-29 2 1
        2026-03-30 1
        """,
    ),
    Definition(
        "Weeks and their first day",
        "a week begins on week_start: monday (the default here) or sunday",
        "actors",
        POSTHOG,
        """
        2026-01-04 ann message
        2026-01-05 ann message
        2026-01-11 ann message
        """,
        {"period": "week", "week_start": "sunday", "total_intervals": 2, "date_to": "2026-01-11"},
        """
        2026-01-04 1 1
        2026-01-11 1
        """,
    ),
    Definition(
        "Months",
        "a month is the local calendar month, whatever its length",
        "actors",
        POSTHOG,
        """
        2024-01-31 ann message
        2024-02-29 ann message
        2024-03-01 ann message
        """,
        {"period": "month", "total_intervals": 3, "date_to": "2024-03-15"},
        """
        2024-01 1 1 1
        2024-02 1 1
        2024-03 1
        """,
    ),
    Definition(
        "Exact 24-hour windows",
        "with t₀ the instant of the target event: classic(k) looks at [t₀ + k·24 h, t₀ + (k + 1)·24 h), stay(k) at the "
        "instant t₀ + k·24 h",
        "actors",
        COMMON,
        """
        2026-01-05T20:00 ann join g1
        2026-01-06T19:59 ann message g1
        2026-01-06T20:01 ann leave g1
        2026-01-05T20:00 bob join g1
        2026-01-06T20:00 bob message g1
        """,
        {
            **WEEKS,
            "returning_event": "message",
            "definitions": ["stay", "classic"],
            "days": [0, 1],
            "windows": "exact_24h",
        },
        """
        2026-01-05 2 2 2 1 1
        2026-01-12 0 0 0 0 0
        """,
        "An option: local days are the default, because people and reports count in days.",
    ),
    Definition(
        "Groups as actors",
        "actor = group: cohorts of groups by their first target event; a group is active when anybody in it is, and "
        "stays while anybody is in it",
        "groups",
        OWN,
        """
        2026-01-05 ann join g1
        2026-01-05 bob join g2
        2026-01-06 ann leave g1
        2026-01-06 bob message g2
        """,
        {
            **WEEKS,
            "actor": "group",
            "returning_event": "message",
            "definitions": ["stay", "classic"],
            "days": [1],
        },
        """
        2026-01-05 2 1 1
        2026-01-12 0 0 0
        """,
    ),
    Definition(
        "Cohorts split by channel, inviter, self-joined or pulled in, campaign, group kind, owner",
        "each cohort falls apart by the value of split_by at the actor's first target event; of several values at one "
        "instant the first by text",
        "actors",
        "GLOSSARY.md, 主动入群 / 被动入群: the two must be looked at apart",
        """
        2026-01-05 ann join g1 entry=self_joined
        2026-01-05 bob join g1 entry=pulled_in
        2026-01-06 bob leave g1
        2026-01-07 bob join g1 entry=self_joined
        """,
        {
            **WEEKS,
            "total_intervals": 1,
            "date_to": "2026-01-05",
            "split_by": "entry",
            "definitions": ["stay"],
            "days": [1],
        },
        """
        2026-01-05 pulled_in 1 0
        2026-01-05 self_joined 1 1
        """,
    ),
    Definition(
        "Maturity: blank is not 0",
        "a cell has come due when its whole window lies before as_of: for cohorts the window of their last possible "
        "member; until then it is blank",
        "actors",
        "peers mix them: a mean over cells that cannot have happened yet is too low",
        """
        2026-01-05 ann join
        2026-01-07 ann message
        2026-01-06 bob join
        """,
        {
            "period": "day",
            "total_intervals": 3,
            "date_to": "2026-01-07",
            "target_event": "join",
            "as_of": "2026-01-07T12:00",
        },
        """
        2026-01-05 1 0 .
        2026-01-06 1 .
        2026-01-07 .
        """,
        "as_of is by default the end of the interval that holds date_to. Later events have not happened then.",
    ),
    Definition(
        "Repeated rows",
        "two equal rows are two events; with drop_duplicates rows equal in every column are one",
        "events",
        POSTHOG,
        """
        2026-01-05 ann join
        2026-01-06 ann message
        2026-01-06 ann message
        """,
        {
            "period": "day",
            "total_intervals": 2,
            "date_to": "2026-01-06",
            "target_event": "join",
            "minimum_occurrences": 2,
            "drop_duplicates": True,
        },
        """
        2026-01-05 1 0
        2026-01-06 0
        """,
        notes={"duplicate_rows_dropped": 1},
    ),
    Definition(
        "Merged identities",
        "an alias is the actor it stands for; chains are followed to their end",
        "actors",
        POSTHOG,
        """
        2026-01-05 old join
        2026-01-06 older message
        """,
        {"period": "day", "total_intervals": 2, "date_to": "2026-01-06", "target_event": "join"},
        """
        2026-01-05 1 1
        2026-01-06 0
        """,
        "A circle of aliases means the first of its names by text, and is told.",
        aliases={"older": "old", "old": "ann"},
    ),
    Definition(
        "Dirt",
        "every kind is counted once and told beside the figures with the rule that was applied",
        "rows or events",
        "every real log has it: a plain sum of joins and leaves gives wrong member counts",
        """
        2026-01-05 ann join g1
        2026-01-06 ann join g1
        2026-01-06 bob leave g1
        2026-01-07 ann leave g1
        2026-01-07 ann leave g1
        """,
        {**WEEKS, "total_intervals": 1, "date_to": "2026-01-05", "definitions": ["stay"], "days": [1, 3]},
        "2026-01-05 1 1 0",
        notes={"joins_while_in": 1, "leaves_without_join": 2, "duplicate_rows": 1},
    ),
)
