"""Callbacks that name the list before and after them show whether one got lost."""

from __future__ import annotations

from itertools import permutations

from qunflow.acquisition.chain import Chain, chain

LINKS = [("a", "b"), ("b", "c"), ("c", "d")]


def test_links_in_any_order_and_number_lead_to_the_last_version() -> None:
    """Doubled and reordered callbacks make the same chain."""
    assert {chain("a", [*links, links[0]]) for links in permutations(LINKS)} == {Chain("d", True)}


def test_a_missing_link_is_a_gap() -> None:
    """What lies behind a lost callback cannot be followed."""
    assert chain("a", [LINKS[0], LINKS[2]]) == Chain("b", False)


def test_without_callbacks_nothing_is_missing() -> None:
    """No callback means no change, as far as callbacks tell."""
    assert chain("a", []) == Chain("a", True)


def test_a_group_that_was_never_read_has_no_chain() -> None:
    """There is nothing to begin from; nor do old deliveries without versions make one."""
    assert not chain("", LINKS).is_whole
    assert not chain("a", [("", "")]).is_whole


def test_a_ring_of_versions_ends() -> None:
    """Nonsense from outside is no endless loop."""
    assert chain("a", [("a", "b"), ("b", "a")]) == Chain("a", True)
