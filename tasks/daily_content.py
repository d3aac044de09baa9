"""
The steps of daily content as they are run: write the day's slots, queue and send them, see what became of them.

What a slot says comes from its template and the workspace; whether it may leave is decided in ``qunflow.delivery``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.clock import day_bounds
from qunflow.community.offers import offer_of_day
from qunflow.daily_content.agenda import is_for_the_group, is_wanted, sells_in_quiet_hours, slot_ref, tasks_by_group
from qunflow.daily_content.completion import Push
from qunflow.daily_content.drafts import BrokenSlot, Draft, Written
from qunflow.daily_content.params import DailyContentParams
from qunflow.delivery import outbox
from qunflow.delivery.links import short_link
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.poll import poll
from qunflow.errors import ConfigurationError
from qunflow.rendering import lint
from qunflow.rendering.lint import BannedWord, banned_words
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store import members
from tasks import daily_content_numbers as numbers
from tasks import delivery
from tasks.checks import publish
from tasks.step import step

INPUT_COLUMNS = [
    "ref",
    "group",
    "way",
    "sender",
    "text_bytes",
    "attachments",
    "window_s",
    "marketing_in_quiet_hours",
    "tasks_of_group",
    "findings",
]
OUTPUT_COLUMNS = ["ref", "group", "state", "in_outbox", "tasks_of_group", "unsettled", "refused"]
# A link is still good on the morning after, for whoever reads late.
LINK_OUTLIVES_DAY = timedelta(hours=12)


@step("每日内容:写话术", timeout_s=900)
def write_slots(run: StageRun, params: DailyContentParams) -> Written:
    """
    Render the day's slots of every group; a slot whose copy is broken is reported and the others go on.

    Raises:
        ConfigurationError: a SOP itself cannot be read.
    """
    slots = [
        (group, group_id, one)
        for group, group_id, one in delivery.slots_of_stage(run)
        if is_wanted(group, one.slot, params.groups, params.slots)
    ]
    personal = tuple(slot_ref(group, one.slot) for group, _, one in slots if not is_for_the_group(one.slot))
    banned = banned_words(run.runtime.templates.paths)
    tried = [_written(run, slot, banned) for slot in slots if is_for_the_group(slot[2].slot)]
    return Written(
        drafts=tuple(one for one in tried if isinstance(one, Draft)),
        broken=tuple(one for one in tried if isinstance(one, BrokenSlot)),
        held=tuple(one for one in tried if isinstance(one, str)),
        for_persons=personal,
    )


def _written(run: StageRun, slot: delivery.GroupSlot, banned: Sequence[BannedWord]) -> Draft | BrokenSlot | str:
    group, group_id, occurrence = slot
    ref = slot_ref(group, occurrence.slot)
    try:
        text = delivery.wording(run, slot, _live_variables(run, slot))
    except ConfigurationError as error:
        return BrokenSlot(ref, str(error))
    if not text:
        return ref
    findings = lint(Content(text), occurrence.slot.way, banned)
    return Draft(group, group_id, occurrence, text, len(findings))


def _live_variables(run: StageRun, slot: delivery.GroupSlot) -> dict[str, Any]:
    """The link of a slot that has one; a rehearsal shows where it would stand."""
    offer = offer_of_day(run.community, run.day)
    if slot[2].slot.link != "offer" or offer is None:
        return {}
    if run.dry_run:
        return {"link": run.runtime.language.text("daily_content.link_to_come")}
    make = partial(_link, run=run, slot=slot, destination=offer.url)
    return {"link": f"{run.runtime.environment.web_url.rstrip('/')}/s/{run.runtime.store.write(make)}"}


def _link(conn: Connection, run: StageRun, slot: delivery.GroupSlot, destination: str) -> str:
    group, group_id, occurrence = slot
    name = occurrence.name
    # One task covers all groups of an owner only if its text is the same in all of them, link included.
    shared = occurrence.slot.way == "mass_task"
    mine = [one for one in run.community.groups_on(run.day) if one.owner == group.owner and one.sop == group.sop]
    whose = f"owner/{group.owner}" if shared and len(mine) > 1 else f"group/{group.key}"
    return short_link(
        conn,
        f"{run.community.key}/{name}/{run.day.isoformat()}/{whose}",
        destination,
        community=run.community.key,
        slot_key=name,
        group_id=None if shared and len(mine) > 1 else group_id,
        at=run.now,
        expires_at=day_bounds(run.day, run.zone)[1] + LINK_OUTLIVES_DAY,
        hosts=run.runtime.workspace.redirect_hosts,
    )


def input_frame(run: StageRun, written: Written) -> pd.DataFrame:
    """One row a written slot, for the input check; lengths and counts, no copy."""
    tasks = tasks_by_group((one.group.key, one.occurrence.slot) for one in written.drafts)
    planned = [(one, message_of(run, one)) for one in written.drafts]
    rows = [
        {
            "ref": draft.ref,
            "group": draft.group.key,
            "way": one.way,
            "sender": one.sender_userid,
            "text_bytes": len(draft.text.encode()),
            "attachments": len(one.content.attachments),
            "window_s": (one.not_after - one.due_at).total_seconds(),
            "marketing_in_quiet_hours": sells_in_quiet_hours(draft.occurrence.slot, run.community.quiet_hours),
            "tasks_of_group": tasks[draft.group.key],
            "findings": draft.findings,
        }
        for draft, one in planned
    ]
    return pd.DataFrame(rows, columns=INPUT_COLUMNS)


def message_of(run: StageRun, draft: Draft) -> Planned:
    """A draft as the outbox takes it."""
    return delivery.message(run, (draft.group, draft.group_id, draft.occurrence), draft.text)


@step("每日内容:排进发件箱", timeout_s=900)
def queue_and_send(run: StageRun, written: Written, approval_code: str = "") -> dict[str, int]:
    """
    Plan, check and approve the day as far as that is allowed, and send what is due; a rehearsal only shows the table.

    Raises:
        TransientError: the platform could not be used; what is approved stays in the outbox.
    """
    planned = [message_of(run, one) for one in written.drafts]
    delivery.preview(run, planned)
    return {} if run.dry_run else delivery.send(run, planned, approval_code)


def output_frame(run: StageRun, written: Written) -> pd.DataFrame:
    """One row a written slot as it now stands in the outbox; of a rehearsal there is none."""
    if run.dry_run:
        return pd.DataFrame(columns=OUTPUT_COLUMNS)
    with run.runtime.store.reading() as conn:
        board = outbox.board(conn, run.community.key, run.day)
    live = [row for row in board if row["stage"] == run.stage and row["state"] != "cancelled"]
    by_place = {(row["slot"], row["target_kind"], row["target_ref"]): row for row in live}
    planned = {draft.ref: message_of(run, draft) for draft in written.drafts}
    rows = [_output_row(ref, one, by_place) for ref, one in planned.items()]
    return pd.DataFrame(_with_task_counts(rows, board), columns=OUTPUT_COLUMNS)


def _output_row(ref: str, one: Planned, by_place: Mapping[tuple[str, str, int], Mapping[str, Any]]) -> dict[str, Any]:
    found = by_place.get((one.slot_key, one.target_kind, one.target_ref))
    return {
        "ref": ref,
        "group": one.target_ref,
        "state": found["state"] if found else "planned",
        "in_outbox": found is not None,
        "unsettled": found is not None and found["state"] in ("unknown", "intent"),
        "refused": found is not None and found["state"] == "refused",
    }


def _with_task_counts(rows: list[dict[str, Any]], board: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add how many mass tasks each row's group has today, whichever stage planned them."""
    tasks = [
        row["group_id"] for row in board if row["way"] == "mass_task" and row["state"] not in ("cancelled", "refused")
    ]
    return [{**row, "tasks_of_group": tasks.count(row["group"])} for row in rows]


