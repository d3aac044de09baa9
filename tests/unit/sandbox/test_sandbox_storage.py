"""What survives: records, log and events, written together."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from qunflow.errors import BadInput, SchemaMismatch
from qunflow.sandbox.records import Chat, Counter
from qunflow.sandbox.shelf import Shelf
from qunflow.sandbox.storage import Storage


def chats() -> Shelf[Chat]:
    """An empty shelf of groups."""
    return Shelf(Chat, lambda chat: chat.chat_id, owner=lambda chat: chat.owner)


def test_records_come_back_with_their_look_ups(tmp_path: Path) -> None:
    """A changed record is found under its new property only, also after a restart."""
    path = str(tmp_path / "box.sqlite3")
    first = Storage(path)
    shelf = chats()
    first.attach(shelf)
    shelf.put(Chat("wr1", "一群", "zhou", ["lin"], 1))
    shelf.put(Chat("wr2", "二群", "zhou", [], 2))
    shelf.put(Chat("wr1", "一群", "he", ["lin"], 1))
    first.close()
    again = chats()
    Storage(path).attach(again)
    assert [chat.chat_id for chat in again.where("owner", "zhou")] == ["wr2"]
    assert again["wr1"] == Chat("wr1", "一群", "he", ["lin"], 1)


def test_nothing_is_kept_without_commit(tmp_path: Path) -> None:
    """A log line and the record it caused appear together or not at all."""
    path = str(tmp_path / "box.sqlite3")
    storage = Storage(path)
    counters = Shelf(Counter, lambda counter: counter.name)
    storage.attach(counters)
    counters.put(Counter("a", 1))
    storage.note_log({"path": "x"})
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM log").fetchone() == (0,)
    storage.commit()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM log").fetchone() == (1,)
        assert other.execute("SELECT body FROM records").fetchall() == [('{"name":"a","value":1}',)]


def test_what_came_and_went_between_two_commits_is_never_written(tmp_path: Path) -> None:
    """A record that was written is removed; one that never was leaves no trace; one put again is there."""
    path = str(tmp_path / "box.sqlite3")
    storage, counters = Storage(path), Shelf(Counter, lambda counter: counter.name)
    storage.attach(counters)
    counters.put(Counter("old", 1))
    storage.commit()
    for name in ("old", "brief", "back"):
        counters.put(Counter(name, 2))
        counters.drop(name)
    counters.put(Counter("back", 3))
    assert counters.take_changes() == [("old", None), ("back", '{"name":"back","value":3}')]


def test_changing_a_record_keeps_the_rest_and_its_look_ups() -> None:
    """Only the named values differ, and an unknown name is an error."""
    shelf = chats()
    first = shelf.put(Chat("wr1", "一群", "zhou", ["lin"], 1))
    assert (
        shelf.change(first, owner="he", version=4) == shelf["wr1"] == Chat("wr1", "一群", "he", ["lin"], 1, version=4)
    )
    assert (shelf.first("owner", "he"), shelf.first("owner", "zhou")) == (shelf["wr1"], None)
    with pytest.raises(TypeError):
        shelf.change(first, colour="red")


def test_state_in_memory_writes_no_records() -> None:
    """Nobody could ever read them back; the log is kept all the same."""
    storage, counters = Storage(":memory:"), Shelf(Counter, lambda counter: counter.name)
    storage.attach(counters)
    counters.put(Counter("a", 1))
    storage.note_log({"path": "x"})
    storage.commit()
    assert (counters.take_changes(), len(list(storage.log_lines())), len(counters)) == ([], 1, 1)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """The message names the file and the next step."""
    path = str(tmp_path / "box.sqlite3")
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaMismatch, match="99"):
        Storage(path)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A missing folder and a file that is no database are told in words."""
    other = tmp_path / "notes.txt"
    other.write_text("no database, but long enough to be looked at as one" * 50)
    for path in (tmp_path / "nowhere" / "box.sqlite3", other):
        with pytest.raises(BadInput, match=path.name):
            Storage(str(path))
