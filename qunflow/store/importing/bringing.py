"""
The door to the imports of members, groups, orders and coupons: look at a file, or bring it in, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from qunflow.errors import BadInput
from qunflow.settings.workspace import Community, Workspace
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.importing import coupons, groups, members, orders, record
from qunflow.store.importing.groups import GroupChoices
from qunflow.store.importing.kinds import ImportKind
from qunflow.store.importing.preview import Told
from qunflow.store.importing.record import Head, Kept, Work
from qunflow.store.importing.sheet import Sheet, open_sheet
from qunflow.store.vault import Vault


@dataclass(frozen=True, slots=True)
class FileToImport:
    """
    A file and how to read it.

    Args:
        workspace, directory: the settings and their folder, which groups are added to.
        map_text: what was written for the columns, empty to find out.
        coupon: the coupon all codes belong to, empty to find it row by row.
        choices: what holds for every group whose row does not say.
    """

    kind: ImportKind
    path: Path
    community: Community
    workspace: Workspace
    directory: Path
    map_text: str = ""
    coupon: str = ""
    choices: GroupChoices = field(default_factory=GroupChoices)


@dataclass(frozen=True, slots=True)
class Done:
    """What an import did, and what its file held."""

    kept: Kept
    preview: Told


@dataclass(frozen=True, slots=True)
class _Planned:
    preview: Told
    reasons: Mapping[int, str]
    work: Work
    lines: str = ""


def read_file(store: Store, file: FileToImport) -> Sheet:
    """
    Read a file and find out what its columns mean; to be handed to ``preview`` and ``bring_in``.

    Raises:
        BadInput: the file cannot be read, or its columns cannot be understood.
    """
    with store.reading() as conn:
        return open_sheet(conn, file.kind, file.path, file.map_text)


def preview(store: Store, vault: Vault, file: FileToImport, sheet: Sheet, now: datetime) -> Told:
    """Say what an import would bring; nothing is written."""
    with store.reading() as conn:
        planned = _planned(conn, vault, sheet, file, now)
    return replace(planned.preview, lines=planned.lines)


def bring_in(store: Store, vault: Vault, history: History, file: FileToImport, sheet: Sheet, now: datetime) -> Done:
    """
    Bring a file in, all of it or nothing; one that stands changes nothing.

    Raises:
        BadInput: no row can be used, or the file stands under another mapping.
        StoreBusy: the database stayed locked.
    """
    return store.write(lambda conn: _brought(conn, vault, history, sheet, file, now))


def _brought(conn: Connection, vault: Vault, history: History, sheet: Sheet, file: FileToImport, now: datetime) -> Done:
    planned = _planned(conn, vault, sheet, file, now)
    shown = planned.preview
    if shown.rows_read == sum(shown.rejected.values()):
        listed = ", ".join(f"{reason}: {count}" for reason, count in shown.rejected.items())
        raise BadInput(
            f"no row of {sheet.file_name} can be used ({listed})", "look at it with --preview, and check --map"
        )
    rejects = sheet.refused(planned.reasons)
    found = record.carried_out(conn, vault, history, _head(sheet, shown, file), rejects, lambda: planned.work, now)
    return Done(found, replace(shown, lines=planned.lines))


def _head(sheet: Sheet, shown: Told, file: FileToImport) -> Head:
    mapping = {
        "community": file.community.key,
        "columns": dict(sheet.chosen.columns),
        "headings": sorted(sheet.headings),
        "zone": file.community.zone,
        "coupon": file.coupon,
    }
    counts = (shown.rows_read, shown.rows_new, shown.rows_known, shown.rows_doubtful)
    return Head(file.kind, file.community.key, sheet.file_name, sheet.sha256, mapping, *counts)


def _planned(conn: Connection, vault: Vault, sheet: Sheet, file: FileToImport, now: datetime) -> _Planned:
    community = file.community
    if sheet.kind.name == "members":
        people = members.plan_members(conn, vault, sheet, community, now)
        return _Planned(people.preview, people.reasons, members.work_of(conn, vault, people, community, now))
    if sheet.kind.name == "orders":
        bought = orders.plan_orders(conn, vault, sheet, community, now)
        return _Planned(bought.preview, bought.reasons, orders.work_of(conn, vault, bought, community, now))
    if sheet.kind.name == "groups":
        chats = groups.plan_groups(sheet, file.directory, file.workspace, community, file.choices, now)
        lines = chats.addition.lines if chats.addition else ""
        return _Planned(chats.preview, chats.reasons, groups.work_of(chats, file.directory), lines)
    codes = coupons.plan_coupons(conn, vault, sheet, community, now, file.coupon)
    return _Planned(codes.preview, codes.reasons, coupons.work_of(conn, codes, now))
