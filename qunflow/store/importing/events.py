"""
The import of events: one file, one transaction, and the same file again changes nothing.

Actors become persons of the vault, groups the workspace knows get their number, joins and leaves of those also become
memberships. What the file holds is judged in ``rows``; who may import, and how it is shown, is the command's business.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from qunflow.errors import BadInput
from qunflow.settings.workspace import Community
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.importing import record
from qunflow.store.importing.files import RawTable, read_table
from qunflow.store.importing.kinds import EVENTS
from qunflow.store.importing.mapping import Chosen, ColumnMap, Origin, choose, require_columns
from qunflow.store.importing.memberships import Move, rebuild
from qunflow.store.importing.notes import OF_PERSONS, Watch
from qunflow.store.importing.record import Head, Kept, Work
from qunflow.store.importing.rows import JudgedRows, judge
from qunflow.store.importing.sheet import sheet_of
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

if TYPE_CHECKING:
    import pandas as pd

_WECOM_ID = re.compile(r"w[mo][A-Za-z0-9_-]{8,}")


@dataclass(frozen=True, slots=True)
class EventFile:
    """
    A file, and what its columns and words mean.

    ``zone`` is that of times without an offset. ``actor_kind`` says by what the vault knows the actors: empty means
    WeCom's external ids if they all look like it, else ids of their own for this community.
    """

    path: Path
    columns: ColumnMap
    kinds: Mapping[str, str]
    zone: ZoneInfo
    actor_kind: str = ""
    origin: Origin = "given"


@dataclass(frozen=True, slots=True)
class Preview:
    """
    What a file holds under a mapping, before anything is written; days are local days of the community.

    ``origin`` says where the mapping is from, ``unused`` which columns mean nothing; ``sample`` is masked.
    """

    file_name: str
    described: str
    columns: Mapping[str, str]
    origin: Origin
    unused: Sequence[str]
    sample: Sequence[Mapping[str, str]]
    rows_read: int
    kinds: Mapping[str, int]
    unnamed: Mapping[str, int]
    rejected: Mapping[str, int]
    actors: int
    first_day: str
    last_day: str
    groups: Mapping[str, int]
    unknown_groups: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, and what its file held; ``memberships`` is how many stays are new, ended or gone."""

    preview: Preview
    kept: Kept
    memberships: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file read and judged."""

    file: EventFile
    table: RawTable
    rows: JudgedRows
    group_ids: Mapping[str, int]


def preview(conn: Connection, file: EventFile, community: Community, now: datetime) -> Preview:
    """
    Say what an import would bring.

    Raises:
        BadInput: the file cannot be read, or a mapped column is not in it.
    """
    return _previewed(_open(conn, file, community, now), community)


def import_events(
    store: Store, vault: Vault, history: History, file: EventFile, community: Community, now: datetime
) -> ImportReport:
    """
    Bring a file's events into the history, all of them or none.

    Raises:
        BadInput: as ``preview``; also when no row can be used, or the file came before under another mapping.
        StoreBusy: the database stayed locked.
    """
    with store.reading() as conn:
        opened = _open(conn, file, community, now)
    shown = _previewed(opened, community)
    if not len(opened.rows.good):
        raise BadInput(
            f"no row of {file.path.name} can be used ({_listed(shown.rejected)})",
            "check --map and --zone against the first lines of the file",
        )
    return store.write(lambda conn: _bring_in(conn, vault, history, opened, shown, community, now))


def event_columns(conn: Connection, path: Path, map_text: str) -> tuple[ColumnMap, Origin]:
    """
    What the columns of a file of events mean, and where that is from.

    Raises:
        BadInput: the file cannot be read, or its columns cannot be understood.
    """
    chosen = choose(conn, EVENTS, map_text, read_table(path).columns, path.name)
    return ColumnMap(**chosen.columns), chosen.origin


def _open(conn: Connection, file: EventFile, community: Community, now: datetime) -> _Opened:
    table = read_table(file.path)
    require_columns(file.columns.used(), table.columns, file.path.name)
    rows = judge(table.frame, file.columns, file.kinds, file.zone, now)
    return _Opened(file, table, replace(rows, rejects=(*table.rejects, *rows.rejects)), _groups(conn, community))


def _groups(conn: Connection, community: Community) -> dict[str, int]:
    """Number of a group by its key, its name and its chat id."""
    found: dict[str, int] = {}
    for row in conn.execute(select(groups).where(groups.c.community == community.key)):
        found |= {name: row.group_id for name in (row.name, row.chat_id, row.group_key) if name}
    return found


def _previewed(opened: _Opened, community: Community) -> Preview:
    good, rejects = opened.rows.good, opened.rows.rejects
    days = good["happened_at"].dt.tz_convert(community.zone_info).dt.date
    named = Counter(good["group"][good["group"] != ""])
    file = opened.file
    sheet = sheet_of(opened.table, "events", Chosen(file.columns.used(), file.origin), file.path.name)
    return Preview(
        file_name=file.path.name,
        described=opened.table.described,
        columns=file.columns.used(),
        origin=file.origin,
        unused=sheet.unused,
        sample=sheet.sample(),
        rows_read=len(opened.table.frame) + len(opened.table.rejects),
        kinds=dict(Counter(good["kind"]).most_common()),
        unnamed=dict(Counter(good["event"][good["kind"] == "other"]).most_common()),
        rejected=dict(Counter(reason for _, reason, _ in rejects).most_common()),
        actors=int(good["actor"].nunique()),
        first_day=days.min().isoformat() if len(good) else "",
        last_day=days.max().isoformat() if len(good) else "",
        groups={name: rows for name, rows in named.most_common() if name in opened.group_ids},
        unknown_groups={name: rows for name, rows in named.most_common() if name not in opened.group_ids},
    )


def _bring_in(
    conn: Connection,
    vault: Vault,
    history: History,
    opened: _Opened,
    shown: Preview,
    community: Community,
    now: datetime,
) -> ImportReport:
    changed = 0

    def work() -> Work:
        persons = _persons(conn, vault, opened, community, create=False, now=now)
        before: Watch = dict.fromkeys(OF_PERSONS, sorted(persons.values()))

        def write() -> tuple[Watch, pd.DataFrame]:
            nonlocal changed
            found = _persons(conn, vault, opened, community, create=True, now=now)
            events = _events(opened, found, community, now)
            changed = rebuild(conn, _moves(events), "import", now)
            return dict.fromkeys(OF_PERSONS, sorted(set(found.values()))), events

        return Work(before, write)

    head = _head(opened, shown, community)
    kept = record.carried_out(conn, vault, history, head, opened.rows.rejects, work, now)
    return ImportReport(shown, kept, changed)


def _head(opened: _Opened, shown: Preview, community: Community) -> Head:
    name, digest = shown.file_name, opened.table.sha256
    return Head("events", community.key, name, digest, _mapping(opened, community), shown.rows_read, 0, 0, 0)


def _mapping(opened: _Opened, community: Community) -> dict[str, Any]:
    words = sorted(set(opened.rows.good["event"]))
    return {
        "community": community.key,
        "columns": opened.file.columns.used(),
        "headings": sorted(opened.table.columns),
        "kinds": {word: opened.file.kinds.get(word, "other") for word in words},
        "zone": str(opened.file.zone),
        "actor_kind": opened.file.actor_kind,
    }


def _persons(
    conn: Connection, vault: Vault, opened: _Opened, community: Community, *, create: bool, now: datetime
) -> dict[str, int]:
    """The persons of the actors; strangers are made, or left out."""
    kind, actors = _actor_kind(opened, community), opened.rows.good["actor"].unique().tolist()
    return vault.persons_for(conn, kind, actors, now) if create else vault.known_persons(conn, kind, actors)


def _events(opened: _Opened, persons: Mapping[str, int], community: Community, now: datetime) -> pd.DataFrame:
    """The good rows as events of the history."""
    import pandas as pd

    good = opened.rows.good
    names = {name: json.dumps({"event": name}, ensure_ascii=False) for name in good["event"].unique()}
    events = pd.DataFrame(
        {
            "happened_at": good["happened_at"],
            "recorded_at": pd.Timestamp(now).as_unit("us"),
            "local_day": good["happened_at"].dt.tz_convert(community.zone_info).dt.date,
            "kind": good["kind"],
            "person_id": good["actor"].map(persons).astype("int64"),
            "group_id": good["group"].map(lambda name: _group_id(opened.group_ids, name)).astype("int64"),
            "channel": good["channel"],
            "amount": good["amount"],
            "props": good["event"].map(names).where(good["kind"] == "other", "{}"),
        }
    )
    return events.assign(event_key=_keys(events, community.key))


def _keys(events: pd.DataFrame, community: str) -> list[str]:
    """
    A key from what the event says, so that exports that overlap bring an event once.

    The number counts what one person did in one group at one instant, in the order of the file: two equal rows stay
    two events, and a leave and a join of the same minute stay in their order.
    """
    same = ["person_id", "group_id", "happened_at"]
    number = events.groupby(same).cumcount()
    instant = events["happened_at"].astype("int64")
    parts = (events["person_id"], events["group_id"], instant, number, events["kind"])
    return [
        f"import:{community}:{person}:{group}:{at}:{nth:04d}:{kind}"
        for person, group, at, nth, kind in zip(*parts, strict=True)
    ]


def _actor_kind(opened: _Opened, community: Community) -> str:
    if opened.file.actor_kind:
        return opened.file.actor_kind
    looks_like_wecom = opened.rows.good["actor"].map(lambda actor: _WECOM_ID.fullmatch(actor) is not None)
    return "external_userid" if looks_like_wecom.all() else f"imported:{community.key}"[:40]


def _group_id(known: Mapping[str, int], name: str) -> int:
    """A group the workspace does not have gets a number below 0 that is the same for every import."""
    return 0 if not name else known.get(name) or -(crc32(name.encode()) or 1)


def _moves(events: pd.DataFrame) -> list[Move]:
    moved = events[events["kind"].isin(["join", "leave"]) & (events["group_id"] > 0)]
    columns = ("group_id", "person_id", "happened_at", "kind", "channel")
    return [
        Move(group_id, person_id, at.to_pydatetime(), kind == "join", channel)
        for group_id, person_id, at, kind, channel in zip(*(moved[column] for column in columns), strict=True)
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in counts.items())
