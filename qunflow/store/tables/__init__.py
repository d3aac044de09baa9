"""
Every table of the state database, with its constraints.

What identifies a person (name, phone, open id, a raw webhook body) is never stored here in clear: columns named
``sealed_…`` hold ciphertext of the person vault, columns named ``…_digest`` a keyed hash.
"""

from __future__ import annotations

from qunflow.store.tables.base import FLOWS, PLATFORMS, STAGES, TARGET_STATES, WAYS, Identity, Instant, metadata
from qunflow.store.tables.bookings import coupons, ledger_entries, ledger_postings
from qunflow.store.tables.delivery import (
    approvals,
    audit_log,
    calls,
    contents,
    kill_switches,
    outside_sends,
    targets,
    waves,
    workers,
)
from qunflow.store.tables.evidence import identity_reviews, person_merges, roster_looks, told_moves
from qunflow.store.tables.groups import groups, live_codes, memberships
from qunflow.store.tables.inbound import inbox, invitations, leads, quarantine, welcomes
from qunflow.store.tables.manifest import history_batches, imports
from qunflow.store.tables.persons import (
    contacts,
    identities,
    person_fields,
    person_keys,
    persons,
    suppressions,
    vault_keys,
)
from qunflow.store.tables.results import check_results, figure_changes, figures, runs
from qunflow.store.tables.sales import activities, buyers, campaigns, checkins, orders, short_links
from qunflow.store.tables.staff import absences, access_tokens, todos

__all__ = [
    "FLOWS",
    "PLATFORMS",
    "STAGES",
    "TARGET_STATES",
    "WAYS",
    "Identity",
    "Instant",
    "absences",
    "access_tokens",
    "activities",
    "approvals",
    "audit_log",
    "buyers",
    "calls",
    "campaigns",
    "check_results",
    "checkins",
    "contacts",
    "contents",
    "coupons",
    "figure_changes",
    "figures",
    "groups",
    "history_batches",
    "identities",
    "identity_reviews",
    "imports",
    "inbox",
    "invitations",
    "kill_switches",
    "leads",
    "ledger_entries",
    "ledger_postings",
    "live_codes",
    "memberships",
    "metadata",
    "orders",
    "outside_sends",
    "person_fields",
    "person_keys",
    "person_merges",
    "persons",
    "quarantine",
    "roster_looks",
    "runs",
    "short_links",
    "suppressions",
    "targets",
    "todos",
    "told_moves",
    "vault_keys",
    "waves",
    "welcomes",
    "workers",
]
