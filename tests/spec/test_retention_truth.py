"""
Published results and matrices others computed, equal cell for cell or to the printed digits.

The data may not be copied into the project; where its folder is absent these tests say so and are left out.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qunflow.cli import main
from qunflow.retention import measure
from qunflow.retention.measuring.facts import Columns
from qunflow.retention.measuring.result import Measured
from qunflow.retention.outlook.survival import fitted
from qunflow.store.event_logs import EventLog
from qunflow.store.query_engines import placed

DATA = Path(os.environ.get("QUNFLOW_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data")
CASES = DATA / "posthog_retention_cases.json"
LOGS = [
    pytest.param("irc_raku_beginner", "month", "actor=user,event=kind,at=ts", "message,action", id="raku-month"),
    pytest.param("irc_perl6_dev", "week", "actor=user,event=kind,at=ts", "message,action", id="perl6-week"),
    pytest.param("zulip_lean_2018_2021", "month", "actor=user,at=ts", "", id="lean-month"),
]

pytestmark = pytest.mark.skipif(
    not CASES.is_file(), reason=f"no reference data at {DATA}; set QUNFLOW_DATA_DIR to the folder that has it"
)


@pytest.fixture(params=["duckdb", "polars", "postgres", *(["clickhouse"] if find_spec("chdb") else [])])
def engine(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Every engine that is here; Spark is held against DuckDB on small logs, as each of its answers takes seconds."""
    name = str(request.param)
    if name != "postgres":
        return name, ""
    return name, str(request.getfixturevalue("empty_postgresql")).replace("+psycopg", "")


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    """What a command prints as JSON, and its exit code."""
    with pytest.raises(SystemExit) as left:
        main(["retention", *map(str, words), "--format", "json"])
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


def on(engine: tuple[str, str]) -> tuple[str, ...]:
    return ("--engine", engine[0], *(("--engine-url", engine[1]) if engine[1] else ()))


def test_all_cases_of_another_product_are_equal(engine: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Ten retention cases with their expected matrices: every one equal, exit code 0."""
    code, verdicts = told(capsys, "check", CASES, *on(engine))

    assert [(verdict["name"], verdict["equal"]) for verdict in verdicts if not verdict["equal"]] == []
    assert (code, len(verdicts)) == (0, 10)


def test_a_case_that_differs_is_told_with_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One changed cell: the row is shown and the exit code is 1; blanks at the end of a row do not matter."""
    given = json.loads(CASES.read_text(encoding="utf-8"))
    given["cases"] = given["cases"][:2]
    given["cases"][0]["expected_counts"][0][1] += 1
    given["cases"][1]["expected_counts"][1] += [None, None]
    changed = tmp_path / "cases.json"
    changed.write_text(json.dumps(given), encoding="utf-8")

    code, verdicts = told(capsys, "check", changed)

    assert (code, [verdict["equal"] for verdict in verdicts]) == (1, [False, True])
    assert verdicts[0]["difference"].startswith("row 0: [1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0] ≠ [1, 2, 1")


@pytest.mark.parametrize(("name", "period", "columns", "kinds"), LOGS)
def test_logs_give_the_matrix_others_computed(
    engine: tuple[str, str], name: str, period: str, columns: str, kinds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The matrix by first event of a real log; a cell the reference leaves out is 0."""
    matrix = json.loads((DATA / f"{name}.{period}.ref.json").read_text())["matrix"]
    asked = ("--events", DATA / f"{name}.parquet", "--map", columns, "--period", period, "--kinds", kinds)

    code, found = told(capsys, *asked, *on(engine))

    assert (code, found["labels"]) == (0, list(matrix))
    for label, counts in zip(found["labels"], found["counts"], strict=True):
        cells = {str(place): count for place, count in enumerate(counts) if count}
        assert cells == matrix[label], label


def sales(engine: tuple[str, str]) -> Measured:
    """Online Retail by its cleaning rule: customer known, no cancellation (invoice C…), quantity and price above 0."""
    table = pq.read_table(DATA / "online_retail.parquet").to_pandas()
    kept = table[
        table.CustomerID.notna() & ~table.InvoiceNo.str.startswith("C") & (table.Quantity > 0) & (table.UnitPrice > 0)
    ]
    events = kept.assign(at=kept.InvoiceDate.dt.tz_localize("UTC"), paid=kept.Quantity * kept.UnitPrice)
    events = events.astype({"CustomerID": "int64"})[["CustomerID", "at", "paid"]]
    log = EventLog(Columns("CustomerID", "at", None), table=pa.Table.from_pandas(events, preserve_index=False))
    with placed(log, *engine) as (events_there, runs_on):
        return measure(events_there, MONTHLY_SALES, columns=log.columns, engine=runs_on, notes=False)


MONTHLY_SALES = {"period": "month", "cohort_rule": "first_time", "amount": "paid"}


def test_online_retail_is_equal_to_the_published_table(engine: tuple[str, str]) -> None:
    """All 91 cells, active customers and revenue of each month, and the whole revenue to the printed digits."""
    published = json.loads((DATA / "online_retail.published.json").read_text())

    found = sales(engine)

    assert {row.label: list(row.counts) for row in found.rows} == published["published_table"]
    assert sum(len(row.counts) for row in found.rows) == 91
    facts = published["published_facts"]
    assert [total.actors for total in found.totals] == facts["active_customers_by_month"]
    assert [round(total.amount or 0, 2) for total in found.totals] == facts["revenue_by_month"]
    assert round(sum(total.amount or 0 for total in found.totals), 1) == facts["revenue"]
    assert (sum(total.events for total in found.totals), found.rows[0].counts[0]) == (facts["rows_kept"], 885)


def test_the_survival_curve_is_the_published_one() -> None:
    """Parameters, forecast of years 8 to 12 and the residual lifetime of the shifted-beta-geometric example."""
    given = json.loads((DATA / "sbg_high_end.json").read_text())
    alive = given["percent_alive_year_0_to_12"][: given["calibration_years"] + 1]

    curve = fitted([share * 10 for share in alive])

    published = given["published"]
    assert (round(curve.alpha, 3), round(curve.beta, 3)) == (published["alpha"], published["beta"])
    assert [round(curve.share_left(year), 3) for year in range(8, 13)] == published["forecast_year_8_to_12"]
    # Years still to be expected after seven renewals, each later one worth a tenth less.
    residual = sum(curve.share_left(8 + later) / curve.share_left(7) * 1.1**-later for later in range(10_000))
    assert round(residual, 2) == published["derl_discount_0_1_at_7"]
    assert round(curve.log_likelihood, 2) == given["reproduced"]["log_likelihood_n1000"]
