"""Members, orders, coupons and groups out of files: whatever they are written in, whatever their columns are called."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qunflow.errors import BadInput, ConfigurationError
from qunflow.store import coupons, merging
from qunflow.store.engine import Store
from qunflow.store.importing.groups import GroupChoices
from qunflow.store.importing.kinds import KINDS, ImportKind, proposed
from qunflow.store.vault import Vault
from tests.conftest import MASTER_KEY
from tests.integration.import_desk import COUPONS, FORMATS, GROUPS, MEMBERS, NOW, ORDERS, SAMPLES, Desk

GROUP = "小满老友会"


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Iterator[Desk]:
    """A desk over an SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "q.sqlite3")
    store = Store.open(f"sqlite:///{tmp_path / 'q.sqlite3'}")
    yield Desk(store, Vault(store, MASTER_KEY), tmp_path)
    store.close()


def member(**said: str) -> dict[str, str]:
    return {"外部联系人ID": "", "手机号": "", "群名称": "", "入群时间": "", "退群时间": "", **said}


def reviews(desk: Desk) -> list[merging.Review]:
    with desk.store.reading() as conn:
        return merging.reviews(conn)


FOUND: dict[ImportKind, list[Any]] = {
    "members": [(None, "poster-a"), (None, "")],
    "orders": [(2990, 0), (105900, 5900)],
    "coupons": ["LOVE-2026-a", "OIL0001"],
    "groups": ["小满8群", "小满#9: 群"],
}


def found_of(desk: Desk, kind: ImportKind) -> list[Any]:
    if kind == "members":
        return [(row["left_at"], row["channel"]) for row in desk.rows("memberships")]
    if kind == "orders":
        return [(row["amount_fen"], row["refunded_fen"]) for row in desk.rows("orders")]
    if kind == "coupons":
        return sorted(row["code"] for row in desk.rows("coupons"))
    return [one.name for one in desk.workspace.communities[0].groups][-2:]


@pytest.mark.parametrize("written_as", FORMATS)
@pytest.mark.parametrize("kind", SAMPLES)
def test_every_kind_says_the_same_in_every_format(desk: Desk, kind: ImportKind, written_as: str) -> None:
    """CSV in any encoding, Excel, Parquet and JSON lines bring the same rows, and no mapping is needed."""
    done = desk.bring(kind, desk.write(SAMPLES[kind], written_as))

    told = done.preview
    assert (told.rows_read, told.rows_new, told.rejected, told.origin) == (2, 2, {}, "headings")
    assert found_of(desk, kind) == FOUND[kind]


def test_a_member_becomes_a_person_a_stay_a_friend_and_events(desk: Desk) -> None:
    """Who is given by several ids is found by each; the instants are those of the community's zone."""
    done = desk.bring("members", MEMBERS)

    with desk.store.reading() as conn:
        by_id = desk.vault.known_persons(conn, "external_userid", ["wmAlice0001"])["wmAlice0001"]
        by_phone = desk.vault.known_persons(conn, "phone", ["+8613800138000", "+8613900139000"])
        told = desk.vault.unseal(conn, by_id)
    assert by_phone["+8613800138000"] == by_id
    assert told == {"name": "林小满七", "phone": "+8613800138000"}
    assert [(row["person_id"], row["userid"]) for row in desk.rows("contacts")] == [(by_id, "helper_xm")]
    kinds = [(event[1], event[3]) for event in desk.events()]
    assert kinds == [("contact_added", by_id), ("join", by_id)]
    assert desk.rows("memberships")[0]["joined_at"] == datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    assert (done.preview.details["strangers"], done.preview.details["without_join_time"]) == (2, 1)


def test_nobody_can_be_read_in_the_database_or_the_preview(desk: Desk) -> None:
    """Names and phones are sealed, refused rows too; a preview shows the edges only."""
    done = desk.bring("members", [*MEMBERS, member(外部联系人ID="", 手机号="", 群名称=GROUP) | {"客户昵称": "赵大海"}])

    content = (desk.folder / "q.sqlite3").read_bytes()
    for secret in ("林小满七", "13800138000", "wmAlice0001", "赵大海"):
        assert secret.encode() not in content
        assert secret not in str(done.preview)
    assert done.kept.rows_quarantined == 1


def test_a_stay_without_a_time_begins_at_the_import_and_is_no_join(desk: Desk) -> None:
    """Nobody can say since when somebody is in: no cohort may count it, but they are in the group."""
    desk.bring("members", [member(外部联系人ID="wmNoTime001", 群名称=GROUP)])

    assert [row["joined_at"] for row in desk.rows("memberships")] == [NOW]
    assert desk.events() == []


