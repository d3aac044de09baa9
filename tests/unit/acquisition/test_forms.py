"""Exports and pushes of forms are read whatever their encoding, or refused by name."""

from __future__ import annotations

import json

import pytest

from qunflow.acquisition.forms import FormMap, exported_entries, pushed_entry
from qunflow.errors import BadInput

FORM = FormMap("Oet50U", "neighbours", {"name": "field_1", "phone": "field_2", "channel": "x_field_1"})
PLAIN = FormMap("", "neighbours", {})
CSV = "序号,姓名,手机号,来源渠道,企微外部ID,提交时间\n1,小林,13800138000,电梯海报,wm1,2026-03-01 09:00:00\n"


def read(content: bytes, name: str = "leads.csv", form: FormMap = PLAIN) -> list[tuple[str, str, str]]:
    entries = exported_entries(content, name, form, lambda text: f"digest{len(text)}")
    return [(entry.source_key, entry.phone, entry.external_userid) for entry in entries]


def test_a_push_is_read_by_the_configured_fields() -> None:
    """A Jinshuju entry keeps its serial number and takes its facts from the mapped keys."""
    body = {"form": "Oet50U", "entry": {"serial_number": 7, "field_1": "小林", "field_2": "138", "x_field_1": "poster"}}

    entry = pushed_entry(body, FORM)

    assert (entry.source, entry.source_key, entry.phone, entry.channel) == ("form/Oet50U", "7", "138", "poster")


@pytest.mark.parametrize(
    "body",
    [
        {"form": "Oet50U"},
        {"entry": []},
        {"entry": {"field_2": "138"}},
        {"entry": {"serial_number": "\0"}},
        {"entry": {"serial_number": "7" * 129}},
    ],
)
def test_a_push_without_entry_or_serial_is_refused(body: dict[str, object]) -> None:
    """A push that cannot be told apart from another one is no lead."""
    with pytest.raises(BadInput, match="Oet50U"):
        pushed_entry(body, FORM)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_csv_export_is_read_in_utf8_and_gbk(encoding: str) -> None:
    """The usual Chinese columns need no mapping, whatever program saved the file."""
    assert read(CSV.encode(encoding)) == [("1", "13800138000", "wm1")]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_understood(delimiter: str) -> None:
    """A spreadsheet's own delimiter does not turn a row into one cell."""
    assert read(CSV.replace(",", delimiter).encode()) == [("1", "13800138000", "wm1")]


def test_a_json_export_is_read() -> None:
    """A list of rows, or an object that holds one, gives the same entries."""
    rows = [{"序号": 2, "手机号": "13800138000"}]

    assert read(json.dumps(rows).encode(), "a.json") == read(json.dumps({"entries": rows}).encode(), "a.json")


def test_mapped_columns_win_over_usual_names() -> None:
    """An operator's mapping decides which column is the phone."""
    form = FormMap("x", "neighbours", {"phone": "联系方式"})

    assert read("手机号,联系方式\n1,13800138000\n".encode(), form=form)[0][1] == "13800138000"


def test_a_mapping_of_the_push_does_not_hide_an_export_s_columns() -> None:
    """The same form pushes `field_2` and exports 手机号: both are found."""
    assert read(CSV.encode(), form=FORM)[0][1] == "13800138000"


def test_a_row_without_serial_gets_a_keyed_digest() -> None:
    """Rows of an export without numbers are known by their content, not by their position."""
    first = read("手机号\n13800138000\n".encode())
    moved = read("手机号\n13900139000\n13800138000\n".encode())

    assert first[0] in moved


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "empty.csv", "holds no rows"),
        ("手机号\n".encode(), "header.csv", "holds no rows"),
        ("甲,乙\n1,2\n".encode(), "odd.csv", "no column for a phone"),
        (b"\xff\xfe\x00\xd8\xff", "bytes.csv", "neither UTF-8 nor GBK"),
        (b'[{"a": 1,]', "broken.json", "broken.json:1:"),
        (b'{"a": 1}', "object.json", "not a list"),
        (b'[{"phone": ' + b"[" * 400 + b"]" * 400 + b"}]", "deep.json", "nested too deeply"),
        (b"[" * 100_000, "endless.json", "nested too deeply"),
    ],
)
def test_an_unreadable_file_is_named(content: bytes, name: str, said: str) -> None:
    """The message says which file and what is wrong with it."""
    with pytest.raises(BadInput, match=said) as refused:
        read(content, name)
    assert name in str(refused.value)
    assert refused.value.next_step
