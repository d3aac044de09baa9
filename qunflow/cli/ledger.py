"""
``qunflow ledger``: what somebody holds, how it came about, and putting right what was booked by mistake.

Persons are numbers here; who they are only the vault knows. What may be booked is decided in ``store``.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from qunflow.cli.opening import actor, opened
from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from datetime import datetime

    from qunflow.runtime import Runtime

app = App(name="ledger", result_action="return_value")

PersonArgument = Annotated[int, Parameter(help="成员的编号 (the person's number)")]
CommunityOption = Annotated[str, Parameter(help="社群的 key,默认第一个 (community)")]
EventArgument = Annotated[str, Parameter(help="那笔账的事件号,明细里有 (event key)")]
ReasonOption = Annotated[str, Parameter(help="为什么冲正,不写姓名 (why)")]
ByOption = Annotated[str, Parameter(help="谁来操作,默认登录名 (who)")]
CodeArgument = Annotated[str, Parameter(help="券码,大小写和空格都可以 (the coupon's code)")]
PrizeOption = Annotated[str, Parameter(help="奖品的 key (prize)")]
PiecesOption = Annotated[int, Parameter(name="--in", help="入库几件 (pieces put on the shelf)")]
DeliveryOption = Annotated[str, Parameter(name="--event", help="这批货的单号,同一单只入一次 (the lot's key)")]
FAILED = 1


@app.command
def balance(person: PersonArgument, *, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """一个人现在有多少积分、券、奖品 (what a person holds)."""
    from qunflow.store.statements import statement

    with opened(workspace) as here:
        with here.store.reading() as conn:
            held = {(one.community, one.unit): one.left for one in statement(conn, person)}
        rows = [{"community": place, "unit": unit, "left": left} for (place, unit), left in sorted(held.items())]
        _show(here, rows, ("community", "unit", "left"), json=json)
    return 0


@app.command(name="statement")
def statement_(person: PersonArgument, *, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """一个人的明细,一笔一行 (every entry of a person)."""
    from qunflow.store.statements import statement

    with opened(workspace) as here:
        with here.store.reading() as conn:
            rows = [asdict(one) for one in statement(conn, person)]
        shown = ("booked_at", "unit", "reason", "amount", "left", "event_key")
        _show(here, rows, shown, json=json)
    return 0


@app.command
def reverse(
    event_key: EventArgument, *, reason: ReasonOption, by: ByOption = "", workspace: WorkspaceOption = None
) -> int:
    """冲正一笔账:记一笔相反的,不删除 (book the opposite of an entry, once)."""
    from qunflow.store import reversals

    with opened(workspace) as here:
        who = by or actor()
        work = partial(reversals.reverse, event_key=event_key, reason=reason, by=who, at=here.clock.now())
        outcome = here.store.write(work)
        print(here.language.text(f"ledger.reversal_{outcome}", event=event_key))
    return 0 if outcome == "reversed" else FAILED


@app.command
def redeem(code: CodeArgument, *, by: ByOption = "", workspace: WorkspaceOption = None) -> int:
    """核销一张券;一小时里错五次就锁住 (use a coupon; five wrong codes in an hour lock whoever tries)."""
    from qunflow.store import coupons

    with opened(workspace) as here:
        who = by or actor()
        outcome = here.store.write(partial(coupons.redeem, code=code, at=here.clock.now(), guesser=who))
        print(here.language.text(f"ledger.coupon_{outcome}"))
    return 0 if outcome == "redeemed" else FAILED


@app.command
def expire(*, workspace: WorkspaceOption = None) -> int:
    """把过期没用的券记成过期 (book coupons that nobody used in time)."""
    from qunflow.store import coupons

    with opened(workspace) as here:
        number = here.store.write(partial(coupons.expire, at=here.clock.now()))
        print(here.language.text("ledger.expired", number=number))
    return 0


@app.command
def stock(
    *,
    community: CommunityOption = "",
    prize: PrizeOption = "",
    pieces: PiecesOption = 0,
    delivery: DeliveryOption = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> int:
    """奖品库存;带 --in 就是入库 (what is left of each prize; with --in, put some there)."""
    from qunflow.store import stock as shelf

    with opened(workspace) as here:
        place = here.workspace.community(community).key
        if pieces or delivery:
            _put(here, shelf.Prize(place, prize), pieces, delivery)
        with here.store.reading() as conn:
            rows = [{"prize": key, "left": left} for key, left in shelf.shelves(conn, place).items()]
        _show(here, rows, ("prize", "left"), json=json)
    return 0


def _put(here: Runtime, prize: Any, pieces: int, delivery: str) -> None:
    from qunflow.errors import BadInput
    from qunflow.store import audit
    from qunflow.store import stock as shelf

    if not prize.key or not delivery:
        raise BadInput("a lot has a prize and a number of its own", "give --prize, --in and --event")
    at = here.clock.now()

    def put(conn: Any) -> bool:
        new = shelf.put(conn, f"stocked:{prize.community}:{delivery}", prize, pieces, at)
        if new:
            audit.record(conn, actor(), "ledger.stocked", prize.shelf, at, {"pieces": pieces})
        return new

    done = "stocked" if here.store.write(put) else "stocked_before"
    print(here.language.text(f"ledger.{done}", prize=prize.key, pieces=pieces, event=delivery))


def _show(here: Runtime, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, json: bool) -> None:
    if json:
        print(jsonlib.dumps(list(rows), ensure_ascii=False, indent=1, default=_iso))
        return
    if not rows:
        print(here.language.text("ledger.nothing"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(here.language.text(f"ledger.column_{name}") for name in columns))
    for row in rows:
        table.add_row(*(_in_words(here, name, row[name], row) for name in columns))
    Console().print(table)


def _in_words(here: Runtime, name: str, value: Any, row: Mapping[str, Any]) -> str:
    if name == "booked_at":
        known = {one.key: one.zone_info for one in here.workspace.communities}
        return f"{value.astimezone(known.get(row['community'])):%Y-%m-%d %H:%M}"
    if name == "amount":
        return f"{value:+d}"
    if name in ("unit", "reason") and here.language.has(f"ledger.{name}_{value}"):
        return here.language.text(f"ledger.{name}_{value}")
    return str(value)


def _iso(value: datetime) -> str:
    return value.isoformat()