def test_a_stay_that_is_known_stays_as_it_is(desk: Desk) -> None:
    """A later export of the same members, with another time or none, changes nothing and says so."""
    desk.bring("members", MEMBERS)
    before = desk.rows("memberships")

    again = desk.preview("members", [member(外部联系人ID="wmAlice0001", 群名称=GROUP, 入群时间="2026-03-02 08:00")])

    assert (again.rows_new, again.rows_known) == (0, 1)
    assert desk.rows("memberships") == before


def test_who_left_and_came_again_has_two_stays(desk: Desk) -> None:
    """Several rows of one person are several stays, in any order of the rows."""
    rows = [
        member(外部联系人ID="wmTwice0001", 群名称=GROUP, 入群时间="2026-02-10 10:00"),
        member(外部联系人ID="wmTwice0001", 群名称=GROUP, 入群时间="2026-01-10 10:00", 退群时间="2026-01-20 10:00"),
    ]
    desk.bring("members", rows)

    stays = sorted((row["joined_at"].month, row["left_at"] is None) for row in desk.rows("memberships"))
    assert stays == [(1, False), (2, True)]
    assert [event[1] for event in desk.events()] == ["join", "leave", "join"]


def test_rows_of_one_file_that_are_one_person_become_one(desk: Desk) -> None:
    """A phone here, an account there, both in a third row: one person, before anything is written."""
    rows = [
        member(手机号="13800138000"),
        member(外部联系人ID="wmOne000001"),
        member(外部联系人ID="wmOne000001", 手机号="13800138000"),
    ]
    desk.bring("members", rows)

    assert len(desk.rows("persons")) == 1
    assert len(desk.rows("identities")) == 2


def test_two_known_persons_of_one_row_are_asked_about_and_not_joined(desk: Desk) -> None:
    """A wrong file must be easy to take back, so it never joins persons: somebody is asked."""
    desk.bring("members", [member(手机号="13800138000"), member(外部联系人ID="wmOne000001")])

    done = desk.bring("members", [member(外部联系人ID="wmOne000001", 手机号="13800138000")])

    assert done.preview.rows_doubtful == 1
    assert [one.reason for one in reviews(desk)] == ["phone_of_known"]
    assert desk.rows("person_merges") == []


def test_an_account_with_the_phone_of_another_is_a_person_of_its_own(desk: Desk) -> None:
    """A phone changes hands: the new account is a stranger, and the pair is on the list."""
    desk.bring("members", [member(外部联系人ID="wmOld000001", 手机号="13800138000")])

    told = desk.bring("members", [member(外部联系人ID="wmNew000001", 手机号="13800138000")]).preview

    assert (told.rows_doubtful, len(desk.rows("persons"))) == (1, 2)
    assert [one.reason for one in reviews(desk)] == ["phone_two_accounts"]


BAD_MEMBERS = [
    (member(群名称=GROUP), "no_identity"),
    (member(手机号="1380013"), "bad_phone"),
    (member(外部联系人ID="wmX0000001", 群名称="别人的群"), "unknown_group"),
    (member(外部联系人ID="wmX0000001", 群名称=GROUP, 入群时间="前天"), "bad_time"),
    (member(外部联系人ID="wmX0000001", 群名称=GROUP, 入群时间="2027-01-01 10:00"), "future_time"),
    (member(外部联系人ID="wmX0000001", 群名称=GROUP, 退群时间="2026-01-01 10:00"), "left_without_join"),
    (
        member(外部联系人ID="wmX0000001", 群名称=GROUP, 入群时间="2026-02-01 10:00", 退群时间="2026-01-01 10:00"),
        "left_before_joining",
    ),
]
BAD_ORDERS = [
    ({**ORDERS[0], "订单号": ""}, "no_order_number"),
    ({**ORDERS[0], "实付金额": "很多"}, "bad_amount"),
    ({**ORDERS[0], "实付金额": ""}, "bad_amount"),
    ({**ORDERS[0], "付款时间": ""}, "bad_time"),
    ({**ORDERS[0], "付款时间": "2027-01-01 10:00"}, "in_the_future"),
    ({**ORDERS[0], "退款金额": "99"}, "bad_refund"),
    ({**ORDERS[0], "退款金额": "?"}, "bad_refund"),
    ({**ORDERS[0], "订单状态": "交易关闭"}, "not_paid"),
    ({**ORDERS[0], "订单状态": "部分退款"}, "bad_refund"),
]
BAD_COUPONS = [
    ({**COUPONS[0], "券码": ""}, "no_code"),
    ({**COUPONS[0], "券码": "x" * 33}, "long_code"),
    ({**COUPONS[0], "有效期至": "明年"}, "bad_time"),
    ({**COUPONS[0], "券key": "nobody"}, "unknown_coupon"),
    ({**COUPONS[0], "面额": "5"}, "other_value"),
]
BAD_GROUPS = [
    ({**GROUPS[0], "群名称": ""}, "no_name"),
    ({**GROUPS[0], "群ID": ""}, "no_chat_id"),
    ({**GROUPS[0], "群主": ""}, "no_owner"),
    ({**GROUPS[0], "群主": "张店长"}, "owner_is_a_name"),
    ({**GROUPS[0], "建群时间": ""}, "no_opening_day"),
    ({**GROUPS[0], "建群时间": "去年"}, "bad_time"),
]
REFUSED: list[tuple[ImportKind, dict[str, Any], str]] = [
    *(("members", row, why) for row, why in BAD_MEMBERS),
    *(("orders", row, why) for row, why in BAD_ORDERS),
    *(("coupons", row, why) for row, why in BAD_COUPONS),
    *(("groups", row, why) for row, why in BAD_GROUPS),
]


