"""Find what a group or a person got without reading every message there ever was."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add one index."""
    op.create_index("ix_targets_recipient", "targets", ["target_kind", "target_ref", "local_day"], unique=False)
