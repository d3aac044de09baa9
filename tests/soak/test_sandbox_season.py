"""
A season in the sandbox with every delivery over HTTP: what was accepted is what the log holds, to the last line.

QUNFLOW_SOAK=1 lives 30 days of 200 groups and 40,000 people and tells how long that took; nothing here is timed.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

import pytest

from benchmarks.season import FULL, SHORT, WANTED_S, Season, live

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
WELCOME = "/cgi-bin/externalcontact/send_welcome_msg"
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Season:
    """A season against a sandbox in another process: the short one with a file, the whole one in memory."""
    folder = tmp_path_factory.mktemp("season")
    found = asyncio.run(live(FULL, folder, ":memory:") if SOAK else live(SHORT, folder, str(folder / "box.sqlite3")))
    seconds = sum(found.days_s)
    print(f"{found.size.days} days in {seconds:.1f} s: {seconds / WANTED_S:.2f} of the {WANTED_S} s for a whole season")
    return found


def test_the_log_holds_what_was_accepted_and_nothing_else(season: Season) -> None:
    """Each task, card, reminder and code that was answered with 0 has one line, each greeting too; none is refused."""
    expected = Counter((f"/cgi-bin/{path}", msgid) for path, msgid in season.accepted)
    expected[(WELCOME, "")] = season.greeted
    assert Counter((line["path"], line["msgid"]) for line in season.log) == expected
    assert [line["seq"] for line in season.log] == list(range(1, len(season.log) + 1))
    assert season.refused == Counter()


def test_every_group_gets_its_messages_and_every_newcomer_a_greeting(season: Season) -> None:
    """One card a group and day; most mass messages confirmed; a greeting within its 20 s for each new friend."""
    wanted = season.size.groups * season.size.days
    assert season.delivered["card"] == wanted
    assert 0.7 * wanted < season.delivered["mass"] <= wanted
    assert season.greeted == season.heard["add_external_contact"] > 0


def test_the_people_answer_through_the_product(season: Season) -> None:
    """They come, go, tap, order and post cards: nothing of a season is left out to be quick."""
    assert season.seated > 150 * season.size.groups / 2
    for act in ("add_member", "del_member", "tap", "orders", "forms", "done"):
        assert season.heard[act] > 0, act
