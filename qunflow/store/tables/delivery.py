"""The outbox: contents, calls to the platform, targets, approvals and switches; and who did what by hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
)

from qunflow.store.tables.base import TARGET_STATES, WAYS, Identity, Instant, metadata, one_of

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
    Column("escalated_at", Instant),
    one_of("state", "intent", "sent", "refused", "unknown", "reconciled", "cancelled"),
    one_of("way", *WAYS),
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
    Column("author", String(80), nullable=False, server_default=""),
    # Test group first: a wave goes out once the one before has been released; 0 waits for nobody.
    Column("wave", Integer, nullable=False, server_default="0"),
    UniqueConstraint("slot_key", "local_day", "target_kind", "target_ref", "content_version"),
    CheckConstraint("not_after >= due_at", name="window_is_not_empty"),
    one_of("state", *TARGET_STATES),
    one_of("way", *WAYS),
    one_of("target_kind", "chat", "person", "staff"),
    one_of("catch_up", "send", "ask", "skip"),
    one_of("outcome", "waiting", "delivered", "not_friend", "over_quota", "missed", "cancelled"),
    Index("ix_targets_due", "state", "due_at"),
    Index("ix_targets_day", "community", "local_day", "stage"),
    Index("ix_targets_recipient", "target_kind", "target_ref", "local_day"),
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
    # Whoever approves their own message does so with a delay, in which it can still be taken back.
    Column("effective_at", Instant),
    Column("self_confirmed", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("content_version", "slot_key", "local_day"),
)

waves = Table(
    "waves",
    metadata,
    Column("slot_key", String(120), primary_key=True),
    Column("local_day", Date, primary_key=True),
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("released_at", Instant, nullable=False),
    Column("released_by", String(80), nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("worker", String(64), primary_key=True),
    Column("host", String(120), nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("lease_s", Integer, nullable=False),
)

# Mass messages that staff sent beside Qunflow: they eat the same quota.
outside_sends = Table(
    "outside_sends",
    metadata,
    Column("platform_id", String(128), primary_key=True),
    Column("target_kind", String(10), primary_key=True),
    Column("target_ref", BigInteger, primary_key=True, autoincrement=False),
    Column("sender_userid", String(64), nullable=False),
    Column("sent_at", Instant, nullable=False),
    one_of("target_kind", "chat", "person"),
    Index("ix_outside_sends_target", "target_kind", "target_ref", "sent_at"),
)

kill_switches = Table(
    "kill_switches",
    metadata,
    Column("scope", String(20), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("set_by", String(80), nullable=False),
    one_of("scope", "all", "campaign", "group"),
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


AUDIT_IS_KEPT = {
    "sqlite": [
        f"CREATE TRIGGER audit_log_no_{what.lower()} BEFORE {what} ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION audit_log_is_kept()",
    ],
}


@event.listens_for(audit_log, "after_create")
def _keep_audit_log(_table: Table, conn: Connection, **_options: Any) -> None:
    """What was done cannot be changed or taken away, not even by hand: the database itself refuses."""
    for statement in AUDIT_IS_KEPT[conn.dialect.name]:
        conn.exec_driver_sql(statement)
