"""Imports that can be taken back: what each of them brought, and history files that were withdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns; the same file may come again once its import was taken back."""
    op.add_column("history_batches", sa.Column("withdrawn_at", INSTANT, nullable=True))
    with op.batch_alter_table("imports") as batch:
        batch.add_column(sa.Column("community", sa.String(length=64), nullable=False, server_default=""))
        for name in ("rows_new", "rows_known", "rows_doubtful"):
            batch.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("sealed_note", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("undone_at", INSTANT, nullable=True))
        batch.drop_constraint(op.f("uq_imports_kind_sha256"), type_="unique")
    stands = sa.text("undone_at IS NULL")
    op.create_index(
        "uq_imports_standing",
        "imports",
        ["kind", "sha256"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
