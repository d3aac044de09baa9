"""Runs of stages, what their checks found, the figures they computed and how those changed since they were told."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)

from qunflow.community.finality import Reason
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
    # How complete the data of its day are (or of its group's day); nothing while nobody has graded them.
    Column("grade", String(1)),
    # It was told, first or again, after its local day was over.
    Column("day_over", Boolean, nullable=False, server_default=false()),
    Index("ix_figures_day", "community", "as_of", "stage", "name"),
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

figure_changes = Table(
    "figure_changes",
    metadata,
    Column("change_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("dimensions", String(400), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("unit", String(20), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("old_value", String(200)),
    Column("old_numerator", BigInteger),
    Column("old_denominator", BigInteger),
    Column("new_value", String(200)),
    Column("new_numerator", BigInteger),
    Column("new_denominator", BigInteger),
    Column("reason", String(20), nullable=False),
    Column("run_id", ForeignKey("runs.run_id")),
    Column("told_at", Instant, nullable=False),
    # A revision was applied; a correction came too late and stands beside the figure until the values agree again.
    Column("applied", Boolean, nullable=False),
    Column("settled_at", Instant),
    one_of("kind", "changed", "added", "gone"),
    one_of("reason", *(reason.value for reason in Reason)),
    Index("ix_figure_changes_day", "community", "as_of", "stage"),
    Index(
        "uq_figure_changes_standing",
        "community",
        "stage",
        "name",
        "as_of",
        "dimensions",
        unique=True,
        sqlite_where=text("NOT applied AND settled_at IS NULL"),
        postgresql_where=text("NOT applied AND settled_at IS NULL"),
    ),
)
