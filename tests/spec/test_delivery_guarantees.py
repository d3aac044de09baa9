"""The page on delivery says of each channel what its declaration says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qunflow.connectors.channel import DECLARATIONS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "delivery.md"
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells[2:5]]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if (cells := line.strip("| ").split(" | ")) and re.fullmatch(r"`\w+`", cells[0].strip())
}


def test_every_channel_has_a_row() -> None:
    """None is promised that does not exist, and none exists without a promise."""
    assert set(ROWS) == set(DECLARATIONS)


@pytest.mark.parametrize("name", sorted(DECLARATIONS))
def test_the_promise_is_the_declared_one(name: str) -> None:
    """Queried, keyed and the guarantee that follows."""
    declared, (asked, keyed, guarantee) = DECLARATIONS[name], ROWS[name]
    assert (asked.startswith("yes"), keyed.startswith("yes")) == (declared.queryable, declared.keyed)
    assert guarantee.replace(" ", "_") == declared.guarantee
