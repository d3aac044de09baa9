"""Importing events: any columns, any of four formats, every bad row told and kept, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import func, select

from qunflow.errors import BadInput
from qunflow.settings.workspace import Community
from qunflow.store import quarantine
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.importing.events import EventFile, ImportReport, event_columns, import_events, preview
from qunflow.store.importing.mapping import parse_kinds, parse_map
from qunflow.store.tables import groups, imports, memberships
from qunflow.store.vault import Vault

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MAP = "actor=成员ID,event=事件,at=时间,group=群ID,amount=金额"
ROWS = [
    ("wmAlice00001", "入群", "2026-03-01 23:30", "小满1群", ""),
    ("wmAlice00001", "发言", "2026-03-02 00:10", "小满1群", ""),
    ("wmBobbb00001", "入群", "2026-03-02 09:00", "小满1群", ""),
    ("wmBobbb00001", "下单", "2026-03-02 10:00", "小满1群", "\uffe529.90"),
    ("wmBobbb00001", "退群", "2026-03-03 09:00", "小满1群", ""),
    ("wmCarol00001", "点赞", "2026-03-03 09:00", "", ""),
]
HEADER = ["成员ID", "事件", "时间", "群ID", "金额"]
COMMUNITY = Community(key="neighbours", name="小满邻里", type="购物", helper="helper_xm")  # type: ignore[call-arg]


class Desk:
    """What an operator imports into: one store with one known group."""

    def __init__(self, store: Store, vault: Vault, history: History, folder: Path) -> None:
        self.store, self.vault, self.history, self.folder = store, vault, history, folder
        row = {
            "community": "neighbours",
            "group_key": "g1",
            "chat_id": "wrOne",
            "name": "小满1群",
            "kind": "benefit_group",
        }
        with store.writing() as conn:
            conn.execute(groups.insert(), row)

    def file(self, path: Path, columns: str = MAP, **more: Any) -> EventFile:
        given = {"kinds": parse_kinds(""), "zone": SHANGHAI, **more}
        return EventFile(path, parse_map(columns), **given)

    def bring(self, path: Path, columns: str = MAP, now: datetime = NOW, **more: Any) -> ImportReport:
        file = self.file(path, columns, **more)
        return import_events(self.store, self.vault, self.history, file, COMMUNITY, now)

    def events(self) -> pd.DataFrame:
        return self.history.query("SELECT * FROM events ORDER BY happened_at, event_key")

    def stays(self) -> list[tuple[datetime, datetime | None]]:
        query = select(memberships.c.joined_at, memberships.c.left_at).order_by(memberships.c.joined_at)
        with self.store.reading() as conn:
            return [(row.joined_at, row.left_at) for row in conn.execute(query)]

    def rows_in(self, table: Any) -> int:
        with self.store.reading() as conn:
            return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def desk(store: Store, vault: Vault, history: History, tmp_path: Path) -> Desk:
    """A store with one group, and a folder for files."""
    return Desk(store, vault, history, tmp_path)


def frame(rows: list[tuple[str, ...]] = ROWS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=HEADER)


def csv_file(folder: Path, rows: list[tuple[str, ...]] = ROWS, name: str = "log.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    frame(rows).to_csv(path, index=False, encoding=encoding)
    return path


def excel_file(folder: Path) -> Path:
    path = folder / "log.xlsx"
    typed = frame().assign(时间=pd.to_datetime(frame()["时间"]))
    typed.to_excel(path, index=False)
    return path


def parquet_file(folder: Path) -> Path:
    path = folder / "log.parquet"
    frame().assign(时间=pd.to_datetime(frame()["时间"])).to_parquet(path)
    return path


def json_file(folder: Path) -> Path:
    path = folder / "log.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in frame().to_dict("records")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


FORMATS: dict[str, Callable[[Path], Path]] = {
    "CSV in UTF-8": csv_file,
    "CSV in UTF-8 with a mark": lambda folder: csv_file(folder, encoding="utf-8-sig"),
    "CSV in GBK": lambda folder: csv_file(folder, encoding="gbk"),
    "CSV in UTF-16": lambda folder: csv_file(folder, encoding="utf-16"),
    "Excel": excel_file,
    "Parquet": parquet_file,
    "JSON lines": json_file,
}


@pytest.mark.parametrize("written_as", FORMATS)
def test_every_format_says_the_same(desk: Desk, written_as: str) -> None:
    """The same log is the same events, whatever it is written in."""
    report = desk.bring(FORMATS[written_as](desk.folder))

    events = desk.events()
    assert (report.kept.events, report.kept.rows_quarantined, report.kept.already) == (6, 0, False)
    assert events["kind"].tolist() == ["join", "message", "join", "order", "leave", "other"]
    assert events["local_day"].tolist() == [date(2026, 3, day) for day in (1, 2, 2, 2, 3, 3)]
    assert events["happened_at"].iloc[0] == pd.Timestamp("2026-03-01T15:30Z")
    assert events["amount"].tolist() == [0, 0, 0, 2990, 0, 0]
    assert events["group_id"].tolist() == [1, 1, 1, 1, 1, 0]
    assert json.loads(events["props"].iloc[5]) == {"event": "点赞"}


def test_actors_become_numbers_and_are_found_again(desk: Desk) -> None:
    """History holds integers; a WeCom id leads to the same person as the roster's."""
    desk.bring(csv_file(desk.folder))

    with desk.store.reading() as conn:
        alice = desk.vault.known_persons(conn, "external_userid", ["wmAlice00001"]).get("wmAlice00001")
    events = desk.events()
    assert events["person_id"].iloc[0] == alice
    assert events["person_id"].nunique() == 3
    files = b"".join(path.read_bytes() for path in desk.history.directory.rglob("*.parquet"))
    assert b"wmAlice" not in files


