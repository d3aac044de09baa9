"""A community's spec file: what is read, and how mistakes are told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.sandbox.world.spec import CommunitySpec
from qunflow.sandbox.world.spec_file import read_spec

OUTAGE = "since: 2026-03-05T10:00:00+08:00, until: 2026-03-05T12:00:00+08:00"


def read(folder: Path, text: str) -> CommunitySpec:
    """The community of a file with this text."""
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return read_spec(path)


def test_what_is_not_named_keeps_its_default(tmp_path: Path) -> None:
    """An empty file is the default community; one key changes one thing."""
    assert read(tmp_path, "# nothing\n") == CommunitySpec()
    changed = read(tmp_path, "people: 40\n")
    assert (changed.people, changed.groups) == (40, CommunitySpec().groups)


def test_everything_that_can_be_planted_is_read(tmp_path: Path) -> None:
    """Channels, contents, campaigns, rings, habits and outages come out as written, instants with their offset."""
    spec = read(
        tmp_path,
        "channels:\n  - {key: poster-a, name: 海报, cost_fen: 100, weight: 1, buying: 1.5, leaving: 0.5, junk: 0.2}\n"
        "content:\n  - {kind: offer, subject: 清仓, leaving: 2}\n"
        "campaigns:\n  - {key: spring, marks: 春日专享, lift: 0.4}\n"
        "rings:\n  - {key: r1, channel: poster-a, at: 2026-03-05T20:00:00+08:00, size: 12}\n"
        "staff:\n  - {userid: helper_xm, name: 小满, role: helper}\n"
        "  - {userid: owner_zhou, name: 周, role: owner, habit: late, own_sends: 3}\n"
        "groups:\n  - {key: g1, name: 一群, kind: benefit_group, owner: owner_zhou, admin: owner_zhou, share: 1}\n"
        f"outages:\n  - {{path: callback, mode: dropped, {OUTAGE}, probability: 0.5}}\n",
    )
    assert (spec.channels[0].buying, spec.channels[0].leaving, spec.channels[0].junk) == (1.5, 0.5, 0.2)
    assert (spec.content[0].subject, spec.content[0].leaving) == ("清仓", 2.0)
    assert (spec.campaigns[0].lift, spec.campaigns[0].days) == (0.4, 3.0)
    assert spec.rings[0].at == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert (spec.staff[1].habit, spec.staff[1].own_sends) == ("late", 3)
    assert spec.outages[0].until > spec.outages[0].since


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("people: 3\npeeple: 3\n", "2:1", "did you mean 'people'"),
        ("people: -3\n", "1:9", "greater than or equal to 0"),
        ("people: [\n", "2:1", "not valid YAML"),
        ("people: 1\npeople: 2\n", "2:1", "written twice"),
        ("- 3\n", "1:1", "dictionary"),
        ("groups:\n  - {name: 群}\n", "2:5", "'groups.1.key' is missing"),
        ("campaigns:\n  - key: a\n    marks: 开学\n    lift: much\n", "4:11", "'campaigns.1.lift'"),
        ("content:\n  - {kind: offr}\n", "2:12", "'offer'"),
        ("content:\n  - {leavin: 2}\n", "2:6", "did you mean 'leaving'"),
        ("rings:\n  - {key: r, channel: poster-a, at: 2026-03-05T10:00:00}\n", "2:37", "timezone"),
        ("rings:\n  - {key: r, channel: nope, at: 2026-03-05T10:00:00+08:00}\n", "2:23", "'nope' is not defined"),
        ("helper: nobody\n", "1:9", "'nobody' is not defined"),
        (f"outages:\n  - {{path: '*', mode: duplicate, {OUTAGE}}}\n", "2:23", "does not suit"),
        ("outages:\n  - {path: x, since: 2026-03-05T10:00:00Z, until: 2026-03-05T09:00:00Z}\n", "2:51", "before"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, place: str, word: str) -> None:
    """File, line and column, what was found, and what is valid."""
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, text)
    assert f"spec.yaml:{place}: " in str(refusal.value)
    assert word in str(refusal.value)
    assert refusal.value.next_step


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Whoever mends a file need not start it once for each mistake."""
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, "people: many\npast_days: few\n")
    assert "spec.yaml:1:9" in str(refusal.value)
    assert "spec.yaml:2:12" in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says which file, the next step what to do."""
    with pytest.raises(ConfigurationError, match=r"absent\.yaml"):
        read_spec(tmp_path / "absent.yaml")
