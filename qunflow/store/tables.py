"""
Every table of the state database, with its constraints.

Instants are stored in UTC, local days as dates in the community's zone, money in fen, texts as they are.
What identifies a person (name, phone, open id, a raw webhook body) is never stored here in clear: columns named
``sealed_…`` hold ciphertext of the person vault, columns named ``…_digest`` a keyed hash.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself in an INTEGER key.
Identity = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant: UTC in the database on both engines, aware UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


STAGES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion")
FLOWS = (*STAGES, "community_cycle", "upkeep")
TARGET_STATES = (
    "planned",
    "checked",
    "approved",
    "intent",
    "sent",
    "refused",
    "unknown",
    "reconciled",
    "dead",
    "skipped",
    "cancelled",
)
WAYS = ("mass_task", "hand_send", "welcome", "private_task", "staff_notice")

# --- persons

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
    _one_of("kind", "opt_out", "do_not_invite", "support_case"),
)

# --- groups and who is in them

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
    UniqueConstraint("community", "group_key"),
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

# --- what came in

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
    _one_of("state", "new", "applied", "quarantined"),
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

# --- history manifest

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
    UniqueConstraint("kind", "sha256"),
)

# --- runs, checks, figures

runs = Table(
    "runs",
    metadata,
    Column("run_id", Identity, primary_key=True),
    Column("stage", String(40), nullable=False),
    Column("community", String(64), nullable=False),
    Column("day", Date, nullable=False),
    Column("claim_key", String(200), unique=True),
    Column("state", String(20), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("rows_in", Integer),
    Column("rows_out", Integer),
    Column("summary", JSON, nullable=False, default=dict),
    Column("problem", Text, nullable=False, default=""),
    Column("prefect_run_id", String(64), nullable=False, default=""),
    _one_of("stage", *FLOWS),
    _one_of("state", "running", "completed", "failed"),
    Index("ix_runs_day", "community", "day", "stage"),
)

check_results = Table(
    "check_results",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("suite", String(80), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("expectation", String(200), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("could_run", Boolean, nullable=False),
    Column("observed", JSON, nullable=False),
    Column("unexpected_count", Integer, nullable=False),
    _one_of("severity", "critical", "warning", "info"),
)

figures = Table(
    "figures",
    metadata,
    Column("figure_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("name", String(80), nullable=False),
    Column("dimensions", String(400), nullable=False, default="{}"),
    Column("as_of", Date, nullable=False),
    Column("value", String(200)),
    Column("numerator", BigInteger),
    Column("denominator", BigInteger),
    Column("unit", String(20), nullable=False),
    Column("source", String(80), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("superseded_at", Instant),
    # One figure is current at a time; the ones before it stay, with the instant they were revised.
    Index(
        "uq_figures_current",
        "community",
        "stage",
        "name",
        "as_of",
        "dimensions",
        unique=True,
        sqlite_where=text("superseded_at IS NULL"),
        postgresql_where=text("superseded_at IS NULL"),
    ),
)

# --- delivery

contents = Table(
    "contents",
    metadata,
    Column("content_version", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("call_id", Identity, primary_key=True),
    Column("way", String(20), nullable=False),
    Column("sender_userid", String(64), nullable=False),
    Column("content_version", ForeignKey("contents.content_version"), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("worker", String(64), nullable=False, default=""),
    Column("intent_at", Instant, nullable=False),
    Column("unknown_since", Instant),
    Column("settled_at", Instant),
    Column("platform_id", String(128)),
    Column("error_code", Integer),
    Column("reason", String(200), nullable=False, default=""),
    Column("reminders", Integer, nullable=False, default=0),
    Column("reminded_at", Instant),
    _one_of("state", "intent", "sent", "refused", "unknown", "reconciled", "cancelled"),
    _one_of("way", *WAYS),
    Index("ix_calls_state", "state", "intent_at"),
)

targets = Table(
    "targets",
    metadata,
    Column("target_id", Identity, primary_key=True),
    Column("community", String(64), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("campaign", String(80), nullable=False, default=""),
    Column("slot_key", String(120), nullable=False),
    Column("local_day", Date, nullable=False),
    Column("way", String(20), nullable=False),
    Column("sender_userid", String(64), nullable=False),
    Column("target_kind", String(10), nullable=False),
    Column("target_ref", BigInteger, nullable=False),
    Column("content_version", ForeignKey("contents.content_version"), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("marketing", Boolean, nullable=False),
    # What happens when not_after has passed: send it late, ask a person again, or skip it.
    Column("catch_up", String(10), nullable=False, default="skip"),
    Column("state", String(20), nullable=False, default="planned"),
    Column("reason", String(200), nullable=False, default=""),
    Column("call_id", ForeignKey("calls.call_id"), index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("planned_at", Instant, nullable=False),
    Column("sent_at", Instant),
    # What became of it on the other side: a created task is not a delivered message.
    Column("outcome", String(20), nullable=False, default="waiting"),
    Column("outcome_at", Instant),
    Column("reply_count", Integer),
    Column("card_digest", String(64), unique=True),
    UniqueConstraint("slot_key", "local_day", "target_kind", "target_ref", "content_version"),
    CheckConstraint("not_after >= due_at", name="window_is_not_empty"),
    _one_of("state", *TARGET_STATES),
    _one_of("way", *WAYS),
    _one_of("target_kind", "chat", "person", "staff"),
    _one_of("catch_up", "send", "ask", "skip"),
    _one_of("outcome", "waiting", "delivered", "not_friend", "over_quota", "missed", "cancelled"),
    Index("ix_targets_due", "state", "due_at"),
    Index("ix_targets_day", "community", "local_day", "stage"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", Identity, primary_key=True),
    Column("content_version", ForeignKey("contents.content_version"), nullable=False),
    Column("slot_key", String(120), nullable=False),
    Column("local_day", Date, nullable=False),
    Column("approved_by", String(80), nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("voided_at", Instant),
    UniqueConstraint("content_version", "slot_key", "local_day"),
)

kill_switches = Table(
    "kill_switches",
    metadata,
    Column("scope", String(20), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("set_by", String(80), nullable=False),
    _one_of("scope", "all", "campaign", "group"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", Identity, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(80), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("detail", JSON, nullable=False),
)

# --- points, coupons, prizes: double entry

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("entry_id", Identity, primary_key=True),
    Column("event_key", String(200), nullable=False, unique=True),
    Column("community", String(64), nullable=False),
    Column("unit", String(20), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("booked_at", Instant, nullable=False),
    _one_of("unit", "points", "coupon", "prize"),
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

# --- weekly activity and conversion

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
    _one_of("state", "planned", "warmed_up", "offered", "closed", "held"),
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
