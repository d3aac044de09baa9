"""Liveness of workers: the dead are told from the slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from qunflow.delivery.workers import FileLocks, Leases, database_time
from qunflow.store.engine import Store
from qunflow.store.tables import workers
from tests.unit.delivery.platform_fake import NOON

_HOLD = """
import sys
from pathlib import Path
from qunflow.delivery.workers import FileLocks
with FileLocks(Path(sys.argv[1])).working() as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def _holder(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@dataclass
class Hosts:
    """Two machines that share a database and its clock."""

    store: Store
    folder: Path
    at: datetime = NOON

    def leases(self, host: str) -> Leases:
        locks = FileLocks(self.folder / host)
        return Leases(self.store, locks, host=host, lease_s=60, time_of=lambda _conn: self.at)

    def dead(self, seen_from: str, *names: str) -> set[str]:
        with self.store.reading() as conn:
            return self.leases(seen_from).dead(conn, names)


@pytest.fixture
def hosts(store: Store, tmp_path: Path) -> Hosts:
    """The machines a and b."""
    return Hosts(store, tmp_path)


def test_a_worker_lives_inside_its_block_only(store: Store, tmp_path: Path) -> None:
    """Alive inside, dead and without a file afterwards."""
    locks = FileLocks(tmp_path)
    with locks.working() as name, store.reading() as conn:
        assert locks.dead(conn, [name]) == set()
        assert locks.beat(name)
    assert locks.is_dead(name)
    assert list((tmp_path / "state" / "workers").iterdir()) == []


def test_a_paused_process_is_alive_and_a_killed_one_is_dead(tmp_path: Path) -> None:
    """The kernel gives the lock back at death, not at a pause; the next worker sweeps the file away."""
    locks = FileLocks(tmp_path)
    process, name = _holder(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    assert not locks.is_dead(name)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    assert locks.is_dead(name)
    with locks.working() as next_one:
        assert [path.stem for path in (tmp_path / "state" / "workers").iterdir()] == [next_one]


def test_a_worker_nobody_knows_is_dead(tmp_path: Path) -> None:
    """Without a file there is nobody."""
    assert FileLocks(tmp_path).is_dead("nobody")


def test_another_machine_waits_for_the_end_of_a_lease(hosts: Hosts) -> None:
    """A worker elsewhere lives as long as it beats, and for its lease after the last beat."""
    there = hosts.leases("a")
    with there.working() as name:
        hosts.at += timedelta(seconds=50)
        assert there.beat(name)
        hosts.at += timedelta(seconds=50)
        assert hosts.dead("b", name) == set()
        hosts.at += timedelta(seconds=20)
        assert hosts.dead("b", name) == {name}


def test_on_its_own_machine_the_lock_decides_not_the_lease(hosts: Hosts) -> None:
    """A paused worker is never taken for dead by a neighbour who can see its lock."""
    with hosts.leases("a").working() as name:
        hosts.at += timedelta(days=1)
        assert hosts.dead("a", name) == set()


def test_a_worker_that_was_taken_for_dead_learns_it_before_its_next_call(hosts: Hosts) -> None:
    """Its beat is refused once another machine has settled what it left."""
    there = hosts.leases("a")
    with there.working() as name:
        hosts.at += timedelta(seconds=61)
        with hosts.leases("b").working():
            assert not there.beat(name)


def test_who_leaves_is_forgotten(hosts: Hosts) -> None:
    """A worker that ended its round is dead to all, and has no row."""
    with hosts.leases("a").working() as name:
        pass
    assert hosts.dead("b", name) == {name}
    with hosts.store.reading() as conn:
        assert conn.execute(select(workers)).all() == []


def test_leases_run_by_the_databases_clock(store: Store, tmp_path: Path) -> None:
    """Two machines may disagree about the time; the database has one."""
    leases = Leases(store, FileLocks(tmp_path))
    with leases.working() as name, store.reading() as conn:
        beat_at = conn.execute(select(workers.c.beat_at)).scalar_one()
        assert abs((beat_at - database_time(conn)).total_seconds()) < 60
        assert leases.dead(conn, [name]) == set()
