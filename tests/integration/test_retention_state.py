"""The tally on the disk: reads what is new, survives what happens to files and processes, and says what it did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from qunflow.retention import groups, measure
from qunflow.retention.events import Scope, counted
from qunflow.retention.measuring.facts import Columns
from qunflow.retention.tally.reading import cohort_rows, group_rows, matrix_rows
from qunflow.retention.tally.tally import Tally
from qunflow.store import retention_state
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.part_files import PartFiles
from qunflow.store.retention_state import Carried, Source, carry_on, settle

FIRST = date(2026, 3, 16)
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
THROUGH = date(2026, 5, 3)
ACTIVE = ("message", "click")
Answer = dict[str, Any]


@pytest.fixture
def store(sqlite_template: Path, tmp_path: Path) -> Any:
    """One engine is enough: the manifest is asked in plain SQL."""
    path = tmp_path / "qunflow.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def source(store: Store, history: History) -> Source:
    scope = Scope("c", (1, 2, 3), alone=True, day=THROUGH, now=NOW)
    return Source(history, store, scope, ACTIVE, ZONE)


def log(count: int, seed: int = 7) -> pd.DataFrame:
    """Events of two dozen people in three groups over seven weeks, dirt included, in no order."""
    luck = np.random.default_rng(seed)
    minutes = luck.integers(0, 49 * 1440, count)
    at = pd.Series(pd.Timestamp(FIRST, tz="UTC") + pd.to_timedelta(minutes, unit="min")).dt.as_unit("us")
    return pd.DataFrame(
        {
            "event_key": [f"k{seed}-{number}" for number in range(count)],
            "happened_at": at,
            "recorded_at": pd.Series([pd.Timestamp(NOW)] * count).dt.as_unit("us"),
            "local_day": at.dt.tz_convert(str(ZONE)).dt.date,
            "kind": luck.choice(["join", "leave", "message", "click", "order"], count, p=[0.25, 0.15, 0.4, 0.1, 0.1]),
            "person_id": luck.integers(1, 25, count),
            "group_id": luck.integers(1, 4, count),
        }
    )


def add(source: Source, name: str, frame: pd.DataFrame) -> None:
    source.store.write(lambda conn: source.history.append(conn, "test", name, frame))


def answers(tally: Tally, through: date = THROUGH) -> Answer:
    stay, classic, rolling = cohort_rows(tally, "week", through)
    return {
        "stay": stay,
        "classic": classic,
        "rolling": rolling,
        "matrix": matrix_rows(tally, "week", through),
        "groups": group_rows(tally, through),
    }


def run(source: Source, folder: Path) -> tuple[Answer, Carried]:
    return carry_on(folder, source, lambda tally, told: (answers(tally), told))


def afresh(source: Source, tmp_path: Path) -> Answer:
    """The same, made anew elsewhere."""
    return run(source, tmp_path / f"afresh-{len(list(tmp_path.glob('afresh-*')))}")[0]


def in_full(source: Source) -> Answer:
    """The same by the public engine and the expressions over the whole history."""
    events = counted(source.history.table(), source.scope)
    asked = {
        "period": "week",
        "timezone": ZONE.key,
        "date_to": THROUGH.isoformat(),
        "as_of": "2027-01-01",
        "target_event": "join",
        "returning_event": list(ACTIVE),
        "cohort_rule": "first_time",
        "definitions": ["stay", "classic", "rolling"],
    }
    columns = Columns("person_id", "happened_at", "kind", "group_id")
    measured = measure(events, asked, columns=columns, notes=False)
    found: Answer = {"stay": [], "classic": [], "rolling": []}
    for row in measured.rows:
        for place, name in enumerate(("stay", "classic", "rolling")):
            cells = {f"on_{k}": row.counts[1 + place * 5 + at] for at, k in enumerate((1, 3, 7, 14, 30))}
            if row.counts[0]:
                found[name].append({"cohort": date.fromisoformat(row.label), "size": row.counts[0], **cells})
    matrix = {**asked, "definitions": ["matrix"], "target_event": list(ACTIVE)}
    found["matrix"] = [
        {
            "cohort": date.fromisoformat(row.label),
            "distance": distance,
            "people": people,
        }
        for row in measure(events, matrix, columns=columns, notes=False).rows
        for distance, people in enumerate(row.counts)
        if people
    ]
    rows = groups.group_counts(events, ACTIVE, THROUGH).to_pandas().to_dict("records")
    found["groups"] = {
        int(row["group_id"]): {name: int(count) for name, count in row.items() if name != "group_id"}
        for row in sorted(rows, key=lambda row: row["group_id"])
    }
    return found


def test_what_came_since_is_read_and_nothing_else(source: Source, tmp_path: Path) -> None:
    """Day by day in any order, with the files of before moved away: to the last cell what a full count finds."""
    events = log(600).sort_values("local_day", kind="stable")
    past = events["local_day"] < date(2026, 4, 30)
    add(source, "old", events[past].sample(frac=0.8, random_state=1))
    assert run(source, tmp_path / "tally")[1].rebuilt == "new"
    add(source, "late", events[past].drop(events[past].sample(frac=0.8, random_state=1).index))
    run(source, tmp_path / "tally")
    hidden = tmp_path / "hidden"
    source.history.directory.rename(hidden)
    add(source, "newest", events[~past])

    found, told = run(source, tmp_path / "tally")

    assert (told.rows_read, told.rows_in_history, told.rebuilt) == (int((~past).sum()), 600, "")
    for path in hidden.glob("*/*"):
        (source.history.directory / path.parent.name).mkdir(exist_ok=True)
        path.rename(source.history.directory / path.parent.name / path.name)
    assert found == in_full(source)


def test_nothing_new_writes_nothing(source: Source, tmp_path: Path) -> None:
    """The same day twice: the same answers, and not a byte changed."""
    add(source, "all", log(80))
    first, _ = run(source, tmp_path / "tally")
    before = newest(tmp_path / "tally").read_bytes()

    again, told = run(source, tmp_path / "tally")

    assert (again, told.rows_read) == (first, 0)
    assert newest(tmp_path / "tally").read_bytes() == before


def test_people_become_one_and_two_again(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge and its split touch no file of the history, and leave what a full count finds."""
    add(source, "all", log(400))
    apart, _ = run(source, tmp_path / "tally")
    monkeypatch.setattr(retention_state, "aliases", lambda conn: {2: 1, 3: 1, 9: 8})
    monkeypatch.setattr("qunflow.store.history.aliases", lambda conn: {2: 1, 3: 1, 9: 8})
    merged, told = run(source, tmp_path / "tally")
    assert (merged, told.rows_read) == (in_full(source), 0)
    assert merged != apart
    monkeypatch.setattr(retention_state, "aliases", lambda conn: {})
    assert run(source, tmp_path / "tally")[0] == apart


