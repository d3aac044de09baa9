"""
What answers look like: error codes, the hint in the text, and the headers (wecom-api §1).

Business errors are HTTP 200 on purpose, as on the real platform; nobody may parse ``errmsg``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

PHRASES: Mapping[int, str] = {
    -1: "system busy",
    0: "ok",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid type parameter",
    40006: "invalid file size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40032: "invalid list size",
    40033: "invalid characters",
    40050: "invalid chat_id",
    40056: "invalid agentid",
    40058: "invalid argument",
    40063: "some parameters are empty",
    40066: "invalid department list",
    40068: "invalid tag or tag group id",
    40071: "tag name already exists",
    40072: "invalid tag name length",
    40096: "invalid external userid",
    40097: "member has not left",
    40099: "customer limit reached",
    40100: "customer is being transferred",
    40123: "invalid image",
    40126: "too many corp tags",
    40128: "transferred too often",
    40129: "customer is being transferred",
    40130: "handover and takeover are the same member",
    40131: "handover member does not follow the customer",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "media_id missing",
    41009: "userid missing",
    41011: "agentid missing",
    41035: "external_userid missing",
    41037: "contact way type missing",
    41038: "contact way scene missing",
    41039: "invalid contact way type",
    41040: "invalid contact way scene",
    41041: "too many contact way users",
    41042: "invalid contact way style",
    41043: "config_id missing",
    41044: "invalid config_id",
    41045: "contact way quota reached",
    41046: "msgid missing",
    41047: "invalid msgid",
    41048: "no recipient to send to",
    41049: "welcome_code missing",
    41050: "invalid or expired welcome_code",
    41051: "chat already started or welcome message already sent",
    41054: "member not activated",
    41055: "too many group welcome templates",
    41058: "template belongs to another app",
    41059: "moment_id missing",
    41060: "invalid moment_id",
    41061: "moment does not belong to this user",
    41062: "moment not yet published by this user",
    41063: "message is being dispatched",
    41064: "too many attachments",
    41065: "invalid attachment type",
    41067: "wrong moment type",
    41068: "too many sensitive words",
    41069: "too many sensitive-word rules",
    41070: "invalid rule_id",
    41071: "rule deleted",
    41072: "attachment used in the wrong scene",
    41074: "product album deleted",
    41075: "invalid product_id",
    41076: "rule scope too large",
    41077: "rule name already exists",
    41078: "too many moment jobs running",
    41079: "moment is being dispatched",
    41080: "attachment too large",
    41081: "attachment resolution too large",
    41082: "attachment video too long",
    41083: "invalid sensitive word",
    41084: "invalid semantics rule",
    41085: "invalid product code",
    41086: "invalid product price",
    41087: "invalid product description",
    41088: "attachment list is empty",
    41089: "moment has neither text nor attachments",
    41090: "invalid mp4",
    41091: "too many chats in join way",
    41093: "message task was cancelled",
    41094: "reminded too often",
    41095: "too many acquisition links",
    41096: "welcome message is being sent",
    42001: "access_token expired",
    42027: "invalid template card",
    42052: "message too old to recall",
    44001: "empty media data",
    44004: "empty content",
    45001: "media file too large",
    45002: "message content too large",
    45007: "voice too long",
    45008: "too many articles",
    45009: "api call limit reached",
    45033: "too many concurrent calls",
    45034: "url lacks scheme",
    48002: "api forbidden for this app",
    49008: "group dissolved",
    50100: "invalid cursor",
    60003: "department not found",
    60011: "no privilege to access member, department or tag",
    60111: "userid not found",
    81013: "users, parties and tags all invalid",
    81017: "too many items requested",
    82001: "no recipient given",
    82002: "too many departments",
    82003: "too many tags",
    84061: "no contact relation",
    90500: "owner has not left",
    90501: "not a customer group",
    90502: "owner has left",
    90504: "owner unchanged",
    90507: "group is being handed over",
    90508: "group was handed over",
    90511: "invalid opengid",
    93000: "invalid webhook key",
    93004: "robot disabled",
    301002: "agentid does not belong to this access_token",
}


class Refusal(Exception):
    """A documented business error; ``note`` is added to the phrase for the person who debugs."""

    def __init__(self, code: int, note: str = "") -> None:
        super().__init__(code, note)
        self.code = code
        self.note = note


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def encoded(value: object) -> bytes:
    """Compact UTF-8 JSON, characters unescaped as on the real wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def success(body: Mapping[str, Any]) -> Answer:
    """errcode 0 and the fields of the call."""
    return _answer(0, "ok", body)


def refused(code: int, note: str, at: int, number: int) -> Answer:
    """
    A business error, HTTP 200.

    Args:
        at: Unix seconds on the sandbox clock; ``number``: running number of the refusal, both shown in the hint.
    """
    phrase = PHRASES.get(code, "error") + (f": {note}" if note else "")
    mark = md5(f"{at}/{number}/{code}".encode(), usedforsecurity=False).hexdigest()
    hint = f"hint: [{at}_{number}_{mark}], from ip: 127.0.0.1"
    link = f"more info at https://open.work.weixin.qq.com/devtool/query?e={code}"
    return _answer(code, f"{phrase}, {hint}, {link}", {})


def plain(value: object, status: int = 200) -> Answer:
    """An answer of the sandbox's own addresses, without error code."""
    return Answer(encoded(value), status, {"Content-Type": "application/json; charset=UTF-8"})


def _answer(code: int, text: str, body: Mapping[str, Any]) -> Answer:
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "Error-Code": str(code),
        "Error-Msg": text.split(", hint:")[0].encode("ascii", "replace").decode(),
    }
    return Answer(encoded({"errcode": code, "errmsg": text, **body}), 200, headers)