def test_actors_of_another_tool_get_numbers_of_their_own(desk: Desk) -> None:
    """Ids that are not WeCom's are known for this community only, the same in every file."""
    rows = [("1007", "发言", "2026-03-01 10:00", "", ""), ("wmAlice00001", "发言", "2026-03-01 10:00", "", "")]
    desk.bring(csv_file(desk.folder, rows))

    with desk.store.reading() as conn:
        assert desk.vault.known_persons(conn, "imported:neighbours", ["1007"]).get("1007") is not None
        assert desk.vault.known_persons(conn, "external_userid", ["wmAlice00001"]).get("wmAlice00001") is None


def test_joins_and_leaves_of_a_known_group_become_memberships(desk: Desk) -> None:
    """Who joined and did not leave is in; who left has an end that says it came from an import."""
    report = desk.bring(csv_file(desk.folder))

    assert report.memberships == 2
    assert desk.stays() == [
        (datetime(2026, 3, 1, 15, 30, tzinfo=UTC), None),
        (datetime(2026, 3, 2, 1, tzinfo=UTC), datetime(2026, 3, 3, 1, tzinfo=UTC)),
    ]


def test_a_later_file_ends_the_stay_an_earlier_one_began(desk: Desk) -> None:
    """Files may split a log anywhere, and overlap; the same event comes in once."""
    desk.bring(csv_file(desk.folder, ROWS[:3], "january.csv"))
    assert len(desk.stays()) == 2

    report = desk.bring(csv_file(desk.folder, ROWS[1:], "february.csv"))

    assert report.kept.events == 3
    assert len(desk.events()) == 6
    assert [left is None for _, left in desk.stays()] == [True, False]


def test_an_earlier_file_that_comes_late_gives_the_same_stays(desk: Desk) -> None:
    """The order of the files does not matter."""
    desk.bring(csv_file(desk.folder, ROWS[4:], "later.csv"))
    assert desk.stays() == []

    desk.bring(csv_file(desk.folder, ROWS, "whole.csv"))

    assert [left is None for _, left in desk.stays()] == [True, False]


def test_equal_rows_stay_two_events_in_the_order_of_the_file(desk: Desk) -> None:
    """Two equal messages are two; a leave and a join of one minute keep their order."""
    rows = [
        ("7", "发言", "2026-03-01 10:00", "", ""),
        ("7", "发言", "2026-03-01 10:00", "", ""),
        ("7", "退群", "2026-03-01 10:00", "小满1群", ""),
        ("7", "入群", "2026-03-01 10:00", "小满1群", ""),
    ]
    desk.bring(csv_file(desk.folder, rows))

    assert desk.events()["kind"].tolist().count("message") == 2
    assert desk.events()["kind"].tolist()[-2:] == ["leave", "join"]
    assert desk.stays() == [(datetime(2026, 3, 1, 2, tzinfo=UTC), None)]


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    """The second import says so and leaves events, memberships and quarantine as they are."""
    path = csv_file(desk.folder, [*ROWS, ("", "发言", "2026-03-01 10:00", "", "")])
    first = desk.bring(path)

    again = desk.bring(path, now=NOW + timedelta(days=1))

    assert again.kept.already
    assert (again.kept.rows_kept, again.kept.rows_quarantined) == (6, 1)
    assert (first.kept.rows_kept, first.kept.rows_quarantined) == (6, 1)
    assert len(desk.events()) == 6
    assert (desk.rows_in(imports), desk.rows_in(memberships)) == (1, 2)


