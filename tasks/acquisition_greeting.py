"""
The outward half of acquisition: live codes, welcomes, invitations.

Nothing goes out but through the outbox; making or moving a live code is the one call that is made directly, because it
reaches nobody by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select

from qunflow.acquisition.intake import Outgoing
from qunflow.acquisition.invitations import Candidate, Invitation, asking_window, invitations_due
from qunflow.acquisition.leads import UNKNOWN_CHANNEL
from qunflow.acquisition.placement import KnownCode, LiveCodePlan, codes_to_make
from qunflow.clock import local_day
from qunflow.community.wording import Plain
from qunflow.delivery import outbox
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.welcome import Newcomer, answer_welcomes
from qunflow.errors import ConfigurationError
from qunflow.rendering import lint
from qunflow.rendering.lint import banned_words
from qunflow.runtime import Runtime
from qunflow.runtime.greetings import compose_welcome, compose_welcomes, greeting_variables, join_links
from qunflow.runtime.stage import StageRun
from qunflow.store import leads, live_codes, members, people
from qunflow.store.tables import targets
from tasks.acquisition_intake import rooms_of
from tasks.delivery import approve_by_right

# An older contact has been here long enough: a first greeting after a day would be odd.
GREETED_WITHIN = timedelta(hours=24)


def code_plans(run: StageRun) -> tuple[LiveCodePlan, ...]:
    """The live codes that are missing or lead to the wrong groups."""
    channels = [channel.key for channel in run.community.acquisition.channels]
    with run.runtime.store.reading() as conn:
        known = live_codes.codes_of(conn, run.community.key)
        rooms = rooms_of(conn, run.community, run.day)
    return codes_to_make(
        [*channels, UNKNOWN_CHANNEL],
        [KnownCode(code.config_id, code.channel, code.group_ids) for code in known],
        rooms,
        run.community.acquisition.rotate_at,
    )


def make_code(run: StageRun, plan: LiveCodePlan) -> None:
    """
    Make one live code, or point it at other groups, and remember its address.

    Raises:
        ChannelRefused, ChannelUnavailable: the platform did not.
    """
    wecom = run.runtime.wecom
    if plan.config_id:
        wecom.update_join_way(plan.config_id, plan.chat_ids, state=plan.state, remark=plan.state)
    config_id = plan.config_id or wecom.add_join_way(plan.chat_ids, state=plan.state, remark=plan.state)
    way = wecom.get_join_way(config_id)
    code = live_codes.LiveCode(config_id, run.community.key, plan.channel, plan.group_ids, way.url, run.now)
    run.runtime.store.write(partial(live_codes.keep_code, code=code))


def answer_fresh(run: StageRun) -> int:
    """Welcome those whose code still works; returns how many were reached."""
    compose = partial(compose_welcome, run.runtime)
    report = answer_welcomes(run.runtime.ports, compose, now=run.runtime.clock.now())
    report.raise_for_problem()
    return report.sent


def late_welcomes(run: StageRun) -> list[people.Contact]:
    """Contacts of the last day nobody greeted and who are in no group: their code came too late, or never."""
    now = run.runtime.clock.now()
    with run.runtime.store.reading() as conn:
        recent = [
            one
            for one in people.contacts_of(conn, run.community.key)
            if one.userid == run.community.helper and now - GREETED_WITHIN < one.added_at <= now
        ]
        greeted = _greeted(conn, run)
        inside = {one.person_id for one in members.memberships_of(conn, run.community.key) if one.left_at is None}
    return [one for one in recent if one.person_id not in greeted | inside]


def _greeted(conn: Connection, run: StageRun) -> set[int]:
    query = select(targets.c.target_ref).where(
        targets.c.community == run.community.key,
        targets.c.slot_key == f"welcome/{run.community.helper}",
        targets.c.local_day >= run.day - timedelta(days=2),
        targets.c.target_kind == "person",
    )
    return set(conn.execute(query).scalars())


def late_welcome_messages(run: StageRun, late: Sequence[people.Contact]) -> list[Planned]:
    """A private mass task in the helper's name for each, in the words of the welcome."""
    write = partial(_compose_late, here=run.runtime, run=run, late=late)
    return run.runtime.store.write(write)


def _compose_late(conn: Connection, here: Runtime, run: StageRun, late: Sequence[people.Contact]) -> list[Planned]:
    newcomers = [Newcomer(one.person_id, one.userid, one.channel, run.community, one.added_at) for one in late]
    contents = compose_welcomes(here, conn, run.community, newcomers)
    return [
        _private(run, f"welcome/{one.userid}", one.userid, one.person_id, content, run.now, None)
        for one, content in zip(late, contents, strict=True)
        if content is not None
    ]


def _private(
    run: StageRun,
    slot_key: str,
    sender: str,
    person_id: int,
    content: Content,
    due_at: datetime,
    not_after: datetime | None,
) -> Planned:
    return Planned(
        community=run.community.key,
        stage=run.stage,
        campaign="",
        slot_key=slot_key,
        day=run.day,
        way="private_task",
        sender_userid=sender,
        target_kind="person",
        target_ref=person_id,
        content=content,
        due_at=due_at,
        not_after=not_after or due_at + GREETED_WITHIN,
        marketing=True,
        catch_up="skip",
    )


