"""
What is done about retention, each rule as a small table: formula, unit, source, and cases that are run.

Read by ``test_retention_care_rules`` and by ``tests.definitions_table``, which makes a part of
docs/reference/definitions.md of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from qunflow.retention.care.activity_layers import MemberActs, layers, silent
from qunflow.retention.care.alarms import Limits, alarms_of, chance_of_run
from qunflow.retention.care.life_stage import GroupTalk, LifeStage, Marks, advice_for, life_stage
from qunflow.retention.care.push_windows import (
    Push,
    Rate,
    chance_of,
    corrected_for_many,
    expected_leaves,
    windows_after,
)
from qunflow.retention.care.reactions import Post, unanswered
from qunflow.retention.care.win_back import Rules, SilentMember, left_in_peace, may_be_asked_why, proposals
from qunflow.retention.health import GroupCounts

DAY = date(2026, 3, 31)
OLD, YOUNG = date(2026, 1, 1), date(2026, 3, 10)
LIMITS = Limits(new_group_d7=0.15, old_group_month=0.10, leave_streak_days=3)
MARKS = Marks()


@dataclass(frozen=True, slots=True)
class Case:
    """What is given, in words; what is done with it; what must be found."""

    given: str
    found: Callable[[], Any]
    expected: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its cases."""

    name: str
    formula: str
    unit: str
    source: str
    cases: tuple[Case, ...]
    remark: str = ""


def _alarm(which: int, opened_on: date = OLD, **counts: int) -> bool | None:
    return alarms_of(GroupCounts(1, **counts), opened_on, DAY, LIMITS)[which].fires


def _talk(number: int = 1, **changes: Any) -> GroupTalk:
    known: dict[str, Any] = {
        "kind": "benefit_group",
        "platform": "wecom",
        "opened_on": OLD,
        "closed_on": None,
        "members": 100,
        "active": 20,
        "said": 60,
        "top_said": 10,
        "adverts": 20,
        "talk_is_seen": True,
    }
    return GroupTalk(number, **known | changes)


def _stage(**changes: Any) -> tuple[str, str]:
    found = life_stage(_talk(**changes), DAY, MARKS)
    return found.stage, found.why


def _told(number: int, **changes: Any) -> tuple[GroupTalk, LifeStage]:
    talk = _talk(number, **changes)
    return talk, life_stage(talk, DAY, MARKS)


def _advice(others: list[tuple[GroupTalk, LifeStage]], **changes: Any) -> tuple[str, int | None]:
    talk, stage = _told(1, **changes)
    found = advice_for(talk, stage, others, MARKS)
    return found.what, found.into


def _seen_after(*hours: float) -> int:
    noon = datetime(2026, 3, 5, 4, tzinfo=UTC)
    leaves = [noon + timedelta(hours=each) for each in hours]
    [window] = windows_after(1, [Push("s", noon)], leaves, 100, Rate(28, 2_800), noon + timedelta(days=3))
    return window.leaves


