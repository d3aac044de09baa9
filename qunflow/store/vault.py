"""
The person vault: the only place that knows who a number is.

Every person has a key of their own, sealed by the master key; names, phones and open ids are sealed with it, and found
again by a keyed hash. History, logs and figures hold the number only. To erase a person is to delete the key, the
sealed values and the hashes: what was counted stays, who it was is gone.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from qunflow.errors import BadInput, ConfigurationError
from qunflow.store.engine import Store, lock
from qunflow.store.erasure import empty_raw_rows
from qunflow.store.rows import chunks, insert_ignore, upsert
from qunflow.store.sealing import Keys, derive_keys
from qunflow.store.tables import identities, person_fields, person_keys, person_merges, persons, vault_keys


class Vault:
    """
    Seals and finds persons in one store.

    Args:
        store: the database; it remembers which master key it was sealed with.
        master_key: 32 bytes.
        random: gives that many random bytes.

    Raises:
        ConfigurationError: when the database was sealed with another key.
    """

    def __init__(self, store: Store, master_key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._keys: Keys = derive_keys(master_key, random)
        self._random = random
        _claim_store(store, self._keys.key_id)

    def digest(self, kind: str, value: str) -> str:
        """The keyed hash of a value, 64 hex digits; the same value of another kind has another one."""
        return self._keys.digest(kind, value)

    def persons_for(self, conn: Connection, kind: str, values: Iterable[str], at: datetime) -> dict[str, int]:
        """
        The numbers of the persons known by these values, made at the first sight.

        Args:
            kind: external_userid, phone, unionid, openid, form_entry or imported:<source>.

        Raises:
            BadInput: a value is empty.
        """
        wanted = dict.fromkeys(values)
        if any(not value for value in wanted):
            raise BadInput(f"an empty {kind} cannot name a person", "leave such rows out and keep them in quarantine")
        found = self.known_persons(conn, kind, wanted)
        if missing := [value for value in wanted if value not in found]:
            self._create(conn, kind, missing, at)
            found |= self.known_persons(conn, kind, missing)
        return {value: found[value] for value in wanted}

    def known_persons(self, conn: Connection, kind: str, values: Iterable[str]) -> dict[str, int]:
        """The numbers of those among ``values`` who are known already."""
        by_digest = {self.digest(kind, value): value for value in values}
        found: dict[str, int] = {}
        for part in chunks(by_digest):
            rows = conn.execute(
                select(identities.c.value_digest, identities.c.person_id).where(
                    identities.c.kind == kind, identities.c.value_digest.in_(part)
                )
            )
            found.update({by_digest[row.value_digest]: row.person_id for row in rows})
        return found

    def link(self, conn: Connection, kind: str, value: str, person_id: int, at: datetime) -> int:
        """
        Let a person be known by one more value.

        Returns:
            Whose it is afterwards: ``person_id``, or somebody else who was known by it before.
        """
        return self.link_many(conn, kind, {value: person_id}, at)[value]

    def link_many(self, conn: Connection, kind: str, person_of: Mapping[str, int], at: datetime) -> dict[str, int]:
        """Like ``link`` for many values of one kind (value → person); returns whose each is afterwards."""
        keys = self._require_keys(conn, person_of.values())
        rows = [self._identity(kind, value, person, keys[person], at) for value, person in person_of.items()]
        insert_ignore(conn, identities, rows)
        return self.known_persons(conn, kind, person_of)

    def rehome(
        self, conn: Connection, giver: int, taker: int, only: Iterable[tuple[str, str]] | None = None
    ) -> list[tuple[str, str]]:
        """
        Let what one person is known by lead to another, sealed with the other's key.

        Args:
            only: kind and digest of the values to hand over; everything when left out.

        Returns:
            Kind and digest of what was handed over.
        """
        keys = self._keys_of(conn, [giver, taker])
        wanted = None if only is None else set(only)
        rows = conn.execute(select(identities).where(identities.c.person_id == giver)).all()
        moved = [row for row in rows if wanted is None or (row.kind, row.value_digest) in wanted]
        for row in moved:
            value = self._value(row, keys[giver])
            sealed = self._keys.seal(keys[taker], value.encode(), f"identity:{taker}:{row.kind}")
            mine = (identities.c.kind == row.kind) & (identities.c.value_digest == row.value_digest)
            conn.execute(update(identities).where(mine).values(person_id=taker, sealed_value=sealed))
        return [(row.kind, row.value_digest) for row in moved]

    def kinds_of(self, conn: Connection, person_ids: Iterable[int]) -> dict[int, set[str]]:
        """What kinds of values persons are known by."""
        found: dict[int, set[str]] = {person: set() for person in person_ids}
        for part in chunks(found):
            query = select(identities.c.person_id, identities.c.kind).where(identities.c.person_id.in_(part))
            for row in conn.execute(query.distinct()):
                found[row.person_id].add(row.kind)
        return found

    def seal(self, conn: Connection, person_id: int, fields: Mapping[str, str], at: datetime) -> None:
        """Keep what is known about a person (name, phone, …), sealed with their own key."""
        self.seal_many(conn, {person_id: fields}, at)

    def seal_many(self, conn: Connection, fields_of: Mapping[int, Mapping[str, str]], at: datetime) -> None:
        """Like ``seal`` for many persons (person → field → value)."""
        keys = self._require_keys(conn, fields_of)
        rows = [
            {
                "person_id": person_id,
                "field": field,
                "sealed_value": self._keys.seal(keys[person_id], value.encode(), f"field:{person_id}:{field}"),
                "updated_at": at,
            }
            for person_id, fields in fields_of.items()
            for field, value in fields.items()
        ]
        upsert(conn, person_fields, rows, key=["person_id", "field"])

    def unseal(self, conn: Connection, person_id: int) -> dict[str, str]:
        """What is known about a person; nothing once they are erased."""
        return self.unseal_many(conn, [person_id]).get(person_id, {})

    def unseal_many(self, conn: Connection, person_ids: Iterable[int]) -> dict[int, dict[str, str]]:
        """What is known about many persons; those without anything known are left out."""
        known: dict[int, dict[str, str]] = defaultdict(dict)
        for part in chunks(dict.fromkeys(person_ids)):
            keys = self._keys_of(conn, part)
            rows = conn.execute(select(person_fields).where(person_fields.c.person_id.in_(part)))
            for row in rows:
                context = f"field:{row.person_id}:{row.field}"
                known[row.person_id][row.field] = self._keys.open(
                    keys[row.person_id], row.sealed_value, context
                ).decode()
        return dict(known)

    def external_userids(self, conn: Connection, person_ids: Iterable[int]) -> dict[int, str]:
        """The platform's ids of the persons who have one."""
        return self.values_of(conn, "external_userid", person_ids)

    def values_of(self, conn: Connection, kind: str, person_ids: Iterable[int]) -> dict[int, str]:
        """The value of ``kind`` the persons are known by; of several, the newest."""
        found: dict[int, str] = {}
        for part in chunks(dict.fromkeys(person_ids)):
            keys = self._keys_of(conn, part)
            rows = conn.execute(
                select(identities)
                .where(identities.c.kind == kind, identities.c.person_id.in_(part))
                .order_by(identities.c.created_at, identities.c.value_digest)
            )
            found.update({row.person_id: self._value(row, keys[row.person_id]) for row in rows})
        return found

    def seal_bytes(self, plain: bytes, context: str = "") -> bytes:
        """Seal with the workspace's key; ``context`` must be the same when it is opened."""
        return self._keys.seal(self._keys.workspace, plain, f"workspace:{context}")

    def open_bytes(self, sealed: bytes, context: str = "") -> bytes:
        """
        Open what ``seal_bytes`` sealed.

        Raises:
            BadInput: when it was changed, or sealed with another key or for another context.
        """
        return self._keys.open(self._keys.workspace, sealed, f"workspace:{context}")

    def erase(self, conn: Connection, person_id: int, at: datetime) -> None:
        """
        Forget who a person is: key, sealed values, hashes and the raw rows they came from. Numbers stay.

        The numbers that were merged into this person are forgotten with it.
        """
        was = select(person_merges.c.merged_id).where(
            person_merges.c.kept_id == person_id, person_merges.c.split_at.is_(None)
        )
        for other in conn.execute(was).scalars().all():
            self.erase(conn, other, at)
        traces = self._traces(conn, person_id)
        conn.execute(delete(person_fields).where(person_fields.c.person_id == person_id))
        conn.execute(delete(identities).where(identities.c.person_id == person_id))
        conn.execute(delete(person_keys).where(person_keys.c.person_id == person_id))
        conn.execute(
            update(persons).where(persons.c.person_id == person_id, persons.c.erased_at.is_(None)).values(erased_at=at)
        )
        empty_raw_rows(conn, self.open_bytes, person_id, traces)

    def _traces(self, conn: Connection, person_id: int) -> list[str]:
        keys = self._keys_of(conn, [person_id])
        rows = conn.execute(select(identities).where(identities.c.person_id == person_id))
        return [self._value(row, keys[person_id]) for row in rows]

    def _create(self, conn: Connection, kind: str, values: list[str], at: datetime) -> None:
        # Two programs may meet the same stranger at once; only one of them may give a number.
        lock(conn, "persons")
        known = self.known_persons(conn, kind, values)
        missing = [value for value in values if value not in known]
        keys = {number: self._random(32) for number in _new_numbers(conn, len(missing), at)}
        strangers = zip(missing, keys.items(), strict=True)
        rows = [self._identity(kind, value, number, key, at) for value, (number, key) in strangers]
        if rows:
            conn.execute(insert(person_keys), [self._sealed_key(number, key) for number, key in keys.items()])
            conn.execute(insert(identities), rows)

    def _sealed_key(self, person_id: int, key: bytes) -> dict[str, Any]:
        sealed = self._keys.seal(self._keys.key_sealing, key, f"person-key:{person_id}")
        return {"person_id": person_id, "sealed_key": sealed}

    def _identity(self, kind: str, value: str, person_id: int, key: bytes, at: datetime) -> dict[str, Any]:
        sealed = self._keys.seal(key, value.encode(), f"identity:{person_id}:{kind}")
        return {
            "kind": kind,
            "value_digest": self.digest(kind, value),
            "person_id": person_id,
            "sealed_value": sealed,
            "created_at": at,
        }

    def _value(self, row: Any, key: bytes) -> str:
        return self._keys.open(key, row.sealed_value, f"identity:{row.person_id}:{row.kind}").decode()

    def _keys_of(self, conn: Connection, person_ids: list[int]) -> dict[int, bytes]:
        rows = conn.execute(select(person_keys).where(person_keys.c.person_id.in_(person_ids)))
        return {
            row.person_id: self._keys.open(self._keys.key_sealing, row.sealed_key, f"person-key:{row.person_id}")
            for row in rows
        }

    def _require_keys(self, conn: Connection, person_ids: Iterable[int]) -> dict[int, bytes]:
        wanted = list(dict.fromkeys(person_ids))
        keys: dict[int, bytes] = {}
        for part in chunks(wanted):
            keys |= self._keys_of(conn, part)
        if missing := [person for person in wanted if person not in keys]:
            raise BadInput(
                f"person {missing[0]} is not known, or was erased", "look the person up again by phone or open id"
            )
        return keys


def _new_numbers(conn: Connection, count: int, at: datetime) -> list[int]:
    if not count:
        return []
    made = conn.execute(insert(persons).returning(persons.c.person_id), [{"created_at": at}] * count)
    return [row.person_id for row in made]


def require_key(store: Store, master_key: bytes) -> None:
    """
    Look whether a database was sealed with this key; one that holds nobody yet fits every key. Nothing is written.

    Raises:
        ConfigurationError: when it was sealed with another key.
    """
    _is_claimed(store, derive_keys(master_key, os.urandom).key_id)


def _claim_store(store: Store, key_id: str) -> None:
    if not _is_claimed(store, key_id):
        store.write(lambda conn: insert_ignore(conn, vault_keys, [{"key_id": key_id}]))


def _is_claimed(store: Store, key_id: str) -> bool:
    with store.reading() as conn:
        found = set(conn.execute(select(vault_keys.c.key_id)).scalars())
    if found and key_id not in found:
        raise ConfigurationError(
            f"QUNFLOW_MASTER_KEY is not the key that the database {store.address} was sealed with",
            "use the key from the .env file that belongs to this database; without it nobody in it can be found",
        )
    return bool(found)
