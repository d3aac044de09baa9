"""The team: who may enter, who is away, and what a person has to do by hand."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

# Personal links, browser sessions and one-time codes; only their hashes are known here.
access_tokens = Table(
    "access_tokens",
    metadata,
    Column("token_digest", String(64), primary_key=True),
    Column("userid", String(64), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    one_of("purpose", "link", "session", "code"),
    Index("ix_access_tokens_userid", "userid", "purpose"),
)

absences = Table(
    "absences",
    metadata,
    Column("absence_id", Identity, primary_key=True),
    Column("userid", String(64), nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("stand_in_userid", String(64), nullable=False, server_default=""),
    Column("noted_by", String(80), nullable=False),
    Column("noted_at", Instant, nullable=False),
    Column("cancelled_at", Instant),
    Index("ix_absences_userid", "userid", "from_at"),
)

todos = Table(
    "todos",
    metadata,
    Column("todo_id", Identity, primary_key=True),
    # What it is about; the same reason twice is one to-do.
    Column("event_key", String(200), nullable=False, unique=True),
    Column("community", String(64), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("group_id", ForeignKey("groups.group_id")),
    Column("target_id", ForeignKey("targets.target_id")),
    Column("person_id", ForeignKey("persons.person_id")),
    Column("assignee_userid", String(64), nullable=False),
    Column("details", JSON, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", String(20), nullable=False, server_default="open"),
    Column("created_at", Instant, nullable=False),
    Column("reminded_at", Instant),
    Column("closed_at", Instant),
    Column("closed_by", String(80), nullable=False, server_default=""),
    one_of(
        "kind",
        "create_group",
        "announcement",
        "red_packet",
        "remove_member",
        "recall",
        "correct",
        "settle",
        "chase",
        "other",
    ),
    one_of("state", "open", "done", "skipped"),
    Index("ix_todos_open", "community", "state", "due_at"),
)
