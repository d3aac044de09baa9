"""Persons, groups, what came in, history, runs and figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _figures()
    _groups()
    _history_batches()
    _imports()
    _live_codes()
    _persons()
    _quarantine()
    _runs()
    _vault_keys()
    _check_results()
    _contacts()
    _identities()
    _inbox()
    _invitations()
    _leads()
    _memberships()
    _person_fields()
    _person_keys()
    _suppressions()
    _welcomes()


def _figures() -> None:
    op.create_table(
        "figures",
        sa.Column("figure_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("dimensions", sa.String(length=400), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=True),
        sa.Column("numerator", sa.BigInteger(), nullable=True),
        sa.Column("denominator", sa.BigInteger(), nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("superseded_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("figure_id", name=op.f("pk_figures")),
    )
    op.create_index(
        "uq_figures_current",
        "figures",
        ["community", "stage", "name", "as_of", "dimensions"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("group_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("owner_userid", sa.String(length=64), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("dissolved_at", INSTANT, nullable=True),
        sa.Column("member_version", sa.String(length=64), nullable=False),
        sa.Column("roster_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_groups")),
        sa.UniqueConstraint("chat_id", name=op.f("uq_groups_chat_id")),
        sa.UniqueConstraint("community", "group_key", name=op.f("uq_groups_community_group_key")),
    )


def _history_batches() -> None:
    op.create_table(
        "history_batches",
        sa.Column("batch_id", IDENTITY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=160), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("replaced_by", IDENTITY, nullable=True),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_history_batches_days_in_order")),
        sa.CheckConstraint("rows > 0", name=op.f("ck_history_batches_never_empty")),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["history_batches.batch_id"], name=op.f("fk_history_batches_replaced_by_history_batches")
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_history_batches")),
        sa.UniqueConstraint("name", "first_day", name=op.f("uq_history_batches_name_first_day")),
        sa.UniqueConstraint("path", name=op.f("uq_history_batches_path")),
    )
    op.create_index("ix_history_batches_days", "history_batches", ["first_day", "last_day"], unique=False)


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", IDENTITY, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_kept", sa.Integer(), nullable=False),
        sa.Column("rows_quarantined", sa.Integer(), nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_imports")),
        sa.UniqueConstraint("kind", "sha256", name=op.f("uq_imports_kind_sha256")),
    )


def _live_codes() -> None:
    op.create_table(
        "live_codes",
        sa.Column("config_id", sa.String(length=64), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("group_ids", sa.JSON(), nullable=False),
        sa.Column("url", sa.String(length=512), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("config_id", name=op.f("pk_live_codes")),
        sa.UniqueConstraint("community", "channel", name=op.f("uq_live_codes_community_channel")),
    )


def _persons() -> None:
    op.create_table(
        "persons",
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_persons")),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", IDENTITY, nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=160), nullable=False),
        sa.Column("row_ref", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("sealed_row", sa.LargeBinary(), nullable=False),
        sa.Column("quarantined_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("source", "row_ref", name=op.f("uq_quarantine_source_row_ref")),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", IDENTITY, nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("claim_key", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("rows_in", sa.Integer(), nullable=True),
        sa.Column("rows_out", sa.Integer(), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("prefect_run_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "stage IN ('acquisition', 'daily_content', 'weekly_activity', 'retention', 'conversion', 'community_cycle', 'upkeep')",
            name=op.f("ck_runs_stage_known"),
        ),
        sa.CheckConstraint("state IN ('running', 'completed', 'failed')", name=op.f("ck_runs_state_known")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
        sa.UniqueConstraint("claim_key", name=op.f("uq_runs_claim_key")),
    )
    op.create_index("ix_runs_day", "runs", ["community", "day", "stage"], unique=False)


def _vault_keys() -> None:
    op.create_table(
        "vault_keys",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_vault_keys")),
    )


def _check_results() -> None:
    op.create_table(
        "check_results",
        sa.Column("run_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("suite", sa.String(length=80), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("expectation", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("could_run", sa.Boolean(), nullable=False),
        sa.Column("observed", sa.JSON(), nullable=False),
        sa.Column("unexpected_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("severity IN ('critical', 'warning', 'info')", name=op.f("ck_check_results_severity_known")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_check_results_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", "suite", "position", name=op.f("pk_check_results")),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("userid", sa.String(length=64), autoincrement=False, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("deleted_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_contacts_person_id_persons")),
        sa.PrimaryKeyConstraint("person_id", "userid", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_community_added_at", "contacts", ["community", "added_at"], unique=False)


def _identities() -> None:
    op.create_table(
        "identities",
        sa.Column("kind", sa.String(length=40), autoincrement=False, nullable=False),
        sa.Column("value_digest", sa.String(length=64), autoincrement=False, nullable=False),
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_identities_person_id_persons")),
        sa.PrimaryKeyConstraint("kind", "value_digest", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_person_id"), "identities", ["person_id"], unique=False)


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("inbox_id", IDENTITY, nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("applied_at", INSTANT, nullable=True),
        sa.CheckConstraint("state IN ('new', 'applied', 'quarantined')", name=op.f("ck_inbox_state_known")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_inbox_person_id_persons")),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "key_digest", name=op.f("uq_inbox_source_key_digest")),
    )
    op.create_index(op.f("ix_inbox_person_id"), "inbox", ["person_id"], unique=False)
    op.create_index("ix_inbox_state", "inbox", ["source", "state"], unique=False)


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("community", sa.String(length=64), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("invited_on", sa.Date(), nullable=False),
        sa.CheckConstraint("attempt >= 1", name=op.f("ck_invitations_attempt_counts_from_1")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_invitations_person_id_persons")),
        sa.PrimaryKeyConstraint("person_id", "community", "attempt", name=op.f("pk_invitations")),
    )


def _leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", IDENTITY, nullable=False),
        sa.Column("community", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=160), nullable=False),
        sa.Column("source_key", sa.String(length=128), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("submitted_at", INSTANT, nullable=False),
        sa.Column("placed_group_id", IDENTITY, nullable=True),
        sa.Column("duplicate_of", IDENTITY, nullable=True),
        sa.ForeignKeyConstraint(["duplicate_of"], ["leads.lead_id"], name=op.f("fk_leads_duplicate_of_leads")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_leads_person_id_persons")),
        sa.ForeignKeyConstraint(["placed_group_id"], ["groups.group_id"], name=op.f("fk_leads_placed_group_id_groups")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
        sa.UniqueConstraint("source", "source_key", name=op.f("uq_leads_source_source_key")),
    )
    op.create_index(op.f("ix_leads_person_id"), "leads", ["person_id"], unique=False)


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("membership_id", IDENTITY, nullable=False),
        sa.Column("group_id", IDENTITY, nullable=False),
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.Column("left_at", INSTANT, nullable=True),
        sa.Column("left_known_by", sa.String(length=20), nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("join_scene", sa.Integer(), nullable=True),
        sa.Column("pulled_in", sa.Boolean(), nullable=False),
        sa.Column("inviter_userid", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(left_at IS NULL) = (left_known_by IS NULL)", name=op.f("ck_memberships_leave_has_a_source")
        ),
        sa.CheckConstraint("left_at IS NULL OR left_at >= joined_at", name=op.f("ck_memberships_leaves_after_joining")),
        sa.ForeignKeyConstraint(["group_id"], ["groups.group_id"], name=op.f("fk_memberships_group_id_groups")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_memberships_person_id_persons")),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "group_id", "person_id", "joined_at", name=op.f("uq_memberships_group_id_person_id_joined_at")
        ),
    )
    op.create_index("ix_memberships_open", "memberships", ["group_id", "left_at"], unique=False)
    op.create_index(op.f("ix_memberships_person_id"), "memberships", ["person_id"], unique=False)


def _person_fields() -> None:
    op.create_table(
        "person_fields",
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=40), autoincrement=False, nullable=False),
        sa.Column("sealed_value", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_person_fields_person_id_persons")),
        sa.PrimaryKeyConstraint("person_id", "field", name=op.f("pk_person_fields")),
    )


def _person_keys() -> None:
    op.create_table(
        "person_keys",
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_person_keys_person_id_persons")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person_keys")),
    )


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("person_id", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), autoincrement=False, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.CheckConstraint(
            "kind IN ('opt_out', 'do_not_invite', 'support_case')", name=op.f("ck_suppressions_kind_known")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_suppressions_person_id_persons")),
        sa.PrimaryKeyConstraint("person_id", "kind", name=op.f("pk_suppressions")),
    )


def _welcomes() -> None:
    op.create_table(
        "welcomes",
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", IDENTITY, nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("sealed_code", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("result", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("fk_welcomes_person_id_persons")),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_welcomes")),
    )
