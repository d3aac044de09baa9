"""
The words of a new workspace: qunflow.yaml with its comments, ``.env.example``, the note beside own templates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

DEMO_WORLD: Mapping[str, Any] = {
    "helper": "helper_xm",
    "groups": [
        {
            "chat_id": "wrDemoBenefit01",
            "name": "小满邻里·春熙路1群",
            "kind": "benefit_group",
            "owner": "owner_zhou",
            "admin": "admin_lin",
        },
        {
            "chat_id": "wrDemoBenefit02",
            "name": "小满邻里·玉林2群",
            "kind": "benefit_group",
            "owner": "owner_he",
            "admin": "admin_tang",
        },
        {
            "chat_id": "wrDemoMember01",
            "name": "小满老友会",
            "kind": "member_group",
            "owner": "owner_shen",
            "admin": "admin_lin",
        },
    ],
    "channels": [
        {"key": "poster-a", "name": "电梯海报", "cost_fen": 80_000},
        {"key": "store-b", "name": "门店收银台", "cost_fen": 30_000},
        {"key": "article-c", "name": "公众号文章", "cost_fen": 50_000},
        {"key": "fission-d", "name": "老客带新", "cost_fen": 20_000},
    ],
}

_SOP_OF_KIND = {
    "benefit_group": "benefit-daily",
    "member_group": "member-daily",
    "circulation_group": "benefit-daily",
    "camp_group": "camp-7day",
}

# How long ago the demo's groups were opened: as long as the sandbox's past.
_PAST_DAYS = 60

_HEAD = """\
# yaml-language-server: $schema=./qunflow.schema.json
# 工作区设置：一个品牌一个工作区。改完跑 `qunflow check`,写错的地方会指出第几行第几列。
# 金额一律用分(fen),比例用 0 到 1 的小数，日期是社群所在时区的日期。

brand: 小满生活

communities:
  - key: neighbours
    name: 小满邻里
    type: 购物                      # 购物 | 资源 | 成长
    zone: Asia/Shanghai
    # 先有框架再开群：定位、群规、SOP 缺一样，群就开不了。
    positioning: 给小区里要做饭的人，每天一样新鲜好价的东西，坏了就赔
    rules:
      - 可以聊吃的、问价格、晒单、吐槽我们
      - 不发广告、不拉票、不加人推销
      - 售后找客服，群里不吵架
    helper: {helper}
    helper_name: 小满
    quiet_hours: {{start: "21:00", end: "08:00"}}   # 免打扰：这段时间不发营销内容
    quota: {{mode: month_days}}                     # month_days | week_7 | day_1 | month_4

    acquisition:
      reinvite_interval_days: 7     # 邀请间隔(天)
      reinvite_limit: 3             # 最多邀请次数
      rotate_at: 190                # 群里到多少人就换下一个群(上限扫码入群一般是 200)
      welcome_coupon: welcome3
      channels:
{channels}

    retention:
      period: week
      active_kinds: [message, checkin, click, order, reply]
      leave_alarm_new_group_d7: 0.15
      leave_alarm_old_group_month: 0.10
      leave_streak_days: 3
      leave_streak_chance: 0.01     # 按告警线的速度也常有的连退不响；1 表示到天数就响
      win_back: {{silent_days: 30, limit: 2, group_day: 5, group_week: 20}}  # 召回：每条都由人审过才发
      split_by: []                  # 每批再分开看：channel | inviter | entry | campaign | group_kind | owner
      publish_from_grade: never     # never | A | B | C | D:数据完整度比这个差，留存数字先扣下

    figures: {{final_after_days: 3}}  # 几天后定稿；之后的差异只记在旁边，不改数字

    weekly_activity:
      sop: checkin-week
      points_per_checkin: 5
      awards:
        - {{streak_days: 3, points: 10}}
        - {{streak_days: 7, prize: 抽纸一提, quantity: 20}}

    offers:
"""

_OFFERS = (
    ("orange-5jin", "砂糖橘 5 斤装", 2990, 3990, 120, "orange", "orange3"),
    ("small-pot", "24 厘米小煎锅", 4900, 7900, 80, "pot", ""),
    ("rice-10jin", "五常米 10 斤装", 5990, 6990, 60, "rice", ""),
)

_TAIL = """
    coupons:
      - {{key: welcome3, amount_fen: 300, days_valid: 14}}
      - {{key: orange3, amount_fen: 300, days_valid: 3}}

    campaigns:                       # 预热一到两天再开售
      - key: spring-orange
        offer: orange-5jin
        sop: warmup-2day
        warm_up_on: {warm_up_on}
        offer_on: {offer_on}
        closes_on: {closes_on}

    groups:
{groups}

channels:
  wecom: {{enabled: true}}
  # robots:                          # 群机器人；地址放在 .env 的 QUNFLOW_ROBOT_OPS_ADDRESS，签名密钥放在 …_SECRET
  #   - {{key: ops, platform: dingtalk}}
  # mail: {{host: smtp.exmail.qq.com, port: 465, security: tls, sender: news@brand.example, user: news@brand.example}}

forms:                               # 表单提交后进线索；fields 左边是含义，右边是表单里的字段名
  - form: Oet50U
    source: jinshuju
    community: neighbours
    fields: {{name: field_1, phone: field_2, external_userid: x_field_external, channel: x_field_1}}

redirect_hosts: [shop.example.com]   # 短链只能跳去这些主机

delivery: {{reconcile_after_s: 600, remind_after_minutes: 10, remind_limit: 3}}

