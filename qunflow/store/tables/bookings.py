"""Points, coupons and prizes as double entry."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, String, Table

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("entry_id", Identity, primary_key=True),
    Column("event_key", String(200), nullable=False, unique=True),
    Column("community", String(64), nullable=False),
    Column("unit", String(20), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("booked_at", Instant, nullable=False),
    one_of("unit", "points", "coupon", "prize", "stock"),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("entry_id", ForeignKey("ledger_entries.entry_id"), primary_key=True),
    Column("account", String(120), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id")),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="moves_something"),
    Index("ix_ledger_postings_account", "account"),
)

coupons = Table(
    "coupons",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("offer_key", String(80), nullable=False),
    Column("community", String(64), nullable=False),
    Column("person_id", ForeignKey("persons.person_id")),
    Column("event_key", String(200), nullable=False, unique=True),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("redeemed_at", Instant),
)
