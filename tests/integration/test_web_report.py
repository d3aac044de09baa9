"""The report from a real store, on both databases, and through the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from qunflow.cli.report import Opened, report
from qunflow.clock import FixedClock
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import plan
from qunflow.report import report_figures, write_report
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import figures, quarantine, runs
from qunflow.store.engine import Store
from qunflow.store.members import sync_groups
from qunflow.store.migrate import upgrade
from qunflow.store.vault import Vault

DAY = date(2026, 3, 5)
AT = datetime(2026, 3, 5, 13, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Lived:
    """An opened workspace in which something happened."""

    source: Opened
    home: Path


def live(store: Store, vault: Vault, home: Path) -> Opened:
    """Record a little of everything a report reads."""
    workspace = load_workspace(home)
    community = workspace.communities[0]
    group = community.groups[0]
    with store.writing() as conn:
        group_id = sync_groups(conn, workspace)[community.key, group.key]
        run = runs.start(conn, "retention", community.key, DAY, False, AT)
        assert run is not None
        check = {"severity": "warning", "passed": False, "could_run": True, "observed": {}, "unexpected_count": 3}
        runs.record_checks(conn, run, "retention:in", [{"expectation": "退群前应有入群", **check}])
        runs.finish(conn, run, "completed", 10, 9, {}, "", AT)
        quarantine.keep(conn, vault, "acquisition", "form:x", [("1", "手机号格式不对", {"phone": "13800000000"})], AT)
        about = ("retention", "stay_rate", DAY)
        cohort = {"cohort": "2026-02-23", "day": "7"}
        of = figures.Figure(community.key, *about, 0.8, "rate", "history", cohort, 8, 10)
        old = figures.Figure(community.key, "retention", "stay_rate", date(2026, 1, 1), 0.1, "rate", "history", cohort)
        figures.record(conn, [of, old], AT)
        plan(conn, [_push(community.key, group_id, group.owner)], AT)
    return Opened(home, workspace, store, FixedClock(AT), "zh")


def _push(community: str, group_id: int, owner: str) -> Planned:
    return Planned(
        community=community,
        stage="daily_content",
        campaign="",
        slot_key="g1/noon-sale",
        day=DAY,
        way="mass_task",
        sender_userid=owner,
        target_kind="chat",
        target_ref=group_id,
        content=Content("今天的主角"),
        due_at=datetime(2026, 3, 5, 4, 0, tzinfo=UTC),
        not_after=datetime(2026, 3, 5, 4, 10, tzinfo=UTC),
        marketing=True,
    )


@pytest.fixture
def source(store: Store, vault: Vault, tmp_path: Path) -> Opened:
    """A lived workspace on either database."""
    return live(store, vault, write_workspace(tmp_path / "demo", None, date(2026, 3, 1)))


def test_the_page_shows_what_the_store_holds(source: Opened, tmp_path: Path) -> None:
    """Real group names, the checks, the quarantine by reason and the figure with its people; no personal data."""
    page = write_report(source, tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert source.workspace.communities[0].groups[0].name in page
    assert "退群前应有入群" in page
    assert "手机号格式不对" in page
    assert "80%\uff088/10\uff09" in page
    assert "13800000000" not in page
    assert not list((tmp_path / "out").glob(".*"))


def test_figures_are_those_of_the_days_shown(source: Opened) -> None:
    """Without a day the newest day a stage ran for ends the period; older figures stay out of it."""
    (figure,) = report_figures(source)
    assert (figure.as_of, figure.value, figure.numerator, figure.denominator) == (DAY, 0.8, 8, 10)
    assert [f.value for f in report_figures(source, day=date(2026, 1, 3))] == [0.1]


def test_the_command_writes_the_page_and_prints_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`qunflow report` needs neither platform secret nor network: a workspace and its database are enough."""
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1))
    monkeypatch.delenv("QUNFLOW_DATABASE_URL", raising=False)
    url = f"sqlite:///{home / 'state' / 'qunflow.sqlite3'}"
    (home / "state").mkdir(exist_ok=True)
    upgrade(url)
    store = Store.open(url)
    live(store, Vault(store, bytes(32)), home)
    store.close()
    assert report(workspace=home) == 0
    assert (home / "report.html").is_file()
    assert str(home / "report.html") in capsys.readouterr().out
    assert report(workspace=home, json=True) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "community": load_workspace(home).communities[0].key,
            "stage": "retention",
            "name": "stay_rate",
            "dimensions": {"cohort": "2026-02-23", "day": "7"},
            "value": 0.8,
            "numerator": 8,
            "denominator": 10,
            "as_of": "2026-03-05",
            "unit": "rate",
            "source": "history",
            "grade": None,
            "grade_before": None,
            "grade_meaning": "这一天还没评过",
            "state": "final",
        }
    ]
