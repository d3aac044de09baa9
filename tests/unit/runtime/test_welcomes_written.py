"""Welcomes of many newcomers are those each would get alone, each with its own coupon."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from qunflow.acquisition.leads import UNKNOWN_CHANNEL
from qunflow.delivery.welcome import Newcomer
from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates
from qunflow.rendering.written import Written
from qunflow.runtime.greetings import compose_welcome, compose_welcomes
from qunflow.settings.paths import builtin_templates
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import live_codes
from qunflow.store.engine import Store
from qunflow.store.tables import coupons, person_merges, persons

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path) -> Any:
    directory = write_workspace(tmp_path / "w", None, date(2026, 3, 2))
    (directory / "templates" / "acquisition").mkdir(parents=True)
    templates = Templates((directory / "templates", builtin_templates()))
    environment = SimpleNamespace(web_url="http://127.0.0.1:8790")
    return SimpleNamespace(workspace=load_workspace(directory), templates=templates, environment=environment)


def newcomers(here: Any) -> list[Newcomer]:
    """Two channels, one unknown, over two local days."""
    community = here.workspace.communities[0]
    return [
        Newcomer(
            number, "helper", ("poster", "article", "nowhere")[number % 3], community, NOW + timedelta(hours=number)
        )
        for number in range(1, 31)
    ]


def with_codes(conn: Connection, community: str, channels: tuple[str, ...]) -> None:
    if not conn.execute(select(func.count()).select_from(persons)).scalar():
        conn.execute(insert(persons), [{"person_id": number, "created_at": NOW} for number in range(1, 31)])
    for channel in channels:
        url = f"https://wework.qpic.cn/{channel}"
        live_codes.keep_code(conn, code=live_codes.LiveCode(f"id-{channel}", community, channel, (1,), url, NOW))


def test_many_welcomes_read_like_each_alone(store: Store, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channel and day decide the text, the template is run once, and everybody's coupon is their own."""
    community, runs = here.workspace.communities[0], []
    file = here.templates.paths[0] / community.acquisition.welcome
    file.write_text("{{ brand }}：券 {{ coupon_expire }} 到期，进群 {{ join_link }}", encoding="utf-8")
    raw = Written.raw
    monkeypatch.setattr(Written, "raw", lambda self, values: runs.append(1) or raw(self, values))

    def write(conn: Connection) -> tuple[list[Any], list[Any], int]:
        with_codes(conn, community.key, ("poster", UNKNOWN_CHANNEL))
        together = compose_welcomes(here, conn, community, newcomers(here))
        made = len(runs)
        return together, [compose_welcome(here, conn, one) for one in newcomers(here)], made

    together, alone, made = store.write(write)
    assert together == alone and len({one.text for one in together}) == 4
    assert made == 1 and len(runs) == 31
    with store.reading() as conn:
        assert conn.execute(select(func.count()).select_from(coupons)).scalar() == 30


def test_without_a_way_in_nobody_is_greeted(store: Store, here: Any) -> None:
    """Who came through a channel without a code waits; the others do not wait with them."""
    community = here.workspace.communities[0]

    def write(conn: Connection) -> tuple[list[Any], list[Any]]:
        none = compose_welcomes(here, conn, community, newcomers(here))
        with_codes(conn, community.key, ("poster",))
        return none, compose_welcomes(here, conn, community, newcomers(here))

    none, some = store.write(write)
    assert none == [None] * 30
    assert [one is not None for one in some] == [number % 3 == 0 for number in range(1, 31)]
    with store.reading() as conn:
        assert conn.execute(select(func.count()).select_from(coupons)).scalar() == 10


def test_a_broken_welcome_gives_no_coupon(store: Store, here: Any) -> None:
    """What cannot be said is told with its file and line, and nothing is promised."""
    community = here.workspace.communities[0]
    file = here.templates.paths[0] / community.acquisition.welcome
    file.write_text("{{ join_lnk }}", encoding="utf-8")

    def write(conn: Connection) -> None:
        with_codes(conn, community.key, ("poster",))
        with pytest.raises(ConfigurationError, match="join_lnk"):
            compose_welcomes(here, conn, community, newcomers(here))
        assert conn.execute(select(func.count()).select_from(coupons)).scalar() == 0

    store.write(write)


def test_somebody_who_was_two_numbers_gets_one_coupon(store: Store, here: Any) -> None:
    """What was given under the old number was given to them; only somebody else gets another."""
    community = here.workspace.communities[0]
    first, second, third = newcomers(here)[:3]

    def write(conn: Connection) -> int:
        with_codes(conn, community.key, (UNKNOWN_CHANNEL,))
        compose_welcome(here, conn, first)
        joined = {"kept_id": second.person_id, "merged_id": first.person_id, "reason": "by_hand", "merged_by": "周"}
        conn.execute(insert(person_merges), joined | {"merged_at": NOW, "moved": {}})
        compose_welcome(here, conn, second)
        compose_welcome(here, conn, third)
        return int(conn.execute(select(func.count()).select_from(coupons)).scalar_one())

    assert store.write(write) == 2