@pytest.mark.parametrize(("kind", "row", "reason"), REFUSED)
def test_a_row_that_cannot_be_used_says_why(desk: Desk, kind: ImportKind, row: dict[str, Any], reason: str) -> None:
    """The first reason that applies is told; a file of nothing else is refused and leaves nothing."""
    assert desk.preview(kind, [row]).rejected == {reason: 1}
    with pytest.raises(BadInput, match=reason):
        desk.bring(kind, [row])
    assert desk.rows("imports") == []


def test_a_refused_row_keeps_its_number_in_the_file(desk: Desk) -> None:
    """Whoever mends a file finds the row by its number, counted without the header."""
    desk.bring("orders", [ORDERS[0], {**ORDERS[1], "实付金额": "?"}])

    assert [(row["row_ref"], row["reason"]) for row in desk.rows("quarantine")] == [("2", "bad_amount")]


def test_a_buyer_is_found_or_made_as_by_a_push(desk: Desk) -> None:
    """Who is known by the phone bought it; a new phone is a new person; an order that names nobody is nobody's."""
    desk.bring("members", MEMBERS)
    persons = len(desk.rows("persons"))

    told = desk.bring("orders", [*ORDERS, {**ORDERS[0], "订单号": "E3", "手机号": ""}]).preview

    assert [row["person_id"] is None for row in desk.rows("orders")].count(True) == 1
    assert len(desk.rows("persons")) == persons + 1
    assert (told.details["strangers"], told.details["buyers_unknown"]) == (1, 1)


def test_an_order_uses_up_the_coupon_of_its_buyer(desk: Desk) -> None:
    """As by a push: a coupon of one's own says who bought, and is used from then on; taken back, it is good again."""
    desk.bring("members", MEMBERS)
    desk.bring("coupons", [{**COUPONS[1], "手机号": "13800138000"}])
    before = desk.everything()

    done = desk.bring("orders", [{**ORDERS[0], "手机号": "", "券码": "OIL0001"}])

    assert [row["person_id"] for row in desk.rows("orders")] == [desk.rows("coupons")[0]["person_id"]]
    assert desk.rows("coupons")[0]["redeemed_at"] is not None
    assert desk.undo(done).reasons == ()
    assert desk.everything() == before


def test_an_order_of_several_lines_is_one_order(desk: Desk) -> None:
    """Exports with a line for each article repeat the order: it counts once, with the largest amount."""
    told = desk.bring("orders", [ORDERS[0], {**ORDERS[0], "实付金额": "19.90"}]).preview

    assert (told.rows_new, told.rows_known) == (1, 1)
    assert [row["amount_fen"] for row in desk.rows("orders")] == [2990]


def test_a_code_of_a_shop_can_be_used_as_it_is_written(desk: Desk) -> None:
    """Small letters, I, L and O mean themselves in codes of other systems; a day is good to its end."""
    desk.bring("coupons", [{**COUPONS[0], "有效期至": "2026-03-10"}, COUPONS[1]])
    evening = datetime(2026, 3, 10, 15, 59, tzinfo=UTC)

    def use(code: str, at: datetime = evening) -> str:
        return desk.store.write(lambda conn: coupons.redeem(conn, code, at))

    assert use("LOVE-2026-a") == "redeemed"
    assert use("LOVE-2026-a") == "used_before"
    assert use("OIL0001") == "redeemed"
    assert use("OIL0002") == "unknown"


