"""The rows of one person become one person, whatever they are known by."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from qunflow.acquisition.leads import Lead, mark_duplicates
from qunflow.runtime import Runtime
from qunflow.store import merging
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tasks.acquisition_intake import persons_of_leads

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def lead(key: str, phone: str = "", external: str = "", minute: int = 0) -> Lead:
    return Lead(
        "form/f", key, f"entry {key}", "neighbours", "小林", phone, external, "poster-a", AT.replace(minute=minute)
    )


def persons(store: Store, vault: Vault, *rows: Lead) -> dict[str, int]:
    with store.writing() as conn:
        here = cast(Runtime, SimpleNamespace(store=store, vault=vault, workspace=SimpleNamespace(communities=[])))
        return persons_of_leads(conn, here, mark_duplicates(rows), AT)


def test_rows_of_a_batch_that_share_an_id_share_a_person(store: Store, vault: Vault) -> None:
    """Phone in the first, both in the second, external id in the third: one person; a stranger is another."""
    found = persons(
        store,
        vault,
        lead("1", "+8613800138000"),
        lead("2", "+8613800138000", "wm1", 1),
        lead("3", external="wm1", minute=2),
        lead("4", "+8613900139000", minute=3),
    )

    assert found["form/f/1"] == found["form/f/2"] == found["form/f/3"] != found["form/f/4"]


def test_somebody_known_by_phone_is_found_by_external_id_afterwards(store: Store, vault: Vault) -> None:
    """A later row that adds an id links it to the person that is known."""
    first = persons(store, vault, lead("1", "+8613800138000"))["form/f/1"]
    persons(store, vault, lead("2", "+8613800138000", "wm1"))

    with store.reading() as conn:
        assert vault.known_persons(conn, "external_userid", ["wm1"]) == {"wm1": first}


def test_who_was_known_by_a_phone_alone_is_the_account_that_brings_it(store: Store, vault: Vault) -> None:
    """The row belongs to whom the platform names, and the person of the phone alone becomes that one."""
    persons(store, vault, lead("1", "+8613800138000"))
    by_id = persons(store, vault, lead("2", external="wm1"))["form/f/2"]

    assert persons(store, vault, lead("3", "+8613800138000", "wm1")) == {"form/f/3": by_id}
    with store.reading() as conn:
        assert vault.known_persons(conn, "phone", ["+8613800138000"]) == {"+8613800138000": by_id}


def test_a_phone_of_two_accounts_keeps_them_two(store: Store, vault: Vault) -> None:
    """Whoever shares a phone is not joined by it, even in one batch; somebody is asked."""
    found = persons(store, vault, lead("1", "+8613800138000", "wm1"), lead("2", "+8613800138000", "wm2", 1))

    assert found["form/f/1"] != found["form/f/2"]
    with store.reading() as conn:
        assert [one.reason for one in merging.reviews(conn)] == ["phone_two_accounts"]
