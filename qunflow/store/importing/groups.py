"""
The import of groups: groups are settings, so a file of them becomes lines of ``qunflow.yaml``.

The lines are checked as the whole file would be before it is written, in one piece. A group is known by its chat id or
its name. Taking the import back takes the lines out again, as long as nobody has anything to do with the groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from qunflow.clock import local_day
from qunflow.errors import BadInput, ConfigurationError
from qunflow.settings.group_lines import Addition, require_valid, with_groups
from qunflow.settings.workspace import FILE_NAME, Community, Group, Workspace
from qunflow.store.files import write_durably
from qunflow.store.importing.notes import Watch
from qunflow.store.importing.preview import Told, told
from qunflow.store.importing.record import Work
from qunflow.store.importing.sheet import Sheet, counted
from qunflow.store.tables import groups

if TYPE_CHECKING:
    import pandas as pd

NO_NAME, NO_CHAT_ID, NO_OWNER, OWNER_IS_A_NAME = "no_name", "no_chat_id", "no_owner", "owner_is_a_name"
NO_OPENING_DAY, BAD_TIME, OF_ANOTHER = "no_opening_day", "bad_time", "of_another_community"
_USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_KINDS = {
    "福利群": "benefit_group",
    "会员群": "member_group",
    "流通群": "circulation_group",
    "训练营群": "camp_group",
    **{kind: kind for kind in ("benefit_group", "member_group", "circulation_group", "camp_group")},
}


@dataclass(frozen=True, slots=True)
class GroupChoices:
    """What holds for every group whose row does not say: its kind, SOP, admin and opening day; empty is not said."""

    kind: str = ""
    sop: str = ""
    admin: str = ""
    opened_on: date | None = None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What a file of groups would add to the settings; ``addition`` is None when every group is there."""

    preview: Told
    reasons: Mapping[int, str]
    before: str
    addition: Addition | None
    chat_ids: Sequence[str]


def plan_groups(
    sheet: Sheet, directory: Path, workspace: Workspace, community: Community, choices: GroupChoices, now: datetime
) -> GroupPlan:
    """
    Look at every row; nothing is written.

    Raises:
        ConfigurationError: the settings would not be right with these groups.
        BadInput: a group needs a SOP or a kind that nobody named.
    """
    path = directory / FILE_NAME
    # Bytes, because text mode would change the ends of lines.
    before = path.read_bytes().decode("utf-8")
    rows, reasons, statuses = _judged(sheet, workspace, community, choices, now)
    preview = told(sheet, statuses, counted([*(why for _, why, _ in sheet.rejects), *reasons.values()]))
    addition = with_groups(before, community.key, rows) if rows else None
    if addition is not None:
        require_valid(addition.text.removeprefix("\ufeff"), directory)
    return GroupPlan(preview, reasons, before, addition, [str(row["chat_id"]) for row in rows])


def _judged(
    sheet: Sheet, workspace: Workspace, community: Community, choices: GroupChoices, now: datetime
) -> tuple[list[dict[str, str | date]], dict[int, str], dict[int, str]]:
    text = {name: sheet.texts(name) for name in ("chat_id", "name", "owner", "admin", "kind", "opened_on")}
    opened = sheet.instants("opened_on", community.zone_info)
    people = {one.name: one.userid for one in workspace.team if one.name}
    known = {name for group in community.groups for name in (group.name, group.chat_id) if name}
    elsewhere = {group.chat_id for home, group in workspace.groups() if home.key != community.key} - {""}
    keys = {group.key for group in community.groups}
    rows: list[dict[str, str | date]] = []
    reasons: dict[int, str] = {}
    statuses: dict[int, str] = {}
    for index in range(len(sheet.numbers)):
        row = {name: values[index] for name, values in text.items()}
        at = opened[index]
        day = local_day(at, community.zone_info) if at else None
        owner = people.get(row["owner"], row["owner"])
        if known & {row["chat_id"], row["name"]}:
            statuses[index] = "known"
        elif reason := _reason(row, owner, day or choices.opened_on, elsewhere):
            reasons[index] = reason
        else:
            known |= {row["chat_id"], row["name"]}
            statuses[index] = "new"
            key = _next_key(keys)
            admin = people.get(row["admin"], row["admin"]) or choices.admin or owner
            rows.append(_group(row, key, owner, admin, day or choices.opened_on or local_day(now, community.zone_info),
                               community, choices))  # fmt: skip
    return rows, reasons, statuses


def _reason(row: Mapping[str, str], owner: str, day: date | None, elsewhere: set[str]) -> str:
    """Why a row cannot become a group; of several reasons the first."""
    if not row["name"]:
        return NO_NAME
    if not row["chat_id"]:
        return NO_CHAT_ID
    if row["chat_id"] in elsewhere:
        return OF_ANOTHER
    if not owner:
        return NO_OWNER
    if _USERID.fullmatch(owner) is None:
        return OWNER_IS_A_NAME
    return "" if day is not None else BAD_TIME if row["opened_on"] else NO_OPENING_DAY


def _group(
    row: Mapping[str, str], key: str, owner: str, admin: str, day: date, community: Community, choices: GroupChoices
) -> dict[str, str | date]:
    kind = _KINDS.get(row["kind"]) or choices.kind or "benefit_group"
    return {
        "key": key,
        "name": row["name"][:200],
        "kind": kind,
        "chat_id": row["chat_id"],
        "owner": owner,
        "admin": admin,
        "sop": choices.sop or _usual_sop(community.groups, kind),
        "opened_on": day,
    }


def _usual_sop(groups: Sequence[Group], kind: str) -> str:
    for group in groups:
        if group.kind == kind and group.sop:
            return group.sop
    raise BadInput(
        f"no group of the settings says which SOP a {kind} follows", "name it, for example --sop benefit-daily"
    )


def _next_key(taken: set[str]) -> str:
    number = 1
    while f"g{number}" in taken:
        number += 1
    taken.add(f"g{number}")
    return f"g{number}"


def work_of(plan: GroupPlan, directory: Path) -> Work:
    """What is to be done for a plan: the settings are written in one piece, the last thing of the transaction."""
    path, added = directory / FILE_NAME, plan.addition

    def write() -> tuple[Watch, pd.DataFrame]:
        import pandas as pd

        if path.read_bytes().decode("utf-8") not in (plan.before, added.text if added else plan.before):
            raise ConfigurationError(f"{path} was changed in the meantime", "run the import again")
        return {}, pd.DataFrame()

    if added is None:
        return Work({}, write)
    noted = {"before": plan.before, "after": added.text, "lines": added.lines, "chats": "\n".join(plan.chat_ids)}
    return Work({}, write, noted, lambda: write_durably(path, added.text.encode()))


def without_lines(directory: Path, noted: Mapping[str, str]) -> tuple[str, str]:
    """The settings without the lines an import added, or why they cannot be taken out."""
    text = (directory / FILE_NAME).read_bytes().decode("utf-8")
    if text != noted["after"] and text.count(noted["lines"]) != 1:
        return "", "lines_changed"
    left = noted["before"] if text == noted["after"] else text.replace(noted["lines"], "", 1)
    try:
        require_valid(left.removeprefix("\ufeff"), directory)
    except ConfigurationError:
        return "", "settings_need_them"
    return left, ""


def in_store(conn: Connection, community: str, noted: Mapping[str, str]) -> list[int]:
    """The numbers the groups got since, when some command brought the settings into the store."""
    chats = noted["chats"].split("\n")
    query = select(groups.c.group_id).where(groups.c.community == community, groups.c.chat_id.in_(chats))
    return list(conn.execute(query).scalars())
