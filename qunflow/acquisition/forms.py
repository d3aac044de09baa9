"""
Reading leads from where forms put them: a pushed entry (Jinshuju) or an exported file (CSV, JSON).

Only the shape is handled here: which column is which, which encoding. Whether a row is any good is judged by
:mod:`qunflow.acquisition.leads`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qunflow.acquisition.leads import Entry, plain
from qunflow.errors import BadInput

# What the columns of an export are called when nobody mapped them in qunflow.yaml.
USUAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "serial": ("序号", "编号", "serial_number", "serial", "id"),
    "name": ("姓名", "称呼", "昵称", "name"),
    "phone": ("手机号", "手机", "手机号码", "电话", "联系电话", "phone", "mobile"),
    "external_userid": ("企微外部ID", "外部联系人ID", "external_userid", "x_field_external"),
    "channel": ("来源渠道", "渠道", "来源", "channel", "x_field_1"),
    "submitted_at": ("提交时间", "填表时间", "created_at", "submitted_at"),
}
_ENCODINGS = ("utf-8-sig", "gb18030")
LONGEST_KEY = 128
# Answers are texts and lists of them; what is nested deeper was made to hurt whoever walks through it.
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class FormMap:
    """Which key of a form's rows holds which fact; where a row lacks that key, the usual names are tried."""

    form: str
    community: str
    fields: Mapping[str, str]

    def value(self, row: Mapping[str, object], fact: str) -> str:
        """The text of one fact in one row, empty when the row does not say."""
        mapped = self.fields.get(fact, "")
        if mapped in row:
            return plain(row[mapped])
        return next((plain(row[name]) for name in USUAL_COLUMNS[fact] if name in row and plain(row[name])), "")

    def knows(self, columns: set[str]) -> bool:
        """Whether a phone or an external id can be found in a file with these columns."""
        wanted = (self.fields.get("phone"), self.fields.get("external_userid"))
        usual = (*USUAL_COLUMNS["phone"], *USUAL_COLUMNS["external_userid"])
        return bool(columns & {name for name in (*wanted, *usual) if name})


def is_too_deep(read: object) -> bool:
    """Whether parsed JSON is nested deeper than any form or order."""
    level = [read]
    for _ in range(_DEEPEST):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [child for one in inner for child in one]
    return bool(level)


def pushed_entry(body: Mapping[str, object], form: FormMap) -> Entry:
    """
    The entry inside a form's push.

    Args:
        body: ``{"form": token, "entry": {"serial_number": n, "created_at": …, "field_1": …}}``.

    Raises:
        BadInput: when there is no entry object or it carries no serial number.
    Source: open.jinshuju.net, form data push (read 2026-11-21).
    """
    row = body.get("entry")
    if not isinstance(row, Mapping):
        raise BadInput(f"a push of form {form.form} has no entry object", "check the form's push settings")
    serial = plain(row.get("serial_number"))
    if not serial or len(serial) > LONGEST_KEY:
        raise BadInput(f"a push of form {form.form} has no serial_number", "check the form's push settings")
    return entry_of(row, form, source=f"form/{form.form}", key=serial, row_ref=f"entry {serial}")


def entry_of(row: Mapping[str, object], form: FormMap, *, source: str, key: str, row_ref: str) -> Entry:
    """One mapped row."""
    return Entry(
        source=source,
        source_key=key,
        row_ref=row_ref,
        community=form.community,
        name=form.value(row, "name"),
        phone=form.value(row, "phone"),
        external_userid=form.value(row, "external_userid"),
        channel=form.value(row, "channel"),
        submitted=form.value(row, "submitted_at"),
        raw=dict(row),
    )


def exported_entries(
    content: bytes, file_name: str, form: FormMap, fingerprint: Callable[[str], str]
) -> tuple[Entry, ...]:
    """
    Every row of an export, in order.

    Args:
        content: CSV (comma, semicolon or tab) or JSON, in UTF-8 or GBK.
        file_name: names the source and, by its ending, the format.
        fingerprint: a keyed digest; it stands in as the key of a row that has no serial number, because a plain hash
            of a phone number can be turned back.

    Raises:
        BadInput: unreadable encoding, broken JSON, no rows, or no column with a phone or an external id.
    """
    rows = _rows(content, file_name)
    columns = {column for row in rows for column in row}
    if not rows:
        raise BadInput(f"{file_name} holds no rows", "export the form again, or remove the file from leads/")
    if not form.knows(columns):
        raise BadInput(
            f"{file_name} has no column for a phone or an external id (found: {', '.join(sorted(columns))})",
            "map the columns under forms: in qunflow.yaml",
        )
    return tuple(_numbered(row, number, file_name, form, fingerprint) for number, row in enumerate(rows, start=1))


def _numbered(
    row: Mapping[str, object], number: int, file_name: str, form: FormMap, fingerprint: Callable[[str], str]
) -> Entry:
    whole = json.dumps(row, ensure_ascii=False, sort_keys=True, default=str)
    key = form.value(row, "serial") or fingerprint(whole)
    return entry_of(row, form, source=f"file/{file_name}", key=key[:LONGEST_KEY], row_ref=f"row {number}")


def _rows(content: bytes, file_name: str) -> list[dict[str, object]]:
    text = _decoded(content, file_name)
    return _json_rows(text, file_name) if file_name.lower().endswith(".json") else _csv_rows(text, file_name)


def _decoded(content: bytes, file_name: str) -> str:
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput(f"{file_name} is neither UTF-8 nor GBK", "save the export again as UTF-8")


def _csv_rows(text: str, file_name: str) -> list[dict[str, object]]:
    header = text.partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=header.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="超出的列", restval="")
    try:
        return [{plain(key): value for key, value in row.items()} for row in reader]
    except csv.Error as error:
        raise BadInput(f"{file_name} line {reader.line_num}: {error}", "open the file and repair that line") from error


def _json_rows(text: str, file_name: str) -> list[dict[str, object]]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{file_name}:{error.lineno}:{error.colno}: {error.msg.removesuffix(' at')}", "export the form again"
        ) from error
    except RecursionError as error:
        raise _too_deep(file_name) from error
    if is_too_deep(found):
        raise _too_deep(file_name)
    rows = found.get("entries", found.get("data")) if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{file_name} is not a list of rows", 'write [{…}, …] or {"entries": [{…}, …]}')
    return [row.get("entry", row) if isinstance(row.get("entry"), dict) else row for row in rows]


def _too_deep(file_name: str) -> BadInput:
    return BadInput(f"{file_name} is nested too deeply for a form", "export the form again")
