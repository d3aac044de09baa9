"""A desk to import at: one workspace with one group and two coupons, and files in every format."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
from sqlalchemy import select

from qunflow.runtime.taking_back import undo_import
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Workspace, load_workspace
from qunflow.store import inbox
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.importing import bringing
from qunflow.store.importing.bringing import Done, FileToImport
from qunflow.store.importing.events import EventFile, ImportReport, event_columns, import_events
from qunflow.store.importing.groups import GroupChoices
from qunflow.store.importing.kinds import ImportKind
from qunflow.store.importing.mapping import parse_kinds
from qunflow.store.importing.preview import Told
from qunflow.store.importing.undo import Undone
from qunflow.store.members import sync_groups
from qunflow.store.tables import metadata
from qunflow.store.vault import Vault
from tasks import conversion_incoming

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
VARIABLES = {
    "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
    "QUNFLOW_WECOM_CORP_ID": "wwtest",
    "QUNFLOW_WECOM_SECRET": "test-secret",
    "QUNFLOW_WECOM_AGENT_ID": "1000002",
}
# What an import leaves behind by design when it is taken back: that it was there.
TRACES = ("imports", "history_batches", "audit_log")
Rows = Sequence[Mapping[str, object]]

MEMBERS: Rows = [
    {"客户昵称": "林小满七", "外部联系人ID": "wmAlice0001", "手机号": "138 0013 8000", "群名称": "小满老友会",
     "入群时间": "2026-03-01 23:30", "来源渠道": "电梯海报", "添加人账号": "helper_xm", "添加时间": "2026-03-01 22:00"},
    {"客户昵称": "小王五", "外部联系人ID": "", "手机号": "+86 13900139000", "群名称": "小满老友会",
     "入群时间": "", "来源渠道": "", "添加人账号": "", "添加时间": ""},
]  # fmt: skip
_ORDER = {"付款时间": "2026-03-02 10:00:00", "退款金额": ""}
ORDERS: Rows = [
    {**_ORDER, "订单号": "E20260301000001", "实付金额": "29.90", "手机号": "13800138000"},
    {**_ORDER, "订单号": "E20260301000002", "实付金额": "1,059.00", "手机号": "13700137000", "退款金额": "59"},
]
COUPONS: Rows = [
    {"券码": "LOVE-2026-a", "面额": "3", "有效期至": "2026-12-31", "批次": "三月", "券key": "welcome3"},
    {"券码": "OIL0001", "面额": "3", "有效期至": "2026-12-31", "批次": "三月", "券key": "welcome3"},
]
GROUPS: Rows = [
    {"群名称": "小满8群", "群ID": "wrEight0001", "群主": "owner_zhang", "建群时间": "2026-02-01 10:00"},
    {"群名称": "小满#9: 群", "群ID": "wrNine00001", "群主": "owner_zhang", "建群时间": "2026-02-02"},
]
SAMPLES: Mapping[ImportKind, Rows] = {"members": MEMBERS, "orders": ORDERS, "coupons": COUPONS, "groups": GROUPS}


def csv_file(path: Path, rows: Rows, encoding: str = "utf-8") -> Path:
    pd.DataFrame(rows).to_csv(path.with_suffix(".csv"), index=False, encoding=encoding)
    return path.with_suffix(".csv")


def excel_file(path: Path, rows: Rows) -> Path:
    pd.DataFrame(rows).to_excel(path.with_suffix(".xlsx"), index=False)
    return path.with_suffix(".xlsx")


def parquet_file(path: Path, rows: Rows) -> Path:
    pd.DataFrame(rows).to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def json_file(path: Path, rows: Rows) -> Path:
    lines = "\n".join(json.dumps(dict(row), ensure_ascii=False) for row in rows)
    path.with_suffix(".jsonl").write_text(lines, encoding="utf-8")
    return path.with_suffix(".jsonl")


FORMATS: dict[str, Callable[[Path, Rows], Path]] = {
    "CSV in UTF-8": csv_file,
    "CSV in UTF-8 with a mark": lambda path, rows: csv_file(path, rows, "utf-8-sig"),
    "CSV in GBK": lambda path, rows: csv_file(path, rows, "gbk"),
    "CSV in GB18030": lambda path, rows: csv_file(path, rows, "gb18030"),
    "Excel": excel_file,
    "Parquet": parquet_file,
    "JSON lines": json_file,
}


# Reading settings is the slow part of a desk: the same text is read once.
_READ: dict[bytes, Workspace] = {}


@cache
def _brand() -> Path:
    """A workspace to copy."""
    folder = Path(tempfile.mkdtemp(prefix="qunflow-brand-")) / "brand"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    return write_workspace(folder, None, date(2026, 1, 1), variables=VARIABLES)


class Desk:
    """Where an operator imports: a workspace in a folder, its store, vault and history."""

    def __init__(self, store: Store, vault: Vault, folder: Path) -> None:
        self.store, self.vault, self.folder = store, vault, folder
        self.home = folder / "brand"
        shutil.copytree(_brand(), self.home)
        self.history = History(folder / "history", store)
        self._files = 0
        store.write(lambda conn: sync_groups(conn, self.workspace))

    @property
    def workspace(self) -> Workspace:
        """The settings as they are now."""
        content = self.settings.read_bytes()
        if content not in _READ:
            _READ[content] = load_workspace(self.home)
        return _READ[content]

    @property
    def settings(self) -> Path:
        return self.home / "qunflow.yaml"

    def write(self, rows: Rows, written_as: str = "CSV in UTF-8") -> Path:
        self._files += 1
        return FORMATS[written_as](self.folder / f"file{self._files}", rows)

    def file(self, kind: ImportKind, path: Path, map_text: str = "", **more: Any) -> FileToImport:
        workspace = self.workspace
        given = {"choices": GroupChoices(), **more}
        return FileToImport(kind, path, workspace.communities[0], workspace, self.home, map_text, **given)

    def preview(self, kind: ImportKind, rows: Rows, **more: Any) -> Told:
        file = self.file(kind, self.write(rows), **more)
        return bringing.preview(self.store, self.vault, file, bringing.read_file(self.store, file), NOW)

    def bring(self, kind: ImportKind, rows: Rows | Path, now: datetime = NOW, **more: Any) -> Done:
        path = rows if isinstance(rows, Path) else self.write(rows)
        file = self.file(kind, path, **more)
        sheet = bringing.read_file(self.store, file)
        return bringing.bring_in(self.store, self.vault, self.history, file, sheet, now)

    def bring_events(self, rows: Rows) -> ImportReport:
        path = self.write(rows)
        home = self.workspace.communities[0]
        with self.store.reading() as conn:
            columns, origin = event_columns(conn, path, "")
        file = EventFile(path, columns, parse_kinds(""), home.zone_info, "", origin)
        return import_events(self.store, self.vault, self.history, file, home, NOW)

    def undo(self, done: Done | str) -> Undone:
        name = done if isinstance(done, str) else str(done.kept.import_id)
        parts = {"store": self.store, "vault": self.vault, "history": self.history}
        here: Any = SimpleNamespace(**parts, workspace=self.workspace, directory=self.home)
        return undo_import(here, name, "test", NOW)

    def push(self, *bodies: Mapping[str, object]) -> None:
        """The shop pushes orders, and the conversion stage reads them."""
        for body in bodies:
            self._receive(body)
        workspace = self.workspace
        here = SimpleNamespace(vault=self.vault, workspace=workspace, history=self.history)
        community = workspace.communities[0]
        run: Any = SimpleNamespace(runtime=here, community=community, now=NOW, zone=community.zone_info)

        def keep(conn: Any) -> None:
            conversion_incoming.keep(conn, run=run, incoming=conversion_incoming.read(conn, run))

        self.store.write(keep)

    def _receive(self, body: Mapping[str, object]) -> None:
        key = f"{body['order_no']}/paid"
        if body["status"] != "paid":
            key = f"{body['order_no']}/refunded/{body.get('refunded_fen', 'all')}"
        self.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(self.vault, "order", key, dict(body))], NOW))

    def rows(self, name: str) -> list[dict[str, Any]]:
        with self.store.reading() as conn:
            return [dict(row) for row in conn.execute(select(metadata.tables[name])).mappings()]

    def everything(self) -> dict[str, list[str]]:
        """Every row of every table, and every event, apart from the traces an import leaves by design."""
        with self.store.reading() as conn:
            found = {
                table.name: sorted(repr(tuple(row)) for row in conn.execute(select(table)))
                for table in metadata.sorted_tables
                if table.name not in TRACES
            }
        return {**found, "events": sorted(map(repr, self.events())), "settings": [self.settings.read_text()]}

    def events(self) -> list[tuple[Any, ...]]:
        sql = "SELECT event_key, kind, happened_at, person_id, group_id, channel, amount, props FROM events"
        return [
            tuple(row) for row in self.history.query(f"{sql} ORDER BY happened_at, event_key").itertuples(index=False)
        ]