def newest(folder: Path) -> Path:
    return max(folder.glob("parts-*"))


def cut(folder: Path, by: int = 7) -> None:
    newest(folder).write_bytes(newest(folder).read_bytes()[:-by])


def flip(folder: Path) -> None:
    content = bytearray(newest(folder).read_bytes())
    content[:-4000:64] = bytes(255 - byte for byte in content[:-4000:64])
    newest(folder).write_bytes(bytes(content))


def empty(folder: Path) -> None:
    newest(folder).write_bytes(b"")


def garble(folder: Path) -> None:
    content = newest(folder).read_bytes()
    newest(folder).write_bytes(content[:-60] + b"{}" + content[-58:])


def lose_everything(folder: Path) -> None:
    for path in folder.glob("*"):
        path.unlink()


def age(folder: Path) -> None:
    with PartFiles(folder) as parts:
        parts.commit({**parts.fields, "version": parts.fields["version"] - 1}, {})


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        *((harm, "damaged") for harm in (cut, flip, empty, garble)),
        (lose_everything, "new"),
        (age, "version"),
    ],
)
def test_harm_is_noticed_and_mended(source: Source, tmp_path: Path, harm: Callable[[Path], None], reason: str) -> None:
    """Cut off, changed, lost or of another version: made anew from the history, said, and right."""
    add(source, "all", log(120))
    expected, _ = run(source, tmp_path / "tally")
    harm(tmp_path / "tally")

    found, told = run(source, tmp_path / "tally")

    assert (found, told.rebuilt, told.rows_read) == (expected, reason, 120)
    assert run(source, tmp_path / "tally")[1].rebuilt == ""


