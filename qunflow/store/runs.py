"""
Which stage ran for which community and day, and what came of it.

A run that was started by a trigger claims its day: the second one ends "already done". A claim is given back when the
run fails, and taken over when its run seems dead, so that a killed run never blocks a day for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from qunflow.store.engine import lock
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import check_results, runs

# Far longer than a stage takes, far shorter than the day until it is wanted again.
ABANDONED_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a stage; ``summary`` is what the flow returned, ``problem`` why it failed."""

    run_id: int
    stage: str
    community: str
    day: date
    state: Literal["running", "completed", "failed"]
    dry_run: bool
    started_at: datetime
    finished_at: datetime | None
    rows_in: int | None
    rows_out: int | None
    summary: dict[str, Any]
    problem: str
    prefect_run_id: str


def start(
    conn: Connection,
    stage: str,
    community: str,
    day: date,
    dry_run: bool,
    at: datetime,
    claim: bool = False,
    prefect_run_id: str = "",
    abandoned_after: timedelta = ABANDONED_AFTER,
) -> int | None:
    """
    Begin a run.

    Args:
        claim: when true, a day somebody else claimed is left alone. Live and dry runs claim separately.
        prefect_run_id: a retry of the same flow run takes over its own claim.
        abandoned_after: a claim this old whose run never finished may be taken over.

    Returns:
        The run's number, or ``None`` when the day is claimed: done, or being done.
    """
    key = f"{stage}/{community}/{day.isoformat()}/{'dry' if dry_run else 'live'}" if claim else None
    if key is not None:
        lock(conn, f"run {key}")
        if not _free(conn, key, at, prefect_run_id, abandoned_after):
            return None
    row = {
        "stage": stage,
        "community": community,
        "day": day,
        "claim_key": key,
        "state": "running",
        "dry_run": dry_run,
        "started_at": at,
        "summary": {},
        "prefect_run_id": prefect_run_id,
    }
    return int(conn.execute(insert(runs).returning(runs.c.run_id), row).scalar_one())


def finish(
    conn: Connection,
    run_id: int,
    state: Literal["completed", "failed"],
    rows_in: int | None,
    rows_out: int | None,
    summary: Mapping[str, Any],
    problem: str,
    at: datetime,
) -> None:
    """End a run; a failed one gives its claim back. A run that was ended before stays as it is."""
    values: dict[str, Any] = {
        "state": state,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "summary": dict(summary),
        "problem": problem,
        "finished_at": at,
    }
    if state == "failed":
        values["claim_key"] = None
    conn.execute(update(runs).where(runs.c.run_id == run_id, runs.c.state == "running").values(values))


def of_day(conn: Connection, community: str, day: date) -> list[Run]:
    """The runs of one day in the order they began."""
    query = _runs().where(runs.c.community == community, runs.c.day == day).order_by(runs.c.run_id)
    return [Run(*row) for row in conn.execute(query)]


def latest(conn: Connection, community: str, stage: str, *, live: bool = False) -> Run | None:
    """The newest completed run of a stage; only among those that were no dry run when ``live``."""
    query = _runs().where(runs.c.community == community, runs.c.stage == stage, runs.c.state == "completed")
    if live:
        query = query.where(runs.c.dry_run.is_(False))
    row = conn.execute(query.order_by(runs.c.day.desc(), runs.c.run_id.desc()).limit(1)).first()
    return Run(*row) if row else None


def record_checks(conn: Connection, run_id: int, suite: str, results: Sequence[Mapping[str, Any]]) -> int:
    """
    Keep the results of one suite, in order; results kept before stay.

    Args:
        results: expectation, severity, passed, could_run, observed (plain JSON), unexpected_count.
    """
    rows = [{"run_id": run_id, "suite": suite, "position": place, **result} for place, result in enumerate(results)]
    return insert_ignore(conn, check_results, rows)


def _runs() -> Any:
    return select(*(runs.c[name] for name in Run.__slots__))


def _free(conn: Connection, key: str, at: datetime, prefect_run_id: str, abandoned_after: timedelta) -> bool:
    holder = conn.execute(select(runs).where(runs.c.claim_key == key)).first()
    if holder is None:
        return True
    own = prefect_run_id != "" and holder.prefect_run_id == prefect_run_id
    if holder.state != "running" or not (own or at - holder.started_at >= abandoned_after):
        return False
    problem = "the run was cut off; a later one took over"
    gone = {"state": "failed", "claim_key": None, "problem": problem, "finished_at": at}
    conn.execute(update(runs).where(runs.c.run_id == holder.run_id).values(gone))
    return True
