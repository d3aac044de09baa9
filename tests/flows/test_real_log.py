"""A community log that nobody here wrote gives the matrix that others computed from it, cell for cell."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from flows.retention import retention
from qunflow import runtime
from qunflow.cli import main
from qunflow.retention.params import RetentionParams
from qunflow.runtime import Runtime, open_runtime
from qunflow.settings.scaffold import write_workspace
from qunflow.store import figures
from qunflow.store.tables import check_results

DATA = Path(os.environ.get("QUNFLOW_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data")
LOG, REFERENCE = DATA / "irc_raku_beginner.parquet", DATA / "irc_raku_beginner.month.ref.json"
WEEKLY_LOG, WEEKLY_REFERENCE = DATA / "irc_perl6_dev.parquet", DATA / "irc_perl6_dev.week.ref.json"
LAST_DAY = "2026-06-18"

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.skipif(
        not LOG.is_file(), reason=f"no real log at {DATA}; set QUNFLOW_DATA_DIR to the folder that has it"
    ),
]


@pytest.fixture
def brand(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """An empty workspace, made the runtime of this process."""
    variables = {
        "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
    }
    folder = write_workspace(tmp_path / "brand", None, date(2026, 1, 1), variables=variables)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    monkeypatch.setenv("QUNFLOW_WORKSPACE", str(folder))
    opened = open_runtime(folder)
    with runtime.using(opened):
        yield opened
    opened.close()


def imported(brand: Runtime, log: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(
            [
                "import",
                "events",
                str(log),
                "--map",
                "actor=user,event=kind,at=ts,group=channel",
                "-w",
                str(brand.directory),
            ]
        )
    assert not left.value.code


def measured_matrix(brand: Runtime, day: str) -> dict[str, dict[str, Any]]:
    key = brand.workspace.communities[0].key
    with brand.store.reading() as conn:
        found = figures.current(conn, key, "retention", date.fromisoformat(day), name="activity_matrix")
    matrix: dict[str, dict[str, Any]] = {}
    for figure in found:
        matrix.setdefault(figure.dimensions["cohort"], {})[figure.dimensions["offset"]] = figure.value
    return matrix


def dirt_by_hand(path: Path) -> dict[str, int]:
    """The dirt of a log of one group, minute by minute, sharing nothing with what is tested."""
    rows = list(pd.read_parquet(path)[["ts", "user", "kind"]].astype({"kind": str}).itertuples(index=False, name=None))
    comes: Counter[tuple[Any, int]] = Counter()
    for at, user, kind in rows:
        comes[at, user] += {"join": 1, "leave": -1}.get(kind, 0)
    inside: set[int] = set()
    joins = leaves = 0
    for at, user in sorted(comes):
        more = comes[at, user]
        if more > 0:
            joins += more - (user not in inside)
            inside.add(user)
        elif more < 0:
            leaves += -more - (user in inside)
            inside.discard(user)
    ever = {user for _, user, kind in rows if kind == "join"}
    speakers = {user for _, user, kind in rows if kind in ("message", "action")}
    days = {at.date() for at, _, _ in rows}
    return {
        "joins_while_in": joins,
        "leaves_without_join": leaves,
        "speakers_without_join": len(speakers - ever),
        "duplicates": len(rows) - len(set(rows)),
        "days_without_events": (max(days) - min(days)).days + 1 - len(days),
    }


def test_a_real_log_gives_the_reference_matrix_and_its_dirt(brand: Runtime) -> None:
    """Through the import command and the flow: every cell of the reference, and the dirt of the log as warnings."""
    reference = json.loads(REFERENCE.read_text())
    imported(brand, LOG)

    summary = retention(RetentionParams(day=LAST_DAY, period="month", active_kinds=("message", "action")))

    assert measured_matrix(brand, LAST_DAY) == reference["matrix"]
    assert summary["rows_in"] == 96_400
    with brand.store.reading() as conn:
        rows = conn.execute(select(check_results).where(check_results.c.passed.is_(False))).all()
    dirt = {row.expectation.partition("(")[2].rstrip(")"): row.observed["value"] for row in rows}
    assert dirt == dirt_by_hand(LOG)
    assert {row.severity for row in rows} == {"warning"}


def test_weekly_cohorts_of_a_log_four_times_as_long(brand: Runtime) -> None:
    """The same way by week, Monday to Sunday."""
    reference = json.loads(WEEKLY_REFERENCE.read_text())
    imported(brand, WEEKLY_LOG)

    retention(RetentionParams(day=LAST_DAY, period="week", active_kinds=("message", "action")))

    assert measured_matrix(brand, LAST_DAY) == reference["matrix"]