def test_a_run_that_dies_leaves_the_tally_as_it_was(source: Source, tmp_path: Path) -> None:
    """Killed after reading: the next run reads the same again, and nothing is counted twice."""
    add(source, "old", log(100))
    run(source, tmp_path / "tally")
    add(source, "new", log(50, seed=8))

    def die(tally: Tally, told: Carried) -> None:
        answers(tally)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_on(tmp_path / "tally", source, die)

    found, told = run(source, tmp_path / "tally")
    assert (found, told.rows_read) == (afresh(source, tmp_path), 50)


def test_a_commit_cut_off_is_as_if_it_had_not_been(source: Source, tmp_path: Path) -> None:
    """Killed while writing: the state of the run before is found, what came since read again, the torn end is gone."""
    add(source, "old", log(100))
    run(source, tmp_path / "tally")
    whole = newest(tmp_path / "tally").stat().st_size
    add(source, "new", log(50, seed=8))
    expected, _ = run(source, tmp_path / "tally")
    grown = newest(tmp_path / "tally").stat().st_size
    for by in (1, 300, grown - whole - 1):
        cut(tmp_path / "tally", by)

        found, told = run(source, tmp_path / "tally")

        assert (found, told.rows_read, told.rebuilt) == (expected, 50, "")
        assert newest(tmp_path / "tally").stat().st_size == grown


