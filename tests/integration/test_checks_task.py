"""What the check task leaves behind: verdicts, quarantined rows, and an exception where the step must stop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from data_checks.gate import Suite
from qunflow import runtime
from qunflow.clock import FixedClock
from qunflow.errors import CheckFailed
from qunflow.store import quarantine, runs
from qunflow.store.engine import Store
from qunflow.store.tables import check_results
from qunflow.store.vault import Vault
from tasks import checks

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def known_kinds(severity: str = "critical") -> Suite:
    def expectations() -> list[Any]:
        import great_expectations.expectations as gxe

        return [gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["join"], severity=severity)]

    return Suite("daily_content_in", "daily_content", expectations, id_column="row_id", min_rows=1)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What would be shown in the Prefect UI, by key."""
    shown: dict[str, str] = {}
    monkeypatch.setattr(checks, "publish", lambda key, markdown, description="": shown.update({key: markdown}))
    return shown


@pytest.fixture
def run_id(store: Store, vault: Vault) -> Iterator[int]:
    """A run to check for, on each engine."""
    with store.writing() as conn:
        started = runs.start(conn, "daily_content", "neighbours", date(2026, 3, 2), True, NOW)
    here = SimpleNamespace(store=store, vault=vault, clock=FixedClock(NOW))
    with runtime.using(here):  # type: ignore[arg-type]
        yield int(started or 0)


def rows(*kinds: str) -> pd.DataFrame:
    return pd.DataFrame({"row_id": range(1, len(kinds) + 1), "kind": list(kinds)})


def stored(store: Store, run_id: int) -> list[tuple[str, str, bool, int]]:
    query = select(check_results).where(check_results.c.run_id == run_id).order_by(check_results.c.position)
    with store.reading() as conn:
        return [(row.expectation, row.severity, row.passed, row.unexpected_count) for row in conn.execute(query)]


def test_verdicts_are_stored_and_published(store: Store, run_id: int, published: dict[str, str]) -> None:
    """Every expectation of the suite is in the database, the report under the suite's key."""
    report = checks.check.fn(rows("join"), known_kinds(), run_id)

    assert report.blocking == ()
    assert stored(store, run_id) == [
        ("table_row_count_to_be_between()", "critical", True, 0),
        ("column_values_to_be_in_set(kind)", "critical", True, 0),
    ]
    assert list(published) == ["checks-daily-content-in"]


def test_a_critical_failure_stops_the_step_after_it_was_stored(
    store: Store, run_id: int, published: dict[str, str]
) -> None:
    """The exception names suite and next step; verdict and report are there to read."""
    with pytest.raises(CheckFailed, match="daily_content_in: 1 critical checks failed on 2 rows") as caught:
        checks.check.fn(rows("join", "odd"), known_kinds(), run_id)

    assert "checks-daily-content-in" in caught.value.next_step
    assert stored(store, run_id)[1] == ("column_values_to_be_in_set(kind)", "critical", False, 1)
    assert "已拦下" in published["checks-daily-content-in"]


def test_a_warning_lets_the_step_go_on(store: Store, run_id: int, published: dict[str, str]) -> None:
    """The report is returned, the warning shown."""
    report = checks.check.fn(rows("join", "odd"), known_kinds("warning"), run_id)

    assert len(report.warnings) == 1
    assert "有提醒" in published["checks-daily-content-in"]


def test_checking_again_replaces_the_verdict(store: Store, run_id: int, published: dict[str, str]) -> None:
    """A step that is tried again in the same run leaves one verdict, the last."""
    checks.check.fn(rows("join", "odd"), known_kinds("warning"), run_id)

    checks.check.fn(rows("join"), known_kinds("warning"), run_id)

    assert [passed for _, _, passed, _ in stored(store, run_id)] == [True, True]


def test_rows_set_aside_are_sealed_and_counted(
    store: Store, vault: Vault, run_id: int, published: dict[str, str]
) -> None:
    """What was taken out before the check is kept, told by reason, and shown to nobody."""
    aside = [("7", "没有手机号", {"name": "张三", "phone": "13800138000"}), ("9", "没有手机号", {"name": "李四"})]

    checks.check.fn(rows("join"), known_kinds(), run_id, set_aside=aside, source="form:Oet50U")

    with store.reading() as conn:
        kept = quarantine.rows_of(conn, vault, "daily_content")
    assert sorted((row.row_ref, row.row["name"]) for row in kept) == [("7", "张三"), ("9", "李四")]
    text = published["checks-daily-content-in"]
    assert "没有手机号: 2" in text
    assert not any(secret in text for secret in ("张三", "李四", "13800138000"))


def test_outside_a_run_nothing_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a flow run there is no UI to show it in, and no server is started for it."""
    monkeypatch.setattr(checks, "create_markdown_artifact", lambda **given: pytest.fail("published outside a run"))

    checks.publish("checks-daily-content-in", "# text")
