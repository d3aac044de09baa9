"""Who a number is, sealed; friends and those to be left alone."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

# Which master key sealed this database: another one would quietly make every person a stranger.
vault_keys = Table("vault_keys", metadata, Column("key_id", String(16), primary_key=True))

persons = Table(
    "persons",
    metadata,
    Column("person_id", Identity, primary_key=True),
    Column("created_at", Instant, nullable=False),
    Column("erased_at", Instant),
)

person_keys = Table(
    "person_keys",
    metadata,
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
)

person_fields = Table(
    "person_fields",
    metadata,
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("field", String(40), primary_key=True),
    Column("sealed_value", LargeBinary, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("value_digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id"), nullable=False, index=True),
    Column("sealed_value", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("userid", String(64), primary_key=True),
    Column("community", String(64), nullable=False),
    Column("channel", String(64), nullable=False, default=""),
    Column("added_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Index("ix_contacts_community_added_at", "community", "added_at"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("source", String(80), nullable=False),
    one_of("kind", "opt_out", "do_not_invite", "support_case"),
)
