"""History shows an event once, or not at all: through retries, crashes, damaged files and full disks."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.errors import BadInput, PermanentError
from qunflow.store.engine import Store
from qunflow.store.history import DAILY_FILES_UP_TO, History
from qunflow.store.migrate import upgrade

AT = datetime(2026, 3, 10, 1, tzinfo=UTC)
FIRST = date(2026, 3, 1)
_salt = count()


def events(*keys: str, day: date = FIRST, kind: str = "message", recorded_at: datetime = AT) -> pd.DataFrame:
    at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    return pd.DataFrame(
        {
            "event_key": list(keys),
            "happened_at": pd.to_datetime([at] * len(keys)),
            "recorded_at": pd.to_datetime([recorded_at] * len(keys)),
            "local_day": [day] * len(keys),
            "kind": kind,
            "person_id": range(1, len(keys) + 1),
        }
    )


def add(store: Store, history: History, name: str, frame: pd.DataFrame) -> int:
    return store.write(lambda conn: history.append(conn, "test", name, frame))


def keys(history: History) -> list[str]:
    return list(history.query("SELECT event_key FROM events ORDER BY event_key")["event_key"])


def files(history: History) -> list[Path]:
    return sorted(path for path in history.directory.rglob("*") if path.is_file())


def test_an_empty_history_can_be_asked(history: History) -> None:
    """Before the first event every query works and finds nothing, with the right columns."""
    found = history.query("SELECT * FROM events")
    assert len(found) == 0
    assert "event_key" in found.columns
    assert history.table().count().execute() == 0


def test_appended_events_come_back_as_they_were(store: Store, history: History) -> None:
    """Instants return in UTC, days as dates, numbers as integers."""
    assert add(store, history, "b1", events("a", "b")) == 2
    row = history.query("SELECT * FROM events WHERE event_key = $key", key="b").iloc[0]
    assert row["happened_at"] == pd.Timestamp("2026-03-01 04:00", tz="UTC")
    assert row["recorded_at"] == pd.Timestamp(AT)
    assert row["local_day"] == FIRST
    assert (row["person_id"], row["group_id"], row["source"]) == (2, 0, "test")


def test_local_time_can_be_asked_for_without_any_download(store: Store, history: History) -> None:
    """Zones are part of the reader, nothing is fetched."""
    add(store, history, "b1", events("a"))
    found = history.query("SELECT hour(happened_at AT TIME ZONE 'Asia/Shanghai') AS hour FROM events")
    assert list(found["hour"]) == [12]


def test_ibis_and_duckdb_read_the_same_events(store: Store, history: History) -> None:
    """The Ibis table and the relation show what the query shows."""
    add(store, history, "b1", events("a", "b", "c"))
    table = history.table()
    assert sorted(table.filter(table.person_id > 1).event_key.execute()) == ["b", "c"]
    assert history.relation().aggregate("count(*)").fetchall() == [(3,)]


def test_the_same_batch_twice_changes_nothing(store: Store, history: History) -> None:
    """A retry of a batch, even with other content, leaves files and events as they were."""
    add(store, history, "b1", events("a", "b"))
    before = files(history)
    assert add(store, history, "b1", events("a", "b", "c", recorded_at=AT + timedelta(hours=1))) == 0
    assert files(history) == before
    assert keys(history) == ["a", "b"]


def test_an_event_of_another_batch_is_not_shown_twice(store: Store, history: History) -> None:
    """Overlapping exports add only what is new."""
    add(store, history, "export 1", events("a", "b"))
    assert add(store, history, "export 2", events("b", "c")) == 1
    assert add(store, history, "export 3", events("a", "c")) == 0
    assert keys(history) == ["a", "b", "c"]


def test_two_batches_with_names_that_read_alike_stay_apart(store: Store, history: History) -> None:
    """Names that make the same file name do not overwrite each other."""
    add(store, history, "inbox:form/1", events("a"))
    add(store, history, "inbox form 1", events("b"))
    assert keys(history) == ["a", "b"]


def test_a_transaction_sees_its_own_events_before_others_do(store: Store, history: History) -> None:
    """What is appended becomes visible with the commit, to its own transaction at once."""
    with store.writing() as conn:
        history.append(conn, "test", "b1", events("a"))
        assert len(history.query("SELECT * FROM events", conn=conn)) == 1
        assert len(history.query("SELECT * FROM events")) == 0
    assert keys(history) == ["a"]


def test_events_of_an_undone_transaction_are_never_read(store: Store, history: History) -> None:
    """The file of a transaction that failed stays an orphan; the retry shows its events once."""
    with pytest.raises(ZeroDivisionError), store.writing() as conn:
        history.append(conn, "test", "b1", events("a"))
        raise ZeroDivisionError
    assert len(files(history)) == 1
    assert keys(history) == []
    assert add(store, history, "b1", events("a", recorded_at=AT + timedelta(seconds=9))) == 1
    assert keys(history) == ["a"]


def test_half_written_and_foreign_files_are_never_read(store: Store, history: History) -> None:
    """Files nobody committed do not disturb a query."""
    add(store, history, "b1", events("a"))
    folder = files(history)[0].parent
    (folder / ".b2.parquet.tmp").write_bytes(b"PAR1 half")
    (folder / "b3.parquet").write_bytes(files(history)[-1].read_bytes())
    (folder / "b4.parquet").write_bytes(b"PAR1")
    assert keys(history) == ["a"]


@pytest.mark.parametrize("keep", [0, 4, 0.5, -1])
def test_a_truncated_file_is_named(store: Store, history: History, keep: float) -> None:
    """Cut off anywhere, the file is named with how to get it back."""
    add(store, history, "b1", events("a"))
    path = files(history)[0]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)] if keep == 0.5 else content[: int(keep)])
    with pytest.raises(BadInput) as damage:
        keys(history)
    assert str(path) in damage.value.problem
    assert "restore it from a backup" in damage.value.next_step


def test_a_file_whose_bytes_changed_is_named(store: Store, history: History) -> None:
    """Rubbish of the right length is noticed when it cannot be read, and by `verify` in any case."""
    add(store, history, "b1", events("a"))
    path = files(history)[0]
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        keys(history)
    with store.reading() as conn, pytest.raises(BadInput, match="content changed"):
        history.verify(conn)


def test_a_file_that_was_exchanged_is_named(store: Store, history: History) -> None:
    """A sound file with other events in the place of a batch is not read."""
    add(store, history, "b1", events("a"))
    add(store, history, "b2", events("b", "c", "d", day=FIRST + timedelta(days=1)))
    first, second = files(history)
    first.write_bytes(second.read_bytes())
    with pytest.raises(BadInput, match="bytes of"):
        keys(history)


def test_a_missing_file_is_named(store: Store, history: History) -> None:
    """A file somebody deleted is not passed over in silence."""
    add(store, history, "b1", events("a"))
    files(history)[0].unlink()
    with pytest.raises(BadInput, match="it is missing"):
        keys(history)


def test_whole_files_verify(store: Store, history: History) -> None:
    """Every file of a sound history is counted."""
    add(store, history, "b1", events("a"))
    add(store, history, "b2", events("b", day=FIRST + timedelta(days=1)))
    with store.reading() as conn:
        assert history.verify(conn) == 2


def test_only_the_days_asked_for_are_read(store: Store, history: History) -> None:
    """A damaged file of another day does not stop a question about today."""
    add(store, history, "b1", events("a"))
    files(history)[0].write_bytes(b"")
    add(store, history, "b2", events("b", day=FIRST + timedelta(days=1)))
    later = FIRST + timedelta(days=1)
    assert list(history.query("SELECT event_key FROM events", since=later)["event_key"]) == ["b"]


def test_a_question_without_words_is_no_answer(history: History) -> None:
    """SQL that holds nothing but a comment is told as such."""
    with pytest.raises(BadInput, match="answers nothing"):
        history.query("-- SELECT * FROM events")


def test_years_are_cut_by_month_and_days_by_day(store: Store, history: History) -> None:
    """An import of years makes one file a month; a few days make one file each."""
    days = [FIRST + timedelta(days=n) for n in range(DAILY_FILES_UP_TO + 1)]
    add(store, history, "long", pd.concat([events(f"long {day}", day=day) for day in days]))
    assert [path.parent.name for path in files(history)] == ["month=2026-03", "month=2026-04", "month=2026-05"]
    add(store, history, "short", pd.concat([events(f"short {day}", day=day) for day in days[:3]]))
    assert [path.parent.name for path in files(history)][:3] == [f"day=2026-03-0{n}" for n in (1, 2, 3)]
    assert len(keys(history)) == len(days) + 3


def test_compaction_shows_the_same_events_from_one_file(store: Store, history: History) -> None:
    """Many small files of a day become one; nothing is lost, doubled or left unreadable for running readers."""
    for n in range(4):
        add(store, history, f"b{n}", events(f"a{n}", f"b{n}"))
    running = history.relation()
    before = keys(history)
    assert store.write(lambda conn: history.compact(conn, FIRST, AT)) == 4
    assert keys(history) == before
    assert running.aggregate("count(*)").fetchall() == [(8,)]
    with store.reading() as conn:
        assert len(history.batches(conn)) == 1
    assert store.write(lambda conn: history.compact(conn, FIRST, AT)) == 0
    assert add(store, history, "b0", events("a0", "b0")) == 0


def test_sweeping_deletes_only_what_nobody_can_see(store: Store, history: History) -> None:
    """Replaced and orphaned files go once they are old enough; visible ones stay."""
    for n in range(3):
        add(store, history, f"b{n}", events(f"a{n}"))
    store.write(lambda conn: history.compact(conn, FIRST, AT))
    (files(history)[0].parent / ".left.tmp").write_bytes(b"PAR1")
    with store.reading() as conn:
        assert history.sweep(conn, datetime(2000, 1, 1, tzinfo=UTC)) == 0
        assert history.sweep(conn, datetime(2100, 1, 1, tzinfo=UTC)) == 4
        assert history.verify(conn) == 1
    assert len(files(history)) == 1


def test_two_programs_appending_one_batch_show_it_once(store: Store, history: History) -> None:
    """Of several runs that append the same batch at once, one wins and all end well."""
    added: list[int] = []
    frames = [events("a", "b", recorded_at=AT + timedelta(seconds=n)) for n in range(4)]
    threads = [threading.Thread(target=lambda f=frame: added.append(add(store, history, "b1", f))) for frame in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 2]
    assert keys(history) == ["a", "b"]


BATCHES = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.integers(0, 12), max_size=6), st.integers(0, 2), st.booleans()),
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_any_mix_of_retries_and_failures_shows_every_committed_event_once(
    store: Store, history: History, batches: list[tuple[int, list[int], int, bool]]
) -> None:
    """Whatever is repeated, overlaps or fails half-way: visible are the first committed batches, each key once."""
    salt = next(_salt)
    expected: set[str] = set()
    named: set[int] = set()
    for name, numbers, day, fails in batches:
        frame = events(*(f"{salt}:{number}" for number in numbers), day=FIRST + timedelta(days=day))
        # One key belongs to one day, as an event happens once.
        frame["local_day"] = [FIRST + timedelta(days=number % 3) for number in numbers]
        try:
            with store.writing() as conn:
                history.append(conn, "test", f"{salt}:{name}", frame)
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
        if name not in named:
            new = set(frame["event_key"]) - expected
            expected |= new
            # A batch that added nothing has left no name behind, and may come again.
            named |= {name} if new else set()
    found = history.query("SELECT event_key FROM events WHERE starts_with(event_key, $salt)", salt=f"{salt}:")
    assert sorted(found["event_key"]) == sorted(expected)


PROGRAM = """
import os, resource, signal, sys
import pandas as pd
from datetime import UTC, date, datetime
from pathlib import Path
from qunflow.errors import PermanentError
from qunflow.store.engine import Store
from qunflow.store.history import History

