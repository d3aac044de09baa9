"""
What rosters showed and callbacks told of who is in a group, and which persons turned out to be one.

Memberships are worked out of these rows and can be at any time again; nothing here names anybody but by number.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

# A move told twice is one row, whenever and in whatever order it is told.
told_moves = Table(
    "told_moves",
    metadata,
    Column("group_id", ForeignKey("groups.group_id"), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True, index=True),
    Column("moved_at", Instant, primary_key=True),
    Column("joined", Boolean, primary_key=True),
    Column("by_code", Boolean, nullable=False),
)

# One look at one roster, as what differs from the look before.
roster_looks = Table(
    "roster_looks",
    metadata,
    Column("look_id", Identity, primary_key=True),
    Column("group_id", ForeignKey("groups.group_id"), nullable=False),
    Column("looked_at", Instant, nullable=False),
    Column("member_version", String(64), nullable=False),
    Column("listed", Integer, nullable=False),
    Column("staff", Integer, nullable=False),
    Column("came", JSON, nullable=False),
    Column("gone", JSON, nullable=False),
    UniqueConstraint("group_id", "looked_at"),
)

person_merges = Table(
    "person_merges",
    metadata,
    Column("merge_id", Identity, primary_key=True),
    Column("kept_id", ForeignKey("persons.person_id"), nullable=False, index=True),
    Column("merged_id", ForeignKey("persons.person_id"), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("merged_at", Instant, nullable=False),
    Column("merged_by", String(80), nullable=False),
    # Which rows changed hands, so that a split gives back these and no others.
    Column("moved", JSON, nullable=False),
    Column("split_at", Instant),
    Column("split_by", String(80), nullable=False, server_default=""),
    CheckConstraint("kept_id <> merged_id", name="of_two"),
    Index(
        "uq_person_merges_open",
        "merged_id",
        unique=True,
        sqlite_where=text("split_at IS NULL"),
        postgresql_where=text("split_at IS NULL"),
    ),
)

identity_reviews = Table(
    "identity_reviews",
    metadata,
    Column("review_id", Identity, primary_key=True),
    Column("reason", String(40), nullable=False),
    Column("person_id", ForeignKey("persons.person_id"), nullable=False),
    Column("other_id", ForeignKey("persons.person_id"), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("state", String(20), nullable=False, server_default="open"),
    Column("settled_at", Instant),
    Column("settled_by", String(80), nullable=False, server_default=""),
    UniqueConstraint("reason", "person_id", "other_id"),
    CheckConstraint("person_id < other_id", name="lower_number_first"),
    one_of("state", "open", "merged", "apart"),
)
