"""Which history files are visible, and which files were imported."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from qunflow.store.tables.base import Identity, Instant, metadata

history_batches = Table(
    "history_batches",
    metadata,
    Column("batch_id", Identity, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("source", String(160), nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("path", String(400), nullable=False, unique=True),
    Column("rows", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("replaced_by", ForeignKey("history_batches.batch_id")),
    Column("withdrawn_at", Instant),
    UniqueConstraint("name", "first_day"),
    CheckConstraint("rows > 0", name="never_empty"),
    CheckConstraint("last_day >= first_day", name="days_in_order"),
    Index("ix_history_batches_days", "first_day", "last_day"),
)

imports = Table(
    "imports",
    metadata,
    Column("import_id", Identity, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mapping", JSON, nullable=False),
    Column("rows_read", Integer, nullable=False),
    Column("rows_kept", Integer, nullable=False),
    Column("rows_quarantined", Integer, nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("community", String(64), nullable=False, server_default=""),
    Column("rows_new", Integer, nullable=False, server_default="0"),
    Column("rows_known", Integer, nullable=False, server_default="0"),
    Column("rows_doubtful", Integer, nullable=False, server_default="0"),
    # Which rows the import brought and how they looked before, so that it can be taken back.
    Column("sealed_note", LargeBinary),
    Column("undone_at", Instant),
    Index(
        "uq_imports_standing",
        "kind",
        "sha256",
        unique=True,
        sqlite_where=text("undone_at IS NULL"),
        postgresql_where=text("undone_at IS NULL"),
    ),
)
