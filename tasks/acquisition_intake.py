"""
From forms and files to leads: read, judge, and, once the check has passed, keep.

The rules are those of ``qunflow.acquisition``; this file only moves rows between them and the store.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from qunflow.acquisition.forms import FormMap, exported_entries, pushed_entry
from qunflow.acquisition.identity import Mark
from qunflow.acquisition.intake import Intake, Kept, LeadFile, Placing
from qunflow.acquisition.leads import Entry, Lead, Refusal, RefusedRow, sort_entries
from qunflow.acquisition.placement import Room, placed
from qunflow.clock import local_day
from qunflow.errors import BadInput
from qunflow.runtime import Runtime, current
from qunflow.runtime.identity import person_of
from qunflow.settings.workspace import Community, Workspace
from qunflow.store import inbox, leads, members, merging
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import imports
from qunflow.store.vault import Vault

INBOX_LIMIT = 5_000
ENDINGS = (".csv", ".json")


def read_intake(community: Community, now: datetime) -> Intake:
    """Every row of the dropped files and of the forms' pushes, judged; nothing is written."""
    here = current()
    entries, files, unreadable = _entries_of_files(here, community)
    pushed, broken, inbox_ids = _entries_of_inbox(here, community)
    batch = sort_entries(
        [*entries, *pushed],
        zone=community.zone_info,
        channels={channel.key: channel.name for channel in community.acquisition.channels},
        received_at=now,
        now=now,
    )
    return Intake(batch.leads, (*broken, *batch.refused), tuple(files), tuple(unreadable), inbox_ids)


def _entries_of_files(here: Runtime, community: Community) -> tuple[list[Entry], list[LeadFile], list[tuple[str, str]]]:
    maps = [*_form_maps(here.workspace, community), FormMap("", community.key, {})]
    kind = _kind(maps)
    with here.store.reading() as conn:
        known = files_known(conn, kind)
    found: list[Entry] = []
    files: list[LeadFile] = []
    unreadable: list[tuple[str, str]] = []
    for path in lead_files(
        here.directory / "leads", community.key, is_first=here.workspace.communities[0] == community
    ):
        content, name = path.read_bytes(), path.relative_to(here.directory / "leads").as_posix()
        digest = sha256(content).hexdigest()
        if digest in known:
            continue
        try:
            entries = _entries_of_file(content, name, maps, partial(here.vault.digest, "lead_row"))
        except BadInput as error:
            unreadable.append((name, str(error)))
            continue
        found += entries
        files.append(LeadFile(name, kind, digest, len(entries)))
    return found, files, unreadable


def lead_files(folder: Path, community: str, *, is_first: bool) -> list[Path]:
    """The exports dropped for a community: in a folder of its key, and for the first community beside it."""
    folders = [folder / community, *([folder] if is_first else [])]
    files = [path for one in folders if one.is_dir() for path in sorted(one.iterdir())]
    return [path for path in files if path.is_file() and path.suffix.lower() in ENDINGS]


def _kind(maps: Sequence[FormMap]) -> str:
    """What a file read under this mapping is remembered as; a mended mapping reads it once more."""
    told = json.dumps([[form.form, form.community, dict(form.fields)] for form in maps], sort_keys=True)
    return f"leads:{sha256(told.encode()).hexdigest()[:24]}"


def _entries_of_file(
    content: bytes, name: str, maps: Sequence[FormMap], fingerprint: Callable[[str], str]
) -> tuple[Entry, ...]:
    for form in maps[:-1]:
        try:
            return exported_entries(content, name, form, fingerprint)
        except BadInput:
            # The next mapping may fit; what the last one says is about the file itself.
            continue
    return exported_entries(content, name, maps[-1], fingerprint)


def _form_maps(workspace: Workspace, community: Community) -> list[FormMap]:
    forms = [form for form in workspace.forms if form.community == community.key]
    return [FormMap(form.form, form.community, _fields(form.fields.model_dump())) for form in forms]


def _fields(fields: Mapping[str, str]) -> dict[str, str]:
    return {fact: key for fact, key in fields.items() if key}


