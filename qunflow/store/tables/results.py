"""Runs of stages, what their checks found and the figures they computed."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text, text

from qunflow.store.tables.base import FLOWS, Identity, Instant, metadata, one_of

runs = Table(
    "runs",
    metadata,
    Column("run_id", Identity, primary_key=True),
    Column("stage", String(40), nullable=False),
    Column("community", String(64), nullable=False),
    Column("day", Date, nullable=False),
    Column("claim_key", String(200), unique=True),
    Column("state", String(20), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("rows_in", Integer),
    Column("rows_out", Integer),
    Column("summary", JSON, nullable=False, default=dict),
    Column("problem", Text, nullable=False, default=""),
    Column("prefect_run_id", String(64), nullable=False, default=""),
    one_of("stage", *FLOWS),
    one_of("state", "running", "completed", "failed"),
    Index("ix_runs_day", "community", "day", "stage"),
)

check_results = Table(
    "check_results",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("suite", String(80), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("expectation", String(200), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("could_run", Boolean, nullable=False),
    Column("observed", JSON, nullable=False),
    Column("unexpected_count", Integer, nullable=False),
    one_of("severity", "critical", "warning", "info"),
)

figures = Table(
    "figures",
    metadata,
    Column("figure_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("dimensions", String(400), nullable=False, default="{}"),
    Column("as_of", Date, nullable=False),
    Column("value", String(200)),
    Column("numerator", BigInteger),
    Column("denominator", BigInteger),
    Column("unit", String(20), nullable=False),
    Column("source", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("superseded_at", Instant),
    # One figure is current at a time; the ones before it stay, with the instant they were revised.
    Index(
        "uq_figures_current",
        "community",
        "stage",
        "name",
        "as_of",
        "dimensions",
        unique=True,
        sqlite_where=text("superseded_at IS NULL"),
        postgresql_where=text("superseded_at IS NULL"),
    ),
)