def _holm(*chances: float) -> list[float]:
    noon, far = datetime(2026, 3, 5, 4, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    [one] = windows_after(1, [Push("s", noon)], [], 100, Rate(28, 2_800), far)
    from dataclasses import replace

    return [round(each.corrected, 4) for each in corrected_for_many([replace(one, chance=p) for p in chances])]


def _proposed(before: int = 0) -> list[int]:
    members = [SilentMember(person, 1, "helper", acts) for person, acts in ((11, 5), (12, 9), (13, 2), (14, 5))]
    return [one.person_id for one in proposals(members, DAY, Rules(), {1: [DAY] * before})]


def _asked_why(*days_ago: int) -> bool:
    return may_be_asked_why([DAY - timedelta(days=back) for back in days_ago], DAY, 14)


def _peace(**changes: Any) -> str:
    known: dict[str, Any] = {"userid": "helper", "acts": 5}
    return str(left_in_peace(SilentMember(1, 1, **known | changes), DAY, Rules()))


def _ignored(
    replies: list[int | None], *, link: bool = False, before: int = 0, clicks: int = 0, days: int = 9
) -> list[str]:
    week = [Post("topic", nth, DAY - timedelta(days=nth % days), count, True) for nth, count in enumerate(replies)]
    past = [Post("topic", 1, OLD, before, False)] if before else []
    return [one.slot_key for one in unanswered([*week, *past], {"topic": clicks}, {}, ["topic"] if link else [])]


RULES = (
    Rule(
        "Leave alarm of a new group",
        "joiners not in the group at the end of their 7th day ÷ joiners whose 7th day is over > 15 %, in the group's "
        "first 30 days",
        "people",
        "article S4 (leaving is normal within reason); 15 % is a published rule of thumb, a setting here",
        (
            Case("15 of 100 gone", lambda: _alarm(0, YOUNG, settled=100, gone_by_d7=15), False),
            Case("16 of 100 gone", lambda: _alarm(0, YOUNG, settled=100, gone_by_d7=16), True),
            Case("nobody's 7th day is over", lambda: _alarm(0, YOUNG), None),
        ),
    ),
    Rule(
        "Leave alarm of an old group",
        "of the members 30 days ago those who left since ÷ those members > 10 %",
        "people",
        "as above; 10 % is a setting",
        (
            Case("10 of 100 left", lambda: _alarm(0, members_before=100, leavers_of_before=10), False),
            Case("11 of 100 left", lambda: _alarm(0, members_before=100, leavers_of_before=11), True),
            Case(
                "8 of 100 left, and 22 who joined meanwhile",
                lambda: _alarm(0, members_before=100, leavers_of_before=8, leavers_month=30),
                False,
            ),
        ),
        "The rate people read, 退群率, counts all leavers, as the glossary says; the alarm does not: newcomers held "
        "against the members of a month ago would make every growing group ring.",
    ),
    Rule(
        "Run of days with leavers",
        "days in a row with a leaver ≥ 3, and the chance of such a run at the pace the limits allow ≤ 1 %; pace = "
        "(members − joiners of 7 days) × 10 % ÷ 30 + joiners of 7 days × 15 % ÷ 7; chance = P(all days ≥ 1, sum ≥ "
        "leavers seen), days independent Poisson(pace)",
        "days, people",
        "article S4: a run of days alarms more than one bad day; the chance is this project's",
        (
            Case("60 members, 3 days, 3 people", lambda: _alarm(1, members=60, leave_streak_days=3), True),
            Case(
                "2,000 members, 6 days, 30 people",
                lambda: _alarm(1, members=2_000, leave_streak_days=6, leavers_in_streak=30),
                False,
            ),
            Case("60 members, 2 days", lambda: _alarm(1, members=60, leave_streak_days=2), False),
            Case("3 days of at least one at 0.5 a day", lambda: round(chance_of_run(3, 3, 0.5), 4), 0.0609),
            Case("3 days, 8 people at 0.5 a day", lambda: round(chance_of_run(3, 8, 0.5), 5), 0.00015),
        ),
    ),
    Rule(
        "Leaves after a push",
        "leaves at instants in (posted, posted + 24 h)",
        "leaves",
        "GLOSSARY.md, 退群率: with what was posted in the 24 hours before",
        (Case("1 h before, at once, 1 h and 23.9 h after, 24 h after", lambda: _seen_after(-1, 0, 1, 23.9, 24), 2),),
        "A window that is not over is left out. It tells what came after, not because of it.",
    ),
    Rule(
        "Leaves to be expected",
        "n ÷ E × e, n leaves in E member-days of the 28 days before the week looked at, e = members now × 1 day; 95 % "
        "interval: Garwood's",
        "leaves",
        "F. Garwood, Biometrika 28 (1936)",
        (
            Case(
                "28 in 2,800 member-days, 100 members",
                lambda: [round(each, 2) for each in _expected(28, 2_800)],
                [1.0, 0.66, 1.45],
            ),
            Case(
                "1 in 100 member-days, 100 members",
                lambda: [round(each, 2) for each in _expected(1, 100)],
                [1.0, 0.03, 5.57],
            ),
        ),
        "Few data make it wide.",
    ),
    Rule(
        "How unusual the leaves after a push are",
        "P(Binomial(n + k, e ÷ (E + e)) ≥ k), k leaves seen; over all windows looked at in a run corrected by Holm's "
        "step-down",
        "chance, 0 to 1",
        "J. Przyborowski, H. Wilenski, Biometrika 31 (1940); S. Holm, Scandinavian Journal of Statistics 6 (1979)",
        (
            Case("9 where 1 is usual", lambda: f"{chance_of(9, 100, Rate(28, 2_800)):.2g}", "3.6e-06"),
            Case("2 where 1 is usual", lambda: round(chance_of(2, 100, Rate(28, 2_800)), 2), 0.28),
            Case("3 windows: 0.01, 0.02, 0.5", lambda: _holm(0.01, 0.02, 0.5), [0.03, 0.04, 0.5]),
        ),
    ),
    Rule(
        "Life stage of a group",
        "in 14 days: new if opened < 30 days ago; dead if active ÷ members < 3 %; adverts if active ÷ members < 10 %, "
        "or adverts ÷ (adverts + said) > 50 %, or one member says > 50 % of ≥ 10 utterances; else talking",
        "shares of members, of messages",
        "article S0 (talk → adverts → silence); 10 % and 3 %: a published rule of thumb; settings",
        (
            Case("opened 21 days ago", lambda: _stage(opened_on=YOUNG, active=0), ("new", "young")),
            Case("20 of 100 active, 60 said, 20 adverts", _stage, ("talking", "alive")),
            Case("2 of 100 active", lambda: _stage(active=2), ("dead", "hardly_any")),
            Case("nobody active", lambda: _stage(active=0), ("dead", "nobody")),
            Case("9 of 100 active", lambda: _stage(active=9), ("adverts", "few_active")),
            Case("60 said, 61 adverts", lambda: _stage(adverts=61), ("adverts", "mostly_adverts")),
            Case("31 of 60 said by one", lambda: _stage(top_said=31), ("adverts", "one_speaker")),
            Case(
                "talk cannot be seen",
                lambda: _stage(adverts=61, said=0, top_said=0, talk_is_seen=False),
                ("talking", "alive"),
            ),
        ),
    ),
    Rule(
        "Advice for a group",
        "new, talking: keep; adverts: revive; dead: merge with the most active talking group of the same kind and "
        "platform without a closing day, members of both ≤ 500; else close if nobody is active; else revive",
        "one of keep, revive, merge, close",
        "article S2 (a dead group does not mean a dead community); the project",
        (
            Case("adverts", lambda: _advice([], active=9), ("revive", None)),
            Case("dead, two that fit", lambda: _advice([_told(2), _told(3, active=40)], active=0), ("merge", 3)),
            Case("dead, the other is full", lambda: _advice([_told(2, members=401)], active=0), ("close", None)),
            Case("dead, another kind", lambda: _advice([_told(2, kind="member_group")], active=0), ("close", None)),
            Case("2 of 100 active, none fits", lambda: _advice([], active=2), ("revive", None)),
        ),
    ),
    Rule(
        "Core, regular and casual members",
        "persons by acts, most first: core while the acts of all before are < 80 % of all acts, regular while < 95 %, "
        "else casual",
        "persons",
        "the onion model of GrimoireLab",
        (
            Case(
                "80, 10, 5, 5 acts",
                lambda: layers({1: 80, 2: 10, 3: 5, 4: 5}),
                {1: "core", 2: "regular", 3: "regular", 4: "casual"},
            ),
            Case("79, 16, 5 acts", lambda: layers({1: 79, 2: 16, 3: 5}), {1: "core", 2: "core", 3: "casual"}),
            Case("nobody did anything", lambda: layers({1: 0}), {}),
        ),
    ),
    Rule(
        "Silent members, 潜水",
        "in the group for ≥ 30 local days and no act in the last 30",
        "persons",
        "this project; the 30 days are those of Savannah's inactivity check, a setting",
        (
            Case(
                "joined 30 days ago, never seen; joined 29 days ago; seen 30 days ago; seen 29 days ago",
                lambda: silent(
                    [
                        MemberActs(1, DAY - timedelta(days=30)),
                        MemberActs(2, DAY - timedelta(days=29)),
                        MemberActs(3, OLD, DAY - timedelta(days=30)),
                        MemberActs(4, OLD, DAY - timedelta(days=29)),
                    ],
                    DAY,
                    30,
                ),
                (1, 3),
            ),
        ),
    ),
    Rule(
        "Win-back proposals, 召回",
        "silent, ≥ 3 acts before, a contact, not suppressed, < 2 proposals so far and the last ≥ 30 days ago; most "
        "acts first, at most 5 a group and day and 20 a group and 7 days, everybody once",
        "persons",
        "this project; every number is a setting, and the caps on contact hold at sending",
        (
            Case("5, 9, 2 and 5 acts", _proposed, [12, 11, 14]),
            Case("the group has 4 proposals of today", lambda: _proposed(before=4), [12]),
            Case("the same day again, cap full", lambda: _proposed(before=5), []),
            Case("2 acts before", lambda: _peace(acts=2), "never_active"),
            Case("no contact", lambda: _peace(userid=""), "no_contact"),
            Case("said 退订", lambda: _peace(suppressions=frozenset({"opt_out"})), "refused"),
            Case("proposed 29 days ago", lambda: _peace(asked=(DAY - timedelta(days=29),)), "too_soon"),
            Case("proposed twice", lambda: _peace(asked=(OLD, OLD)), "limit_reached"),
        ),
    ),
    Rule(
        "Who left and may be asked why, 退群未删",
        "in no group any more, the newest leave ≥ 14 local days ago; a contact, not suppressed, never asked before; "
        "under the caps of win-back",
        "persons",
        "the SOP for those who left and are still contacts: once, after 14 days",
        (
            Case("left 14 days ago", lambda: _asked_why(14), True),
            Case("left 13 days ago", lambda: _asked_why(13), False),
            Case("left 40 and 3 days ago", lambda: _asked_why(40, 3), False),
            Case("never left", _asked_why, False),
        ),
    ),
    Rule(
        "An activity without reaction",
        "posts of a slot on ≥ 2 of 7 days, replies + clicks = 0, every reaction known (replies counted, or a link), "
        "and it asks for one: it carries a link or was reacted to in the 3 weeks before",
        "activities",
        "articles S2, S3: when an activity gets no reaction, find out why",
        (
            Case("0 and 0 replies, 4 before", lambda: _ignored([0, 0], before=4), ["topic"]),
            Case("0 and 0 replies on one day, 4 before", lambda: _ignored([0, 0], before=4, days=1), []),
            Case("0 and 0 replies, never any", lambda: _ignored([0, 0]), []),
            Case("0 and 1 replies", lambda: _ignored([0, 1], before=4), []),
            Case("one post nobody counted", lambda: _ignored([0, None], before=4), []),
            Case("a link, no click", lambda: _ignored([None, None], link=True), ["topic"]),
            Case("a link, one click", lambda: _ignored([None, None], link=True, clicks=1), []),
        ),
    ),
)


def _expected(leaves: int, member_days: float) -> tuple[float, float, float]:
    found = expected_leaves(Rate(leaves, member_days), 100)
    assert found is not None
    return found.leaves, found.low, found.high
