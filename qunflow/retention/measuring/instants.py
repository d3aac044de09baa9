"""
Time and properties as columns: the few places where engines write the same thing differently.

Everything after this is arithmetic on integers, which is why every engine gives the same answer, and no engine's own
zone rules are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from qunflow.errors import BadInput
from qunflow.retention.measuring.grid import DAY_US, HOUR_US, SECOND_US, WEEK_SHIFT_DAYS, Calendar, Offset


def _function(name: str, places: Callable[..., None], takes: tuple[object, ...], gives: object) -> Callable[..., Any]:
    """A function an engine has and Ibis does not know."""
    found: Callable[..., Any] = ibis.udf.scalar.builtin(places, name=name, signature=(takes, gives))
    return found


_text, _whole, _true, _instant, _json = dt.string, dt.int64, dt.boolean, dt.timestamp, dt.json
# What is read as an amount, and the bound below which its ten-thousandths are whole numbers.
_AMOUNT = r"^[-+]?[0-9]{1,14}([.][0-9]*)?([eE][-+]?[0-9]{1,2})?$"
_MOST_AMOUNT = 1e14
# DuckDB
epoch_us = _function("epoch_us", lambda at: None, (_instant,), _whole)
json_valid = _function("json_valid", lambda props: None, (_text,), _true)
json_extract_string = _function("json_extract_string", lambda props, path: None, (_text, _text), _text)
# Spark
unix_micros = _function("unix_micros", lambda at: None, (_instant,), _whole)
get_json_object = _function("get_json_object", lambda props, path: None, (_text, _text), _text)
# PostgreSQL
pg_input_is_valid = _function("pg_input_is_valid", lambda props, kind: None, (_text, _text), _true)
json_extract_path_text = _function("json_extract_path_text", lambda props, key: None, (_json, _text), _text)
# ClickHouse, whose own seconds begin in 1970
to_datetime64 = _function("toDateTime64", lambda at, scale: None, (_instant, _whole), _instant)
clickhouse_us = _function("toUnixTimestamp64Micro", lambda at: None, (_instant,), _whole)
is_valid_json = _function("isValidJSON", lambda props: None, (_text,), _true)
clickhouse_number = _function("toFloat64OrNull", lambda amount: None, (_text,), dt.float64)
clickhouse_text = _function("JSONExtractString", lambda props, key: None, (_text, _text), _text)


def microseconds(at: ir.Column, dialect: str) -> ir.IntegerColumn:
    """An instant as microseconds since 1970 UTC; whole numbers are taken for that already, no zone means UTC."""
    if at.type().is_integer():
        return at.cast("int64")
    if not at.type().is_timestamp():
        raise BadInput(f"the times are {at.type()}, not instants", "read them as timestamps first")
    if dialect == "duckdb":
        return epoch_us(at)
    if dialect == "clickhouse":
        return clickhouse_us(to_datetime64(at, 6))
    if dialect == "pyspark":
        return unix_micros(at.cast(dt.Timestamp("UTC")))
    seconds = at.truncate("s").epoch_seconds().cast("int64")
    return seconds * SECOND_US + at.microsecond().cast("int64")


def property_text(events: ir.Table, name: str, dialect: str) -> ir.StringValue:
    """A property as text: a column of that name, or a key of the JSON text in the column ``props``."""
    if name in events.columns:
        column = events[name]
        return ibis.cases((column, "true"), (~column, "false")) if column.type().is_boolean() else column.cast(str)
    if "props" not in events.columns:
        raise BadInput(f"there is no column {name!r} and no column props", "name a column, or map one to props")
    if dialect not in _JSON_TEXT:
        raise BadInput(f"{dialect} cannot look into props for {name!r}", "give the property as a column of its own")
    found = _JSON_TEXT[dialect](events["props"].cast(str), name)
    readable = readable_props(events, dialect)
    return found if readable is None else ibis.cases((readable, found))


def amount_of(events: ir.Table, name: str, dialect: str) -> ir.FloatingValue:
    """
    A column or property as a number; 0 where it is none that can be added up.

    Raises:
        BadInput: a column of another kind.
    """
    number = _number(events, name, dialect)
    # Not null instead: below it ClickHouse keeps the infinity, and stumbles over it.
    return ibis.ifelse(_adds_up(number), number, ibis.literal(0.0))


def unread_amount(events: ir.Table, name: str, dialect: str) -> ir.BooleanValue:
    """Whether an amount is given and cannot be added up."""
    given = events[name] if name in events.columns else property_text(events, name, dialect)
    # As text, because Ibis takes what is no number for missing on Spark.
    said = given.strip() != "" if given.type().is_string() else given.cast("string").notnull()
    return said.fill_null(False) & ~_adds_up(_number(events, name, dialect))


def _number(events: ir.Table, name: str, dialect: str) -> ir.FloatingValue:
    value = events[name] if name in events.columns else property_text(events, name, dialect)
    if value.type().is_string():
        text = value.strip()
        value = clickhouse_number(text) if dialect == "clickhouse" else text.re_extract(_AMOUNT, 0).nullif("")
    elif not value.type().is_numeric():
        raise BadInput(f"amount is the column {name!r}, which holds {value.type()}", "name a column of numbers")
    return value.cast("float64")


def _adds_up(number: ir.FloatingValue) -> ir.BooleanValue:
    # Neither what is no number nor infinity is below any bound.
    return (number.abs() < _MOST_AMOUNT).fill_null(False)


def local_us(at_us: ir.IntegerValue, offsets: Sequence[Offset], modulo_s: int | None = None) -> ir.IntegerValue:
    """Microseconds of local time; with ``modulo_s`` only that part of the offset counts."""
    shifts = [(offset.seconds % modulo_s if modulo_s else offset.seconds) * SECOND_US for offset in offsets]
    if len(set(shifts)) == 1:
        return at_us + shifts[0] if shifts[0] else at_us
    until = [offset.since_us for offset in offsets[1:]]
    branches = [(at_us < end, ibis.literal(shift, "int64")) for end, shift in zip(until, shifts, strict=False)]
    return at_us + ibis.cases(*branches, else_=ibis.literal(shifts[-1], "int64"))


def day_number(at_us: ir.IntegerValue, offsets: Sequence[Offset]) -> ir.IntegerValue:
    """Local days since 1970."""
    return (local_us(at_us, offsets) // DAY_US).cast("int64")


def interval_number(at_us: ir.IntegerValue, calendar: Calendar, offsets: Sequence[Offset]) -> ir.IntegerValue:
    """The number of the interval an instant lies in, as ``grid.Calendar`` counts them."""
    if calendar.period == "hour":
        return (local_us(at_us, offsets, modulo_s=3_600) // HOUR_US).cast("int64")
    day = day_number(at_us, offsets)
    if calendar.period == "week":
        return ((day + WEEK_SHIFT_DAYS[calendar.week_start]) // 7).cast("int64")
    return _month_number(day) if calendar.period == "month" else day


def _month_number(day: ir.IntegerValue) -> ir.IntegerValue:
    """
    Months since the year 0 from days since 1970, by integers only.

    Years begin in March, so that the day a leap year adds is the last one. Every step uses the one before it once or
    twice only: engines that write it out in place, as PostgreSQL does, would compute a longer form over and over.
    Source: C. Neri, L. Schneider, "Euclidean affine functions and their application to calendar algorithms",
    Software: Practice and Experience 53 (2023).
    """
    quarters = (day + 719_468) * 4 + 3
    century = (quarters // 146_097).cast("int64")
    of_century = (quarters % 146_097 // 4).cast("int64") * 4 + 3
    year = (of_century // 1_461).cast("int64")
    of_year = (of_century % 1_461 // 4).cast("int64")
    from_march = ((of_year * 5 + 2) // 153).cast("int64")
    return (century * 100 + year) * 12 + from_march + 2


def readable_props(events: ir.Table, dialect: str) -> ir.BooleanValue | None:
    """Whether the column ``props`` holds JSON; None where the engine reads anything else as nothing anyway."""
    text = events["props"].cast(str)
    if dialect == "postgres":
        return pg_input_is_valid(text, "json")
    return {"duckdb": json_valid, "clickhouse": is_valid_json}[dialect](text) if dialect in _CHECKED else None


def _duckdb_text(props: ir.StringColumn, name: str) -> ir.StringValue:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return json_extract_string(props, f'$."{escaped}"')


_CHECKED = ("duckdb", "clickhouse")
_JSON_TEXT: Mapping[str, Callable[[ir.StringColumn, str], ir.StringValue]] = {
    "duckdb": _duckdb_text,
    "postgres": lambda props, name: json_extract_path_text(props.cast("json"), name),
    "clickhouse": clickhouse_text,
    "pyspark": lambda props, name: get_json_object(props, f"$['{name}']"),
}
