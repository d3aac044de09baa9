"""
Win-back 召回 as messages: who is silent and may be asked, in which words, queued for a person to approve.

Retention is no stage that runs on standing approval, so what is queued here stays where it is until somebody approves
it; the caps on contact are applied when it leaves, as to every message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, select

from qunflow.acquisition.invitations import WINDOWS, asking_window
from qunflow.clock import instant_of
from qunflow.delivery import outbox
from qunflow.delivery.model import Content, Planned
from qunflow.errors import ConfigurationError
from qunflow.rendering import lint
from qunflow.rendering.lint import banned_words
from qunflow.retention.care import GroupCare, Seen
from qunflow.retention.win_back import Proposal, Rules, SilentMember, proposals
from qunflow.runtime.stage import StageRun
from qunflow.store import people
from qunflow.store.tables import targets

SLOT = "win-back"
_KINDS: tuple[people.SuppressionKind, ...] = ("opt_out", "do_not_invite", "support_case")


def due_today(run: StageRun, cared: Sequence[GroupCare], seen: Seen) -> tuple[Proposal, ...]:
    """Whom to propose on the run's day; none once the hours for private messages are over."""
    if asking_window(run.day, run.now, run.zone) is None:
        return ()
    asked = run.community.retention.win_back
    rules = Rules(asked.was_active, asked.interval_days, asked.limit, asked.group_day, asked.group_week)
    with run.runtime.store.reading() as conn:
        by_person, by_group = _proposed(conn, run.community.key)
        userids = _contacts(conn, run)
        persons = sorted({person for one in cared for person in one.silent})
        held_back = {kind: people.suppressed(conn, persons, kind) for kind in _KINDS}
    candidates = [
        SilentMember(
            person_id=person,
            group_id=one.line.group.group_id,
            userid=userids.get(person, ""),
            acts=seen.acts[person].before,
            asked=tuple(by_person[person]),
            suppressions=frozenset(kind for kind in _KINDS if person in held_back[kind]),
        )
        for one in cared
        for person in one.silent
        # Who never did anything is nobody's loss, and is left alone.
        if person in seen.acts
    ]
    return proposals(candidates, run.day, rules, by_group)


def messages(run: StageRun, chosen: Sequence[Proposal]) -> list[Planned]:
    """
    The proposals as private messages in the name of whoever the person is a contact of.

    Raises:
        ConfigurationError: a text is missing or broken, or may not be sent like this, with its file and line.
    """
    window = asking_window(run.day, run.now, run.zone)
    if window is None or not chosen:
        return []
    copies = run.community.retention.win_back.copy_templates
    texts = [_fit_to_send(run, template) for template in copies]
    # Whoever approves may be busy until the day's last hours for private messages.
    last = instant_of(run.day, WINDOWS[-1][1], run.zone)
    return [
        Planned(
            community=run.community.key,
            stage=run.stage,
            campaign="",
            slot_key=f"{SLOT}/{one.group_id}/{one.attempt}",
            day=run.day,
            way="private_task",
            sender_userid=one.userid,
            target_kind="person",
            target_ref=one.person_id,
            content=texts[min(one.attempt, len(texts)) - 1],
            due_at=window[0],
            not_after=last,
            marketing=True,
        )
        for one in chosen
    ]


def queue(conn: Connection, run: StageRun, planned: Sequence[Planned]) -> int:
    """Write the proposals down for approval; returns how many are new."""
    report = outbox.plan(conn, planned, run.now)
    outbox.check(conn, report.ids)
    return report.added


def _proposed(conn: Connection, community: str) -> tuple[dict[int, list[date]], dict[int, list[date]]]:
    """The days of earlier proposals by person and by group, whatever became of them."""
    by_person: dict[int, list[date]] = defaultdict(list)
    by_group: dict[int, list[date]] = defaultdict(list)
    wanted = select(targets.c.slot_key, targets.c.target_ref, targets.c.local_day).where(
        targets.c.community == community,
        targets.c.target_kind == "person",
        targets.c.slot_key.startswith(f"{SLOT}/", autoescape=True),
    )
    for row in conn.execute(wanted.distinct()):
        by_person[row.target_ref].append(row.local_day)
        by_group[int(row.slot_key.split("/")[1])].append(row.local_day)
    return by_person, by_group


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
