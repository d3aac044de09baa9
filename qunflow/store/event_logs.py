"""
A log somebody has as a file, as a table to measure: Parquet, CSV, Excel or JSON lines.

A Parquet file with typed times is left where it is and read by the engine; everything else is read here, as text, and
nothing of it is dropped silently. No workspace is needed and nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from qunflow.errors import BadInput
from qunflow.retention.measuring.facts import Columns
from qunflow.retention.measuring.quality import Note, notes_of
from qunflow.settings.words import did_you_mean
from qunflow.store.importing.files import ROW, read_table
from qunflow.store.importing.rows import instants

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MEANINGS = ("actor", "at", "event", "group", "props")
# Properties that cohorts are often split by; a query names them so, whatever the file calls them.
PROPERTIES = ("channel", "inviter", "entry", "campaign", "group_kind", "owner", "amount")


@dataclass(frozen=True, slots=True)
class EventLog:
    """
    Events that can be measured.

    Exactly one of ``path`` (a Parquet file to be read where it is) and ``table`` holds them.
    """

    columns: Columns
    path: Path | None = None
    table: pa.Table | None = None
    notes: tuple[Note, ...] = ()

    def as_arrow(self) -> pa.Table:
        """All of it in memory."""
        import pyarrow.parquet as pq

        return self.table if self.table is not None else pq.ParquetFile(self.path).read()


def parse_columns(text: str) -> dict[str, str]:
    """
    Read ``actor=…,at=…[,event=…][,group=…][,props=…]``, and names for ``PROPERTIES``.

    Raises:
        BadInput: an unknown or a missing meaning.
    """
    pairs = dict(_pair(part.strip()) for part in text.split(",") if part.strip())
    for meaning in pairs:
        if meaning not in MEANINGS + PROPERTIES:
            raise BadInput(f"--map does not know {meaning!r}", did_you_mean(meaning, MEANINGS + PROPERTIES))
    if missing := [meaning for meaning in ("actor", "at") if meaning not in pairs]:
        raise BadInput(
            f"--map does not say which column is {', '.join(missing)}",
            "write for example --map actor=成员ID,event=事件,at=时间",
        )
    return pairs


def open_log(
    path: Path, meanings: Mapping[str, str] | None, zone: ZoneInfo, properties: Sequence[str] = ()
) -> EventLog:
    """
    Read a log.

    Args:
        meanings: which of its columns is the actor, the instant, and perhaps event, group and props; None: those that
            are called so.
        zone: of times without an offset.
        properties: what a query asks for; keys of the JSON text in props among them become columns where text is read.

    Raises:
        BadInput: no such file, a damaged file, or a column that is not there, with the nearest one.
    """
    if path.suffix.lower() == ".parquet" and path.is_file() and (kept := _kept_in_place(path, meanings, zone)):
        return kept
    raw = read_table(path)
    meanings = meanings or _by_name(raw.columns)
    _require(meanings, raw.columns, path.name)
    return _read(raw.frame, len(raw.rejects), meanings, zone, properties)


def table_of(events: Iterable[Mapping[str, Any]], zone: ZoneInfo, properties: Sequence[str] = ()) -> EventLog:
    """Events given as objects with ``actor``, ``event``, ``at``, perhaps ``props`` and others."""
    import pandas as pd

    frame = pd.DataFrame([dict(event) for event in events], dtype=object)
    frame = frame.reindex(columns=list(dict.fromkeys(["actor", "event", "at", "props", *frame.columns])))
    return _read(frame, 0, {name: name for name in ("actor", "at", "event", "props")}, zone, properties)


def _by_name(present: Sequence[str]) -> dict[str, str]:
    return {name: name for name in MEANINGS if name in ("actor", "at") or name in present}


def _kept_in_place(path: Path, meanings: Mapping[str, str] | None, zone: ZoneInfo) -> EventLog | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        return None
    meanings = meanings or _by_name(schema.names)
    _require(meanings, schema.names, path.name)
    at, actor = schema.field(meanings["at"]).type, schema.field(meanings["actor"]).type
    typed = pa.types.is_timestamp(at) and (at.tz is not None or zone.key == "UTC")
    if not typed or not (pa.types.is_integer(actor) or pa.types.is_string(actor) or pa.types.is_large_string(actor)):
        return None
    if any(meanings.get(name, name) != name for name in ("props", *PROPERTIES)):
        return None
    return EventLog(_columns(meanings), path=path)


def _read(
    frame: pd.DataFrame, malformed: int, meanings: Mapping[str, str], zone: ZoneInfo, properties: Sequence[str]
) -> EventLog:
    import pandas as pd
    import pyarrow as pa

    at = instants(frame[meanings["at"]], zone)
    given = frame[meanings["at"]].notna() & (frame[meanings["at"]].astype(str).str.strip() != "")
    actor = _texts(frame[meanings["actor"]])
    unreadable = at.isna() & given & actor.notna() & (actor != "")
    kept = ~unreadable
    texts = {str(name): _texts(frame[name])[kept] for name in frame.columns if name not in (ROW, meanings["at"])}
    texts |= {name: texts[meanings[name]] for name in PROPERTIES if name in meanings}
    source = meanings.get("props", "props")
    unread = _read_props(texts, source, properties)
    columns = {name: pa.array(values, pa.string(), from_pandas=True) for name, values in texts.items()}
    columns[meanings["at"]] = pa.array(pd.Series(at)[kept], pa.timestamp("us", tz="UTC"), from_pandas=True)
    dirt = {"malformed_rows": malformed, "unreadable_times": int(unreadable.sum()), "unreadable_props": unread}
    return EventLog(_columns(meanings), table=pa.table(columns), notes=tuple(notes_of(dirt, False)))


def _read_props(texts: dict[str, pd.Series], props: str, properties: Sequence[str]) -> int:
    """Make columns of the wanted keys of the JSON column; returns how many of its texts are no JSON object."""
    wanted = [name for name in properties if name not in texts]
    if props not in texts or not wanted:
        return 0
    read = texts[props].map(_object, na_action="ignore")
    for name in wanted:
        texts[name] = read.map(lambda found, key=name: _property(found, key), na_action="ignore").astype(object)
    given = texts[props].notna() & (texts[props] != "")
    return int((given & read.isna()).sum())


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _property(found: Mapping[str, Any], key: str) -> str | None:
    value = found.get(key)
    return None if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _columns(meanings: Mapping[str, str]) -> Columns:
    return Columns(meanings["actor"], meanings["at"], meanings.get("event"), meanings.get("group"))


def _texts(column: pd.Series) -> pd.Series:
    """A column as text, names unchanged; whole numbers that a spreadsheet made floats lose their ``.0``."""
    from pandas.api import types

    if types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    texts: pd.Series = column.astype(object).where(column.notna(), None)
    return texts.map(_text, na_action="ignore").astype(object)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals or not value.strip():
        raise BadInput(f"--map: {part!r} is not of the form name=value", "separate pairs with commas")
    return name.strip(), value.strip()


def _require(meanings: Mapping[str, str], present: Iterable[str], file_name: str) -> None:
    names = list(present)
    for meaning, column in meanings.items():
        if column not in names:
            raise BadInput(f"{file_name} has no column {column!r} (for {meaning})", did_you_mean(column, names))
