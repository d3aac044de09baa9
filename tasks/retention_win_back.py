"""
Win-back 召回 as messages: who is silent and may be asked, who left and is asked once why, in which words, queued for a
person to approve.

Retention is no stage that runs on standing approval, so what is queued here stays where it is until somebody approves
it; the caps on contact are applied when it leaves, as to every message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeAlias

from sqlalchemy import Connection, select

from qunflow.acquisition.invitations import WINDOWS, asking_window
from qunflow.clock import instant_of
from qunflow.delivery import outbox
from qunflow.delivery.model import Content, Planned
from qunflow.errors import ConfigurationError
from qunflow.rendering import lint
from qunflow.rendering.lint import banned_words
from qunflow.retention.care.judging import GroupCare, Seen
from qunflow.retention.care.win_back import Proposal, Rules, SilentMember, may_be_asked_why, proposals
from qunflow.runtime.stage import StageRun
from qunflow.store import people
from qunflow.store.tables import targets

SILENT, LEFT = "win-back", "left-feedback"
_KINDS: tuple[people.SuppressionKind, ...] = ("opt_out", "do_not_invite", "support_case")
Chosen: TypeAlias = tuple[str, Proposal]
"""A kind of slot and whom it is for."""
Earlier: TypeAlias = tuple[int, int, date]
"""Group, person and local day of an earlier proposal."""


def due_today(run: StageRun, cared: Sequence[GroupCare], seen: Seen) -> list[Chosen]:
    """Whom to propose on the run's day, those who left first; none once the hours for private messages are over."""
    if asking_window(run.day, run.now, run.zone) is None:
        return []
    asked = run.community.retention.win_back
    rules = Rules(asked.was_active, asked.interval_days, asked.limit, asked.group_day, asked.group_week)
    once = Rules(0, asked.interval_days, 1 if asked.left_copy else 0, asked.group_day, asked.group_week)
    # Who never did anything is nobody's loss, and is left alone.
    silent = [(one.line.group.group_id, who) for one in cared for who in one.silent if who in seen.acts]
    left = _left(seen, asked.left_after_days)
    with run.runtime.store.reading() as conn:
        before = {kind: _proposed(conn, run.community.key, kind) for kind in (SILENT, LEFT)}
        known = _candidates(conn, run, seen, {who for _, who in (*silent, *left)})
    by_group: dict[int, list[date]] = defaultdict(list)
    for group_id, _, day in (*before[SILENT], *before[LEFT]):
        by_group[group_id].append(day)
    why = proposals(known(left, before[LEFT]), run.day, once, by_group)
    for one in why:
        by_group[one.group_id].append(run.day)
    back = proposals(known(silent, before[SILENT]), run.day, rules, by_group)
    return [*((LEFT, one) for one in why), *((SILENT, one) for one in back)]


def _left(seen: Seen, after_days: int) -> list[tuple[int, int]]:
    """Groups and persons who left them and are in none; of several groups the one they left last."""
    inside = seen.members
    ended: dict[int, dict[date, int]] = defaultdict(dict)
    for group_id, stays in seen.stays.items():
        for one in stays:
            if one.left_on is not None and one.left_on <= seen.through and one.person_id not in inside:
                ended[one.person_id][one.left_on] = group_id
    return [
        (days[max(days)], person)
        for person, days in sorted(ended.items())
        if may_be_asked_why(days, seen.through, after_days)
    ]


def _candidates(
    conn: Connection, run: StageRun, seen: Seen, persons: set[int]
) -> Callable[[Sequence[tuple[int, int]], Sequence[Earlier]], list[SilentMember]]:
    """What is known of these persons, to be put together with what they were proposed before."""
    userids = _contacts(conn, run)
    held_back = {kind: people.suppressed(conn, persons, kind) for kind in _KINDS}

    def known(pairs: Sequence[tuple[int, int]], before: Sequence[Earlier]) -> list[SilentMember]:
        asked: dict[int, list[date]] = defaultdict(list)
        for _, person, day in before:
            asked[person].append(day)
        return [
            SilentMember(
                person_id=person,
                group_id=group_id,
                userid=userids.get(person, ""),
                acts=seen.acts[person].before if person in seen.acts else 0,
                asked=tuple(asked[person]),
                suppressions=frozenset(kind for kind in _KINDS if person in held_back[kind]),
            )
            for group_id, person in pairs
        ]

    return known


def messages(run: StageRun, chosen: Sequence[Chosen]) -> list[Planned]:
    """
    The proposals as private messages in the name of whoever the person is a contact of.

    Raises:
        ConfigurationError: a text is missing or broken, or may not be sent like this, with its file and line.
    """
    window = asking_window(run.day, run.now, run.zone)
    if window is None or not chosen:
        return []
    asked = run.community.retention.win_back
    kinds = {kind for kind, _ in chosen}
    copies = {SILENT: asked.copy_templates, LEFT: (asked.left_copy,)}
    texts = {kind: [_fit_to_send(run, template) for template in copies[kind]] for kind in kinds}
    # Whoever approves may be busy until the day's last hours for private messages.
    last = instant_of(run.day, WINDOWS[-1][1], run.zone)
    return [
        Planned(
            community=run.community.key,
            stage=run.stage,
            campaign="",
            slot_key=f"{kind}/{one.group_id}/{one.attempt}",
            day=run.day,
            way="private_task",
            sender_userid=one.userid,
            target_kind="person",
            target_ref=one.person_id,
            content=texts[kind][min(one.attempt, len(texts[kind])) - 1],
            due_at=window[0],
            not_after=last,
            marketing=True,
        )
        for kind, one in chosen
    ]


def queue(conn: Connection, run: StageRun, planned: Sequence[Planned]) -> int:
    """Write the proposals down for approval; returns how many are new."""
    report = outbox.plan(conn, planned, run.now)
    outbox.check(conn, report.ids)
    return report.added


def _proposed(conn: Connection, community: str, kind: str) -> list[Earlier]:
    """Earlier proposals of a kind, whatever became of them."""
    wanted = select(targets.c.slot_key, targets.c.target_ref, targets.c.local_day).where(
        targets.c.community == community,
        targets.c.target_kind == "person",
        targets.c.slot_key.startswith(f"{kind}/", autoescape=True),
    )
    return [(int(row.slot_key.split("/")[1]), row.target_ref, row.local_day) for row in conn.execute(wanted.distinct())]


def _contacts(conn: Connection, run: StageRun) -> dict[int, str]:
    """Person → the member of staff to write in the name of: the helper before others."""
    found: dict[int, str] = {}
    for one in people.contacts_of(conn, run.community.key):
        if one.person_id not in found or one.userid == run.community.helper:
            found[one.person_id] = one.userid
    return found


def _fit_to_send(run: StageRun, template: str) -> Content:
    content = Content(run.runtime.templates.render(template, {}).strip())
    wrong = [
        one
        for one in lint(content, "private_task", banned_words(run.runtime.templates.paths))
        if one.severity == "critical"
    ]
    if wrong:
        told = "; ".join(one.text(run.runtime.language) for one in wrong)
        raise ConfigurationError(f"{template}: {told}", "mend the copy and run the day again")
    return content
