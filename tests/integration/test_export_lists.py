"""Every list as a file, on both engines: the right rows, persons as numbers, and nothing that says who they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from qunflow.cli import main
from qunflow.cli.exporting import in_another_process
from qunflow.delivery import outbox
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.reasons import in_words
from qunflow.errors import BadInput
from qunflow.language import catalogue
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import audit, figures, inbox, quarantine
from qunflow.store.engine import Store
from qunflow.store.exporting import lists
from qunflow.store.exporting.cells import restored
from qunflow.store.exporting.ordering import Order, Source, fulfil
from qunflow.store.figures import Figure
from qunflow.store.history import History
from qunflow.store.migrate import upgrade
from qunflow.store.tables import groups, leads, memberships, orders
from qunflow.store.vault import Vault

# 23:30 in Shanghai: the day there is another one than in UTC an hour later.
AT = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)
DAY = date(2026, 3, 5)
CANARIES = ("wmCanary0001", "13800138123", "甄不凡", "CPN7XK2M9Q4RT", "您好甄先生")


@dataclass(frozen=True)
class Scene:
    """A source with one row in every list of `neighbours`, one of another community, and the person's number."""

    source: Source
    person: int
    folder: Path

    def rows(self, name: str, ending: str = ".csv", **cut: Any) -> list[dict[str, str]]:
        path = self.folder / f"{name}{ending}"
        fulfil(Order(name, path, "test", **cut), self.source, AT)
        found = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        return [{heading: restored(cell) for heading, cell in row.items()} for row in found]


def message(kind: Any, ref: int, way: Any, text: str) -> Planned:
    return Planned(
        "neighbours", "daily_content", "", "g1/noon", DAY, way, "ops_li", kind, ref, Content(text), AT,
        AT + timedelta(hours=1), marketing=False,
    )  # fmt: skip


@pytest.fixture
def scene(store: Store, vault: Vault, history: History, tmp_path: Path) -> Scene:
    """Something of everything."""
    with store.writing() as conn:
        person = vault.persons_for(conn, "external_userid", [CANARIES[0]], AT)[CANARIES[0]]
        vault.seal(conn, person, {"phone": CANARIES[1], "name": CANARIES[2]}, AT)
        row = {"community": "neighbours", "group_key": "g1", "name": "=小区一群", "kind": "benefit_group"}
        group = int(conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one())
        conn.execute(insert(groups), {**row, "community": "others", "group_key": "x1"})
        stay = {"group_id": group, "person_id": person, "joined_at": AT, "last_seen_at": AT, "channel": "poster-a"}
        conn.execute(insert(memberships), stay)
        lead = {"community": "neighbours", "source": "form/Oet50U", "source_key": CANARIES[1], "person_id": person}
        conn.execute(insert(leads), {**lead, "channel": "poster-a", "submitted_at": AT, "placed_group_id": group})
        order = {"community": "neighbours", "source": "inbox:order", "source_key": "202603050001234567"}
        money = {"amount_fen": 2990, "refunded_fen": 1, "paid_at": AT, "coupon_code": CANARIES[3]}
        conn.execute(insert(orders), {**order, **money, "person_id": person, "group_id": group})
        told = [message("chat", group, "mass_task", "@所有人 好价"), message("person", person, "welcome", CANARIES[4])]
        outbox.check(conn, outbox.plan(conn, told, AT).ids)
        shares = [Figure("neighbours", "retention", "joins", DAY, value, "count", "history") for value in (3, -4)]
        for number, figure in enumerate(shares):
            figures.record(conn, [figure], AT + timedelta(minutes=number))
        bad = [("form/Oet50U#inbox 7", "bad_phone", {"手机号": CANARIES[1]}), (CANARIES[0], f"'{CANARIES[2]}'?", {})]
        quarantine.keep(conn, vault, "acquisition", "form", bad, AT)
        inbox.keep(conn, [inbox.sealed(vault, "wecom", "k", b"<xml/>")], AT)
        inbox.mark(conn, [1], "quarantined", f"no event of {CANARIES[1]}", AT)
        event = {"event_key": [CANARIES[0]], "happened_at": pd.to_datetime([AT]), "recorded_at": pd.to_datetime([AT])}
        frame = pd.DataFrame({**event, "local_day": [DAY], "kind": "order", "person_id": person, "group_id": group})
        history.append(conn, "inbox:order", "b1", frame.assign(amount=2990, props=[f'{{"name": "{CANARIES[2]}"}}']))
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1))
    words = catalogue("zh")
    source = Source(store, history, load_workspace(home), words, partial(in_words, words.text))
    return Scene(source, person, tmp_path)


def test_every_list_has_its_rows_and_tells_nobody_s_name(scene: Scene) -> None:
    """Each list is a file with rows; no phone, name, id, coupon or private word is in any of them, in any format."""
    for name in lists.NAMES:
        assert scene.rows(name), name
        fulfil(Order(name, scene.folder / f"{name}.parquet", "test"), scene.source, AT)
        table = str(pq.read_table(scene.folder / f"{name}.parquet").to_pydict())
        text = (scene.folder / f"{name}.csv").read_text(encoding="utf-8-sig")
        assert [canary for canary in CANARIES if canary in text or canary in table] == [], name