def _entries_of_inbox(here: Runtime, community: Community) -> tuple[list[Entry], list[RefusedRow], dict[str, int]]:
    with here.store.reading() as conn:
        rows = inbox.unapplied(conn, here.vault, "form", INBOX_LIMIT)
    maps = {form.form: form for form in _form_maps(here.workspace, community)}
    elsewhere = {form.form for form in here.workspace.forms} - set(maps)
    found: list[Entry] = []
    broken: list[RefusedRow] = []
    ids: dict[str, int] = {}
    for row in rows:
        body = row.body if isinstance(row.body, dict) else {}
        if body.get("form") in elsewhere:
            continue
        verdict = _pushed(body, maps, row.inbox_id)
        ids[f"{verdict.source}/{verdict.row_ref}"] = row.inbox_id
        if isinstance(verdict, Entry):
            found.append(verdict)
        else:
            broken.append(verdict)
    return found, broken, ids


def _pushed(body: Mapping[str, Any], maps: Mapping[str, FormMap], inbox_id: int) -> Entry | RefusedRow:
    form = maps.get(str(body.get("form", "")))
    if form is None:
        return RefusedRow("form", f"inbox {inbox_id}", Refusal.UNKNOWN_FORM, body)
    try:
        return pushed_entry(body, form)
    except BadInput:
        return RefusedRow(f"form/{form.form}", f"inbox {inbox_id}", Refusal.MALFORMED, body)


def intake_frame(intake: Intake, community: Community, now: datetime) -> pd.DataFrame:
    """One row a form row, for the input check; keys and verdicts only."""
    known = {channel.key for channel in community.acquisition.channels}
    kept = [
        {
            "row_id": f"{lead.source}#{lead.row_ref}",
            "verdict": "duplicate" if lead.duplicate_of else "lead",
            "lead_key": f"{lead.source}/{lead.source_key}",
            "contactable": bool(lead.phone or lead.external_userid),
            "channel_known": not known or lead.channel in known,
            "age_s": (now - lead.submitted_at).total_seconds(),
        }
        for lead in intake.leads
    ]
    refused = [{"row_id": f"{row.source}#{row.row_ref}", "verdict": str(row.reason)} for row in intake.refused]
    columns = ["row_id", "verdict", "lead_key", "contactable", "channel_known", "age_s"]
    return pd.DataFrame([*kept, *refused], columns=columns)