@step("每日内容:完成率", timeout_s=900)
def keep_completion(run: StageRun, written: Written) -> int:
    """Ask what became of the tasks, write completion by owner and group for yesterday and today, publish the report."""
    if not run.dry_run:
        poll(run.runtime.ports, run.now)
    days = (run.day - timedelta(days=1), run.day)
    with run.runtime.store.reading() as conn:
        key_of = {group.group_id: group.group_key for group in members.groups_of(conn, run.community.key)}
        pushes = {day: pushes_of(conn, run, day) for day in days}
    new = [one for day in days for one in numbers.figures_of(run.community.key, day, pushes[day], key_of, run.now)]
    changed = telling.keep(run, new)
    report = numbers.stage_report(run, written, pushes[run.day], pushes[days[0]])
    publish("report-daily-content", report, run.runtime.language.text("daily_content.report"))
    return changed


def pushes_of(conn: Connection, run: StageRun, day: date) -> list[Push]:
    """The stage's messages into groups of one local day, each under the owner of its group."""
    owners = {group.group_id: group.owner_userid for group in members.groups_of(conn, run.community.key)}
    return [
        Push(
            row["slot"],
            row["target_ref"],
            owners.get(row["target_ref"], row["sender"]),
            row["way"],
            row["state"],
            row["outcome"],
            row["not_after"],
            row["reply_count"],
            row["due_at"],
            row["sent_at"],
        )
        for row in outbox.board(conn, run.community.key, day)
        if row["stage"] == run.stage and row["target_kind"] == "chat"
    ]


def require_whole(written: Written) -> None:
    """
    Say which slots could not be written, after the others went out.

    Raises:
        ConfigurationError: naming file, line and problem of each.
    """
    if written.broken:
        refs_of: dict[str, list[str]] = {}
        for one in written.broken:
            refs_of.setdefault(one.problem.replace("\n", " "), []).append(one.ref)
        told = "; ".join(f"{', '.join(refs)}: {problem}" for problem, refs in refs_of.items())
        raise ConfigurationError(
            f"{len(written.broken)} slots could not be written: {told}",
            "mend the copy and run the day again; every other slot is done",
        )