def test_the_same_file_under_another_mapping_is_refused(desk: Desk) -> None:
    """What was read one way is not silently read another way on top."""
    path = csv_file(desk.folder)
    desk.bring(path)

    with pytest.raises(BadInput, match="another mapping"):
        desk.bring(path, zone=ZoneInfo("UTC"))


def test_the_mapping_is_remembered(desk: Desk) -> None:
    """The next file with the same columns needs no mapping; one with others does."""
    desk.bring(csv_file(desk.folder))
    other = desk.folder / "other.csv"
    other.write_text("a,b\n1,2\n")

    with desk.store.reading() as conn:
        next_file = csv_file(desk.folder, ROWS[:1], "next.csv")
        assert event_columns(conn, next_file, "") == (parse_map(MAP), "remembered")
        with pytest.raises(BadInput, match="no column known to be actor, event, at"):
            event_columns(conn, other, "")


BAD_ROWS = [
    (("", "发言", "2026-03-01 10:00", "", ""), "no actor"),
    (("wmX00000001", "", "2026-03-01 10:00", "", ""), "no event"),
    (("wmX00000001", "发言", "前天", "", ""), "unreadable time"),
    (("wmX00000001", "发言", "2026-13-01 10:00", "", ""), "unreadable time"),
    (("wmX00000001", "发言", "", "", ""), "unreadable time"),
    (("wmX00000001", "发言", "2026-03-11 10:00", "", ""), "time in the future"),
    (("wmX00000001", "下单", "2026-03-01 10:00", "", "很多"), "unreadable amount"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason(desk: Desk, row: tuple[str, ...], reason: str) -> None:
    """One bad row never stops a file, and is never lost: it is sealed into the quarantine."""
    report = desk.bring(csv_file(desk.folder, [*ROWS, row]))

    assert report.preview.rejected == {reason: 1}
    assert (report.kept.rows_kept, report.kept.rows_quarantined) == (6, 1)
    with desk.store.reading() as conn:
        kept = quarantine.rows_of(conn, desk.vault, "retention")
    assert [(found.reason, found.row_ref, found.row["成员ID"]) for found in kept] == [(reason, "7", row[0])]


def test_lines_of_another_shape_are_kept_too(desk: Desk) -> None:
    """A line with too many fields, or one that is no JSON, is quarantined as it stands."""
    path = csv_file(desk.folder)
    with path.open("a", encoding="utf-8") as file:
        file.write("a,b,c\n")
    broken = json_file(desk.folder)
    broken.write_text(broken.read_text(encoding="utf-8") + "{oops\n[1]\n", encoding="utf-8")

    assert desk.bring(path).preview.rejected == {"3 fields instead of 5": 1}
    assert desk.bring(broken).preview.rejected == {"no JSON object": 2}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01 08:00", "2026-03-01T00:00Z"),
        ("2026/3/1 8:05", "2026-03-01T00:05Z"),
        ("2026年3月1日 8:05:09", "2026-03-01T00:05:09Z"),
        ("2026-03-01T08:00:00+02:00", "2026-03-01T06:00Z"),
        ("2026-03-01T08:00:00Z", "2026-03-01T08:00Z"),
        ("1772323200", "2026-03-01T00:00Z"),
        ("1772323200000", "2026-03-01T00:00Z"),
        ("2026-03-01", "2026-02-28T16:00Z"),
    ],
)
def test_times_as_people_and_tools_write_them(desk: Desk, text: str, instant: str) -> None:
    """Times without an offset are those of the zone; seconds, milliseconds and Chinese dates are understood."""
    desk.bring(csv_file(desk.folder, [("7", "发言", text, "", "")]))

    assert desk.events()["happened_at"].iloc[0] == pd.Timestamp(instant)


def test_an_hour_that_does_not_exist_is_told(desk: Desk) -> None:
    """The hour the clock skips in spring cannot have been; the one it repeats is the first."""
    rows = [("7", "发言", "2025-03-09 02:30", "", ""), ("7", "发言", "2025-11-02 01:30", "", "")]

    report = desk.bring(csv_file(desk.folder, rows), zone=ZoneInfo("America/New_York"))

    assert report.preview.rejected == {"unreadable time": 1}
    assert desk.events()["happened_at"].iloc[0] == pd.Timestamp("2025-11-02T05:30Z")


