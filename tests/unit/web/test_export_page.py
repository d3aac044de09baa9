"""Lists to take along on a page: who may, what they get, and what is left behind."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from qunflow.settings.workspace import Member
from qunflow.store.exporting.lists import NAMES
from qunflow.store.exporting.ordering import Order
from qunflow.web import exporting
from qunflow.web.ports import WebPorts
from tests.unit.web.desk import JSON, phone_of

ROLES = ("author", "approver", "operator", "engineer")
WISH = {"list": "orders", "format": ".csv", "since": "2026-03-01", "until": ""}


class Writer:
    """Stands for the process that writes: remembers what it was asked for."""

    def __init__(self, outcome: bool | BaseException = True) -> None:
        self.outcome = outcome
        self.orders: list[Order] = []

    def __call__(self, order: Order, patience_s: float) -> bool:
        self.orders.append(order)
        assert 0 < patience_s < 60
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome:
            order.path.write_bytes(b"whole")
        return self.outcome

    @property
    def left_behind(self) -> list[Path]:
        return [order.path.parent for order in self.orders if order.path.parent.exists()]


def house(ports: WebPorts, writer: Writer | None) -> WebPorts:
    """One person for each role, called like it."""
    team = tuple(Member(userid=role, name=role, roles=(role,)) for role in ROLES)
    return replace(ports, workspace=ports.workspace.model_copy(update={"team": team}), exporter=writer)


@pytest.mark.parametrize("role", ROLES)
def test_only_those_who_may_audit_take_lists(ports: WebPorts, role: str) -> None:
    """Others see neither the tab nor the page, and get nothing by its address."""
    writer = Writer()
    phone = phone_of(house(ports, writer), role)
    may = role in ("approver", "engineer")
    assert ('href="/export"' in phone.get("/today").text) is may
    assert [phone.get("/export").status_code, phone.post("/export", data=WISH).status_code] == [200 if may else 403] * 2
    assert len(writer.orders) == may


def test_a_list_comes_as_a_file_and_nothing_stays(ports: WebPorts) -> None:
    """The cut and the person are handed on; the file is gone here once it is sent."""
    writer = Writer()
    answer = phone_of(house(ports, writer), "engineer").post("/export", data=WISH)
    assert (answer.status_code, answer.content) == (200, b"whole")
    assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    assert answer.headers["cache-control"] == "no-store"
    (order,) = writer.orders
    assert (order.name, order.by, order.since, order.until) == ("orders", "engineer", date(2026, 3, 1), None)
    assert writer.left_behind == []


def test_the_page_offers_every_list_and_says_the_zone(ports: WebPorts) -> None:
    """Whoever opens the file finds the same words."""
    shown = phone_of(house(ports, None), "approver").get("/export").text
    assert re.findall(r'<option value="(\w+)">', shown) == [*NAMES, exporting.BOOK]
    assert "Asia/Shanghai" in shown


def test_retention_comes_as_a_workbook_as_of_the_last_day(ports: WebPorts) -> None:
    """Whatever format and first day stand in the form."""
    writer = Writer()
    wish = {**WISH, "list": exporting.BOOK, "until": "2026-03-05"}
    answer = phone_of(house(ports, writer), "engineer").post("/export", data=wish)
    assert answer.headers["content-disposition"] == 'attachment; filename="retention.xlsx"'
    (order,) = writer.orders
    assert (order.since, order.until) == (None, date(2026, 3, 5))


def test_another_site_gets_nothing(ports: WebPorts) -> None:
    """A form elsewhere cannot make somebody's browser fetch a list."""
    writer = Writer()
    phone = phone_of(house(ports, writer), "engineer")
    assert phone.post("/export", data=WISH, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert writer.orders == []


@pytest.mark.parametrize(
    ("outcome", "wish", "status", "code"),
    [
        (False, {}, 422, "export_failed"),
        (TimeoutError(), {}, 503, "export_too_long"),
        (True, {"list": "phones"}, 422, "bad_field"),
        (True, {"format": ".xls"}, 422, "bad_field"),
        (True, {"since": "gestern"}, 422, "bad_field"),
    ],
)
def test_what_cannot_be_had_is_told(
    ports: WebPorts, outcome: bool | BaseException, wish: dict[str, str], status: int, code: str
) -> None:
    """A wrong wish, a failure and too much each have their own words, and leave nothing behind."""
    writer = Writer(outcome)
    answer = phone_of(house(ports, writer), "engineer").post("/export", data=WISH | wish, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert writer.left_behind == []


def test_two_do_not_export_at_once(ports: WebPorts) -> None:
    """The second is asked to come again; where nothing can be written that is said too."""
    phone = phone_of(house(ports, Writer()), "engineer")
    with exporting._busy:
        answer = phone.post("/export", data=WISH, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "export_busy")
    assert phone.post("/export", data=WISH).status_code == 200
    answer = phone_of(house(ports, None), "engineer").post("/export", data=WISH, headers=JSON)
    assert answer.json()["error"]["code"] == "export_not_here"