folder, how = Path(sys.argv[1]), sys.argv[2]
store = Store.open(f"sqlite:///{folder / 'q.sqlite3'}")
history = History(folder / "history", store)
at = datetime(2026, 3, 1, 4, tzinfo=UTC)
rows = 20_000 if how == "full" else 10
frame = pd.DataFrame({
    "event_key": [f"{n * 7919 % 1000003}-{n}" for n in range(rows)], "happened_at": pd.to_datetime([at] * rows),
    "recorded_at": pd.to_datetime([at] * rows), "local_day": date(2026, 3, 1), "kind": "message",
    "person_id": range(rows),
})
if how == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    with store.writing() as conn:
        history.append(conn, "test", "b1", frame)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
except PermanentError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a migrated SQLite store, for programs of their own."""
    upgrade(f"sqlite:///{tmp_path / 'q.sqlite3'}")
    return tmp_path


def run(workspace: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", dedent(PROGRAM), str(workspace), how]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_full_disk_leaves_no_half_file_and_no_event(workspace: Path) -> None:
    """The step stops in words; nothing of the batch is on the disk or visible, and it can be run again."""
    stopped = run(workspace, "full")
    assert stopped.returncode == PermanentError.exit_code, stopped.stderr
    assert "could not be written" in stopped.stdout
    store = Store.open(f"sqlite:///{workspace / 'q.sqlite3'}")
    history = History(workspace / "history", store)
    assert files(history) == []
    assert keys(history) == []
    assert run(workspace, "well").returncode == 0
    assert len(keys(history)) == 10
    store.close()


def test_a_run_killed_before_its_commit_can_be_repeated(workspace: Path) -> None:
    """After kill -9 between file and commit the orphan is not read, and the same batch then appears once."""
    assert run(workspace, "killed").returncode == -9
    store = Store.open(f"sqlite:///{workspace / 'q.sqlite3'}")
    history = History(workspace / "history", store)
    assert len(files(history)) == 1
    assert keys(history) == []
    assert run(workspace, "well").returncode == 0
    assert len(keys(history)) == 10
    store.close()
