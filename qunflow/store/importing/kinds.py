"""
What a file may hold: members, orders, coupons, groups or events, and what the usual exports call their columns.

A field is one meaning a column can have. Headings are compared without blanks, case and marks, so ``手机号 *`` and
``手机号`` are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ImportKind = Literal["members", "groups", "orders", "coupons", "events"]
# How a value is shown before it is written: as it is, or only its edges.
Shown = Literal["plain", "masked"]


@dataclass(frozen=True, slots=True)
class FieldKind:
    """One meaning: its name on the command line, the headings it is known by, and how its values are shown."""

    name: str
    headings: tuple[str, ...]
    shown: Shown = "plain"


@dataclass(frozen=True, slots=True)
class KindOfFile:
    """The fields of one kind; of each tuple in ``needs`` at least one must have a column."""

    name: ImportKind
    fields: tuple[FieldKind, ...]
    needs: tuple[tuple[str, ...], ...]
    example: str

    def field(self, name: str) -> FieldKind | None:
        """The field of that name."""
        return next((one for one in self.fields if one.name == name), None)


_EXTERNAL_USERID = FieldKind(
    "external_userid",
    (
        "external_userid",
        "external_user_id",
        "外部联系人ID",
        "外部联系人userid",
        "客户ID",
        "企微外部ID",
        "企业微信外部ID",
    ),
    "masked",
)
_UNIONID = FieldKind("unionid", ("unionid", "union_id", "微信unionid"), "masked")
_PHONE = FieldKind(
    "phone",
    (
        *("手机号", "手机", "手机号码", "电话", "联系电话", "会员手机号", "客户手机号", "买家手机号", "收货人手机号"),
        *("收货人手机", "收货人手机号/提货人手机号", "收件人手机", "下单人手机号", "phone", "mobile", "tel"),
    ),
    "masked",
)

MEMBERS = KindOfFile(
    "members",
    (
        _EXTERNAL_USERID,
        _UNIONID,
        _PHONE,
        FieldKind(
            "name",
            ("客户昵称", "客户名称", "昵称", "姓名", "称呼", "群成员昵称", "成员昵称", "群昵称", "name", "nickname"),
            "masked",
        ),
        FieldKind(
            "group", ("群名称", "群名", "群聊名称", "客户群名称", "所在群", "群ID", "客户群ID", "chat_id", "group")
        ),
        FieldKind("joined_at", ("入群时间", "进群时间", "加入时间", "入群日期", "join_time", "joined_at")),
        FieldKind("left_at", ("退群时间", "离群时间", "leave_time", "left_at")),
        FieldKind("channel", ("来源渠道", "渠道", "来源", "添加渠道", "入群方式", "channel", "source")),
        FieldKind(
            "owner",
            ("添加人账号", "跟进人账号", "所属客服账号", "添加人userid", "跟进成员userid", "owner", "follow_userid"),
            "masked",
        ),
        FieldKind("added_at", ("添加时间", "添加好友时间", "加好友时间", "createtime", "added_at")),
    ),
    (("external_userid", "unionid", "phone"),),
    "external_userid=外部联系人ID,group=群名称,joined_at=入群时间",
)

ORDERS = KindOfFile(
    "orders",
    (
        FieldKind("order_no", ("订单号", "订单编号", "主订单编号", "订单ID", "order_no", "order_id", "tid"), "masked"),
        FieldKind(
            "amount",
            (
                "实付金额",
                "实际支付金额",
                "订单实付金额",
                "买家实付金额",
                "实收金额",
                "支付金额",
                "订单金额",
                "amount",
                "paid_amount",
            ),
        ),
        FieldKind(
            "paid_at",
            ("付款时间", "支付时间", "买家付款时间", "订单付款时间", "下单时间", "订单创建时间", "paid_at", "pay_time"),
        ),
        _EXTERNAL_USERID,
        _UNIONID,
        _PHONE,
        FieldKind(
            "refunded", ("退款金额", "已退款金额", "订单已退款金额", "成功退款金额", "refunded", "refund_amount")
        ),
        FieldKind("status", ("订单状态", "交易状态", "状态", "退款状态", "售后状态", "status")),
        FieldKind("coupon", ("券码", "优惠券码", "优惠码", "coupon", "coupon_code")),
        FieldKind("link_code", ("短链码", "推广码", "link_code", "short_code")),
    ),
    (("order_no",), ("amount",), ("paid_at",)),
    "order_no=订单号,amount=实付金额,paid_at=付款时间,phone=手机号",
)

COUPONS = KindOfFile(
    "coupons",
    (
        FieldKind("code", ("券码", "优惠券码", "优惠码", "兑换码", "卡密", "code", "coupon_code"), "masked"),
        FieldKind("coupon", ("券key", "券种", "coupon", "coupon_key")),
        FieldKind("batch", ("批次", "批次号", "券批次", "活动批次", "batch")),
        FieldKind("value", ("面额", "券面额", "金额", "优惠金额", "面值", "value", "amount")),
        FieldKind(
            "valid_until",
            ("有效期至", "到期时间", "失效时间", "过期时间", "截止日期", "有效期", "valid_until", "expires_at"),
        ),
        _EXTERNAL_USERID,
        _UNIONID,
        _PHONE,
        FieldKind("issued_at", ("领取时间", "发放时间", "issued_at")),
        FieldKind("redeemed_at", ("核销时间", "使用时间", "redeemed_at", "used_at")),
    ),
    (("code",), ("valid_until",)),
    "code=券码,value=面额,valid_until=有效期至",
)

GROUPS = KindOfFile(
    "groups",
    (
        FieldKind("chat_id", ("群ID", "客户群ID", "chat_id", "chatid")),
        FieldKind("name", ("群名称", "群名", "群聊名称", "客户群名称", "name")),
        FieldKind("owner", ("群主账号", "群主userid", "群主ID", "群主", "owner"), "masked"),
        FieldKind("admin", ("管理员账号", "群管理员", "管理员", "admin"), "masked"),
        FieldKind("opened_on", ("建群时间", "创建时间", "群创建时间", "开群日期", "create_time", "opened_on")),
        FieldKind("kind", ("群类型", "kind")),
    ),
    (("name",), ("owner",)),
    "chat_id=群ID,name=群名称,owner=群主账号,opened_on=建群时间",
)

EVENTS = KindOfFile(
    "events",
    (
        FieldKind("actor", ("成员ID", "用户ID", "外部联系人ID", "actor", "user", "external_userid"), "masked"),
        FieldKind("event", ("事件", "行为", "动作", "event", "action")),
        FieldKind("at", ("时间", "发生时间", "事件时间", "at", "time", "timestamp")),
        FieldKind("group", ("群名称", "群名", "群ID", "group", "chat_id")),
        FieldKind("channel", ("渠道", "来源渠道", "channel")),
        FieldKind("amount", ("金额", "实付金额", "amount")),
    ),
    (("actor",), ("event",), ("at",)),
    "actor=成员ID,event=事件,at=时间",
)

KINDS: Mapping[ImportKind, KindOfFile] = MappingProxyType(
    {one.name: one for one in (MEMBERS, GROUPS, ORDERS, COUPONS, EVENTS)}
)
_MARKS = re.compile(r"[\s*_\-()（）【】\[\]:：（）]+")


def plain_heading(heading: str) -> str:
    """A heading as it is compared: narrow, lower case, without blanks and marks."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", heading)).lower()


def proposed(kind: KindOfFile, headings: Sequence[str]) -> dict[str, str]:
    """
    The column each field probably has, by its usual headings, the likeliest first.

    A column is given to one field only; fields without one are left out.
    """
    by_plain = {plain_heading(heading): heading for heading in reversed(headings)}
    found: dict[str, str] = {}
    for field in kind.fields:
        for usual in field.headings:
            column = by_plain.get(plain_heading(usual))
            if column is not None and column not in found.values():
                found[field.name] = column
                break
    return found
