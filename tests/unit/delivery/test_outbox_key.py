"""The database itself refuses a message twice, whoever writes it."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, insert, select
from sqlalchemy.exc import IntegrityError

from qunflow.store.tables import contents, metadata, targets
from tests.unit.delivery.platform_fake import DAY, NOON


def test_one_slot_day_target_and_content_is_one_row() -> None:
    """A second row for the same place and words breaks the unique key."""
    engine = create_engine("sqlite://")
    row = {
        "community": "neighbours",
        "stage": "daily_content",
        "slot_key": "noon",
        "local_day": DAY,
        "way": "mass_task",
        "sender_userid": "owner_zhou",
        "target_kind": "chat",
        "target_ref": 1,
        "content_version": "v1",
        "due_at": NOON,
        "not_after": NOON,
        "marketing": True,
        "planned_at": NOON,
    }
    with engine.begin() as conn:
        metadata.create_all(conn)
        conn.execute(insert(contents), [{"content_version": "v1", "text": "a", "attachments": [], "created_at": NOON}])
        conn.execute(insert(targets), [row])
        with pytest.raises(IntegrityError):
            conn.execute(insert(targets), [row])
        assert len(conn.execute(select(targets)).all()) == 1
