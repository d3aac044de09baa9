"""
What is known of one run of one stage, and of how it ended: plain values, so that they can be read anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, func, select

from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store.tables import check_results


@dataclass(slots=True)
class StageRun:
    """
    What a flow knows about its own run.

    ``day`` is the local day the work is about, ``now`` the instant the run began (UTC); the flow counts ``rows_in``
    and ``rows_out`` and may put plain values for people into ``notes``.
    """

    stage: str
    runtime: Runtime
    community: Community
    day: date
    now: datetime
    dry_run: bool
    backfill: bool
    reopen: bool = False
    run_id: int = 0
    already_done: bool = False
    rows_in: int = 0
    rows_out: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The community's zone."""
        return self.community.zone_info

    def summary(self) -> dict[str, Any]:
        """Plain figures of the run, for the table people see and for the flow's result."""
        return {
            "stage": self.stage,
            "community": self.community.key,
            "day": self.day.isoformat(),
            "dry_run": self.dry_run,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "already_done": self.already_done,
            **checks_of(self.runtime, self.run_id),
            **self.notes,
        }


def checks_of(here: Runtime, run_id: int) -> dict[str, int]:
    """How many checks a run made, how many passed, and how many warnings it left."""
    failed = check_results.c.passed.is_(False)
    with here.store.reading() as conn:
        total, broken, warned = conn.execute(
            select(
                func.count(),
                func.coalesce(func.sum(failed.cast(Integer)), 0),
                func.coalesce(func.sum((failed & (check_results.c.severity == "warning")).cast(Integer)), 0),
            ).where(check_results.c.run_id == run_id)
        ).one()
    return {"checks_total": int(total), "checks_passed": int(total) - int(broken), "warnings": int(warned)}


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """
    How one stage of a day ended.

    ``problem`` is empty when it completed; ``summary`` is what the flow returned, empty when it failed. ``blocks`` says
    whether stages that need this one must not start.
    """

    stage: str
    seconds: float
    summary: dict[str, Any]
    problem: str = ""
    blocks: bool = False
    flow_run_id: str = ""
