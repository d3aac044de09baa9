"""The rows of one person become one person, whatever they are known by."""

from __future__ import annotations

from datetime import UTC, datetime

from qunflow.acquisition.leads import Lead, mark_duplicates
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
        return persons_of_leads(conn, vault, mark_duplicates(rows), AT)


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


def test_an_external_id_is_surer_than_a_phone(store: Store, vault: Vault) -> None:
    """Two known persons stay two: the row belongs to whom the platform names, and the phone keeps its owner."""
    by_phone = persons(store, vault, lead("1", "+8613800138000"))["form/f/1"]
    by_id = persons(store, vault, lead("2", external="wm1"))["form/f/2"]

    found = persons(store, vault, lead("3", "+8613800138000", "wm1"))["form/f/3"]

    assert (found, found != by_phone) == (by_id, True)
    with store.reading() as conn:
        assert vault.known_persons(conn, "phone", ["+8613800138000"]) == {"+8613800138000": by_phone}
