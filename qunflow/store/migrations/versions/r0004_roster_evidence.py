"""What rosters showed and callbacks told, and which persons turned out to be one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables; nothing that is there changes."""
    _told_moves()
    _roster_looks()
    _person_merges()
    _identity_reviews()


def _to_person(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_persons")
    return sa.ForeignKeyConstraint([column], ["persons.person_id"], name=name)


def _told_moves() -> None:
    op.create_table(
        "told_moves",
        sa.Column("group_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("moved_at", INSTANT, autoincrement=False, nullable=False),
        sa.Column("joined", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("by_code", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_told_moves_group_id_groups")),
        _to_person("told_moves", "person_id"),
        sa.PrimaryKeyConstraint("group_id", "person_id", "moved_at", "joined", name=op.f("pk_told_moves")),
    )
    op.create_index(op.f("ix_told_moves_person_id"), "told_moves", ["person_id"], unique=False)


def _roster_looks() -> None:
    op.create_table(
        "roster_looks",
        sa.Column("look_id", IDENTITY, nullable=False),
        sa.Column("group_id", IDENTITY, nullable=False),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.Column("member_version", sa.String(length=64), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("staff", sa.Integer(), nullable=False),
        sa.Column("came", sa.JSON(), nullable=False),
        sa.Column("gone", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_roster_looks_group_id_groups")),
        sa.PrimaryKeyConstraint("look_id", name=op.f("pk_roster_looks")),
        sa.UniqueConstraint("group_id", "looked_at", name=op.f("uq_roster_looks_group_id_looked_at")),
    )


def _person_merges() -> None:
    op.create_table(
        "person_merges",
        sa.Column("merge_id", IDENTITY, nullable=False),
        sa.Column("kept_id", IDENTITY, nullable=False),
        sa.Column("merged_id", IDENTITY, nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("merged_at", INSTANT, nullable=False),
        sa.Column("merged_by", sa.String(length=80), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("split_at", INSTANT, nullable=True),
        sa.Column("split_by", sa.String(length=80), nullable=False, server_default=""),
        sa.CheckConstraint("kept_id <> merged_id", name=op.f("ck_person_merges_of_two")),
        _to_person("person_merges", "kept_id"),
        _to_person("person_merges", "merged_id"),
        sa.PrimaryKeyConstraint("merge_id", name=op.f("pk_person_merges")),
    )
    op.create_index(op.f("ix_person_merges_kept_id"), "person_merges", ["kept_id"], unique=False)
    is_open = sa.text("split_at IS NULL")
    op.create_index(
        "uq_person_merges_open",
        "person_merges",
        ["merged_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _identity_reviews() -> None:
    op.create_table(
        "identity_reviews",
        sa.Column("review_id", IDENTITY, nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("other_id", IDENTITY, nullable=False),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, server_default="open"),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("settled_by", sa.String(length=80), nullable=False, server_default=""),
        sa.CheckConstraint("person_id < other_id", name=op.f("ck_identity_reviews_lower_number_first")),
        sa.CheckConstraint("state IN ('open', 'merged', 'apart')", name=op.f("ck_identity_reviews_state_known")),
        _to_person("identity_reviews", "person_id"),
        _to_person("identity_reviews", "other_id"),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_identity_reviews")),
        sa.UniqueConstraint(
            "reason", "person_id", "other_id", name=op.f("uq_identity_reviews_reason_person_id_other_id")
        ),
    )
