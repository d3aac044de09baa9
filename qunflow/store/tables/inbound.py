"""What came in from outside: raw and sealed, refused rows, leads, invitations and welcomes."""

from __future__ import annotations

from sqlalchemy import (
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
)

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

inbox = Table(
    "inbox",
    metadata,
    Column("inbox_id", Identity, primary_key=True),
    Column("source", String(40), nullable=False),
    # A key may hold a person's open id, so only its keyed hash is stored.
    Column("key_digest", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    # Empty once the person it came from has been erased.
    Column("sealed_body", LargeBinary, nullable=False),
    Column("person_id", ForeignKey("persons.person_id"), index=True),
    Column("state", String(20), nullable=False, default="new"),
    Column("reason", String(200), nullable=False, default=""),
    Column("applied_at", Instant),
    UniqueConstraint("source", "key_digest"),
    one_of("state", "new", "applied", "quarantined"),
    Index("ix_inbox_state", "source", "state"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Identity, primary_key=True),
    Column("stage", String(40), nullable=False),
    Column("source", String(160), nullable=False),
    Column("row_ref", String(128), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("sealed_row", LargeBinary, nullable=False),
    Column("quarantined_at", Instant, nullable=False),
    UniqueConstraint("source", "row_ref"),
)

leads = Table(
    "leads",
    metadata,
    Column("lead_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("source", String(160), nullable=False),
    Column("source_key", String(128), nullable=False),
    Column("person_id", ForeignKey("persons.person_id"), nullable=False, index=True),
    Column("channel", String(64), nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("placed_group_id", ForeignKey("groups.group_id")),
    Column("duplicate_of", ForeignKey("leads.lead_id")),
    UniqueConstraint("source", "source_key"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("community", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("invited_on", Date, nullable=False),
    CheckConstraint("attempt >= 1", name="attempt_counts_from_1"),
)

welcomes = Table(
    "welcomes",
    metadata,
    Column("code_digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id"), nullable=False),
    Column("userid", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("sealed_code", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("result", String(40), nullable=False, default=""),
)