def test_two_runs_at_once_count_once(source: Source, tmp_path: Path) -> None:
    """Of several runs at a time one reads what is new, the others wait and find it done."""
    add(source, "old", log(100))
    run(source, tmp_path / "tally")
    add(source, "new", log(50, seed=8))
    told: list[tuple[Answer, Carried]] = []
    threads = [threading.Thread(target=lambda: told.append(run(source, tmp_path / "tally"))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.rows_read for _, one in told) == [0, 0, 0, 50]
    expected = afresh(source, tmp_path)
    assert all(found == expected for found, _ in told)


def test_a_withdrawn_batch_is_taken_out(source: Source, tmp_path: Path) -> None:
    """An import that was undone is in no figure any more; the whole history is counted anew, and that is said."""
    add(source, "stays", log(100))
    expected, _ = run(source, tmp_path / "tally")
    add(source, "goes", log(50, seed=8))
    run(source, tmp_path / "tally")
    source.store.write(lambda conn: source.history.withdraw(conn, "goes", NOW))

    found, told = run(source, tmp_path / "tally")

    assert (found, told.rebuilt) == (expected, "withdrawn")


def test_files_put_together_are_not_read_again(source: Source, tmp_path: Path) -> None:
    """Compacting a day's files changes no event, so nothing is read; what was not read before still is."""
    frame = log(300)
    day = frame["local_day"].mode()[0]
    mine = frame[frame["local_day"] == day]
    add(source, "a", mine[:3])
    add(source, "b", mine[3:6])
    run(source, tmp_path / "tally")
    source.store.write(lambda conn: source.history.compact(conn, day, NOW))
    assert (run(source, tmp_path / "tally")[1].rows_read, run(source, tmp_path / "tally")[1].rebuilt) == (0, "")
    add(source, "rest", frame[frame["local_day"] != day])
    add(source, "c", mine[6:])
    source.store.write(lambda conn: source.history.compact(conn, day, NOW))

    found, told = run(source, tmp_path / "tally")

    assert told.rebuilt == "withdrawn"
    assert found == afresh(source, tmp_path)


def test_an_event_of_the_future_counts_when_it_has_happened(source: Source, tmp_path: Path) -> None:
    """What a wrong clock wrote ahead is held back, told, and counted once its time has come."""
    add(source, "all", log(200))
    early = replace(source, scope=replace(source.scope, now=datetime(2026, 4, 6, 12, tzinfo=UTC)))

    found, told = run(early, tmp_path / "tally")
    assert told.in_the_future > 20
    assert found == afresh(early, tmp_path)

    found, told = run(source, tmp_path / "tally")
    assert (told.in_the_future, told.rows_read, found) == (0, 0, afresh(source, tmp_path))
    assert run(early, tmp_path / "tally")[1].rebuilt == "clock"


def test_other_settings_make_another_tally(source: Source, tmp_path: Path) -> None:
    """Another choice of active kinds or another zone is counted from the beginning."""
    add(source, "all", log(100))
    run(source, tmp_path / "tally")

    told = run(replace(source, kinds=("order",)), tmp_path / "tally")[1]

    assert told.rebuilt == "settings"


def test_several_communities_keep_to_their_own(source: Source, tmp_path: Path) -> None:
    """Of groups, imports and people: a click outside any group counts once its person was seen in a group."""
    mine = replace(source, scope=replace(source.scope, alone=False, group_ids=(1, 2)))
    first, later = log(150), log(60, seed=8)
    outside = log(80, seed=9).assign(group_id=0, kind="click", person_id=lambda rows: rows["person_id"] + 15)
    add(mine, "a", first)
    add(mine, "b", outside)
    run(mine, tmp_path / "tally")
    add(mine, "c", later.assign(person_id=later["person_id"] + 15))

    found, told = run(mine, tmp_path / "tally")

    assert (found, told.rebuilt) == (in_full(mine), "")
    wider = replace(mine, scope=replace(mine.scope, group_ids=(1, 2, 3)))
    found, told = run(wider, tmp_path / "tally")
    assert (found, told.rebuilt) == (in_full(wider), "settings")


def test_late_days_are_told_until_they_are_settled(source: Source, tmp_path: Path) -> None:
    """Days before the newest that changed are named, again and again, until their figures were measured anew."""
    frame = log(200)
    newest = frame["local_day"].max()
    add(source, "now", frame)
    run(source, tmp_path / "tally")
    late = log(1, seed=11).assign(kind="message", person_id=3)
    day = late["local_day"].iloc[0]
    add(source, "late", late)
    expected = ((day - date(1970, 1, 1)).days,) if day < newest else ()

    assert run(source, tmp_path / "tally")[1].reopened == expected
    assert run(source, tmp_path / "tally")[1].reopened == expected
    settle(tmp_path / "tally", expected)
    assert run(source, tmp_path / "tally")[1].reopened == ()


def test_what_lies_about_unused_is_cleared(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many runs leave one file that is not much longer than what is in use, and the answers stay."""
    for name, most in (("SPARE_BYTES", 0), ("SPARE_TIMES", 1)):
        monkeypatch.setattr(f"qunflow.store.part_files.{name}", most)
    frame, names = log(400).sort_values("happened_at"), set()
    for number in range(10):
        add(source, f"b{number}", frame[number * 40 : number * 40 + 40])
        found, _ = run(source, tmp_path / "tally")
        names.add(newest(tmp_path / "tally").name)

    assert found == afresh(source, tmp_path)
    assert len(names) > 1
    assert len(list((tmp_path / "tally").glob("parts-*"))) == 1
    anew = newest(max(tmp_path.glob("afresh-*"))).stat().st_size
    assert newest(tmp_path / "tally").stat().st_size < 4 * anew