# 谁能审、谁在执行；`qunflow team link ops_li` 给出个人链接，在手机上打开。
team:
  - {{userid: ops_li, name: 小李, roles: [author, approver, operator, engineer]}}
{team}
# standing 里的环节按定好的 SOP 发，不用每天审；没列的（这里是转化）每次都等人审。
approval: {{standing: [acquisition, daily_content, weekly_activity], self_confirm_after_minutes: 10}}
"""

ENV_EXAMPLE = """\
# 复制成 .env 并 `chmod 600 .env`。进程环境里的同名变量优先；每个变量也可以写成 NAME_FILE=路径。

# 32 个随机字节的 base64(openssl rand -base64 32);丢了就打不开人员保险箱
QUNFLOW_MASTER_KEY=
# 表单和订单回调的签名密钥
QUNFLOW_HOOK_SECRET=
# production 只连真实企业微信，拒绝沙箱地址；development 相反
QUNFLOW_ENV=development
# 留空 = https://qyapi.weixin.qq.com
QUNFLOW_WECOM_BASE_URL=
QUNFLOW_WECOM_CORP_ID=
QUNFLOW_WECOM_SECRET=
QUNFLOW_WECOM_AGENT_ID=
QUNFLOW_WECOM_CALLBACK_TOKEN=
QUNFLOW_WECOM_CALLBACK_AES_KEY=
# 邮件服务器的密码；机器人的地址和签名密钥写成 QUNFLOW_ROBOT_<KEY>_ADDRESS 和 QUNFLOW_ROBOT_<KEY>_SECRET
QUNFLOW_MAIL_PASSWORD=
# qunflow web 对外的地址，短链和手机页面用
QUNFLOW_WEB_URL=
# 留空 = 工作区里的 state/qunflow.sqlite3
QUNFLOW_DATABASE_URL=
# 留空 = 工作区里的 history/
QUNFLOW_HISTORY_DIR=
# 只在沙箱里用
QUNFLOW_CLOCK_URL=
QUNFLOW_LANG=zh
"""

TEMPLATES_NOTE = """\
# 自己的话术和 SOP

放在这里的文件优先于 Qunflow 自带的同名文件，例如 `daily_content/flash_sale.j2`、`playbooks/benefit-daily.yaml`。
改完跑 `qunflow check`:每条话术都会试排一遍，超长、缺变量、写错名字都会指出来。

话术里能用变量、`if`、一层 `for` 和 `first join last length percent trim yuan`；一个文件最多 16,000 字节。
群友写的字(昵称、表单答案)会自动去掉 @所有人、换行和看不见的字符；名叫 `nickname` 的变量还会截短、不成链接。
文件名以 `.md.j2` 结尾的是机器人的 markdown，变量里的 `**`、`#` 之类不起作用。

A file here wins over the built-in one of the same name. Run `qunflow check` after every change.
Copy may use variables, `if`, one level of `for` and the filters above, in at most 16,000 bytes. What strangers wrote
loses its mentions, line breaks and hidden characters; a variable called `nickname` is cut short and never a link; in
`.md.j2` files the markdown signs in values mean nothing.
"""


def settings_text(world: Mapping[str, Any], now: date) -> str:
    """
    The text of qunflow.yaml for a world of groups.

    Args:
        world: ``helper``, ``groups`` (chat_id, name, kind, owner, admin), ``channels`` (key, name, cost_fen).
        now: the first local day to live.
    """
    head = _HEAD.format(helper=_quoted(world["helper"]), channels=_channel_lines(world.get("channels", ())))
    tail = _TAIL.format(
        warm_up_on=now + timedelta(days=2),
        offer_on=now + timedelta(days=4),
        closes_on=now + timedelta(days=5),
        groups=_group_lines(world["groups"], now - timedelta(days=_PAST_DAYS)),
        team=_team_lines(world["groups"]),
    )
    return head + "\n".join(_offer_line(*offer) for offer in _OFFERS) + "\n" + tail


def _channel_lines(channels: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"        - {{key: {_quoted(channel['key'])}, name: {_quoted(channel['name'])}, "
        f"cost_fen: {int(channel.get('cost_fen', 0))}}}"
        for channel in channels
    ]
    return "\n".join(lines) or "        []"


def _offer_line(key: str, name: str, price: int, old_price: int, stock: int, page: str, coupon: str) -> str:
    link = f"https://shop.example.com/{page}"
    text = f"      - {{key: {key}, name: {name}, price_fen: {price}, old_price_fen: {old_price}, stock: {stock}, "
    return text + f'url: "{link}"' + (f", coupon: {coupon}" if coupon else "") + "}"


def _group_lines(groups: Sequence[Mapping[str, Any]], opened_on: date) -> str:
    return "\n".join(_group_line(number, group, opened_on) for number, group in enumerate(groups, start=1))


def _group_line(number: int, group: Mapping[str, Any], opened_on: date) -> str:
    kind = str(group["kind"])
    return (
        f"      - key: g{number}\n"
        f"        name: {_quoted(group['name'])}\n"
        f"        kind: {kind}\n"
        f"        chat_id: {_quoted(group['chat_id'])}\n"
        f"        owner: {_quoted(group['owner'])}\n"
        f"        admin: {_quoted(group['admin'])}\n"
        f"        sop: {_SOP_OF_KIND[kind]}\n"
        f"        opened_on: {group.get('opened_on', opened_on)}"
    )


def _team_lines(groups: Sequence[Mapping[str, Any]]) -> str:
    """Owners and admins confirm tasks and send by hand."""
    people = dict.fromkeys(str(group[part]) for part in ("owner", "admin") for group in groups)
    return "\n".join(f"  - {{userid: {_quoted(one)}, roles: [operator]}}" for one in people)


def _quoted(value: object) -> str:
    """A text as YAML, quoted, so that no name can change the file's structure."""
    return json.dumps(str(value), ensure_ascii=False)
