"""A day is claimed once, a failed or dead run gives it back, and what came of a run is kept."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from qunflow.store import runs
from qunflow.store.engine import Store

DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def start(
    store: Store, *, claim: bool = True, dry_run: bool = False, at: datetime = AT, flow_run: str = ""
) -> int | None:
    return store.write(lambda conn: runs.start(conn, "retention", "n", DAY, dry_run, at, claim, flow_run))


def finish(store: Store, run_id: int | None, state: str = "completed") -> None:
    assert run_id is not None
    ended = AT + timedelta(minutes=1)
    problem = "" if state == "completed" else "the channel did not answer"
    store.write(lambda conn: runs.finish(conn, run_id, state, 3, 2, {"checks_total": 4}, problem, ended))  # type: ignore[arg-type]


def test_a_run_is_kept_with_what_came_of_it(store: Store) -> None:
    """Counts, summary and times can be read back."""
    run_id = start(store, flow_run="abc")
    finish(store, run_id)
    with store.reading() as conn:
        (run,) = runs.of_day(conn, "n", DAY)
    assert run.run_id == run_id
    assert (run.state, run.rows_in, run.rows_out, run.summary) == ("completed", 3, 2, {"checks_total": 4})
    assert (run.started_at, run.finished_at, run.prefect_run_id) == (AT, AT + timedelta(minutes=1), "abc")


@pytest.mark.parametrize("done", [True, False])
def test_the_second_start_of_a_claimed_day_is_turned_away(store: Store, done: bool) -> None:
    """A trigger and a schedule start the day once, whether the first is running or done."""
    first = start(store)
    if done:
        finish(store, first)
    assert start(store) is None


def test_a_run_by_hand_needs_no_claim(store: Store) -> None:
    """Running a day again on purpose is always possible, and does not take the claim."""
    assert start(store, claim=False) is not None
    assert start(store) is not None
    assert start(store, claim=False) is not None


def test_dry_and_live_runs_do_not_block_each_other(store: Store) -> None:
    """A dry run of today must not stop the real one."""
    assert start(store, dry_run=True) is not None
    assert start(store) is not None


def test_a_failed_run_gives_its_day_back(store: Store) -> None:
    """After a failure the day can be claimed again."""
    finish(store, start(store), "failed")
    assert start(store) is not None


def test_a_dead_run_is_taken_over(store: Store) -> None:
    """A run that was killed blocks its day for three hours, not for good; it is then marked as cut off."""
    dead = start(store)
    assert start(store, at=AT + timedelta(hours=2, minutes=59)) is None
    later = start(store, at=AT + timedelta(hours=3))
    assert later is not None
    with store.reading() as conn:
        states = {run.run_id: (run.state, run.problem) for run in runs.of_day(conn, "n", DAY)}
    assert states[dead or 0] == ("failed", "the run was cut off; a later one took over")
    assert states[later] == ("running", "")


def test_a_retry_of_the_same_flow_run_takes_its_claim_over(store: Store) -> None:
    """The orchestrator may start its own run again at once, but not once it is done."""
    start(store, flow_run="abc")
    again = start(store, flow_run="abc")
    assert again is not None
    assert start(store, flow_run="other") is None
    finish(store, again)
    assert start(store, flow_run="abc") is None


def test_a_run_ends_once(store: Store) -> None:
    """A late failure does not change a completed run."""
    run_id = start(store)
    finish(store, run_id)
    finish(store, run_id, "failed")
    with store.reading() as conn:
        assert [run.state for run in runs.of_day(conn, "n", DAY)] == ["completed"]


def test_of_several_claims_at_once_one_wins(store: Store) -> None:
    """A trigger and a schedule in the same second start one run."""
    started: list[int | None] = []
    threads = [threading.Thread(target=lambda: started.append(start(store))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in started if run is not None]) == 1


def test_the_latest_run_can_be_the_latest_live_one(store: Store) -> None:
    """A report can leave dry runs out."""
    live = start(store)
    finish(store, live)
    dry = start(store, dry_run=True)
    finish(store, dry)
    with store.reading() as conn:
        newest = runs.latest(conn, "n", "retention")
        newest_live = runs.latest(conn, "n", "retention", live=True)
        assert runs.latest(conn, "other", "retention") is None
    assert newest is not None
    assert newest_live is not None
    assert (newest.run_id, newest_live.run_id) == (dry, live)


def test_checks_are_kept_once_in_their_order(store: Store) -> None:
    """Storing the results of a suite again keeps the first."""
    run_id = start(store)
    assert run_id is not None
    result = {
        "expectation": "row count",
        "severity": "critical",
        "passed": True,
        "could_run": True,
        "observed": {"rows": 3},
        "unexpected_count": 0,
    }
    with store.writing() as conn:
        assert runs.record_checks(conn, run_id, "retention.in", [result, {**result, "passed": False}]) == 2
        assert runs.record_checks(conn, run_id, "retention.in", [result]) == 0
