"""
The sentence that helps after a wrong word: what is valid, and what was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(found: object, valid: Iterable[str]) -> str:
    """The sentence that names the valid words and the likely one."""
    words = list(valid)
    listed = ", ".join(words) if words else "none is defined yet"
    near = get_close_matches(str(found), words, n=1, cutoff=0.6)
    return f"valid: {listed}" + (f"; did you mean {near[0]!r}?" if near else "")
