"""
From a playbook's slots to messages in the outbox: which slots a stage has today, whose they are, and sending them.

What a message says is filled in by each stage; whether it may leave is decided in ``qunflow.delivery``. Nothing here
sends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, cast

from prefect.artifacts import create_table_artifact
from prefect.context import FlowRunContext
from sqlalchemy import Connection

from qunflow.clock import instant_of
from qunflow.community.calendar import Occurrence, group_day, playbooks_needed
from qunflow.community.playbook import Slot
from qunflow.community.waves import wave_of
from qunflow.community.wording import slot_variables
from qunflow.delivery import approval, outbox
from qunflow.delivery.corrections import note_terms
from qunflow.delivery.model import Content, Planned, Way
from qunflow.delivery.poll import poll
from qunflow.delivery.recover import recover
from qunflow.delivery.remind import remind
from qunflow.delivery.sender import drain
from qunflow.rendering import lint
from qunflow.rendering.lint import banned_words
from qunflow.runtime.links import TextUntil, link_problems
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Group
from qunflow.store import members
from tasks.step import step

GroupSlot = tuple[Group, int, Occurrence]


def slots_of_stage(run: StageRun) -> list[GroupSlot]:
    """Today's slots of the run's stage: group, its number in the store, and the slot with its playbook."""
    here, community = run.runtime, run.community
    numbers = here.store.write(partial(members.sync_groups, workspace=here.workspace))
    playbooks = {name: here.templates.playbook(name, with_copy=False) for name in playbooks_needed(community)}
    return [
        (group, numbers[community.key, group.key], occurrence)
        for group in community.groups_on(run.day)
        for occurrence in group_day(community, group, playbooks, run.day)
        if occurrence.slot.stage == run.stage
    ]


def wording(run: StageRun, place: GroupSlot, live: Mapping[str, Any], template: str = "") -> str:
    """
    The finished text of a slot, or "" when something it needs is not known (缺一个就不发).

    Args:
        place: the slot and its group.
        live: what the stage knows beyond the settings, such as a link.
        template: other copy than the slot's own.

    Raises:
        ConfigurationError: broken copy, or a name its slot does not declare; with file, line and column.
    """
    group, _, occurrence = place
    slot, here = occurrence.slot, run.runtime
    copy = template or slot.template
    needed = here.templates.variables(copy)
    declared = dict.fromkeys((*slot.variables, *live), "-")
    if not needed <= declared.keys():
        # A slip of the pen, not a day without data: rendering says where it stands.
        here.templates.render(copy, declared)
    settled = slot_variables(here.workspace.brand, run.community, group, slot, run.day, occurrence.campaign)
    known = {name: value for name, value in {**settled, **live}.items() if name in needed and value not in (None, "")}
    return here.templates.render(copy, known) if needed <= known.keys() else ""


def message(run: StageRun, place: GroupSlot, text: str) -> Planned:
    """A slot of a group as a message: an internal one goes to the admin, any other into the group."""
    group, group_id, occurrence = place
    slot = occurrence.slot
    internal = slot.way == "internal"
    return Planned(
        community=run.community.key,
        stage=run.stage,
        campaign=occurrence.campaign.key if occurrence.campaign else "",
        # A staff notice has no group to tell it apart by.
        slot_key=f"{occurrence.name}/{group.key}" if internal else occurrence.name,
        day=run.day,
        way="staff_notice" if internal else cast("Way", slot.way),
        sender_userid=sender_of(group, slot),
        target_kind="staff" if internal else "chat",
        target_ref=0 if internal else group_id,
        content=Content(text),
        due_at=instant_of(run.day, slot.at, run.zone) - timedelta(minutes=slot.lead_minutes),
        not_after=instant_of(run.day, slot.not_after, run.zone),
        marketing=slot.marketing and not internal,
        catch_up=slot.catch_up,
        wave=wave_of(run.community, group, occurrence),
    )


def sender_of(group: Group, slot: Slot) -> str:
    """Who speaks: the owner confirms mass tasks, since they go out in his name."""
    return group.owner if slot.way == "mass_task" or slot.speaker == "owner" else group.admin


def send(
    run: StageRun, planned: Sequence[Planned], approval_code: str = "", *, is_greeting: bool = False
) -> dict[str, int]:
    """
    Plan and check messages, approve them where that needs nobody or a code is given, and send what is due.

    A second time changes nothing. What needs a person and has no code waits for one; nothing here waits with it.

    Args:
        is_greeting: welcomes, which cannot wait for anybody.

    Raises:
        BadInput: the code is not valid.
        TransientError: the platform could not be used; what is approved stays in the outbox.
    """
    # Links are asked before the transaction, which must not wait for the network.
    links = link_problems(run.runtime, planned)
    queue = partial(_queue, run=run, planned=planned, links=links, code=approval_code, greets=is_greeting)
    queued = run.runtime.store.write(queue)
    report = drain(run.runtime.ports, now=run.runtime.clock.now())
    report.raise_for_problem()
    return {**queued, "sent": report.sent, "unknown": report.unknown}


def _queue(
    conn: Connection,
    *,
    run: StageRun,
    planned: Sequence[Planned],
    links: Mapping[TextUntil, str],
    code: str,
    greets: bool,
) -> dict[str, int]:
    report = outbox.plan(conn, planned, run.now)
    note_terms(conn, run.community, run.now)
    findings = _findings(run, outbox.board(conn, run.community.key, run.day), set(report.ids), links)
    passed, refused = outbox.check(conn, report.ids, findings)
    if greets:
        approved = outbox.approve(conn, report.ids, by="standing approval: welcome", at=run.now)
    else:
        approved = approve_by_right(conn, run, report.ids, code)
    queued = {"planned": report.added, "unchanged": report.unchanged, "approved": approved, "refused": refused}
    return queued | ({"awaiting": passed - approved} if passed > approved else {})


def approve_by_right(conn: Connection, run: StageRun, ids: Sequence[int], code: str = "") -> int:
    """Approve what runs on standing approval, or what a person's one-time code allows; returns how many messages."""
    workspace = run.runtime.workspace
    if approval.runs_on_standing_approval(workspace, run.stage):
        return outbox.approve(conn, ids, by=f"standing approval: {run.stage}", at=run.now)
    return approval.approve_with_code(conn, workspace, code, ids, run.now).approved if code else 0


