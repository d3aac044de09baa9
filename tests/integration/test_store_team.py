"""Links, sessions and codes: found by their hash, each good for its time and its purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from qunflow.store import team
from qunflow.store.engine import Store
from qunflow.store.tables import access_tokens

NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)


@pytest.mark.parametrize(("purpose", "lives"), [("link", timedelta(days=90)), ("session", timedelta(days=30))])
def test_a_secret_is_good_for_its_time(store: Store, purpose: team.Purpose, lives: timedelta) -> None:
    """Until the last moment, and not after."""
    with store.writing() as conn:
        token = team.issue(conn, "li", purpose, NOON)
        last = NOON + lives - timedelta(seconds=1)
        assert team.holder(conn, token, purpose, last) == "li"
        assert team.holder(conn, token, purpose, NOON + lives) == ""


def test_a_secret_opens_nothing_else(store: Store) -> None:
    """A link is no session and a session is no code."""
    with store.writing() as conn:
        link = team.issue(conn, "li", "link", NOON)
        assert team.holder(conn, link, "session", NOON) == ""
        assert team.use_code(conn, link, NOON) == ""


def test_a_code_works_once_however_it_is_typed(store: Store) -> None:
    """Lower case and a dash are understood; the second time it is spent."""
    with store.writing() as conn:
        code = team.issue(conn, "li", "code", NOON)
        typed = f" {code[:4].lower()}-{code[4:]} "
        assert team.use_code(conn, typed, NOON + timedelta(minutes=9)) == "li"
        assert team.use_code(conn, code, NOON + timedelta(minutes=9)) == ""


def test_taking_back_ends_everything_of_one_person(store: Store) -> None:
    """Others keep theirs."""
    with store.writing() as conn:
        mine, other = team.issue(conn, "li", "session", NOON), team.issue(conn, "wang", "session", NOON)
        assert team.revoke(conn, "li", NOON) == 1
        assert (team.holder(conn, mine, "session", NOON), team.holder(conn, other, "session", NOON)) == ("", "wang")


def test_only_the_hash_is_kept(store: Store) -> None:
    """Nothing in the row contains the secret."""
    with store.writing() as conn:
        token = team.issue(conn, "li", "link", NOON)
        row = conn.execute(select(access_tokens)).one()
    assert token not in str(row)
