"""Groups of other platforms, waves, workers of several hosts, sends beside Qunflow, and the team with its to-dos."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAYS = (
    "way IN ('mass_task', 'hand_send', 'welcome', 'private_task', 'staff_notice', "
    "'moment', 'robot', 'mail', 'longtail')"
)
_PLATFORMS = "platform IN ('wecom', 'wechat', 'qq', 'dingtalk', 'feishu', 'other')"
_UNITS = "unit IN ('points', 'coupon', 'prize', 'stock')"


def upgrade() -> None:
    """Change what is there, then make the new tables."""
    platform = sa.Column("platform", sa.String(length=20), nullable=False, server_default="wecom")
    _change("groups", "ck_groups_platform_known", _PLATFORMS, platform, is_new=True)
    _change("ledger_entries", "ck_ledger_entries_unit_known", _UNITS)
    _change("calls", "ck_calls_way_known", _WAYS, sa.Column("escalated_at", INSTANT, nullable=True))
    author = sa.Column("author", sa.String(length=80), nullable=False, server_default="")
    wave = sa.Column("wave", sa.Integer(), nullable=False, server_default="0")
    _change("targets", "ck_targets_way_known", _WAYS, author, wave)
    _approvals()
    _waves()
    _workers()
    _outside_sends()
    _access_tokens()
    _absences()
    _todos()
    _keep_the_audit_log()


def _change(table: str, check: str, condition: str, *columns: sa.Column[Any], is_new: bool = False) -> None:
    # SQLite cannot change a check: there the table is copied.
    with op.batch_alter_table(table) as batch:
        for column in columns:
            batch.add_column(column)
        if not is_new:
            batch.drop_constraint(op.f(check), type_="check")
        batch.create_check_constraint(op.f(check), condition)


def _approvals() -> None:
    op.add_column("approvals", sa.Column("effective_at", INSTANT, nullable=True))
    op.add_column("approvals", sa.Column("self_confirmed", sa.Boolean(), nullable=False, server_default=sa.false()))


def _waves() -> None:
    op.create_table(
        "waves",
        sa.Column("slot_key", sa.String(length=120), autoincrement=False, nullable=False),
        sa.Column("local_day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("wave", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("released_at", INSTANT, nullable=False),
        sa.Column("released_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("slot_key", "local_day", "wave", name=op.f("pk_waves")),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.Column("lease_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_workers")),
    )


def _outside_sends() -> None:
    op.create_table(
        "outside_sends",
        sa.Column("platform_id", sa.String(length=128), autoincrement=False, nullable=False),
        sa.Column("target_kind", sa.String(length=10), autoincrement=False, nullable=False),
        sa.Column("target_ref", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender_userid", sa.String(length=64), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.CheckConstraint("target_kind IN ('chat', 'person')", name=op.f("ck_outside_sends_target_kind_known")),
        sa.PrimaryKeyConstraint("platform_id", "target_kind", "target_ref", name=op.f("pk_outside_sends")),
    )
    op.create_index(
        "ix_outside_sends_target", "outside_sends", ["target_kind", "target_ref", "sent_at"], unique=False
    )


def _access_tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.CheckConstraint("purpose IN ('link', 'session', 'code')", name=op.f("ck_access_tokens_purpose_known")),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_access_tokens")),
    )
    op.create_index("ix_access_tokens_userid", "access_tokens", ["userid", "purpose"], unique=False)


def _absences() -> None:
    op.create_table(
        "absences",
        sa.Column("absence_id", IDENTITY, nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("from_at", INSTANT, nullable=False),
        sa.Column("until_at", INSTANT, nullable=False),
        sa.Column("stand_in_userid", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("noted_by", sa.String(length=80), nullable=False),
        sa.Column("noted_at", INSTANT, nullable=False),
        sa.Column("cancelled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("absence_id", name=op.f("pk_absences")),
    )
    op.create_index("ix_absences_userid", "absences", ["userid", "from_at"], unique=False)


def _todos() -> None:
    op.create_table(
        "todos",
        sa.Column("todo_id", IDENTITY, nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("group_id", IDENTITY, nullable=True),
        sa.Column("target_id", IDENTITY, nullable=True),
        sa.Column("person_id", IDENTITY, nullable=True),
        sa.Column("assignee_userid", sa.String(length=64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, server_default="open"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("reminded_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=False, server_default=""),
        sa.CheckConstraint(
            "kind IN ('create_group', 'announcement', 'red_packet', 'remove_member', 'recall', 'correct', 'settle', "
            "'chase', 'other')",
            name=op.f("ck_todos_kind_known"),
        ),
        sa.CheckConstraint("state IN ('open', 'done', 'skipped')", name=op.f("ck_todos_state_known")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_todos_group_id_groups")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_todos_person_id_persons")),
        sa.ForeignKeyConstraint(["target_id"], ["targets.target_id"], name=op.f("fk_todos_target_id_targets")),
        sa.PrimaryKeyConstraint("todo_id", name=op.f("pk_todos")),
        sa.UniqueConstraint("event_key", name=op.f("uq_todos_event_key")),
    )
    op.create_index("ix_todos_open", "todos", ["community", "state", "due_at"], unique=False)


def _keep_the_audit_log() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_log_no_{what.lower()} BEFORE {what} ON audit_log "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE ON audit_log "
        "FOR EACH ROW EXECUTE FUNCTION audit_log_is_kept()"
    )
