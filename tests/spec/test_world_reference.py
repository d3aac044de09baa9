"""The page about the simulated community says what the code does."""

from __future__ import annotations

from dataclasses import fields

import pytest

from qunflow.sandbox.world.spec_file import read_spec
from tests import community_table

EXAMPLE = community_table.ROOT / "examples" / "community-spec.yaml"


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    """A changed number changes the page: ``python -m tests.community_table``."""
    text = community_table.PAGE.read_text(encoding="utf-8")
    assert community_table.page(text) == text


def test_every_number_of_the_behaviour_has_a_row() -> None:
    """Nothing works in silence: a new constant needs a word on what it does and where it comes from."""
    assert community_table.unlisted() == []


def test_the_example_can_be_read_and_plants_something_of_everything() -> None:
    """What the page points at works."""
    spec = read_spec(EXAMPLE)
    assert all((spec.content, spec.campaigns, spec.rings, spec.outages))
    assert any(member.own_sends for member in spec.staff)
    assert any(channel.junk for channel in spec.channels)


@pytest.mark.parametrize("name", sorted(community_table.SPECS))
def test_the_example_shows_the_keys(name: str) -> None:
    """Whoever copies from the example finds every key of every list in it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [one.name for one in fields(community_table.SPECS[name]) if f"{one.name}:" not in text] == []
