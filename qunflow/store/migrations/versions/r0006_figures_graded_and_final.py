"""How complete the data behind a figure are, and how figures changed since they were told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True)
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REASONS = "'day_went_on', 'late_events', 'backfill', 'roster_corrected', 'persons_merged', 'settings_changed', 'rerun'"


def upgrade() -> None:
    """Add two columns and one table; what was told stays as it is."""
    op.add_column("figures", sa.Column("grade", sa.String(length=1), nullable=True))
    op.add_column("figures", sa.Column("day_over", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_figures_day", "figures", ["community", "as_of", "stage", "name"], unique=False)
    _figure_changes()
    op.create_index("ix_figure_changes_day", "figure_changes", ["community", "as_of", "stage"], unique=False)
    stands = sa.text("NOT applied AND settled_at IS NULL")
    op.create_index(
        "uq_figure_changes_standing",
        "figure_changes",
        ["community", "stage", "name", "as_of", "dimensions"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )


def _figure_changes() -> None:
    op.create_table(
        "figure_changes",
        sa.Column("change_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("dimensions", sa.String(length=400), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        *_told("old"),
        *_told("new"),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("run_id", IDENTITY, nullable=True),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.CheckConstraint("kind IN ('changed', 'added', 'gone')", name=op.f("ck_figure_changes_kind_known")),
        sa.CheckConstraint(f"reason IN ({REASONS})", name=op.f("ck_figure_changes_reason_known")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_figure_changes_run_id_runs")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_figure_changes")),
    )


def _told(when: str) -> list[sa.Column[Any]]:
    return [
        sa.Column(f"{when}_value", sa.String(length=200), nullable=True),
        sa.Column(f"{when}_numerator", sa.BigInteger(), nullable=True),
        sa.Column(f"{when}_denominator", sa.BigInteger(), nullable=True),
    ]
