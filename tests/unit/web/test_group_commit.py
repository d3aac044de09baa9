"""Rows of many requests in one commit: who is told what, and that one bad row harms nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait

import pytest
from fastapi.testclient import TestClient

from qunflow.errors import PermanentError, StoreBusy
from qunflow.store import inbox
from qunflow.store.inbox import SealedRow
from qunflow.web.app import create_app
from qunflow.web.committing import GroupCommit
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import sign

ENTRY = b'{"entry": {"serial_number": 1}}'


class Disk:
    """Commits that can be held back, and fail as told; remembers what each commit held."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.fails: Callable[[Sequence[SealedRow]], None] = lambda _rows: None

    def __call__(self, rows: Sequence[SealedRow]) -> list[bool]:
        """One commit."""
        self.entered.set()
        self.open.wait(5)
        self.fails(rows)
        self.commits.append([one.key_digest for one in rows])
        return [True] * len(rows)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that is let go in the end, whatever a test held back."""
    made = Disk()
    yield made
    made.open.set()


def row(key: str) -> SealedRow:
    """A row of some key."""
    return SealedRow("form", key, b"sealed")


def behind(disk: Disk, way_in: GroupCommit) -> None:
    """Let a first row be in a commit that does not end yet."""
    disk.open.clear()
    way_in.put(row("first"))
    assert disk.entered.wait(5)


def test_rows_that_wait_together_share_one_commit(disk: Disk) -> None:
    """What comes in while a commit is under way goes into the next one, all of it, in order."""
    sizes: list[int] = []
    way_in = GroupCommit(disk, told=sizes.append)
    behind(disk, way_in)
    answers = [way_in.put(row(f"{n}")) for n in range(50)]
    disk.open.set()
    assert all(one.result(5) for one in answers)
    assert disk.commits == [["first"], [f"{n}" for n in range(50)]]
    assert sizes == [1, 50]


def test_nobody_is_answered_before_the_commit(disk: Disk) -> None:
    """While the disk has not taken the row, its request waits."""
    way_in = GroupCommit(disk)
    disk.open.clear()
    answer = way_in.put(row("a"))
    assert disk.entered.wait(5)
    assert not wait([answer], timeout=0.05).done
    disk.open.set()
    assert answer.result(5)


def test_one_bad_row_takes_no_other_with_it(disk: Disk) -> None:
    """A batch that fails is tried row by row: only the row to blame is refused."""

    def no_bad_one(rows: Sequence[SealedRow]) -> None:
        if any(one.key_digest == "bad" for one in rows):
            raise ValueError("bad")

    disk.fails = no_bad_one
    way_in = GroupCommit(disk)
    behind(disk, way_in)
    answers = {key: way_in.put(row(key)) for key in ("a", "bad", "c")}
    disk.open.set()
    assert (answers["a"].result(5), answers["c"].result(5)) == (True, True)
    assert isinstance(answers["bad"].exception(5), ValueError)
    assert disk.commits == [["first"], ["a"], ["c"]]


@pytest.mark.parametrize("error", [StoreBusy("locked"), PermanentError("full")])
def test_a_database_that_fails_is_not_asked_row_by_row(disk: Disk, error: Exception) -> None:
    """A locked or full database refuses the whole batch at once: asking for each row would only take longer."""
    asked: list[int] = []

    def refuse(rows: Sequence[SealedRow]) -> None:
        asked.append(len(rows))
        raise error

    disk.fails = refuse
    way_in = GroupCommit(disk)
    behind(disk, way_in)
    answers = [way_in.put(row(f"{n}")) for n in range(3)]
    disk.open.set()
    assert [one.exception(5) for one in answers] == [error] * 3
    assert asked == [1, 3]


def test_the_writer_goes_on_after_a_failure(disk: Disk) -> None:
    """The next row after a failed commit is kept as if nothing had been."""
    failures = [ValueError("once")]

    def once(_rows: Sequence[SealedRow]) -> None:
        if failures:
            raise failures.pop()

    disk.fails = once
    way_in = GroupCommit(disk)
    assert isinstance(way_in.put(row("a")).exception(5), ValueError)
    assert way_in.put(row("b")).result(5)


def test_more_than_may_wait_is_refused_and_the_others_are_kept(disk: Disk) -> None:
    """A full queue says so at once; what waits in it is committed all the same, in commits of the allowed size."""
    way_in = GroupCommit(disk, most=2, waiting=3)
    behind(disk, way_in)
    answers = [way_in.put(row(f"{n}")) for n in range(3)]
    with pytest.raises(StoreBusy, match="3 rows wait"):
        way_in.put(row("late"))
    disk.open.set()
    assert all(one.result(5) for one in answers)
    assert disk.commits == [["first"], ["0", "1"], ["2"]]


def test_nobody_writes_for_a_request_that_gave_up(disk: Disk) -> None:
    """A row whose request is gone before its turn is left out: the sender was told nothing and sends again."""
    way_in = GroupCommit(disk)
    behind(disk, way_in)
    gone, there = way_in.put(row("gone")), way_in.put(row("there"))
    assert gone.cancel()
    disk.open.set()
    assert there.result(5)
    assert disk.commits == [["first"], ["there"]]


def test_a_full_queue_is_a_503_with_the_time_to_come_back(ports: WebPorts, disk: Disk) -> None:
    """The sender is told to try again and nothing is acknowledged; a moment later the same entry is kept."""
    app = create_app(ports)
    app.state.inbox = GroupCommit(disk, waiting=0)
    where = f"/hooks/forms/{ports.workspace.forms[0].form}"
    signed = {"X-Qunflow-Signature": sign(ports.hook_secret, ENTRY)}
    with TestClient(app) as client:
        full = client.post(where, content=ENTRY, headers=signed)
        assert client.get("/healthz").status_code == 503
        app.state.inbox = GroupCommit(disk)
        free = client.post(where, content=ENTRY, headers=signed)
        assert client.get("/healthz").status_code == 200
    assert (full.status_code, full.json()["error"]["code"], full.headers["retry-after"]) == (503, "busy", "1")
    assert (free.status_code, len(disk.commits)) == (200, 1)


def test_a_disk_that_does_not_answer_is_a_503_in_time(
    ports: WebPorts, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits too long is told to come back, before the platform hangs up by itself."""
    monkeypatch.setattr("qunflow.web.keeping.WAIT_S", 0.05)
    app = create_app(ports)
    app.state.inbox = GroupCommit(disk)
    disk.open.clear()
    signed = {"X-Qunflow-Signature": sign(ports.hook_secret, ENTRY)}
    with TestClient(app) as client:
        found = client.post(f"/hooks/forms/{ports.workspace.forms[0].form}", content=ENTRY, headers=signed)
    assert (found.status_code, found.headers["retry-after"]) == (503, "1")


def test_many_requests_at_once_are_all_kept_in_few_commits(ports: WebPorts) -> None:
    """Two hundred rows put from eight threads: each is kept once, and the database saw far fewer transactions."""
    app = create_app(ports)
    way_in: GroupCommit = app.state.inbox
    rows = [inbox.sealed(ports.vault, "order", f"{n % 150}", {"n": n}) for n in range(200)]
    parts = [rows[start::8] for start in range(8)]
    answers: list[bool] = []

    def put_all(part: Sequence[SealedRow]) -> None:
        answers.extend(one.result(10) for one in [way_in.put(one) for one in part])

    threads = [threading.Thread(target=put_all, args=(part,)) for part in parts]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with ports.store.reading() as conn:
        kept = inbox.unapplied(conn, ports.vault, "order", 1_000)
    commits = app.state.metrics.registry.get_sample_value("qunflow_inbox_commit_rows_count")
    assert (len(kept), sum(answers), len(answers)) == (150, 150, 200)
    assert commits < 100
