"""docs/how-to/import-what-you-have.md is true: it names every column and every reason, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qunflow.language import sentences
from qunflow.store.importing.kinds import KINDS, ImportKind, plain_heading

PAGE = (Path(__file__).parents[3] / "docs/how-to/import-what-you-have.md").read_text(encoding="utf-8")


def section(kind: str) -> str:
    """What the page says of one kind."""
    return PAGE.split(f" `{kind}`\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_field_and_only_headings_that_are_known(kind: ImportKind) -> None:
    """A row of the table for each field; what it calls usual is understood without --map."""
    rows = [row.split("|") for row in section(kind).splitlines() if row.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert told == {field.name for field in KINDS[kind].fields}
    usual = {plain_heading(one) for field in KINDS[kind].fields for one in field.headings}
    for row in rows:
        for heading in filter(None, row[2].strip().split("、")):
            assert plain_heading(heading) in usual, heading


def test_the_page_gives_every_reason_in_the_words_of_the_program() -> None:
    """Whoever reads a reason on the screen finds the same words on the page."""
    reasons = {text for name, text in sentences("importing", "zh").items() if name.startswith("reason.")}
    told = {one for line in re.findall(r"^不能用的行：(.+)$", PAGE, re.M) for one in line.split(" · ")}
    assert told == reasons - {"不是 JSON 对象"}