def set_aside(intake: Intake) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The refused rows as the quarantine takes them."""
    return [(f"{row.source}#{row.row_ref}"[-128:], str(row.reason), row.raw) for row in intake.refused]


def keep_intake(intake: Intake, community: Community, now: datetime) -> Kept:
    """Write the leads down, place them, and mark the pushes they came from; all or nothing."""
    here = current()
    return here.store.write(lambda conn: _keep(conn, here, intake, community, now))


def _keep(conn: Connection, here: Runtime, intake: Intake, community: Community, now: datetime) -> Kept:
    found = persons_of_leads(conn, here, intake.leads, now)
    rows = [
        leads.Lead(lead.community, lead.source, lead.source_key, found[_key(lead)], lead.channel, lead.submitted_at)
        for lead in intake.leads
    ]
    new = leads.add_leads(conn, rows)
    _seal_details(conn, here.vault, intake.leads, found, {(row.source, row.source_key) for row in new}, now)
    _mark_inbox(conn, intake, found, now)
    remember_files(conn, intake, now)
    return Kept(len(new), sum(row.duplicate_of is not None for row in new))


def _key(lead: Lead) -> str:
    return f"{lead.source}/{lead.source_key}"


def persons_of_leads(conn: Connection, here: Runtime, batch: Sequence[Lead], now: datetime) -> dict[str, int]:
    """
    The person of each lead (by source/source_key), by the rules of ``qunflow.acquisition.identity``.

    A later row may show that two persons are one; every id a row holds leads to its person afterwards.
    """
    ordered = sorted(batch, key=lambda lead: (lead.submitted_at, _key(lead)))
    found = {_key(lead): person_of(conn, here, _marks(lead), now) for lead in ordered}
    now_known_as = merging.aliases(conn)
    return {key: now_known_as.get(person, person) for key, person in found.items()}


def _marks(lead: Lead) -> list[Mark]:
    """What the person of a lead can be found by."""
    given = [Mark(kind, getattr(lead, kind)) for kind in ("external_userid", "phone") if getattr(lead, kind)]
    return [*given, Mark("form_entry", _key(lead))]


def _seal_details(
    conn: Connection,
    vault: Vault,
    batch: Sequence[Lead],
    person_of: Mapping[str, int],
    new: set[tuple[str, str]],
    now: datetime,
) -> None:
    for lead in batch:
        details = {"name": lead.name, "phone": lead.phone}
        told = {field: value for field, value in details.items() if value}
        if told and (lead.source, lead.source_key) in new:
            vault.seal(conn, person_of[_key(lead)], told, now)


def place_waiting(conn: Connection, community: Community, day: date) -> Placing:
    """
    Give every lead that has no group one with room, and those already in a group that one.

    Run it after the rosters were read: only they say how full a group is. A seat that was given stays taken until the
    lead came or is no longer invited; without that every run would give the same seats again.
    """
    stays = members.memberships_of(conn, community.key)
    inside = {one.person_id: one.group_id for one in stays if not one.left_at}
    invited = _still_invited(conn, community, day, came={one.person_id for one in stays})
    waiting = leads.leads_of(conn, community.key, unplaced=True)
    chosen = {lead.lead_id: inside[lead.person_id] for lead in waiting if lead.person_id in inside}
    outside = [lead for lead in waiting if lead.lead_id not in chosen and _is_fresh(lead, community, day)]
    taken = Counter(lead.placed_group_id for lead in invited)
    rooms = [replace(one, members=one.members + taken[one.group_id]) for one in rooms_of(conn, community, day)]
    seats = placed(len(outside), rooms, community.acquisition.rotate_at)
    given = {lead.lead_id: seat for lead, seat in zip(outside, seats, strict=True) if seat is not None}
    return Placing(leads.place(conn, chosen | given), len(outside) - len(given))


def _still_invited(conn: Connection, community: Community, day: date, came: Collection[int]) -> list[leads.LeadRow]:
    """Leads with a seat who never came and may yet."""
    known = leads.leads_of(conn, community.key)
    with_seat = [lead for lead in known if lead.placed_group_id is not None and lead.duplicate_of is None]
    return [lead for lead in with_seat if lead.person_id not in came and _is_fresh(lead, community, day)]


def _is_fresh(lead: leads.LeadRow, community: Community, day: date) -> bool:
    """Whether invitations to a lead are not all over on a local day."""
    rules = community.acquisition
    for_days = rules.reinvite_interval_days * (rules.reinvite_limit + 1)
    return local_day(lead.submitted_at, community.zone_info) + timedelta(days=for_days) >= day


def rooms_of(conn: Connection, community: Community, day: date) -> list[Room]:
    """The groups of a community that are open on a local day, with their size, in the order of the settings."""
    counts = members.member_counts(conn, community.key)
    rows = {group.group_key: group for group in members.groups_of(conn, community.key)}
    known = [rows[group.key] for group in community.groups_on(day) if group.key in rows]
    return [Room(one.group_id, one.chat_id or "", one.kind, counts.get(one.group_id, 0)) for one in known]


def files_known(conn: Connection, kind: str) -> set[str]:
    """Digests of the files that were read under a mapping."""
    return set(conn.execute(select(imports.c.sha256).where(imports.c.kind == kind)).scalars())


def remember_files(conn: Connection, intake: Intake, now: datetime) -> None:
    """Note which files were read, so that the next run only reads what is new."""
    refused = Counter(row.source.removeprefix("file/") for row in intake.refused)
    rows = [
        {
            "kind": one.kind,
            "file_name": one.name[-200:],
            "sha256": one.sha256,
            "mapping": {},
            "rows_read": one.rows,
            "rows_kept": one.rows - refused[one.name],
            "rows_quarantined": refused[one.name],
            "imported_at": now,
        }
        for one in intake.files
    ]
    insert_ignore(conn, imports, rows)


def _mark_inbox(conn: Connection, intake: Intake, person_of: Mapping[str, int], now: datetime) -> None:
    applied: dict[int, int] = {}
    for lead in intake.leads:
        inbox_id = intake.inbox.get(f"{lead.source}/{lead.row_ref}")
        if inbox_id is not None:
            applied[inbox_id] = person_of[_key(lead)]
    inbox.mark(conn, applied, "applied", "", now, applied)
    for row in intake.refused:
        inbox_id = intake.inbox.get(f"{row.source}/{row.row_ref}")
        if inbox_id is not None:
            inbox.mark(conn, [inbox_id], "quarantined", str(row.reason), now)
