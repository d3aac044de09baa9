"""Groups, memberships as intervals, and the codes that lead into groups."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from qunflow.store.tables.base import PLATFORMS, Identity, Instant, metadata, one_of

groups = Table(
    "groups",
    metadata,
    Column("group_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("group_key", String(64), nullable=False),
    Column("chat_id", String(64), unique=True),
    Column("name", String(120), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("owner_userid", String(64), nullable=False, default=""),
    Column("opened_on", Date),
    Column("dissolved_at", Instant),
    Column("member_version", String(64), nullable=False, default=""),
    Column("roster_at", Instant),
    Column("platform", String(20), nullable=False, server_default="wecom"),
    UniqueConstraint("community", "group_key"),
    one_of("platform", *PLATFORMS),
)

memberships = Table(
    "memberships",
    metadata,
    Column("membership_id", Identity, primary_key=True),
    Column("group_id", ForeignKey("groups.group_id"), nullable=False),
    Column("person_id", ForeignKey("persons.person_id"), nullable=False, index=True),
    Column("joined_at", Instant, nullable=False),
    Column("left_at", Instant),
    Column("left_known_by", String(20)),
    Column("last_seen_at", Instant, nullable=False),
    Column("join_scene", Integer),
    Column("pulled_in", Boolean, nullable=False, default=False),
    Column("inviter_userid", String(64), nullable=False, default=""),
    Column("channel", String(64), nullable=False, default=""),
    UniqueConstraint("group_id", "person_id", "joined_at"),
    CheckConstraint("left_at IS NULL OR left_at >= joined_at", name="leaves_after_joining"),
    CheckConstraint("(left_at IS NULL) = (left_known_by IS NULL)", name="leave_has_a_source"),
    Index("ix_memberships_open", "group_id", "left_at"),
)

live_codes = Table(
    "live_codes",
    metadata,
    Column("config_id", String(64), primary_key=True),
    Column("community", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("group_ids", JSON, nullable=False),
    Column("url", String(512), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("community", "channel"),
)
