"""Weekly activities, campaigns, links and orders."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from qunflow.store.tables.base import Identity, Instant, metadata, one_of

activities = Table(
    "activities",
    metadata,
    Column("activity_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("activity_key", String(80), nullable=False),
    Column("code", String(32), nullable=False, unique=True),
    Column("title", String(120), nullable=False),
    Column("opens_on", Date, nullable=False),
    Column("closes_on", Date, nullable=False),
    Column("points_per_checkin", Integer, nullable=False),
    Column("awarded_at", Instant),
    UniqueConstraint("community", "activity_key"),
    CheckConstraint("closes_on >= opens_on", name="closes_after_opening"),
)

checkins = Table(
    "checkins",
    metadata,
    Column("activity_id", ForeignKey("activities.activity_id"), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("local_day", Date, primary_key=True),
    Column("checked_in_at", Instant, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("campaign_key", String(80), nullable=False),
    Column("offer_key", String(80), nullable=False),
    Column("warm_up_on", Date, nullable=False),
    Column("offer_on", Date, nullable=False),
    Column("closes_on", Date, nullable=False),
    Column("state", String(20), nullable=False, default="planned"),
    UniqueConstraint("community", "campaign_key"),
    CheckConstraint("warm_up_on < offer_on AND offer_on <= closes_on", name="warm_up_comes_first"),
    one_of("state", "planned", "warmed_up", "offered", "closed", "held"),
)

buyers = Table(
    "buyers",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.campaign_id"), primary_key=True),
    Column("person_id", ForeignKey("persons.person_id"), primary_key=True),
    Column("score", Integer, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("tier", String(20), nullable=False),
    Column("listed_on", Date, nullable=False),
)

short_links = Table(
    "short_links",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("link_key", String(200), nullable=False, unique=True),
    Column("destination", String(2048), nullable=False),
    Column("community", String(64), nullable=False),
    Column("campaign", String(80), nullable=False, default=""),
    Column("slot_key", String(120), nullable=False, default=""),
    Column("group_id", ForeignKey("groups.group_id")),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("source", String(80), nullable=False),
    Column("source_key", String(128), nullable=False),
    Column("person_id", ForeignKey("persons.person_id")),
    Column("group_id", ForeignKey("groups.group_id")),
    Column("campaign", String(80), nullable=False, default=""),
    Column("amount_fen", BigInteger, nullable=False),
    Column("paid_at", Instant, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False, default=0),
    Column("short_code", String(32), nullable=False, default=""),
    Column("coupon_code", String(32), nullable=False, default=""),
    UniqueConstraint("source", "source_key"),
    CheckConstraint("amount_fen >= 0 AND refunded_fen >= 0 AND refunded_fen <= amount_fen", name="money_adds_up"),
)