def test_a_preview_writes_nothing(desk: Desk) -> None:
    """What the file holds is told before anything happens."""
    file = desk.file(csv_file(desk.folder, [*ROWS, ("7", "发言", "2026-03-01 10:00", "别的群", "")]))

    with desk.store.reading() as conn:
        shown = preview(conn, file, COMMUNITY, NOW)

    assert (shown.rows_read, shown.actors, shown.first_day, shown.last_day) == (7, 4, "2026-03-01", "2026-03-03")
    assert shown.kinds == {"join": 2, "message": 2, "order": 1, "leave": 1, "other": 1}
    assert shown.unnamed == {"点赞": 1}
    assert (shown.groups, shown.unknown_groups) == ({"小满1群": 5}, {"别的群": 1})
    assert len(desk.events()) == 0
    assert desk.rows_in(imports) == 0


def test_kinds_may_be_renamed(desk: Desk) -> None:
    """A word the tool uses can stand for any kind, over the usual meaning too."""
    desk.bring(csv_file(desk.folder), kinds=parse_kinds("点赞=reply,发言=checkin"))

    assert desk.events()["kind"].tolist() == ["join", "checkin", "join", "order", "leave", "reply"]


def cut_parquet(folder: Path) -> Path:
    path = parquet_file(folder)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


UNREADABLE: list[tuple[Callable[[Path], Path], str]] = [
    (cut_parquet, "no whole Parquet file"),
    (written("x.csv", b""), "is empty"),
    (written("x.csv", b"\n \n"), "is empty"),
    (written("x.csv", "成员ID,事件,时间,群ID,金额\n".encode()), "has no rows"),
    (written("x.csv", b"a,a\n1,2\n"), "twice"),
    (written("x.csv", b"\x81\xff\xff\x00"), "neither UTF-8 nor GBK"),
    (written("x.xlsx", b"not a workbook"), "no readable Excel"),
    (written("x.jsonl", b"[]\n"), "no JSON object"),
    (written("x.pdf", b"%PDF"), "no format known here"),
    (lambda folder: folder / "missing.csv", "is not a file"),
]


@pytest.mark.parametrize(("make", "problem"), UNREADABLE)
def test_a_file_that_cannot_be_read_is_named(desk: Desk, make: Callable[[Path], Path], problem: str) -> None:
    """The message names the file, what is wrong with it and what to do; nothing is changed."""
    path = make(desk.folder)

    with pytest.raises(BadInput, match=problem) as caught:
        desk.bring(path)

    assert path.name in caught.value.problem
    assert caught.value.next_step
    assert desk.rows_in(imports) == 0


def test_a_missing_column_names_the_likely_one(desk: Desk) -> None:
    """A slip in the mapping is answered with the columns there are."""
    with pytest.raises(BadInput, match=r"成员 ID.*for actor") as caught:
        desk.bring(csv_file(desk.folder), "actor=成员 ID,event=事件,at=时间")

    assert "did you mean '成员ID'?" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("actor=a,event=b", "which column is at"),
        ("actor=a,event=b,when=c", "does not know 'when'"),
        ("actor=a,event", "not of the form"),
        ("", "which column is actor"),
    ],
)
def test_a_mapping_that_says_too_little_is_refused(text: str, problem: str) -> None:
    """The three meanings every log needs must be there, and nothing that does not exist."""
    with pytest.raises(BadInput, match=problem):
        parse_map(text)


def test_a_kind_that_does_not_exist_is_refused() -> None:
    """A typing mistake in --kinds is told before anything is read."""
    with pytest.raises(BadInput, match="'joined'") as caught:
        parse_kinds("入群=joined")

    assert "did you mean 'join'?" in caught.value.next_step


def test_a_file_without_a_usable_row_is_refused(desk: Desk) -> None:
    """A mapping that fits no row is a mistake of the mapping, not a thousand quarantined rows."""
    with pytest.raises(BadInput, match=r"no row of log\.csv can be used") as caught:
        desk.bring(csv_file(desk.folder), "actor=成员ID,event=事件,at=事件")

    assert "unreadable time: 6" in caught.value.problem
    assert desk.rows_in(quarantine.quarantine) == 0