def _findings(
    run: StageRun, board: Iterable[Mapping[str, Any]], ids: set[int], links: Mapping[TextUntil, str]
) -> dict[int, str]:
    """Target id → what the copy check refuses it for, links included."""
    words = run.runtime.language
    banned = banned_words(run.runtime.templates.paths)
    found: dict[int, str] = {}
    for row in board:
        if row["target_id"] not in ids or row["state"] != "planned":
            continue
        bad = [one for one in lint(Content(row["text"]), row["way"], banned) if one.severity == "critical"]
        told = [*(one.text(words) for one in bad), *filter(None, [links.get((row["text"], row["not_after"]))])]
        if told:
            found[row["target_id"]] = "; ".join(told)
    return found


def preview(run: StageRun, planned: Sequence[Planned]) -> None:
    """Show what would be sent as a table in the Prefect UI; outside a run there is no UI to show it in."""
    if FlowRunContext.get() is None:
        return
    names = _group_names(run)
    rows = [_preview_row(run, one, names) for one in sorted(planned, key=lambda one: (one.due_at, one.slot_key))]
    key = f"preview-{run.stage}".replace("_", "-")
    create_table_artifact(rows, key=key, description=_preview_title(run))


def _preview_title(run: StageRun) -> str:
    return run.runtime.language.text("weekly_activity.preview" if run.dry_run else "weekly_activity.preview_live")


def _group_names(run: StageRun) -> dict[int, str]:
    with run.runtime.store.reading() as conn:
        return {row.group_id: row.name for row in members.groups_of(conn, run.community.key)}


def _preview_row(run: StageRun, one: Planned, names: Mapping[int, str]) -> dict[str, str]:
    words = run.runtime.language
    return {
        words.text("weekly_activity.preview_at"): f"{one.due_at.astimezone(run.zone):%H:%M}",
        words.text("weekly_activity.preview_slot"): one.slot_key,
        words.text("weekly_activity.preview_group"): names.get(one.target_ref, "") if one.target_kind == "chat" else "",
        words.text("weekly_activity.preview_way"): words.text(f"weekly_activity.way_{one.way}"),
        words.text("weekly_activity.preview_text"): one.content.text,
    }


@step("发送:核实与催办")
def settle(run: StageRun) -> dict[str, int]:
    """
    Find out what became of what was sent: unknown calls, confirmations and cards; remind whom a reminder may help.

    Raises:
        TransientError: the platform could not be used; the next round asks again.
    """
    here, now = run.runtime, run.runtime.clock.now()
    recovered, polled, reminded = recover(here.ports, now), poll(here.ports, now), remind(here.ports, now)
    for report in (recovered, polled, reminded):
        if report.problem is not None:
            raise report.problem
    return {"settled": recovered.adopted + recovered.returned, "waiting": polled.waiting, "reminded": reminded.reminded}
