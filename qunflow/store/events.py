"""
The shape of history: which columns an event has, and how a frame of events is made to fit.

=============  =====================  =====================================================================
event_key      str                    the same for a repetition of the same event
happened_at    timestamp[us, UTC]     when it happened
recorded_at    timestamp[us, UTC]     when Qunflow learned of it
local_day      date                   the day it happened on in the community's zone
kind           str                    one of ``KINDS``
person_id      int64                  number from the person vault, 0 = nobody knows who
group_id       int64                  0 = none
channel        str                    key of the channel the person came by, "" = unknown
amount         int64                  fen for orders, otherwise 0
props          str                    a JSON object
source         str                    where it is known from
=============  =====================  =====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qunflow.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KINDS = (
    "join",
    "leave",
    "message",
    "action",
    "reply",
    "checkin",
    "click",
    # A visit of the page behind a live code; person 0 when nobody knows who.
    "scan",
    "order",
    "contact_added",
    "contact_deleted",
    "delivered",
    # What an imported log calls by a name that means nothing here; its own name is in ``props``.
    "other",
)
SQL_TYPES = {
    "event_key": "VARCHAR",
    "happened_at": "TIMESTAMPTZ",
    "recorded_at": "TIMESTAMPTZ",
    "local_day": "DATE",
    "kind": "VARCHAR",
    "person_id": "BIGINT",
    "group_id": "BIGINT",
    "channel": "VARCHAR",
    "amount": "BIGINT",
    "props": "VARCHAR",
    "source": "VARCHAR",
}
COLUMNS = tuple(SQL_TYPES)
_DEFAULTS: dict[str, Any] = {"group_id": 0, "channel": "", "amount": 0, "props": "{}"}


def arrow_schema() -> pa.Schema:
    """The schema of every history file."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    types = {"VARCHAR": pa.string(), "TIMESTAMPTZ": instant, "DATE": pa.date32(), "BIGINT": pa.int64()}
    return pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in SQL_TYPES.items()])


def to_table(events: pd.DataFrame, source: str) -> pa.Table:
    """
    Make a frame fit: columns that may be missing get their defaults, the rest must be right.

    Of several rows with one ``event_key`` the first stays; rows come out ordered by day and instant.

    Raises:
        BadInput: naming the column that is missing, empty somewhere, or of another kind.
    """
    import pyarrow as pa

    if events.empty:
        return arrow_schema().empty_table()
    filled = events.assign(**_missing(events, source))
    if absent := [name for name in COLUMNS if name not in filled.columns]:
        raise BadInput(f"events without {', '.join(absent)}", f"give every event {', '.join(COLUMNS[:6])}")
    filled = filled.loc[:, list(COLUMNS)].fillna(_DEFAULTS).drop_duplicates("event_key")
    _require_values(filled)
    _require_kinds(filled)
    _require_zone(filled)
    try:
        table = pa.Table.from_pandas(filled, schema=arrow_schema(), preserve_index=False, safe=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise BadInput(f"events of {source} do not fit the history: {error.args[0]}", "mend that column") from error
    return table.sort_by([("local_day", "ascending"), ("happened_at", "ascending"), ("event_key", "ascending")])


def _missing(events: pd.DataFrame, source: str) -> dict[str, Any]:
    return {name: value for name, value in {**_DEFAULTS, "source": source}.items() if name not in events.columns}


def _require_kinds(events: pd.DataFrame) -> None:
    if unknown := sorted({str(kind) for kind in events["kind"].unique()} - set(KINDS)):
        raise BadInput(f"unknown kind of event: {', '.join(unknown[:5])}", f"map it to one of {', '.join(KINDS)}")


def _require_zone(events: pd.DataFrame) -> None:
    for name in ("happened_at", "recorded_at"):
        kind = events[name].dtype
        if getattr(kind, "kind", "") != "M":
            raise BadInput(
                f"the values in {name} are no instants but {kind}", "read them with a date format and a zone"
            )
        if getattr(kind, "tz", None) is None:
            raise BadInput(f"the instants in {name} have no zone", "give them in UTC, for example with tz_localize")


def _require_values(events: pd.DataFrame) -> None:
    if empty := [name for name in COLUMNS if events[name].isna().any()]:
        raise BadInput(f"events with nothing in {', '.join(empty)}", "keep such rows in quarantine instead")