def candidates(run: StageRun) -> list[Candidate]:
    """Everybody who was ever the helper's contact, as the invitation schedule sees them."""
    key, zone = run.community.key, run.zone
    with run.runtime.store.reading() as conn:
        contacts = [
            one for one in people.contacts_of(conn, key, with_deleted=True) if one.userid == run.community.helper
        ]
        stays = members.memberships_of(conn, key)
        invited = leads.invitations_of(conn, key)
        held_back = _suppressions(conn, [one.person_id for one in contacts])
    ever = {one.person_id for one in stays}
    inside = {one.person_id for one in stays if one.left_at is None}
    return [
        Candidate(
            person_id=one.person_id,
            userid=one.userid,
            channel=one.channel,
            ever_joined=one.person_id in ever,
            in_group=one.person_id in inside,
            deleted=one.deleted_at is not None,
            attempts=invited[one.person_id].attempts if one.person_id in invited else 0,
            last_asked_on=invited[one.person_id].last_on if one.person_id in invited else local_day(one.added_at, zone),
            suppressions=held_back.get(one.person_id, frozenset()),
        )
        for one in contacts
    ]


def _suppressions(conn: Connection, persons: Sequence[int]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    kinds: tuple[people.SuppressionKind, ...] = ("opt_out", "do_not_invite", "support_case")
    for kind in kinds:
        for person in people.suppressed(conn, persons, kind):
            found[person].add(kind)
    return {person: frozenset(kinds) for person, kinds in found.items()}


def due_invitations(run: StageRun) -> tuple[Invitation, ...]:
    """Who is to be asked again on the run's day."""
    rules = run.community.acquisition
    return invitations_due(
        candidates(run),
        run.day,
        interval_days=rules.reinvite_interval_days,
        limit=rules.reinvite_limit,
        texts=len(rules.reinvitations),
    )


def invitation_messages(run: StageRun, due: Iterable[Invitation]) -> list[Planned]:
    """
    The invitations as messages in the helper's name, within the day's asking hours; none when those are over.

    Raises:
        ConfigurationError: a text is missing or broken, with its file and line.
    """
    window = asking_window(run.day, run.now, run.zone)
    if window is None:
        return []
    with run.runtime.store.reading() as conn:
        links = join_links(conn, run.community, run.runtime.environment.web_url)
    texts = _invitation_texts(run, links)
    return [
        _private(run, _slot(run, one), one.userid, one.person_id, texts[one.text, _code_of(one, links)], *window)
        for one in due
        if links
    ]


def _slot(run: StageRun, one: Invitation) -> str:
    return f"invite/{run.community.key}/{one.attempt}{one.letter}"


def _code_of(one: Invitation, links: Mapping[str, str]) -> str:
    return one.channel if one.channel in links else UNKNOWN_CHANNEL


def _invitation_texts(run: StageRun, links: Mapping[str, str]) -> dict[tuple[int, str], Content]:
    known = greeting_variables(run.runtime, run.community, run.day)
    return {
        (number, channel): _fit_to_send(run, template, known | {"join_link": url})
        for number, template in enumerate(run.community.acquisition.reinvitations)
        for channel, url in links.items()
    }


def _fit_to_send(run: StageRun, template: str, variables: Mapping[str, Plain]) -> Content:
    content = Content(run.runtime.templates.render(template, variables))
    banned = banned_words(run.runtime.templates.paths)
    wrong = [one for one in lint(content, "private_task", banned) if one.severity == "critical"]
    if wrong:
        told = "; ".join(one.text(run.runtime.language) for one in wrong)
        raise ConfigurationError(f"{template}: {told}", "mend the copy and run the day again")
    return content


def queue_invitations(conn: Connection, run: StageRun, planned: Sequence[Planned]) -> list[int]:
    """
    Put invitations into the outbox and count them for each person: both or neither.

    Somebody who is asked but not counted would be asked again too soon; somebody counted but not asked, never.
    """
    report = outbox.plan(conn, planned, run.now)
    outbox.check(conn, report.ids)
    approve_by_right(conn, run, report.ids)
    return leads.record_invitations(conn, run.community.key, [one.target_ref for one in planned], run.day)


def outgoing(late: Sequence[people.Contact], due: Sequence[Invitation], plans: Sequence[LiveCodePlan]) -> Outgoing:
    """What a run sends or would send, one line a kind, for the preview."""
    kinds: dict[tuple[str, str], int] = defaultdict(int)
    for one in late:
        kinds["welcome", one.channel or UNKNOWN_CHANNEL] += 1
    for invitation in due:
        kinds[f"invite {invitation.attempt}{invitation.letter}", invitation.channel or UNKNOWN_CHANNEL] += 1
    lines = [(kind, channel, number, "private_task") for (kind, channel), number in sorted(kinds.items())]
    return Outgoing(
        (*lines, *(("live code", plan.channel, 0, "update" if plan.config_id else "new") for plan in plans))
    )
