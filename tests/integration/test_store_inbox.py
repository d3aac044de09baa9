"""What comes in is kept once, opens again as it came, and what could not be used is kept with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from qunflow.store import inbox, quarantine
from qunflow.store.engine import Store
from qunflow.store.tables import inbox as inbox_table
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
KEYS = (("click", "1"), ("click", "2"), ("click", "2"), ("order", "1"))


@pytest.mark.parametrize("body", [{"姓名": "林", "n": [1, None, {"a": 2.5}]}, b"<xml>\xff\x00</xml>", {}, b""])
def test_a_body_opens_as_it_came(store: Store, vault: Vault, body: inbox.Body) -> None:
    """JSON objects and raw bytes return unchanged, with key and instant."""
    with store.writing() as conn:
        assert inbox.keep(conn, [inbox.sealed(vault, "form", "Oet50U/1", body)], AT)[0]
        (row,) = inbox.unapplied(conn, vault, "form", 10)
    assert (row.key, row.source, row.received_at, row.body) == ("Oet50U/1", "form", AT, body)


def test_a_repetition_is_kept_once(store: Store, vault: Vault) -> None:
    """A platform that sends the same thing again adds nothing, also after it was applied."""
    with store.writing() as conn:
        assert inbox.keep(conn, [inbox.sealed(vault, "order", "A1/paid", {"n": 1})], AT)[0]
        assert not inbox.keep(conn, [inbox.sealed(vault, "order", "A1/paid", {"n": 2})], AT)[0]
        assert inbox.keep(conn, [inbox.sealed(vault, "form", "A1/paid", {"n": 3})], AT)[0]
        (row,) = inbox.unapplied(conn, vault, "order", 10)
        inbox.mark(conn, [row.inbox_id], "applied", "", AT)
        assert not inbox.keep(conn, [inbox.sealed(vault, "order", "A1/paid", {"n": 2})], AT)[0]
    assert row.body == {"n": 1}


def test_rows_come_in_order_of_arrival_and_in_portions(store: Store, vault: Vault) -> None:
    """The oldest come first, as many as asked for, and only of the source asked for."""
    with store.writing() as conn:
        for n in range(5):
            inbox.keep(conn, [inbox.sealed(vault, "click", f"{n}", {"n": n})], AT)
        inbox.keep(conn, [inbox.sealed(vault, "order", "x", {"n": 9})], AT)
        rows = inbox.unapplied(conn, vault, "click", 3)
    assert [row.body for row in rows] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_rows_kept_together_are_each_told_whether_they_are_new(store: Store, vault: Vault) -> None:
    """What was known, what is new and what comes twice in one batch are told apart, in the order of the batch."""
    batch = [inbox.sealed(vault, source, key, {}) for source, key in KEYS]
    with store.writing() as conn:
        inbox.keep(conn, [inbox.sealed(vault, "click", "1", {})], AT)
        assert inbox.keep(conn, batch, AT) == [False, True, False, True]
        assert inbox.keep(conn, batch, AT) == [False] * 4
        assert len(inbox.unapplied(conn, vault, "click", 10)) == 2


def test_the_backlog_counts_what_nothing_was_made_of(store: Store, vault: Vault) -> None:
    """Applied rows are not behind; the others count from the arrival of the oldest."""
    with store.writing() as conn:
        for hours, (source, key) in enumerate([("click", "1"), ("click", "2"), ("form", "1"), ("click", "3")]):
            inbox.keep(conn, [inbox.sealed(vault, source, key, {})], AT + timedelta(hours=hours))
        inbox.mark(conn, [inbox.unapplied(conn, vault, "click", 1)[0].inbox_id], "applied", "", AT)
        assert inbox.backlogs(conn) == [
            inbox.Backlog("click", 2, AT + timedelta(hours=1)),
            inbox.Backlog("form", 1, AT + timedelta(hours=2)),
        ]


def test_a_row_is_marked_once(store: Store, vault: Vault) -> None:
    """What was applied is not taken again, and a later mark does not change the first."""
    with store.writing() as conn:
        inbox.keep(conn, [inbox.sealed(vault, "form", "1", {})], AT)
        inbox.keep(conn, [inbox.sealed(vault, "form", "2", {})], AT)
        first, second = (row.inbox_id for row in inbox.unapplied(conn, vault, "form", 10))
        assert inbox.mark(conn, [first], "applied", "", AT) == 1
        assert inbox.mark(conn, [first, second], "quarantined", "no phone", AT + timedelta(hours=1)) == 1
        assert inbox.unapplied(conn, vault, "form", 10) == []
        columns = (inbox_table.c.state, inbox_table.c.reason, inbox_table.c.applied_at)
        found = [tuple(row) for row in conn.execute(select(*columns).order_by(inbox_table.c.inbox_id))]
    assert found == [("applied", "", AT), ("quarantined", "no phone", AT + timedelta(hours=1))]


def test_what_is_received_in_a_transaction_that_fails_is_not_there(store: Store, vault: Vault) -> None:
    """Only a committed row may be acknowledged."""
    with pytest.raises(ZeroDivisionError), store.writing() as conn:
        inbox.keep(conn, [inbox.sealed(vault, "form", "1", {})], AT)
        raise ZeroDivisionError
    with store.reading() as conn:
        assert inbox.unapplied(conn, vault, "form", 10) == []


def test_bad_rows_are_kept_with_their_first_reason(store: Store, vault: Vault) -> None:
    """The same row of the same source is kept once; its content opens again."""
    rows = [("2", "bad phone", {"手机号": "12"}), ("3", "empty row", {"when": AT})]
    with store.writing() as conn:
        assert quarantine.keep(conn, vault, "acquisition", "leads.csv", rows, AT) == 2
        assert quarantine.keep(conn, vault, "acquisition", "leads.csv", [("2", "other", {})], AT) == 0
        assert quarantine.keep(conn, vault, "acquisition", "more.csv", [("2", "bad phone", {})], AT) == 1
        assert quarantine.reasons(conn, "acquisition") == {"bad phone": 2, "empty row": 1}
        assert quarantine.reasons(conn, "retention") == {}
        newest, *_, oldest = quarantine.rows_of(conn, vault, "acquisition")
    assert (newest.source, newest.row_ref) == ("more.csv", "2")
    assert (oldest.reason, oldest.row) == ("bad phone", {"手机号": "12"})
