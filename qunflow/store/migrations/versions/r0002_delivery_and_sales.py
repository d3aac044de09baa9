"""Delivery, the ledger, weekly activity and conversion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _activities()
    _audit_log()
    _campaigns()
    _contents()
    _kill_switches()
    _ledger_entries()
    _approvals()
    _buyers()
    _calls()
    _checkins()
    _coupons()
    _ledger_postings()
    _orders()
    _short_links()
    _targets()


def _activities() -> None:
    op.create_table(
        "activities",
        sa.Column("activity_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("activity_key", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("points_per_checkin", sa.Integer(), nullable=False),
        sa.Column("awarded_at", INSTANT, nullable=True),
        sa.CheckConstraint("closes_on >= opens_on", name=op.f("ck_activities_closes_after_opening")),
        sa.PrimaryKeyConstraint("activity_id", name=op.f("pk_activities")),
        sa.UniqueConstraint("code", name=op.f("uq_activities_code")),
        sa.UniqueConstraint("community", "activity_key", name=op.f("uq_activities_community_activity_key")),
    )


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", IDENTITY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_log")),
    )


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("campaign_key", sa.String(length=80), nullable=False),
        sa.Column("offer_key", sa.String(length=80), nullable=False),
        sa.Column("warm_up_on", sa.Date(), nullable=False),
        sa.Column("offer_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'warmed_up', 'offered', 'closed', 'held')", name=op.f("ck_campaigns_state_known")
        ),
        sa.CheckConstraint(
            "warm_up_on < offer_on AND offer_on <= closes_on", name=op.f("ck_campaigns_warm_up_comes_first")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("community", "campaign_key", name=op.f("uq_campaigns_community_campaign_key")),
    )


def _contents() -> None:
    op.create_table(
        "contents",
        sa.Column("content_version", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attachments", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("content_version", name=op.f("pk_contents")),
    )


def _kill_switches() -> None:
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.String(length=20), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=120), autoincrement=False, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.CheckConstraint("scope IN ('all', 'campaign', 'group')", name=op.f("ck_kill_switches_scope_known")),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_kill_switches")),
    )


def _ledger_entries() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("entry_id", IDENTITY, nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("booked_at", INSTANT, nullable=False),
        sa.CheckConstraint("unit IN ('points', 'coupon', 'prize')", name=op.f("ck_ledger_entries_unit_known")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("event_key", name=op.f("uq_ledger_entries_event_key")),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("approval_id", IDENTITY, nullable=False),
        sa.Column("content_version", sa.String(length=64), nullable=False),
        sa.Column("slot_key", sa.String(length=120), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=False),
        sa.Column("approved_at", INSTANT, nullable=False),
        sa.Column("voided_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["content_version"], ["contents.content_version"], name=op.f("fk_approvals_content_version_contents")
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
        sa.UniqueConstraint(
            "content_version", "slot_key", "local_day", name=op.f("uq_approvals_content_version_slot_key_local_day")
        ),
    )


def _buyers() -> None:
    op.create_table(
        "buyers",
        sa.Column("campaign_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("tier", sa.String(length=20), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.campaign_id"], name=op.f("fk_buyers_campaign_id_campaigns")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_buyers_person_id_persons")),
        sa.PrimaryKeyConstraint("campaign_id", "person_id", name=op.f("pk_buyers")),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", IDENTITY, nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("sender_userid", sa.String(length=64), nullable=False),
        sa.Column("content_version", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("intent_at", INSTANT, nullable=False),
        sa.Column("unknown_since", INSTANT, nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("platform_id", sa.String(length=128), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("reminded_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "state IN ('intent', 'sent', 'refused', 'unknown', 'reconciled', 'cancelled')",
            name=op.f("ck_calls_state_known"),
        ),
        sa.CheckConstraint(
            "way IN ('mass_task', 'hand_send', 'welcome', 'private_task', 'staff_notice')",
            name=op.f("ck_calls_way_known"),
        ),
        sa.ForeignKeyConstraint(
            ["content_version"], ["contents.content_version"], name=op.f("fk_calls_content_version_contents")
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_state", "calls", ["state", "intent_at"], unique=False)


def _checkins() -> None:
    op.create_table(
        "checkins",
        sa.Column("activity_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("local_day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("checked_in_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activities.activity_id"], name=op.f("fk_checkins_activity_id_activities")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_checkins_person_id_persons")),
        sa.PrimaryKeyConstraint("activity_id", "person_id", "local_day", name=op.f("pk_checkins")),
    )


def _coupons() -> None:
    op.create_table(
        "coupons",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("offer_key", sa.String(length=80), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=True),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("redeemed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_coupons_person_id_persons")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_coupons")),
        sa.UniqueConstraint("event_key", name=op.f("uq_coupons_event_key")),
    )


def _ledger_postings() -> None:
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=120), autoincrement=False, nullable=False),
        sa.Column("person_id", IDENTITY, nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_postings_moves_something")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.entry_id"], name=op.f("fk_ledger_postings_entry_id_ledger_entries")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.person_id"], name=op.f("fk_ledger_postings_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("entry_id", "account", name=op.f("pk_ledger_postings")),
    )
    op.create_index("ix_ledger_postings_account", "ledger_postings", ["account"], unique=False)


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("source_key", sa.String(length=128), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=True),
        sa.Column("group_id", IDENTITY, nullable=True),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", INSTANT, nullable=False),
        sa.Column("refunded_fen", sa.BigInteger(), nullable=False),
        sa.Column("short_code", sa.String(length=32), nullable=False),
        sa.Column("coupon_code", sa.String(length=32), nullable=False),
        sa.CheckConstraint(
            "amount_fen >= 0 AND refunded_fen >= 0 AND refunded_fen <= amount_fen", name=op.f("ck_orders_money_adds_up")
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_orders_group_id_groups")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_orders_person_id_persons")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("source", "source_key", name=op.f("uq_orders_source_source_key")),
    )


def _short_links() -> None:
    op.create_table(
        "short_links",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("link_key", sa.String(length=200), nullable=False),
        sa.Column("destination", sa.String(length=2048), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("slot_key", sa.String(length=120), nullable=False),
        sa.Column("group_id", IDENTITY, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_short_links_group_id_groups")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_short_links")),
        sa.UniqueConstraint("link_key", name=op.f("uq_short_links_link_key")),
    )


def _targets() -> None:
    op.create_table(
        "targets",
        sa.Column("target_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("slot_key", sa.String(length=120), nullable=False),
        sa.Column("local_day", sa.Date(), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("sender_userid", sa.String(length=64), nullable=False),
        sa.Column("target_kind", sa.String(length=10), nullable=False),
        sa.Column("target_ref", sa.BigInteger(), nullable=False),
        sa.Column("content_version", sa.String(length=64), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("not_after", INSTANT, nullable=False),
        sa.Column("marketing", sa.Boolean(), nullable=False),
        sa.Column("catch_up", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("call_id", IDENTITY, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("planned_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("outcome_at", INSTANT, nullable=True),
        sa.Column("reply_count", sa.Integer(), nullable=True),
        sa.Column("card_digest", sa.String(length=64), nullable=True),
        sa.CheckConstraint("catch_up IN ('send', 'ask', 'skip')", name=op.f("ck_targets_catch_up_known")),
        sa.CheckConstraint(
            "outcome IN ('waiting', 'delivered', 'not_friend', 'over_quota', 'missed', 'cancelled')",
            name=op.f("ck_targets_outcome_known"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'checked', 'approved', 'intent', 'sent', 'refused', 'unknown', 'reconciled', 'dead', 'skipped', 'cancelled')",
            name=op.f("ck_targets_state_known"),
        ),
        sa.CheckConstraint("target_kind IN ('chat', 'person', 'staff')", name=op.f("ck_targets_target_kind_known")),
        sa.CheckConstraint(
            "way IN ('mass_task', 'hand_send', 'welcome', 'private_task', 'staff_notice')",
            name=op.f("ck_targets_way_known"),
        ),
        sa.CheckConstraint("not_after >= due_at", name=op.f("ck_targets_window_is_not_empty")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("fk_targets_call_id_calls")),
        sa.ForeignKeyConstraint(
            ["content_version"], ["contents.content_version"], name=op.f("fk_targets_content_version_contents")
        ),
        sa.PrimaryKeyConstraint("target_id", name=op.f("pk_targets")),
        sa.UniqueConstraint("card_digest", name=op.f("uq_targets_card_digest")),
        sa.UniqueConstraint(
            "slot_key",
            "local_day",
            "target_kind",
            "target_ref",
            "content_version",
            name=op.f("uq_targets_slot_key_local_day_target_kind_target_ref_content_version"),
        ),
    )
    op.create_index(op.f("ix_targets_call_id"), "targets", ["call_id"], unique=False)
    op.create_index("ix_targets_day", "targets", ["community", "local_day", "stage"], unique=False)
    op.create_index("ix_targets_due", "targets", ["state", "due_at"], unique=False)