def test_a_code_that_was_used_before_is_booked_as_used(desk: Desk) -> None:
    """Given and used codes come with whom and when, and the ledger balances."""
    desk.bring("members", MEMBERS)
    row = {**COUPONS[0], "手机号": "13800138000", "领取时间": "2026-03-01", "核销时间": "2026-03-02 10:00"}

    told = desk.bring("coupons", [row]).preview

    assert (told.details["coupons_given"], told.details["coupons_used"]) == (1, 1)
    assert sum(one["amount"] for one in desk.rows("ledger_postings")) == 0
    assert len(desk.rows("ledger_entries")) == 2


def test_groups_are_added_to_the_settings_and_nothing_else_is_touched(desk: Desk) -> None:
    """Every line that was there stays byte for byte, comments too; the new ones stand behind the last group."""
    before = desk.settings.read_text()

    done = desk.bring("groups", GROUPS)

    after = desk.settings.read_text()
    assert after.replace(done.preview.lines, "") == before
    group = desk.workspace.communities[0].groups[-1]
    assert (group.chat_id, group.sop, group.admin) == ("wrNine00001", "benefit-daily", "owner_zhang")
    assert desk.bring("groups", desk.write([*GROUPS, {**GROUPS[0], "群ID": "wrOther"}])).preview.rows_known == 3


def test_line_ends_of_windows_stay(desk: Desk) -> None:
    """A file written on Windows is not half turned into another one."""
    desk.settings.write_bytes(desk.settings.read_bytes().replace(b"\n", b"\r\n"))

    desk.bring("groups", GROUPS)

    content = desk.settings.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")


def test_groups_the_settings_would_refuse_are_not_written(desk: Desk) -> None:
    """The whole file is checked before it is written: a SOP that does not exist leaves it as it was."""
    before = desk.settings.read_bytes()

    with pytest.raises(ConfigurationError, match="nobody-knows"):
        desk.bring("groups", GROUPS, choices=GroupChoices(sop="nobody-knows"))
    assert desk.settings.read_bytes() == before


def test_the_usual_headings_are_understood_and_given_away_once() -> None:
    """Marks, blanks and case do not matter; the likelier of two columns wins."""
    assert proposed(KINDS["members"], ["手机号 *", "External UserID", "昵称"]) == {
        "external_userid": "External UserID",
        "phone": "手机号 *",
        "name": "昵称",
    }
    assert proposed(KINDS["orders"], ["下单时间", "付款时间", "订单金额", "实付金额", "订单编号"]) == {
        "order_no": "订单编号",
        "amount": "实付金额",
        "paid_at": "付款时间",
    }


def test_a_mapping_is_remembered_for_the_same_headings_only(desk: Desk) -> None:
    """The second file needs no --map; one with one more column is asked about again; an undone one is forgotten."""
    odd = [{"谁": "wmOdd000001", "哪": GROUP}]
    first = desk.bring("members", odd, map_text="external_userid=谁,group=哪")

    told = desk.preview("members", [{"谁": "wmOdd000002", "哪": GROUP}])
    assert (told.origin, told.rows_new) == ("remembered", 1)
    with pytest.raises(BadInput, match="no column known to be"):
        desk.preview("members", [{"谁": "wmOdd000002", "哪": GROUP, "手": "1"}])
    desk.undo(first)
    with pytest.raises(BadInput, match="no column known to be"):
        desk.preview("members", [{"谁": "wmOdd000002", "哪": GROUP}])


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_same_file_twice_changes_nothing(desk: Desk, kind: ImportKind) -> None:
    """A file stands once; under another mapping it is refused."""
    path = desk.write(SAMPLES[kind])
    desk.bring(kind, path)
    before = desk.everything()

    again = desk.bring(kind, path, now=NOW + timedelta(days=1))

    assert again.kept.already
    assert desk.everything() == before


def test_a_file_that_stands_is_refused_under_another_mapping(desk: Desk) -> None:
    """What was read one way is not silently read another way on top."""
    path = desk.write(ORDERS)
    desk.bring("orders", path)

    with pytest.raises(BadInput, match="another mapping"):
        desk.bring("orders", path, map_text="order_no=订单号,amount=实付金额,paid_at=付款时间")
