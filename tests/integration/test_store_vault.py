"""A person is a number everywhere but in the vault, and erasing the vault's part leaves the number nobody's."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from qunflow.errors import BadInput, ConfigurationError
from qunflow.store import inbox, ledger, quarantine
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.tables import identities, metadata, person_fields, person_keys, persons
from qunflow.store.tables import inbox as inbox_table
from qunflow.store.tables import quarantine as quarantine_table
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
_salt = count()
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def everything(store: Store) -> str:
    """All that the database holds, in one text."""
    with store.reading() as conn:
        return repr([list(map(tuple, conn.execute(select(table)))) for table in metadata.sorted_tables])


def test_one_value_is_one_person(store: Store, vault: Vault) -> None:
    """The same value gives the same number in any transaction; other values and kinds give others."""
    with store.writing() as conn:
        first = vault.persons_for(conn, "external_userid", ["wmA"], AT)["wmA"]
        other = vault.persons_for(conn, "phone", ["wmA"], AT)["wmA"]
    with store.writing() as conn:
        assert vault.persons_for(conn, "external_userid", ["wmA"], AT)["wmA"] == first != other


def test_a_stranger_is_nobody_unless_made(store: Store, vault: Vault) -> None:
    """Looking somebody up leaves no trace."""
    with store.reading() as conn:
        assert vault.known_persons(conn, "phone", ["13800138000"]).get("13800138000") is None
        assert conn.execute(select(func.count()).select_from(persons)).scalar_one() == 0


def test_many_persons_at_once_are_the_same_as_one_by_one(store: Store, vault: Vault) -> None:
    """Bulk look-up makes strangers, finds acquaintances and takes a value named twice once."""
    with store.writing() as conn:
        known = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        found = vault.persons_for(conn, "phone", ["2", "1", "2", "3"], AT)
        assert found["1"] == known
        assert len(set(found.values())) == 3
        assert vault.known_persons(conn, "phone", ["1", "2", "3", "4"]) == found


def test_an_empty_value_names_nobody(store: Store, vault: Vault) -> None:
    """Rows without an id must not all become one person."""
    with pytest.raises(BadInput, match="empty phone"), store.writing() as conn:
        vault.persons_for(conn, "phone", ["1", ""], AT)


def test_a_person_can_be_known_by_several_values(store: Store, vault: Vault) -> None:
    """After linking, both values lead to one number; a value somebody else has stays theirs."""
    with store.writing() as conn:
        lin = vault.persons_for(conn, "external_userid", ["wmLin"], AT)["wmLin"]
        zhou = vault.persons_for(conn, "external_userid", ["wmZhou"], AT)["wmZhou"]
        assert lin is not None
        assert zhou is not None
        assert vault.link(conn, "phone", "138", lin, AT) == lin
        assert vault.link(conn, "phone", "138", zhou, AT) == lin
        assert vault.persons_for(conn, "phone", ["138"], AT)["138"] == lin
        assert vault.external_userids(conn, [lin, zhou, 999]) == {lin: "wmLin", zhou: "wmZhou"}


def test_two_programs_meeting_one_stranger_agree(store: Store, vault: Vault) -> None:
    """A stranger who is met several times at once gets one number."""
    numbers: list[dict[str, int]] = []

    def meet() -> None:
        numbers.append(store.write(lambda conn: vault.persons_for(conn, "phone", ["1", "2", "3"], AT)))

    threads = [threading.Thread(target=meet) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(number == numbers[0] for number in numbers)
    with store.reading() as conn:
        assert conn.execute(select(func.count()).select_from(persons)).scalar_one() == 3


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(["name", "phone", "city"]), TEXT), later=TEXT)
def test_fields_come_back_as_sealed(store: Store, vault: Vault, fields: dict[str, str], later: str) -> None:
    """Any text in any field returns, and the newest value wins."""
    with store.writing() as conn:
        (number,) = vault.persons_for(conn, "phone", [f"of {sorted(fields.items())} {later}"], AT).values()
        vault.seal(conn, number, fields, AT)
        vault.seal(conn, number, {"name": later}, AT)
        assert vault.unseal(conn, number) == {**fields, "name": later}


def test_nothing_that_identifies_is_in_the_database_in_clear(store: Store, vault: Vault) -> None:
    """Names, phones, open ids and raw bodies cannot be found by searching the tables."""
    with store.writing() as conn:
        number = vault.persons_for(conn, "external_userid", ["wmSecretLin"], AT)["wmSecretLin"]
        assert number is not None
        vault.link(conn, "phone", "13800138000", number, AT)
        vault.seal(conn, number, {"name": "林小满"}, AT)
        inbox.keep(conn, [inbox.sealed(vault, "checkin", "c1/wmSecretLin/2026-03-01", {"actor": "wmSecretLin"})], AT)
        quarantine.keep(conn, vault, "acquisition", "leads.csv", [("7", "bad phone", {"手机号": "13800138000"})], AT)
    stored = everything(store)
    for secret in ("wmSecretLin", "13800138000", "林小满"):
        assert secret not in stored
        assert repr(secret.encode())[2:-1] not in stored


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=8, max_size=20))
def test_after_erasing_nothing_can_be_unsealed_and_others_are_untouched(
    store: Store, vault: Vault, secret: str
) -> None:
    """No key, field, hash or raw row of the erased person opens; everybody else's still does."""
    with store.writing() as conn:
        people = vault.persons_for(conn, "external_userid", [secret, "wmSomebodyElse"], AT)
        erased, other = people.values()
        for number in people.values():
            vault.seal(conn, number, {"name": f"name of {number}"}, AT)
        inbox.keep(conn, [inbox.sealed(vault, "form", f"a {secret}", {"id": secret})], AT)
        inbox.keep(conn, [inbox.sealed(vault, "form", f"b {next(_salt)}", {"id": "somebody else"})], AT)
        quarantine.keep(conn, vault, "acquisition", "x.csv", [(secret, "bad", {"id": secret})], AT)
        vault.erase(conn, erased, AT)
    with store.reading() as conn:
        assert vault.unseal(conn, erased) == {}
        assert vault.external_userids(conn, [erased]) == {}
        assert vault.known_persons(conn, "external_userid", [secret]).get(secret) is None
        for table in (person_keys, person_fields, identities):
            rows = select(func.count()).select_from(table).where(table.c.person_id == erased)
            assert conn.execute(rows).scalar_one() == 0
        bodies = [row.body for row in inbox.unapplied(conn, vault, "form", 10_000)]
        assert {"id": secret} not in bodies
        assert {"id": "somebody else"} in bodies
        kept = {row.row_ref: row.row for row in quarantine.rows_of(conn, vault, "acquisition", 10_000)}
        assert kept[secret] == {}
        assert vault.unseal(conn, other) == {"name": f"name of {other}"}
        assert conn.execute(select(persons.c.erased_at).where(persons.c.person_id == erased)).scalar_one() == AT


