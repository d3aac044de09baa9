"""Six safeguards taken out one at a time: the proof notices every one of them."""

from __future__ import annotations

import pytest

from tests.crash.mutants import main


@pytest.mark.soak_only
def test_every_mutant_is_caught_and_the_code_as_it_is_is_not() -> None:
    """What ``./run mutants`` prints ends well."""
    assert main([]) == 0
