"""A sandbox of its own for each scenario of a foreign client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.ground import Ground, open_ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A running sandbox and the people around it."""
    with open_ground() as opened:
        yield opened
