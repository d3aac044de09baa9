"""
Judging the rows of an imported table: what each one says, or why it cannot be used.

Times without an offset are wall-clock times of the given zone. Everything is done column by column, because a log
easily has a million rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from qunflow.store.importing.files import ROW, Reject
from qunflow.store.importing.mapping import ColumnMap

if TYPE_CHECKING:
    import pandas as pd

NO_ACTOR, NO_EVENT = "no actor", "no event"
BAD_TIME, FUTURE, BAD_AMOUNT = "unreadable time", "time in the future", "unreadable amount"
# Yuan and full-width yuan signs, both commas, 元, spaces.
_MONEY_SIGNS = "[\u00a5\uffe5,\uff0c\u5143\\s]"
# 2001 in milliseconds; smaller numbers are seconds.
_MILLISECONDS_FROM = 10**12


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """
    The rows of a file that can be used, and those that cannot.

    Columns of ``good``: ``row`` (its number in the file), ``actor`` str, ``event`` (its own name) str, ``kind`` str,
    ``happened_at`` UTC, ``group`` str ("" = none), ``channel`` str, ``amount`` in fen.
    """

    good: pd.DataFrame
    rejects: tuple[Reject, ...]


def judge(
    frame: pd.DataFrame, columns: ColumnMap, kinds: Mapping[str, str], zone: ZoneInfo, now: datetime
) -> JudgedRows:
    """
    Read every row of a table.

    Args:
        kinds: the file's word for an event → kind; words that are not in it become ``other`` and keep their name.
        zone: of times without an offset.
        now: later than this cannot have happened.
    """
    import pandas as pd

    good = pd.DataFrame(
        {
            "row": frame[ROW].astype("int64"),
            "actor": texts(frame[columns.actor]),
            "event": texts(frame[columns.event]),
            "happened_at": instants(frame[columns.at], zone),
            "group": _optional(frame, columns.group),
            "channel": _optional(frame, columns.channel),
            "amount": fen(frame[columns.amount]) if columns.amount else 0,
        }
    )
    good["kind"] = good["event"].map(kinds).fillna("other")
    reasons = _reasons(good, now)
    bad = reasons != ""
    rejects = tuple(_rejects(frame[bad], reasons[bad]))
    good = good[~bad].astype({"amount": "int64"}).reset_index(drop=True)
    return JudgedRows(good, rejects)


def instants(column: pd.Series, zone: ZoneInfo) -> pd.Series:
    """A column of times as UTC instants; what cannot be read, or does not exist in the zone, is null."""
    import pandas as pd
    from pandas.api import types

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        read: pd.Series = column.dt.tz_convert("UTC")
    elif types.is_datetime64_any_dtype(column.dtype):
        read = _localized(column, zone)
    elif types.is_numeric_dtype(column.dtype):
        read = _from_numbers(column)
    else:
        read = _from_texts(column, zone)
    fitted: pd.Series = read.astype("datetime64[us, UTC]")
    return fitted


def _from_texts(column: pd.Series, zone: ZoneInfo) -> pd.Series:
    import pandas as pd

    texts = column.astype(object).where(column.notna(), "")
    texts = texts.map(lambda value: value if isinstance(value, datetime) else str(value))
    # Repeated texts are read once: logs have many events of one second, and reading is the slow part.
    known = {value: _instant(value, zone) for value in texts.unique()}
    return pd.Series(pd.to_datetime(texts.map(known), utc=True), index=column.index)


def _localized(column: pd.Series, zone: ZoneInfo) -> pd.Series:
    # Of an hour that the clock shows twice the first is meant; one it skips does not exist.
    first = [True] * len(column)
    utc: pd.Series = column.dt.tz_localize(zone, ambiguous=first, nonexistent="NaT").dt.tz_convert("UTC")
    return utc


def _from_numbers(column: pd.Series) -> pd.Series:
    import pandas as pd

    seconds = column.where(column.abs() < _MILLISECONDS_FROM, column / 1000)
    return pd.to_datetime(seconds, unit="s", utc=True, errors="coerce")


def _instant(value: Any, zone: ZoneInfo) -> datetime | None:
    """One time as an instant: a datetime, a number of seconds or milliseconds, or text that starts with the year."""
    if isinstance(value, datetime):
        return _in_zone(value, zone)
    text = value.strip()
    if text.isdigit() and len(text) in (10, 13):
        return datetime.fromtimestamp(int(text) / (1000 if len(text) == 13 else 1), ZoneInfo("UTC"))
    return _from_text(text, zone)


def _from_text(text: str, zone: ZoneInfo) -> datetime | None:
    text = text.replace("年", "-").replace("月", "-").replace("日", " ").replace("/", "-").strip()
    for candidate in (text, _padded(text)):
        try:
            return _in_zone(datetime.fromisoformat(candidate), zone)
        except (ValueError, OverflowError):
            continue
    return None


def _padded(text: str) -> str:
    """``2026-3-5 8:05`` as ``2026-03-05 08:05``: spreadsheets leave the zeros out."""
    day, _, clock = text.replace("T", " ").partition(" ")
    day = "-".join(part.zfill(2) for part in day.split("-"))
    hour, colon, rest = clock.strip().partition(":")
    return f"{day} {hour.zfill(2)}{colon}{rest}" if colon else day


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime | None:
    utc = ZoneInfo("UTC")
    if at.tzinfo is not None:
        return at.astimezone(utc)
    instant = at.replace(tzinfo=zone).astimezone(utc)
    # A wall-clock time that a change of the clock skips comes back as another one.
    return instant if instant.astimezone(zone).replace(tzinfo=None, fold=0) == at.replace(fold=0) else None


def texts(column: pd.Series) -> pd.Series:
    """A column as trimmed text; nothing is empty, and a whole number has no point."""
    from pandas.api import types

    if types.is_float_dtype(column.dtype) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text: pd.Series = column.astype(object).where(column.notna(), "").map(_written)
    return text.str.strip()


def _written(value: Any) -> str:
    # Excel keeps a phone as 13800000000.0 when other cells of its column hold text.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _optional(frame: pd.DataFrame, column: str) -> pd.Series | str:
    return texts(frame[column]) if column else ""


def fen(column: pd.Series) -> pd.Series:
    """Yuan, as exports write money (signs, thousands, 元), in fen; nothing is 0, what is no number is null."""
    import pandas as pd

    text = texts(column).str.replace(_MONEY_SIGNS, "", regex=True).replace("", "0")
    yuan = pd.to_numeric(text, errors="coerce")
    return (yuan * 100).round()


def _reasons(rows: pd.DataFrame, now: datetime) -> pd.Series:
    """Why each row cannot be used, "" when it can; of several reasons the first."""
    import pandas as pd

    reasons = pd.Series("", index=rows.index, dtype=object)
    wrong = {
        BAD_AMOUNT: rows["amount"].isna(),
        FUTURE: rows["happened_at"] > pd.Timestamp(now),
        BAD_TIME: rows["happened_at"].isna(),
        NO_EVENT: rows["event"] == "",
        NO_ACTOR: rows["actor"] == "",
    }
    for reason, where in wrong.items():
        reasons[where] = reason
    return reasons


def _rejects(frame: pd.DataFrame, reasons: pd.Series) -> list[Reject]:
    rows = frame.drop(columns=ROW).astype(object).to_dict("records")
    numbers = frame[ROW].tolist()
    return [
        (str(number), reason, {str(name): value for name, value in row.items()})
        for number, reason, row in zip(numbers, reasons, rows, strict=True)
    ]
