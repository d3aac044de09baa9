"""
The declared calls as an OpenAPI 3.1 document and as rows for people: fields, limits, codes of refusals.

Generated from the routing table, so it cannot say anything the sandbox does not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qunflow.sandbox.fields import Field
from qunflow.sandbox.routing import Endpoint
from qunflow.sandbox.wire import PHRASES

AREAS = {
    "acquisition_links": "获客链接",
    "albums": "商品图册",
    "app_messages": "应用消息",
    "contact_ways": "联系我（渠道活码）",
    "contacts": "客户",
    "group_welcome": "入群欢迎语素材",
    "groups": "客户群",
    "ids_of_others": "ID 转换",
    "join_ways": "入群方式（群活码）",
    "mass": "群发",
    "media": "素材",
    "members": "成员",
    "moments": "朋友圈",
    "robots": "群机器人",
    "sensitive_words": "敏感词",
    "statistics": "统计",
    "tags": "标签",
    "tokens": "凭证",
    "transfer": "继承",
    "welcome": "欢迎语",
}
_KINDS = {"text": "string", "number": "integer", "list": "array", "object": "object", "flag": "boolean"}
_ANSWER = {
    "type": "object",
    "required": ["errcode", "errmsg"],
    "properties": {"errcode": {"type": "integer"}, "errmsg": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Row:
    """One call for people; ``fields`` are name, kind, whether required, limits in words."""

    area: str
    method: str
    path: str
    what: str
    fields: tuple[tuple[str, str, bool, str], ...]


def document(table: Mapping[str, Endpoint], server: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of a routing table."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Qunflow sandbox of WeCom",
            "version": "1",
            "description": "Business errors are HTTP 200 with errcode; lengths in bytes stand in x-max-bytes.",
        },
        "servers": [{"url": server}] if server else [],
        "paths": {f"/cgi-bin/{path}": {_method(one).lower(): _operation(one)} for path, one in sorted(table.items())},
    }


def rows(table: Mapping[str, Endpoint]) -> list[Row]:
    """All calls by area and path."""
    found = [
        Row(
            AREAS.get(_area(one), _area(one)),
            _method(one),
            f"/cgi-bin/{path}",
            _summary(one),
            tuple(
                (field.name, _KINDS.get(field.kind, field.kind), field.required, _limits(field)) for field in one.fields
            ),
        )
        for path, one in table.items()
    ]
    return sorted(found, key=lambda row: (row.area, row.path))


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [_token()] if endpoint.token else []
    if endpoint.query:
        parameters += [_parameter(field) for field in endpoint.fields]
    return {
        "operationId": endpoint.path.replace("/", "_"),
        "summary": _summary(endpoint),
        "tags": [_area(endpoint)],
        "parameters": parameters,
        **({} if endpoint.query else {"requestBody": _body(endpoint)}),
        "responses": {
            "200": {"description": _refusals(endpoint), "content": {"application/json": {"schema": _ANSWER}}}
        },
    }


def _body(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.upload:
        file = {"type": "object", "properties": {"media": {"type": "string", "format": "binary"}}}
        return {"required": True, "content": {"multipart/form-data": {"schema": file}}}
    schema: dict[str, Any] = {"type": "object", "properties": {field.name: _schema(field) for field in endpoint.fields}}
    if required := [field.name for field in endpoint.fields if field.required]:
        schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _schema(field: Field) -> dict[str, Any]:
    limits = {
        "maxLength": field.max_chars,
        "x-max-bytes": field.max_bytes,
        "maxItems": field.max_items,
        "default": field.default,
        "enum": list(field.choices),
        **({"minimum": field.low, "maximum": field.high} if field.low or field.high else {}),
    }
    given = {name: value for name, value in limits.items() if value or name == "minimum"}
    return {"type": _KINDS.get(field.kind, "string"), **({"items": {}} if field.kind == "list" else {}), **given}


def _parameter(field: Field) -> dict[str, Any]:
    return {"name": field.name, "in": "query", "required": field.required, "schema": _schema(field)}


def _token() -> dict[str, Any]:
    return {"name": "access_token", "in": "query", "required": True, "schema": {"type": "string", "maxLength": 512}}


def _refusals(endpoint: Endpoint) -> str:
    codes = {field.bad for field in endpoint.fields} | {field.missing for field in endpoint.fields if field.required}
    codes |= {field.over for field in endpoint.fields if field.max_bytes or field.max_chars or field.max_items}
    told = "; ".join(f"{code} {PHRASES.get(code, '')}".strip() for code in sorted(codes))
    return f"errcode 0, or of its fields: {told}" if told else "errcode 0, or a business error"


def _limits(field: Field) -> str:
    """A field's limits as people read them."""
    parts = [
        f"≤ {field.max_bytes:,} 字节" if field.max_bytes else "",
        f"≤ {field.max_chars:,} 字" if field.max_chars else "",
        f"≤ {field.max_items:,} 项" if field.max_items else "",
        f"{field.low:,}–{field.high:,}" if field.low or field.high else "",
        "|".join(map(str, field.choices)),
        f"默认 {field.default}" if field.default else "",
        f"缺 → {field.missing}" if field.required else "",
    ]
    return " · ".join(part for part in parts if part)


def _method(endpoint: Endpoint) -> str:
    return "GET" if endpoint.query else "POST"


def _area(endpoint: Endpoint) -> str:
    return endpoint.handler.__module__.rpartition(".")[2]


def _summary(endpoint: Endpoint) -> str:
    return (endpoint.handler.__doc__ or "").strip().partition("\n")[0]