def test_rows_are_told_in_words_with_the_person_s_number_and_the_local_time(scene: Scene) -> None:
    """Money in yuan, states in words, instants by the community's clock, an order number to its last digit."""
    person = str(scene.person)
    (order,) = scene.rows("orders")
    assert order["订单号"] == "202603050001234567"
    assert (order["金额（元）"], order["退款（元）"], order["用券"], order["人员编号"]) == (
        "29.90",
        "0.01",
        "是",
        person,
    )
    assert order["付款时间（Asia/Shanghai）"] == "2026-03-05 23:30:00"
    (member,) = scene.rows("members")
    assert (member["群"], member["群名"], member["人员编号"]) == ("g1", "=小区一群", person)
    (lead,) = scene.rows("leads")
    assert (lead["分到的群"], lead["首次入群（Asia/Shanghai）"]) == ("g1", "2026-03-05 23:30:00")
    to_group, to_person = scene.rows("outbox")
    assert (to_group["内容"], to_group["群"], to_group["人员编号"], to_group["状态"]) == (
        "@所有人 好价",
        "g1",
        "",
        "待审核",
    )
    assert (to_person["内容"], to_person["群"], to_person["人员编号"], to_person["方式"]) == ("", "", person, "欢迎语")
    assert [(row["阶段"], row["数值"]) for row in scene.rows("figures")] == [("留存", "-4")]
    (event,) = scene.rows("events")
    assert (event["事件"], event["社群"], event["群"], event["金额（元）"]) == ("下单", "neighbours", "g1", "29.90")
    assert [(row["行"], row["原因"]) for row in scene.rows("quarantine")] == [
        ("inbox 7", "手机号格式不对"), ("", "…?"), ("inbox 1", "no event of …"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["members", "leads", "orders", "outbox", "figures", "events"])
def test_a_list_is_cut_by_local_days_and_by_community(scene: Scene, name: str) -> None:
    """Both ends are counted, in the community's own days; another community's rows are left out."""
    assert scene.rows(name, since=DAY, until=DAY, community="neighbours")
    assert scene.rows(name, until=DAY - timedelta(days=1)) == []
    assert scene.rows(name, since=DAY + timedelta(days=1)) == []


def test_groups_are_those_of_the_community_asked_for(scene: Scene) -> None:
    """Without one there are all; the number of members is that of now."""
    assert [row["群"] for row in scene.rows("groups")] == ["g1", "x1"]
    (mine,) = scene.rows("groups", community="neighbours")
    assert (mine["群类型"], mine["现有人数"], mine["平台"]) == ("福利群", "1", "企业微信")


def test_rows_are_read_page_by_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is there once, whatever the size of a page; no page keeps the database from being written."""
    stays = [{"group_id": 1, "person_id": scene.person, "last_seen_at": AT, "channel": ""} for _ in range(8)]
    for number, stay in enumerate(stays):
        stay["joined_at"] = AT - timedelta(days=number + 1)
    scene.source.store.write(lambda conn: conn.execute(insert(memberships), stays))
    monkeypatch.setattr(lists, "PAGE", 3)
    found = lists.listing(
        "members", scene.source.store, scene.source.history,
        lists.Wanted(scene.source.workspace.communities[0].zone_info, AT),
    )  # fmt: skip
    joined = []
    for row in found.rows:
        joined.append(row[6])
        scene.source.store.write(lambda conn: audit.record(conn, "other", "write", "meanwhile", AT))
    assert sorted(joined) == sorted([AT, *(stay["joined_at"] for stay in stays)])


def test_what_cannot_be_cut_as_asked_is_told(scene: Scene) -> None:
    """A span that ends before it begins, a community or days for rows that have none, an unknown list."""
    with pytest.raises(BadInput, match="before"):
        scene.rows("orders", since=DAY, until=DAY - timedelta(days=1))
    with pytest.raises(BadInput, match="no community"):
        scene.rows("quarantine", community="neighbours")
    with pytest.raises(BadInput, match="as they are now"):
        scene.rows("groups", since=DAY)
    with pytest.raises(BadInput, match="no list 'phones'"):
        scene.rows("phones")


def test_who_took_what_is_in_the_audit_log(scene: Scene) -> None:
    """List, format, cut and number of rows; no person."""
    scene.rows("orders", since=DAY)
    with scene.source.store.reading() as conn:
        newest = audit.entries(conn, 1)[0]
    assert (newest.actor, newest.action, newest.subject) == ("test", "export", "orders")
    assert newest.detail == {"rows": 1, "format": ".csv", "community": "", "since": "2026-03-05", "until": ""}


def run(words: Sequence[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out + told.err


def test_the_command_writes_the_file_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line, in both languages; a wrong wish is told with what to do."""
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1))
    upgrade(load_environment(home).database_url)
    out = tmp_path / "out" / "members.xlsx"
    assert run(["export", "members", "--out", out, "-w", home], capsys) == (0, f"0 行已写到 {out}\n")
    assert run(["export", "figures", "--out", out, "-w", home, "--language", "en"], capsys)[1].startswith("0 rows")
    code, told = run(["export", "members", "--out", tmp_path / "x.xls", "-w", home], capsys)
    assert code == BadInput.exit_code and "→" in told and ".xlsx" in told
    code, told = run(["export", "orders", "--out", out, "-w", home, "--day", DAY, "--since", DAY], capsys)
    assert code == BadInput.exit_code and "--day" in told
    assert run(["export", "members", "--out", out, "-w", home, "--community", "no"], capsys)[0] == 2


def test_the_page_s_exporter_writes_in_another_process(tmp_path: Path) -> None:
    """What a form asks for is one word each to the command, whatever it begins with; impatience is told as such."""
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1))
    upgrade(load_environment(home).database_url)
    write, order = in_another_process(home), Order("groups", tmp_path / "g.csv", "zhou")
    assert write(order, 60)
    assert order.path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert not write(replace(order, community="--version"), 60)
    with pytest.raises(TimeoutError):
        write(order, 0.01)