def test_a_raw_row_that_was_applied_is_emptied_too(store: Store, vault: Vault) -> None:
    """A body that names its person only by phone format is emptied because the row says whose it is."""
    with store.writing() as conn:
        number = vault.persons_for(conn, "phone", ["13800138000"], AT)["13800138000"]
        assert number is not None
        inbox.keep(conn, [inbox.sealed(vault, "form", "f/1", {"phone": "138-0013-8000"})], AT)
        (row,) = inbox.unapplied(conn, vault, "form", 1)
        inbox.mark(conn, [row.inbox_id], "applied", "", AT, {row.inbox_id: number})
        vault.erase(conn, number, AT)
        assert conn.execute(select(inbox_table.c.sealed_body)).scalar_one() == b""
        # The platform repeats itself: the same entry is still known, and does not come back.
        assert not inbox.keep(conn, [inbox.sealed(vault, "form", "f/1", {"phone": "138-0013-8000"})], AT)[0]


def test_what_was_counted_stays_after_erasing(store: Store, vault: Vault, history: History) -> None:
    """History and ledger keep the number, so no figure changes."""
    day = date(2026, 3, 1)
    with store.writing() as conn:
        number = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        assert number is not None
        ledger.book(conn, "c/1", "n", "points", "checkin", {f"m:{number}": 5, "brand": -5}, {f"m:{number}": number}, AT)
        frame = {"event_key": ["a"], "happened_at": pd.to_datetime([AT]), "recorded_at": pd.to_datetime([AT])}
        frame = pd.DataFrame({**frame, "local_day": [day], "kind": "checkin", "person_id": number})
        history.append(conn, "test", "b1", frame)
        vault.erase(conn, number, AT)
    with store.reading() as conn:
        assert ledger.balances_of_persons(conn, [number], "points") == {number: 5}
        assert list(history.query("SELECT person_id FROM events", conn=conn)["person_id"]) == [number]


def test_an_erased_person_who_comes_back_is_a_new_one(store: Store, vault: Vault) -> None:
    """Nothing connects the second acquaintance with the first; the old number takes nothing more."""
    with store.writing() as conn:
        before = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        assert before is not None
        vault.erase(conn, before, AT)
        assert vault.persons_for(conn, "phone", ["1"], AT)["1"] != before
        with pytest.raises(BadInput, match="erased"):
            vault.seal(conn, before, {"name": "林"}, AT)
        with pytest.raises(BadInput, match="erased"):
            vault.link(conn, "phone", "2", before, AT)


def test_erasing_twice_changes_nothing(store: Store, vault: Vault) -> None:
    """A request that is repeated succeeds again."""
    with store.writing() as conn:
        number = vault.persons_for(conn, "phone", ["1"], AT)["1"]
        assert number is not None
        vault.erase(conn, number, AT)
        vault.erase(conn, number, AT.replace(year=2027))
        assert conn.execute(select(persons.c.erased_at)).scalar_one() == AT


def test_another_master_key_is_refused(store: Store, vault: Vault) -> None:
    """A wrong key would make every member a stranger; the store knows its own."""
    Vault(store, bytes(range(32)))
    with pytest.raises(ConfigurationError, match="QUNFLOW_MASTER_KEY is not the key"):
        Vault(store, bytes(32))


def test_workspace_seals_open_for_their_context_only(store: Store, vault: Vault) -> None:
    """A sealed row of one source cannot pose as one of another."""
    sealed = vault.seal_bytes("正文".encode(), "inbox:form")
    assert vault.open_bytes(sealed, "inbox:form").decode() == "正文"
    with pytest.raises(BadInput):
        vault.open_bytes(sealed, "inbox:order")


def test_rows_stay_sealed_when_the_file_is_read_without_the_key(store: Store, vault: Vault, tmp_path: Path) -> None:
    """The bytes kept in quarantine do not contain what they seal."""
    with store.writing() as conn:
        quarantine.keep(conn, vault, "acquisition", "x.csv", [("1", "bad", {"name": "LinXiaoman"})], AT)
        sealed = conn.execute(select(quarantine_table.c.sealed_row)).scalar_one()
    assert b"LinXiaoman" not in sealed
