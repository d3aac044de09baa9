"""The group board: every group by its real name, how many are in it, how well it is, and what to look at today."""

from __future__ import annotations

from qunflow.report import select, wording
from qunflow.report.grading import mark_of
from qunflow.report.model import GroupCard, GroupLine, ReportData, Section, Words
from qunflow.report.tables import figures_table
from qunflow.retention.care.alarms import OLD_GROUP_MONTH
from qunflow.store.figures import Figure

NAMES = (
    "group_health",
    "members",
    "leave_rate",
    "leave_streak_days",
    "alarm",
    "replies",
    "unique_members",
    "group_health_part",
)
WELL, WEAK = 70, 40


def group_board(data: ReportData, words: Words) -> Section:
    """The groups, those that need somebody first on top."""
    title = words.text("report.groups.title")
    if not data.groups:
        return Section("groups", title, words.text("report.groups.empty"), wide=True)
    cards = sorted((_card(data, group, words) for group in data.groups), key=_urgency)
    table = figures_table(data, select.latest(data.figures, *NAMES), words)
    sentence = _sentence(data, cards, words)
    note = words.text("report.groups.note")
    return Section("groups", title, sentence, note=note, cards=tuple(cards), tables=(table,), wide=True)


def _urgency(card: GroupCard) -> tuple[int, int, str]:
    return -len(card.alarms), 101 if card.health is None else card.health, card.name


def _of(data: ReportData, group: GroupLine, name: str, **dimensions: str) -> Figure | None:
    found = [f for f in select.latest(data.figures, name) if f.dimensions.get("group") in group.refs]
    fitting = [f for f in found if dimensions.items() <= f.dimensions.items()]
    return max(fitting, key=lambda figure: figure.as_of, default=None)


def _card(data: ReportData, group: GroupLine, words: Words) -> GroupCard:
    scored = _of(data, group, "group_health")
    health = select.people(scored)
    return GroupCard(
        name=group.name,
        kind=wording.known(words, "kind", group.kind),
        owner=group.owner,
        members=wording.count(group.members, words),
        health=health,
        tone=_tone(health),
        facts=tuple(_facts(data, group, words)),
        alarms=tuple(alarms(data, group, words)),
        mark=mark_of(scored, words),
    )


def _tone(health: int | None) -> str:
    if health is None:
        return "mute"
    return "good" if health >= WELL else "wait" if health >= WEAK else "bad"


def _facts(data: ReportData, group: GroupLine, words: Words) -> list[str]:
    facts = []
    leaving = _of(data, group, "leave_rate")
    if leaving is not None and leaving.value is not None:
        facts.append(words.text("report.groups.leave_rate", rate=wording.share_with_n(leaving, words)))
    # Beside the rate, which counts newcomers who left too, what the alarm looks at: a quiet one would seem wrong.
    if (of_before := _of(data, group, "alarm", rule=OLD_GROUP_MONTH)) is not None and of_before.denominator:
        left, among = of_before.numerator or 0, of_before.denominator
        facts.append(words.text("report.groups.left_of_before", left=left, among=among))
    streak = select.people(_of(data, group, "leave_streak_days"))
    if streak:
        facts.append(words.text("report.groups.leave_streak", days=streak))
    replies = select.people(_of(data, group, "replies"))
    if replies is not None:
        facts.append(words.text("report.groups.replies", count=replies))
    return facts


def alarms(data: ReportData, group: GroupLine, words: Words) -> list[str]:
    """What is wrong with a group on the newest day: an old alarm that has passed is not repeated."""
    day = max((f.as_of for f in data.figures if f.name in ("group_health", "alarm")), default=None)
    ringing = [
        f
        for f in select.latest(data.figures, "alarm")
        if f.as_of == day and f.value and f.dimensions.get("group") in group.refs
    ]
    return [wording.known(words, "rule", f.dimensions.get("rule", "")) for f in ringing]


def _sentence(data: ReportData, cards: list[GroupCard], words: Words) -> str:
    unique = select.people(select.one(data.figures, "unique_members"))
    told = {
        "groups": len(cards),
        "members": wording.count(unique, words) if unique is not None else words.text("report.unknown"),
    }
    troubled = [card.name for card in cards if card.alarms]
    if not troubled:
        return words.text("report.groups.sentence_calm", **told)
    names = words.text("report.comma").join(troubled[:3])
    return words.text("report.groups.sentence_alarm", troubled=len(troubled), names=names, **told)
