"""Calls that come together share one commit, and nobody is answered before it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from qunflow.sandbox.commits import Commits
from qunflow.sandbox.storage import Storage


class Counted(Storage):
    """A storage that counts its commits and can be told to fail."""

    commits = 0
    broken = False

    def commit(self) -> None:
        """Count, then commit."""
        self.commits += 1
        if self.broken:
            raise sqlite3.OperationalError("disk full")
        super().commit()


def lines_seen_by_another(path: Path) -> int:
    """How many log lines somebody else finds in the file."""
    with sqlite3.connect(path) as other:
        return int(other.execute("SELECT count(*) FROM log").fetchone()[0])


def test_calls_that_come_together_share_one_commit_and_hear_of_it_afterwards(tmp_path: Path) -> None:
    """Twenty callers, one commit; each finds all twenty lines on disk when its wait ends."""
    path = tmp_path / "box.sqlite3"
    storage = Counted(str(path))
    commits, found = Commits(storage), []

    async def call(nth: int) -> None:
        storage.note_log({"nth": nth})
        await commits.settled()
        found.append(lines_seen_by_another(path))

    async def all_at_once() -> None:
        await asyncio.gather(*(call(nth) for nth in range(20)))

    asyncio.run(all_at_once())
    assert (storage.commits, found) == (1, [20] * 20)


def test_a_reader_waits_for_what_it_may_have_seen_and_otherwise_for_nothing(tmp_path: Path) -> None:
    """With a line under way a read is answered after it is durable; with none at once."""
    path = tmp_path / "box.sqlite3"
    storage = Counted(str(path))
    commits = Commits(storage)

    async def read() -> int:
        await commits.settled()
        return storage.commits

    async def read_twice() -> list[int]:
        before = await read()
        storage.note_log({"nth": 1})
        return [before, await read(), await read()]

    assert asyncio.run(read_twice()) == [0, 1, 1]


def test_a_caller_who_goes_away_does_not_end_the_wait_of_the_others(tmp_path: Path) -> None:
    """A cancelled call leaves its neighbour's line to be written."""
    storage = Counted(str(tmp_path / "box.sqlite3"))
    commits = Commits(storage)

    async def one_leaves() -> None:
        storage.note_log({"nth": 1})
        impatient = asyncio.ensure_future(commits.settled())
        patient = asyncio.ensure_future(commits.settled())
        await asyncio.sleep(0)
        impatient.cancel()
        await patient

    asyncio.run(one_leaves())
    assert not storage.owes_log


def test_a_disk_that_fails_is_told_to_everybody_who_waited(tmp_path: Path) -> None:
    """Nobody gets an answer for a line that is not on disk."""
    storage = Counted(str(tmp_path / "box.sqlite3"))
    commits, storage.broken = Commits(storage), True

    async def call() -> None:
        storage.note_log({"nth": 1})
        await commits.settled()

    async def two() -> list[BaseException | None]:
        return await asyncio.gather(call(), call(), return_exceptions=True)

    assert [type(one) for one in asyncio.run(two())] == [sqlite3.OperationalError] * 2


@pytest.mark.parametrize("path", [":memory:", "box.sqlite3"])
def test_memory_and_file_settle_alike(tmp_path: Path, path: str) -> None:
    """A sandbox without a file keeps the same order of things."""
    storage = Storage(path if path == ":memory:" else str(tmp_path / path))
    storage.note_log({"nth": 1})
    assert storage.owes_log
    asyncio.run(Commits(storage).settled())
    assert not storage.owes_log
